//! A restricted reader of Python pickles, for the data sets that are published as such.
//!
//! Files are read front to back through a small window by a machine that knows the data opcodes of all protocols (0 to
//! 5) and a handful of functions and plain containers, executes nothing, and refuses every other name. The memory that
//! it takes is bounded by the bytes it has read.

mod fast;
mod inflate;
mod memo;
mod numpy;
mod stream;
mod text;
mod value;
mod vm;

use std::io::Read;
use std::path::Path;

use self::stream::{Fault, Stream};
pub(crate) use self::text::starts_pickle;
pub(crate) use self::value::{Array, Heap, List, Object, Value};
use crate::files::{first_bytes, open_file, refuse_packed};
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
    /// Bytes of its content, decompressed.
    content: u64,
}

impl Pickle {
    /// Most bytes that what is made of this pickle may take: values can be written once and named often.
    pub(crate) fn most_memory(&self) -> u64 {
        vm::most_memory(self.content)
    }

    /// Reads the pickle in the file `path`, which is called `what` in errors. It may be compressed by gzip, which its
    /// content decides. Large arrays under dict keys that are not among `needed` are skipped without being held.
    ///
    /// # Errors
    /// If the file cannot be read, is cut off or damaged, or asks for anything but numpy data.
    pub(crate) fn open(path: &Path, what: &str, needed: &'static [&'static str]) -> Result<Self> {
        let file = open_file(path, what)?;
        let first = first_bytes(path)?;
        let gzip = first.starts_with(&GZIP_MAGIC);
        if !gzip {
            refuse_packed(path, what, &first)?;
        }
        let content: Box<dyn Read> = if gzip {
            let content = inflate::inflate(file);
            Box::new(content.map_err(|e| DataError::io(path, "decompress it", e))?)
        } else {
            Box::new(file)
        };
        Self::from_content(path, content, gzip, needed)
    }

    /// Reads a pickle in memory; `path` stands for a file in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn from_bytes(
        path: &Path,
        bytes: &[u8],
        needed: &'static [&'static str],
    ) -> Result<Self> {
        let gzip = bytes.starts_with(&GZIP_MAGIC);
        let content: Box<dyn Read + '_> = if gzip {
            Box::new(flate2::bufread::MultiGzDecoder::new(bytes))
        } else {
            Box::new(bytes)
        };
        Self::from_content(path, content, gzip, needed)
    }

    fn from_content(
        path: &Path,
        content: Box<dyn Read + '_>,
        gzip: bool,
        needed: &'static [&'static str],
    ) -> Result<Self> {
        Self::read(content, needed).map_err(|(fault, position)| match fault {
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
            Fault::Io(e) => cannot_read(path, e),
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
            content: machine.position(),
            heap: machine.into_heap(),
            root,
        })
    }
}

fn cannot_read(path: &Path, error: std::io::Error) -> DataError {
    DataError::io(path, "read it", error)
}
