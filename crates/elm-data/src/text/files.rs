//! The bytes of texts: files, packed or not, and folders of them.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use crate::files::{open_file, read_file};
use crate::{DataError, Result};

/// Largest text (bytes), unpacked.
const MOST: u64 = 1 << 33;
/// Deepest folder that is entered.
const MOST_FOLDERS: usize = 64;
/// A zero among so many first bytes is the sign of a file that is no text.
const LOOKED_AT: usize = 1 << 13;

/// The text of a path, and what a user should know about it.
#[derive(Debug, Default)]
pub(super) struct FoundText {
    pub(super) bytes: Vec<u8>,
    pub(super) files: usize,
    pub(super) notes: Vec<String>,
}

/// Reads a file, or the files of a folder (also in folders within it) in the order of their paths, one after the other.
/// `extensions` are those of the files of a folder that are read; all if there is none.
pub(super) fn read(path: &Path, extensions: &[String]) -> Result<FoundText> {
    let kind = std::fs::metadata(path).map_err(|e| DataError::io(path, "open it", e))?;
    let mut text = FoundText::default();
    if !kind.is_dir() {
        text.bytes = unpack(path, read_file(path, "a text", MOST)?)?;
        text.files = 1;
        if is_binary(&text.bytes) {
            text.notes.push(format!(
                "{}: read as text, but it has zero bytes",
                path.display()
            ));
        }
        return Ok(text);
    }
    let mut files = Vec::new();
    walk(path, extensions, 0, &mut files)?;
    let mut skipped = Vec::new();
    for file in files {
        if starts_binary(&file)? {
            skipped.push(file);
            continue;
        }
        let bytes = unpack(&file, read_file(&file, "a text", MOST)?)?;
        if is_binary(&bytes) {
            skipped.push(file);
            continue;
        }
        if text.bytes.len() as u64 + bytes.len() as u64 > MOST {
            return Err(DataError::format(
                path,
                format!("expected texts of at most {MOST} bytes together, found more"),
            ));
        }
        text.bytes.extend(bytes);
        text.files += 1;
    }
    if let Some(first) = skipped.first() {
        text.notes.push(format!(
            "{}: {} files are left out because they are no text, such as {}",
            path.display(),
            skipped.len(),
            first.display()
        ));
    }
    if text.files == 0 {
        let which = match extensions {
            [] => "texts".to_owned(),
            _ => format!("texts that end in {}", extensions.join(", ")),
        };
        return Err(DataError::format(
            path,
            format!("expected {which} in this folder, found none"),
        ));
    }
    Ok(text)
}

/// The files below a folder, sorted; links and hidden files are left out, so that there is no way in circles.
fn walk(dir: &Path, extensions: &[String], depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let cannot_list = |e| DataError::io(dir, "list it", e);
    if depth > MOST_FOLDERS {
        return Err(DataError::format(
            dir,
            format!("expected at most {MOST_FOLDERS} folders in each other"),
        ));
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(cannot_list)? {
        let entry = entry.map_err(cannot_list)?;
        let kind = entry.file_type().map_err(cannot_list)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && (kind.is_dir() || kind.is_file()) {
            entries.push((entry.path(), kind.is_dir()));
        }
    }
    entries.sort();
    for (path, is_dir) in entries {
        if is_dir {
            walk(&path, extensions, depth + 1, files)?;
        } else if wanted(&path, extensions) {
            files.push(path);
        }
    }
    Ok(())
}

/// Does the name end in one of the extensions, maybe packed?
fn wanted(path: &Path, extensions: &[String]) -> bool {
    let name = path
        .file_name()
        .map_or_else(Default::default, |n| n.to_string_lossy().to_lowercase());
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    extensions.is_empty()
        || extensions.iter().any(|e| {
            let e = e.trim_start_matches('.').to_lowercase();
            name.strip_suffix(&e)
                .is_some_and(|rest| rest.ends_with('.'))
        })
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(LOOKED_AT)].contains(&0)
}

/// Looks whether a file is no text without reading all of it.
fn starts_binary(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    open_file(path, "a text")?
        .take(LOOKED_AT as u64)
        .read_to_end(&mut start)
        .map_err(|e| DataError::io(path, "read it", e))?;
    let packed = start.starts_with(b"\x1f\x8b") || start.starts_with(b"PK\x03\x04");
    Ok(!packed && (is_binary(&start) || other_packing(&start).is_some()))
}

/// Formats that pack a text and are not unpacked here.
fn other_packing(bytes: &[u8]) -> Option<&'static str> {
    let known = [
        (&b"\xfd7zXZ\0"[..], "xz"),
        (b"BZh", "bzip2"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
    ];
    known
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, name)| *name)
}

/// The text in `bytes`, which may be packed with gzip or be a zip archive of one file (or with `enwik8` among others):
/// the content says so, not the name.
pub(super) fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let format = |problem: String| DataError::format(path, problem);
    if bytes.starts_with(b"\x1f\x8b") {
        return all_of(MultiGzDecoder::new(&bytes[..]), "gzip file").map_err(format);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return unzip(bytes).map_err(format);
    }
    match other_packing(&bytes) {
        Some(name) => Err(format(format!(
            "expected a text, found a file packed with {name}: unpack it first"
        ))),
        None => Ok(bytes),
    }
}

/// All that comes out; the size that a file states is not believed.
fn all_of(reader: impl Read, what: &str) -> std::result::Result<Vec<u8>, String> {
    let mut text = Vec::new();
    reader
        .take(MOST + 1)
        .read_to_end(&mut text)
        .map_err(|e| format!("the {what} is damaged ({e})"))?;
    match text.len() as u64 > MOST {
        true => Err(format!(
            "expected a text of at most {MOST} bytes, found more"
        )),
        false => Ok(text),
    }
}

fn unzip(bytes: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
    let damaged = |e: zip::result::ZipError| format!("the zip archive is damaged ({e})");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let index = match (archive.len(), archive.index_for_name("enwik8")) {
        (_, Some(index)) => index,
        (1, None) => 0,
        (count, None) => {
            return Err(format!(
                "expected a zip archive of one text, found {count} files"
            ));
        }
    };
    all_of(archive.by_index(index).map_err(damaged)?, "zip archive")
}
