//! Files of many compressed records: the header that this project's formats share.
//!
//! All integers are little-endian. A file is
//! - a header: magic (8 bytes), version `u32`, words of the format (`u32` each), number of records `u32`, per record the
//!   compressed size, a word of the format and a CRC-32 (`u32` each), bytes of the format, and the CRC-32 of all that;
//! - the records in order, each a raw deflate stream (RFC 1951).

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use flate2::Compression;

use crate::files::crc;

/// Bytes of a row of the table, and of the checksum after it.
const ROW: usize = 12;
const CHECKSUM: usize = 4;
/// Deflate cannot shrink data further than this.
pub(crate) const MOST_DEFLATED: u64 = 1032;

/// One of the formats.
#[derive(Debug)]
pub(crate) struct Form {
    /// First bytes of a file.
    pub(crate) magic: [u8; 8],
    /// What a file is called in errors.
    pub(crate) what: &'static str,
    /// What a record is called in errors.
    pub(crate) record: &'static str,
    /// The versions that are read, from 1 on: number of words before the number of records.
    pub(crate) words: &'static [usize],
    /// The version from which on the last word is the number of bytes after the table.
    pub(crate) note_since: u32,
}

/// One record's place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Where it begins.
    pub(crate) start: usize,
    /// Compressed size (bytes).
    pub(crate) size: u32,
    /// What the format says of it.
    pub(crate) word: u32,
    /// CRC-32, of what the format says.
    pub(crate) checksum: u32,
}

impl Row {
    /// Where it is.
    pub(crate) fn place(&self) -> Range<usize> {
        self.start..self.start + self.size as usize
    }
}

/// The header of a file, checked against what is really there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) words: Vec<u32>,
    pub(crate) rows: Vec<Row>,
    /// Where the bytes after the table are.
    pub(crate) note: Range<usize>,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u32::from_le_bytes(*b))
}

impl Form {
    /// Reads the header of the file `bytes`.
    ///
    /// # Errors
    /// If it is no such file, of another version, cut off or damaged.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Header, String> {
        let Self { what, record, .. } = self;
        if !bytes.starts_with(&self.magic) {
            return Err(format!("expected {what}, found something else"));
        }
        let cut_off = || {
            let size = bytes.len();
            format!("the file is cut off: its header does not fit into its {size} bytes")
        };
        let field = |at| u32_at(bytes, at).ok_or_else(cut_off);
        let version = field(8)?;
        let newest = self.words.len();
        let words = (version as usize)
            .checked_sub(1)
            .and_then(|at| self.words.get(at));
        let Some(&words) = words else {
            return Err(format!(
                "expected {what} of version 1 to {newest}, found version {version}"
            ));
        };
        let table = 12 + 4 * (words + 1);
        let words: Vec<u32> = (0..words)
            .map(|i| field(12 + 4 * i))
            .collect::<Result<_, _>>()?;
        let count = field(table - 4)? as usize;
        let note = match words.last() {
            Some(&length) if version >= self.note_since => length as usize,
            _ => 0,
        };
        let rows_end = count
            .checked_mul(ROW)
            .and_then(|n| n.checked_add(table))
            .ok_or_else(cut_off)?;
        let end = rows_end.checked_add(note).ok_or_else(cut_off)?;
        let checksum = field(end)?;
        let head = bytes.get(..end).ok_or_else(cut_off)?;
        if crc(head) != checksum {
            return Err("the file is damaged: the checksum of its header does not fit".into());
        }
        let mut start = end + CHECKSUM;
        let mut rows = Vec::with_capacity(count);
        for (index, row) in head[table..rows_end]
            .as_chunks::<ROW>()
            .0
            .iter()
            .enumerate()
        {
            let [size, word, checksum] = [0, 4, 8].map(|at| u32_at(row, at).unwrap_or(0));
            let left = bytes.len() - start;
            if size as usize > left {
                return Err(format!(
                    "the file is cut off: expected {size} bytes for {record} {index}, found {left}"
                ));
            }
            rows.push(Row {
                start,
                size,
                word,
                checksum,
            });
            start += size as usize;
        }
        if start != bytes.len() {
            let more = bytes.len() - start;
            return Err(format!(
                "expected the end of the file, found {more} more bytes"
            ));
        }
        Ok(Header {
            words,
            rows,
            note: rows_end..end,
        })
    }

    /// Bytes of the header of a file of `count` records, in the newest version.
    pub(crate) fn header_size(&self, count: usize, note: &[u8]) -> usize {
        let words = self.words.last().copied().unwrap_or(0);
        12 + 4 * (words + 1) + count * ROW + note.len() + CHECKSUM
    }

    /// The header of a file in the newest version; `words` without the length of the note, `rows` as compressed size,
    /// word and checksum.
    ///
    /// # Errors
    /// If there are more records or bytes than 32 bits count.
    pub(crate) fn header(
        &self,
        words: &[u32],
        rows: &[[u32; 3]],
        note: &[u8],
    ) -> Result<Vec<u8>, String> {
        let size = |n: usize| {
            u32::try_from(n).map_err(|_| format!("{n} bytes or records are too many for a file"))
        };
        let version = size(self.words.len())?;
        let mut bytes = self.magic.to_vec();
        let mut put = |word: u32| bytes.extend_from_slice(&word.to_le_bytes());
        put(version);
        words.iter().copied().for_each(&mut put);
        if version >= self.note_since {
            put(size(note.len())?);
        }
        put(size(rows.len())?);
        rows.iter().flatten().copied().for_each(put);
        bytes.extend_from_slice(note);
        let checksum = crc(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }
}

