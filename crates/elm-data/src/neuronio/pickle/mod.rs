//! NeuronIO pickles as published: `.p`, or compressed by gzip `.p.gz`.
//!
//! The files are read front to back through a small window by a machine that knows data opcodes and a handful of
//! functions, executes nothing, and refuses every other name.

mod extract;
mod fast;
mod inflate;
mod memo;
mod numpy;
mod stream;
mod value;
mod vm;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

use self::stream::{Fault, Stream};
use self::vm::Machine;
use super::Simulation;
use crate::{DataError, Result};

/// First bytes of a gzip file.
pub(crate) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads the simulations of a NeuronIO file, `.p` or `.p.gz` (decided by content, not by name).
///
/// Pickles of protocols 2 to 5 are read, from Python 2 or 3. Nothing in the file is executed. Large fields that are
/// not needed are skipped without being held in memory.
///
/// # Errors
/// If the file cannot be read, is cut off or damaged, asks for anything but numpy data, or does not hold what a
/// NeuronIO file must: 639 segments, spike times (ms) inside the simulation, input on at least one synapse, one
/// finite voltage per ms.
pub fn read_pickle(path: &Path) -> Result<Vec<Simulation>> {
    let mut file = File::open(path).map_err(|e| DataError::io(path, "open it", e))?;
    if file
        .metadata()
        .map_err(|e| DataError::io(path, "open it", e))?
        .is_dir()
    {
        return Err(DataError::format(
            path,
            "expected a NeuronIO file, found a folder",
        ));
    }
    let mut magic = [0; 2];
    let known = file
        .read(&mut magic)
        .map_err(|e| DataError::io(path, "read it", e))?;
    file.rewind()
        .map_err(|e| DataError::io(path, "read it", e))?;
    let gzip = known == 2 && magic == GZIP_MAGIC;
    let inner: Box<dyn Read> = if gzip {
        let content = inflate::inflate(file);
        Box::new(content.map_err(|e| DataError::io(path, "decompress it", e))?)
    } else {
        Box::new(file)
    };
    let source: Arc<str> = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into();
    read_stream(inner, &source).map_err(|(fault, position)| match fault {
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
        Fault::Io(e) => DataError::io(path, "read it", e),
    })
}

fn read_stream(
    inner: Box<dyn Read + '_>,
    source: &Arc<str>,
) -> std::result::Result<Vec<Simulation>, (Fault, u64)> {
    let mut machine = Machine::new(Stream::new(inner));
    let root = machine.run().map_err(|fault| (fault, machine.position()))?;
    let position = machine.position();
    let heap = machine.into_heap();
    extract::simulations(&heap, root, source).map_err(|problem| (Fault::Content(problem), position))
}
