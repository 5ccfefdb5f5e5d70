//! Files that survive a kill and a power cut: written under another name, flushed to the disk, then renamed.
//!
//! Everything that a run writes goes through here. So there is one place to interrupt it at: with the environment
//! variable `ELM_TEST_KILL_AT_WRITE=N` the program dies, as by `kill -9`, at the N-th point before, within or after a write.
//! The tests let a run die at each of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Result, TrainError};

/// Writes a file whole: a reader never sees a part of it, and it is on the disk when this returns.
///
/// # Errors
/// [`TrainError::Run`] if it cannot be written; what was there before stays.
pub fn write_whole(path: &Path, text: impl AsRef<[u8]>) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial"));
    write_synced(&partial, text.as_ref())
        .and_then(|()| rename(&partial, path))
        .inspect_err(|_| drop(std::fs::remove_file(&partial)))
        .map_err(|e| unwritten(path, e))
}

/// The error about a file that cannot be written. It is met in the middle of work, and not in its input.
pub fn unwritten(path: &Path, error: impl std::fmt::Display) -> TrainError {
    TrainError::Run(format!("{}: cannot write it: {error}", path.display()))
}

/// Writes a file, and flushes it to the disk.
///
/// # Errors
/// The operating system's.
pub fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fault_point();
    let mut file = File::create(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    fault_point();
    file.write_all(second)?;
    file.sync_all()?;
    fault_point();
    Ok(())
}

/// Adds to the end of an open file.
///
/// # Errors
/// The operating system's.
pub fn append(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    fault_point();
    file.write_all(bytes)?;
    fault_point();
    Ok(())
}

/// Opens a file to be added to, made if it is not there.
///
/// # Errors
/// [`TrainError::Run`] if it cannot be opened.
pub fn open_append(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|e| unwritten(path, e))
}

/// Renames within a folder, and flushes the folder to the disk.
///
/// # Errors
/// The operating system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    fault_point();
    match to.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

/// Flushes a file that others wrote to the disk, and its folder's list of names.
///
/// # Errors
/// [`TrainError::Run`] with the operating system's answer.
pub fn sync(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced
        .and_then(|()| path.parent().map_or(Ok(()), sync_folder))
        .map_err(|e| unwritten(path, e))
}

/// Flushes a folder's list of names to the disk.
///
/// # Errors
/// The operating system's.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    // only Unix opens a folder like a file
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Number of the point at which a test wants the program to die.
fn fault_at() -> Option<u64> {
    static AT: OnceLock<Option<u64>> = OnceLock::new();
    *AT.get_or_init(|| std::env::var("ELM_TEST_KILL_AT_WRITE").ok()?.parse().ok())
}

/// A point at which a test may want the program to die.
pub fn fault_point() {
    static PASSED: AtomicU64 = AtomicU64::new(0);
    if let Some(at) = fault_at()
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == at
    {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_whole(&path, "one").unwrap();
        write_whole(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        // a folder in the way of the rename
        let taken = folder.path().join("taken");
        std::fs::create_dir_all(taken.join("x")).unwrap();
        let error = write_whole(&taken, "three").unwrap_err().to_string();
        assert!(error.contains("taken"), "{error}");
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2, "the partial file is gone");
    }
}