/// A record, compressed.
#[derive(Debug)]
pub(crate) struct Record {
    deflated: Vec<u8>,
    word: u32,
    checksum: u32,
}

impl Record {
    /// Compresses `plain`, whose checksum the record has, so that reading back compares with what was written.
    pub(crate) fn deflate(plain: &[u8], word: u32) -> std::io::Result<Self> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain)?;
        Ok(Self {
            deflated: encoder.finish()?,
            word,
            checksum: crc(plain),
        })
    }
}

/// The content of a record; fails where it is more than `most` bytes. Memory grows with what really comes out.
pub(crate) fn inflate(deflated: &[u8], most: usize) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    flate2::bufread::DeflateDecoder::new(deflated)
        .take(most as u64 + 1)
        .read_to_end(&mut plain)?;
    if plain.len() > most {
        return Err(std::io::Error::other(format!(
            "expected at most {most} bytes, found more"
        )));
    }
    Ok(plain)
}

/// Writes a file: the records first and then, when their sizes are known, the header before them.
pub(crate) struct RecordWriter {
    form: &'static Form,
    file: BufWriter<File>,
    words: Vec<u32>,
    note: Vec<u8>,
    rows: Vec<[u32; 3]>,
}

impl RecordWriter {
    /// Starts the file `path`, which is to have `count` records.
    pub(crate) fn create(
        form: &'static Form,
        path: &Path,
        words: Vec<u32>,
        count: usize,
        note: Vec<u8>,
    ) -> std::io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.seek(SeekFrom::Start(form.header_size(count, &note) as u64))?;
        Ok(Self {
            form,
            file,
            words,
            note,
            rows: Vec::with_capacity(count),
        })
    }

    pub(crate) fn append(&mut self, record: &Record) -> std::io::Result<()> {
        let size = u32::try_from(record.deflated.len()).map_err(std::io::Error::other)?;
        self.rows.push([size, record.word, record.checksum]);
        self.file.write_all(&record.deflated)
    }

    pub(crate) fn finish(mut self) -> std::io::Result<()> {
        let header = self.form.header(&self.words, &self.rows, &self.note);
        self.file.seek(SeekFrom::Start(0))?;
        self.file
            .write_all(&header.map_err(std::io::Error::other)?)?;
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const FORM: Form = Form {
        magic: *b"TESTFORM",
        what: "a test",
        record: "part",
        words: &[1, 2],
        note_since: 2,
    };

    proptest! {
        #[test]
        fn headers_read_back_and_damage_is_noticed(
            sizes in prop::collection::vec(0u32..50, 0..20), word: u32, note in prop::collection::vec(any::<u8>(), 0..30),
            at: prop::sample::Index, bit in 0..8, tail in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let rows: Vec<[u32; 3]> = sizes.iter().map(|s| [*s, s + 7, s * 3]).collect();
            let mut file = FORM.header(&[word], &rows, &note).unwrap();
            prop_assert_eq!(file.len(), FORM.header_size(rows.len(), &note));
            let header = file.len();
            file.resize(header + sizes.iter().sum::<u32>() as usize, 9);
            let read = FORM.read(&file).unwrap();
            prop_assert_eq!(&file[read.note.clone()], &note[..]);
            prop_assert_eq!(read.words, vec![word, note.len() as u32]);
            let mut start = header;
            for (row, [size, word, checksum]) in read.rows.iter().zip(&rows) {
                prop_assert_eq!((row.start, row.size, row.word, row.checksum), (start, *size, *word, *checksum));
                start = row.place().end;
            }
            let mut damaged = file.clone();
            damaged[at.index(header)] ^= 1u8 << bit;
            prop_assert!(FORM.read(&damaged).is_err());
            prop_assert!(FORM.read(&file[..at.index(file.len())]).is_err());
            let _ = FORM.read(&[&b"TESTFORM\x02\0\0\0"[..], &tail].concat());
        }
    }

    #[test]
    fn older_versions_are_read_and_newer_ones_named() {
        let mut old = b"TESTFORM\x01\0\0\0\x05\0\0\0\0\0\0\0".to_vec();
        old.extend(crc(&old).to_le_bytes());
        let read = FORM.read(&old).unwrap();
        assert_eq!(
            (read.words, read.rows.len(), read.note.len()),
            (vec![5], 0, 0)
        );
        for version in [0, 3] {
            old[8] = version;
            let error = FORM.read(&old).unwrap_err();
            assert!(
                error.contains(&format!("1 to 2, found version {version}")),
                "{error}"
            );
        }
    }
}
