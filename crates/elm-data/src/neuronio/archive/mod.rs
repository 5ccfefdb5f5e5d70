//! `.elmnio`: the compact format for NeuronIO simulations.
//!
//! The header is that of all files of records here; a record's word is its uncompressed size, its checksum that of the
//! compressed bytes.
//!
//! A record (see `record.rs`) holds spike counts per ms, channel deltas within each ms, output spike times and the
//! voltage, in 16-bit floats where that loses nothing (as in the published files) and in 32-bit floats otherwise.

mod head;
mod record;

pub use head::Head;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::Simulation;
use crate::container::{Form, MOST_DEFLATED, Row};
use crate::files::{Content, Temporary, crc};
use crate::{DataError, Result};

const FORM: Form = Form {
    magic: MAGIC,
    what: "an archive of simulations (.elmnio)",
    record: "record",
    words: &[0],
    note_since: u32::MAX,
};
/// First bytes of an archive.
pub(crate) const MAGIC: [u8; 8] = *b"ELMNIO\r\n";

/// Reads all simulations of an archive, checking every checksum.
///
/// # Errors
/// If the file cannot be read, is not an archive of this version, is cut off, or fails a checksum.
pub fn read_archive(path: &Path) -> Result<Vec<Simulation>> {
    if path.is_dir() {
        return Err(DataError::format(
            path,
            "expected an archive (.elmnio), found a folder",
        ));
    }
    let bytes = std::fs::read(path).map_err(|e| DataError::io(path, "read it", e))?;
    decode(&bytes).map_err(|problem| DataError::format(path, problem))
}

/// Reads all simulations of an archive in memory; `name` stands for the path in errors.
///
/// # Errors
/// As [`read_archive`].
pub fn read_archive_bytes(name: &str, bytes: &[u8]) -> Result<Vec<Simulation>> {
    decode(bytes).map_err(|problem| DataError::format(Path::new(name), problem))
}

/// An archive that is mapped: simulations are decoded as they are asked for. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct ArchiveFile(Arc<Mapped>);

#[derive(Debug)]
struct Mapped {
    path: PathBuf,
    content: Content,
    rows: Vec<Row>,
}

impl ArchiveFile {
    /// Maps the archive `path` and checks its header.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let content = Content::map(path, FORM.what)?;
        let header = FORM
            .read(&content)
            .map_err(|problem| DataError::format(path, problem))?;
        Ok(Self(Arc::new(Mapped {
            path: path.to_path_buf(),
            content,
            rows: header.rows,
        })))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// What the simulations are, in their order; those of one file share its name.
    pub(super) fn heads(&self) -> Result<Vec<Head>> {
        let Mapped {
            path,
            content,
            rows,
        } = &*self.0;
        let mut heads: Vec<Head> = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let deflated = content.get(row.place()).unwrap_or(&[]);
            let mut head = record::head(deflated)
                .map_err(|problem| DataError::format(path, format!("record {index}: {problem}")))?;
            if let Some(last) = heads.last().filter(|last| last.source == head.source) {
                head.source = last.source.clone();
            }
            heads.push(head);
        }
        Ok(heads)
    }

    /// Decodes a simulation, checking its checksum.
    pub(super) fn decode(&self, record: usize) -> Result<Simulation> {
        let Mapped {
            path,
            content,
            rows,
        } = &*self.0;
        decode_record(content, record, &rows[record])
            .map_err(|problem| DataError::format(path, problem))
    }
}

/// Writes `simulations` as an archive: into a temporary file beside `path`, which replaces `path` only once it is
/// complete and has been read back and compared. The temporary file is removed when something fails.
///
/// Returns the size of the archive (bytes).
///
/// # Errors
/// If a simulation breaks its own rules (order and range of events, one finite voltage per ms), or if writing fails.
pub fn write_archive(path: &Path, simulations: &[Simulation]) -> Result<u64> {
    let bytes = encode(simulations).map_err(|problem| DataError::format(path, problem))?;
    let temporary = Temporary::beside(path)?;
    std::fs::write(&temporary.path, &bytes)
        .map_err(|e| DataError::io(&temporary.path, "write it", e))?;
    let back = read_archive(&temporary.path)?;
    if back != simulations {
        return Err(DataError::format(
            path,
            "the archive does not read back as it was written",
        ));
    }
    temporary.rename_to(path)?;
    Ok(bytes.len() as u64)
}

/// The whole archive.
fn encode(simulations: &[Simulation]) -> std::result::Result<Vec<u8>, String> {
    let records = simulations
        .par_iter()
        .map(record::encode)
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let mut rows = Vec::with_capacity(records.len());
    for record in &records {
        let size = |n: usize| {
            u32::try_from(n)
                .map_err(|_| format!("a record of {n} bytes is too large for an archive"))
        };
        let checksum = crc(&record.deflated);
        rows.push([
            size(record.deflated.len())?,
            size(record.plain_size)?,
            checksum,
        ]);
    }
    let mut bytes = FORM.header(&[], &rows, &[])?;
    for record in records {
        bytes.extend_from_slice(&record.deflated);
    }
    Ok(bytes)
}

/// The simulation in a record of the archive `bytes`.
fn decode_record(bytes: &[u8], index: usize, row: &Row) -> std::result::Result<Simulation, String> {
    let deflated = bytes.get(row.place()).unwrap_or(&[]);
    if crc(deflated) != row.checksum {
        return Err(format!(
            "the file is damaged: the checksum of record {index} does not fit"
        ));
    }
    if u64::from(row.word) > MOST_DEFLATED * (deflated.len() as u64 + 1) {
        return Err(format!(
            "record {index} claims {} bytes, more than it can hold",
            row.word
        ));
    }
    record::decode(deflated, row.word as usize)
        .map_err(|problem| format!("record {index}: {problem}"))
}

fn decode(bytes: &[u8]) -> std::result::Result<Vec<Simulation>, String> {
    let rows = FORM.read(bytes)?.rows;
    let mut simulations: Vec<Simulation> = rows
        .par_iter()
        .enumerate()
        .map(|(index, row)| decode_record(bytes, index, row))
        .collect::<std::result::Result<_, String>>()?;
    // Simulations of one file share its name.
    for i in 1..simulations.len() {
        if simulations[i].source == simulations[i - 1].source {
            simulations[i].source = simulations[i - 1].source.clone();
        }
    }
    Ok(simulations)
}
