//! A restricted reader of Python pickles, for the data sets that are published as such.
//!
//! Files are read front to back through a small window by a machine that knows the data opcodes of protocols 2 to 5
//! and a handful of functions, executes nothing, and refuses every other name.

mod fast;
mod memo;
mod numpy;
mod stream;
mod value;
mod vm;

use std::io::{Read, Seek};
use std::path::Path;

use self::stream::{Fault, Stream};
pub(crate) use self::value::{Array, Heap, List, Object, Value};
use crate::files::open_file;
use crate::{DataError, Result};

/// First bytes of a gzip file.
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A pickle that was read: its root and everything it points to.
#[derive(Debug)]
pub(crate) struct Pickle {
    /// All objects.
    pub(crate) heap: Heap,
    /// The root value.
    pub(crate) root: Value,
}

impl Pickle {
    /// Reads the pickle in the file `path`, which is called `what` in errors. It may be compressed by gzip, which its
    /// content decides. Large arrays under dict keys that are not among `needed` are skipped without being held.
    ///
    /// # Errors
    /// If the file cannot be read, is cut off or damaged, or asks for anything but numpy data.
    pub(crate) fn open(path: &Path, what: &str, needed: &'static [&'static str]) -> Result<Self> {
        Self::from_reader(path, open_file(path, what)?, needed)
    }

    /// Reads a pickle that is not in a file; `path` stands for one in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn from_reader(
        path: &Path,
        mut file: impl Read + Seek,
        needed: &'static [&'static str],
    ) -> Result<Self> {
        let cannot_read = |e| DataError::io(path, "read it", e);
        let mut magic = [0; 2];
        let known = file.read(&mut magic).map_err(cannot_read)?;
        file.rewind().map_err(cannot_read)?;
        let gzip = known == 2 && magic == GZIP_MAGIC;
        let inner: Box<dyn Read + '_> = if gzip {
            let buffered = std::io::BufReader::with_capacity(1 << 16, file);
            Box::new(flate2::bufread::MultiGzDecoder::new(buffered))
        } else {
            Box::new(file)
        };
        Self::read(inner, needed).map_err(|(fault, position)| match fault {
            Fault::Content(problem) => DataError::format(path, problem),
            Fault::Io(e) if gzip && matches!(e.kind(), std::io::ErrorKind::UnexpectedEof) => {
                DataError::format(
                    path,
                    format!("the gzip file is cut off after {position} bytes of its content"),
                )
            }
            Fault::Io(e) if gzip => DataError::format(
                path,
                format!("the gzip file is damaged after {position} bytes of its content ({e})"),
            ),
            Fault::Io(e) => cannot_read(e),
        })
    }

    /// What went wrong comes with the number of bytes that were read before.
    fn read(
        reader: Box<dyn Read + '_>,
        needed: &'static [&'static str],
    ) -> std::result::Result<Self, (Fault, u64)> {
        let mut machine = vm::Machine::new(Stream::new(reader), needed);
        let root = machine.run().map_err(|fault| (fault, machine.position()))?;
        Ok(Self {
            heap: machine.into_heap(),
            root,
        })
    }
}
