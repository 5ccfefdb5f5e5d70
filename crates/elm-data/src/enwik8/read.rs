//! The bytes of a text: as they are, in a zip archive, or compressed by gzip.

use std::io::{Cursor, Read};
use std::path::Path;

use zip::ZipArchive;

use crate::files::{locate, read_file, refuse_packed};
use crate::pickle::GZIP_MAGIC;
use crate::{DataError, Result};

/// Largest text that is read (bytes).
const MOST: u64 = 1 << 32;
/// First bytes of a zip archive.
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";
/// Name of the text in an archive, and of the file.
const NAME: &str = "enwik8";

/// Reads the text at `path`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let kind = std::fs::metadata(path).map_err(|e| DataError::io(path, "open it", e))?;
    if kind.is_dir() {
        let names = [
            NAME,
            "enwik8.zip",
            "enwik8.gz",
            "enwik8.xz",
            "enwik8.bz2",
            "enwik8.zst",
        ];
        let (folder, name) = locate(path, &[""], &names)?;
        let path = folder.join(name);
        return unpack(&path, read_file(&path, "a text", MOST)?);
    }
    unpack(path, read_file(path, "a text", MOST)?)
}

/// The text in `bytes`, which are a zip archive, a gzip file or the text itself. Other compressed files are refused by
/// their content: taken for a text they would train without a word.
pub(super) fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let bad = |problem| DataError::format(path, problem);
    let text = if bytes.starts_with(&ZIP_MAGIC) {
        unzip(bytes).map_err(bad)?
    } else if bytes.starts_with(&GZIP_MAGIC) {
        gunzip(&bytes).map_err(bad)?
    } else {
        bytes
    };
    refuse_packed(path, "a text", &text)?;
    if text.is_empty() {
        return Err(DataError::format(
            path,
            "expected a text, found an empty file",
        ));
    }
    Ok(text)
}

fn unzip(bytes: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
    let damaged = |e: &dyn std::fmt::Display| format!("the zip archive is damaged ({e})");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
    let index = match (archive.len(), archive.index_for_name(NAME)) {
        (_, Some(index)) => index,
        (1, None) => 0,
        (count, None) => {
            return Err(format!(
                "expected a zip archive of one file, or with {NAME}, found {count} files"
            ));
        }
    };
    let file = archive.by_index(index).map_err(|e| damaged(&e))?;
    whole(file, damaged)
}

fn gunzip(bytes: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let content = flate2::bufread::MultiGzDecoder::new(bytes);
    whole(content, |e| format!("the gzip file is damaged ({e})"))
}

/// All that comes out of `content`; the size that an archive states is not believed.
fn whole(
    content: impl Read,
    damaged: impl Fn(&dyn std::fmt::Display) -> String,
) -> std::result::Result<Vec<u8>, String> {
    let mut text = Vec::new();
    content
        .take(MOST + 1)
        .read_to_end(&mut text)
        .map_err(|e| damaged(&e))?;
    if text.len() as u64 > MOST {
        return Err(format!(
            "expected a text of at most {MOST} bytes, found more"
        ));
    }
    Ok(text)
}
