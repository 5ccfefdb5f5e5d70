//! Files and folders: what every reader and writer of this crate asks of them.

use std::fs::File;
use std::io::Read;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use memmap2::Mmap;

use crate::{DataError, Result};

/// Opens the file `path`, which is called `what` in errors ("a NeuronIO file").
pub(crate) fn open_file(path: &Path, what: &str) -> Result<File> {
    let cannot_open = |e| DataError::io(path, "open it", e);
    // Asked first: not every system opens folders.
    if std::fs::metadata(path).map_err(cannot_open)?.is_dir() {
        return Err(DataError::format(
            path,
            format!("expected {what}, found a folder"),
        ));
    }
    File::open(path).map_err(cannot_open)
}

/// Reads the file `path`, called `what` in errors, if it has at most `most` bytes.
pub(crate) fn read_file(path: &Path, what: &str, most: u64) -> Result<Vec<u8>> {
    let file = open_file(path, what)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| DataError::io(path, "read it", e))?;
    if bytes.len() as u64 > most {
        return Err(DataError::format(
            path,
            format!("expected {what} of at most {most} bytes, found more"),
        ));
    }
    Ok(bytes)
}

/// The first of the `candidates`, folders under `dir` ("" for `dir` itself), that holds one of the `markers`, and that
/// marker: archives unpack into folders of their own, and a user may name the one above.
pub(crate) fn locate<'a>(
    dir: &Path,
    candidates: &[&str],
    markers: &[&'a str],
) -> Result<(PathBuf, &'a str)> {
    let names = markers.join(" or ");
    let kind = std::fs::metadata(dir).map_err(|e| DataError::io(dir, "open it", e))?;
    if !kind.is_dir() {
        return Err(DataError::format(
            dir,
            format!("expected a folder with {names}, found a file"),
        ));
    }
    for candidate in candidates {
        let folder = if candidate.is_empty() {
            dir.to_path_buf()
        } else {
            dir.join(candidate)
        };
        if let Some(marker) = markers.iter().find(|m| folder.join(m).exists()) {
            return Ok((folder, marker));
        }
    }
    let others = candidates.iter().filter(|c| !c.is_empty());
    let others: Vec<String> = others.map(|c| format!(" or in {c}")).collect();
    Err(DataError::format(
        dir,
        format!(
            "expected {names} in this folder{}, found none",
            others.concat()
        ),
    ))
}

/// The files in the folder `dir` whose names end like `endings`, sorted by name; hidden ones are left out, and folders
/// in it are not entered.
///
/// # Errors
/// If the folder cannot be listed or holds no such file.
pub(crate) fn files_in(dir: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let cannot_list = |e| DataError::io(dir, "list it", e);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(cannot_list)? {
        let entry = entry.map_err(cannot_list)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.')
            && endings.iter().any(|e| name.ends_with(e))
            && !entry.path().is_dir()
        {
            files.push(entry.path());
        }
    }
    if files.is_empty() {
        return Err(DataError::format(
            dir,
            format!(
                "expected files ending in {} in this folder, found none",
                endings.join(", ")
            ),
        ));
    }
    files.sort();
    Ok(files)
}

/// The content of a file, mapped or in memory.
#[derive(Debug)]
pub(crate) enum Content {
    /// Read by the operating system as it is used.
    Mapped(Mmap),
    /// In memory.
    Owned(Vec<u8>),
}

impl Content {
    /// Maps the file `path`, called `what` in errors. It must not be changed while it is in use.
    pub(crate) fn map(path: &Path, what: &str) -> Result<Self> {
        let file = open_file(path, what)?;
        let length = file
            .metadata()
            .map_err(|e| DataError::io(path, "open it", e))?
            .len();
        if length == 0 {
            return Ok(Self::Owned(Vec::new())); // nothing that could be mapped
        }
        // SAFETY: the map is only read, through `&[u8]`. Another program that shortens or rewrites the file meanwhile
        // would break it, as it would for every program that maps files; the data sets' docs say not to do that.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| DataError::io(path, "map it", e))?;
        Ok(Self::Mapped(map))
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// A file that is written beside the place where it belongs, and removed again unless it is renamed to there.
pub(crate) struct Temporary {
    pub(crate) path: PathBuf,
}

impl Temporary {
    /// A hidden name in the folder of `path`.
    pub(crate) fn beside(path: &Path) -> Result<Self> {
        let Some(name) = path.file_name() else {
            return Err(DataError::format(
                path,
                "expected the name of a file to write, found none",
            ));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.part", std::process::id()));
        Ok(Self {
            path: path.with_file_name(hidden),
        })
    }

    /// Puts the finished file where it belongs.
    pub(crate) fn rename_to(self, path: &Path) -> Result<()> {
        std::fs::rename(&self.path, path)
            .map_err(|e| DataError::io(path, "put the finished file there", e))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing to remove; a failure to remove leaves a hidden file and no false result.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// CRC-32 of `bytes`.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
