//! `.elmnio`: the compact format for NeuronIO simulations.
//!
//! All integers are little-endian. A file is
//! - a header: magic (8 bytes), version `u32`, number of records `u32`, per record the compressed size, the
//!   uncompressed size and the CRC-32 of the compressed bytes (`u32` each), and the CRC-32 of all that;
//! - the records in order, each a raw deflate stream (RFC 1951) of one simulation.
//!
//! A record (see `record.rs`) holds spike counts per ms, channel deltas within each ms, output spike times and the
//! voltage, in 16-bit floats where that loses nothing (as in the published files) and in 32-bit floats otherwise.

mod record;

use std::io::Write;
use std::path::Path;

use rayon::prelude::*;

use super::Simulation;
use crate::files::{Temporary, crc};
use crate::{DataError, Result};

/// First bytes of an archive.
pub(crate) const MAGIC: [u8; 8] = *b"ELMNIO\r\n";
/// Version that this code writes and reads.
const VERSION: u32 = 1;
/// Bytes before the table of records, of one row of the table, and of the checksum after it.
const FIXED: usize = 16;
const ROW: usize = 12;
const CHECKSUM: usize = 4;
/// Deflate cannot shrink data further than this.
const MOST_DEFLATED: u64 = 1032;

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
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&temporary.path)?;
        file.write_all(&bytes)?;
        file.sync_all()
    };
    write().map_err(|e| DataError::io(&temporary.path, "write it", e))?;
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

fn size(n: usize) -> std::result::Result<[u8; 4], String> {
    u32::try_from(n)
        .map(u32::to_le_bytes)
        .map_err(|_| format!("{n} bytes or records are too many for an archive"))
}

/// The whole archive.
fn encode(simulations: &[Simulation]) -> std::result::Result<Vec<u8>, String> {
    let records = simulations
        .par_iter()
        .map(record::encode)
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&size(records.len())?);
    for record in &records {
        bytes.extend_from_slice(&size(record.deflated.len())?);
        bytes.extend_from_slice(&size(record.plain_size)?);
        bytes.extend_from_slice(&crc(&record.deflated).to_le_bytes());
    }
    let header = crc(&bytes);
    bytes.extend_from_slice(&header.to_le_bytes());
    for record in records {
        bytes.extend_from_slice(&record.deflated);
    }
    Ok(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u32::from_le_bytes(*b))
}

/// One record's place in the file.
struct Place<'a> {
    deflated: &'a [u8],
    plain_size: u32,
    checksum: u32,
}

/// Checks the header against what is really there.
fn places(bytes: &[u8]) -> std::result::Result<Vec<Place<'_>>, String> {
    if !bytes.starts_with(&MAGIC) {
        return Err("expected an archive of simulations (.elmnio), found something else".into());
    }
    let cut_off = || {
        format!(
            "the archive is cut off: its header does not fit into its {} bytes",
            bytes.len()
        )
    };
    let version = u32_at(bytes, 8).ok_or_else(cut_off)?;
    if version != VERSION {
        return Err(format!(
            "expected an archive of version {VERSION}, found version {version}"
        ));
    }
    let count = u32_at(bytes, 12).ok_or_else(cut_off)? as usize;
    let header = count
        .checked_mul(ROW)
        .and_then(|n| n.checked_add(FIXED))
        .ok_or_else(cut_off)?;
    let checksum = u32_at(bytes, header).ok_or_else(cut_off)?;
    let (Some(head), Some(mut body)) = (bytes.get(..header), bytes.get(header + CHECKSUM..)) else {
        return Err(cut_off());
    };
    if crc(head) != checksum {
        return Err("the archive is damaged: the checksum of its header does not fit".into());
    }
    let mut places = Vec::with_capacity(count);
    let (rows, _) = head[FIXED..].as_chunks::<ROW>();
    for (index, row) in rows.iter().enumerate() {
        let [size, plain_size, checksum] = [0, 4, 8].map(|at| u32_at(row, at).unwrap_or(0));
        let Some((deflated, rest)) = body.split_at_checked(size as usize) else {
            let left = body.len();
            return Err(format!(
                "the archive is cut off: expected {size} bytes for record {index}, found {left}"
            ));
        };
        body = rest;
        places.push(Place {
            deflated,
            plain_size,
            checksum,
        });
    }
    if !body.is_empty() {
        return Err(format!(
            "expected the end of the archive, found {} more bytes",
            body.len()
        ));
    }
    Ok(places)
}

fn decode(bytes: &[u8]) -> std::result::Result<Vec<Simulation>, String> {
    let places = places(bytes)?;
    let one = |(index, place): (usize, &Place<'_>)| {
        if crc(place.deflated) != place.checksum {
            return Err(format!(
                "the archive is damaged: the checksum of record {index} does not fit"
            ));
        }
        if u64::from(place.plain_size) > MOST_DEFLATED * (place.deflated.len() as u64 + 1) {
            return Err(format!(
                "record {index} claims {} bytes, more than it can hold",
                place.plain_size
            ));
        }
        record::decode(place.deflated, place.plain_size as usize)
            .map_err(|problem| format!("record {index}: {problem}"))
    };
    let mut simulations: Vec<Simulation> = places
        .par_iter()
        .enumerate()
        .map(one)
        .collect::<std::result::Result<_, String>>()?;
    // Simulations of one file share its name.
    for i in 1..simulations.len() {
        if simulations[i].source == simulations[i - 1].source {
            simulations[i].source = simulations[i - 1].source.clone();
        }
    }
    Ok(simulations)
}
