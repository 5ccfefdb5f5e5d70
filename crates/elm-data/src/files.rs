//! Files and folders: what every reader and writer of this crate asks of them.

use std::fs::File;
use std::io::Read;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

/// Bytes at the start of a file by which [`refuse_packed`] knows it.
const FIRST: u64 = 512;

/// The first bytes of the file `path`.
pub(crate) fn first_bytes(path: &Path) -> Result<Vec<u8>> {
    let mut first = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FIRST).read_to_end(&mut first))
        .map_err(|e| DataError::io(path, "read it", e))?;
    Ok(first)
}

/// Refuses a compressed file or an archive, which its first bytes tell, in the place of `what`, and says how to unpack
/// it. Who reads some of these kinds looks for them before.
pub(crate) fn refuse_packed(path: &Path, what: &str, first: &[u8]) -> Result<()> {
    const KINDS: [(&[u8], &str, &str); 8] = [
        (b"\x1f\x8b", "a gzip file", "gunzip"),
        (b"\xfd7zXZ\0", "an xz file", "unxz"),
        (b"\x28\xb5\x2f\xfd", "a zstd file", "unzstd"),
        (b"\x04\x22\x4d\x18", "an lz4 file", "unlz4"),
        (b"\x1f\x9d", "a file of compress", "uncompress"),
        (b"PK\x03\x04", "a zip archive", "unzip"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"),
        (b"Rar!\x1a\x07", "a rar archive", "unrar x"),
    ];
    let tar = first.get(257..262) == Some(b"ustar");
    let bzip2 = first.starts_with(b"BZh") && first.get(4..10) == Some(b"1AY&SY");
    let known = KINDS.iter().find(|(magic, ..)| first.starts_with(magic));
    let (name, command) = match known {
        Some((_, name, command)) => (*name, *command),
        None if tar => ("a tar archive", "tar xf"),
        None if bzip2 => ("a bzip2 file", "bunzip2"),
        None => return Ok(()),
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    Err(DataError::format(
        path,
        format!("expected {what}, found {name}: unpack it first ({command} '{file}')"),
    ))
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
        refuse_packed(dir, &format!("a folder with {names}"), &first_bytes(dir)?)?;
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

/// A file that is written beside the place where it belongs, and removed again unless it is renamed to there. It is
/// locked until then, so that one which a killed process left is known by its lock: nobody has it.
pub(crate) struct Temporary {
    pub(crate) path: PathBuf,
    file: File,
}

/// A temporary file that nobody has locked may belong to a process that is about to, unless it is older than this.
const STALE: Duration = Duration::from_secs(10);

impl Temporary {
    /// An empty file with a hidden name of its own in the folder of `path`; those that killed processes left there for
    /// `path` are removed.
    pub(crate) fn beside(path: &Path) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(name) = path.file_name() else {
            return Err(DataError::format(
                path,
                "expected the name of a file to write, found none",
            ));
        };
        let mut start = std::ffi::OsString::from(".");
        start.push(name);
        start.push(".");
        remove_stale(path, &start);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        start.push(format!("{}-{count}{PART}", std::process::id()));
        let path = path.with_file_name(start);
        let file = File::create(&path).map_err(|e| DataError::io(&path, "create it", e))?;
        // Elsewhere a lock would keep out the one who writes, too. A failure keeps a file that should go, nothing more.
        #[cfg(unix)]
        let _ = file.try_lock();
        Ok(Self { path, file })
    }

    /// Brings the finished file to disk and puts it where it belongs.
    pub(crate) fn rename_to(self, path: &Path) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|e| DataError::io(&self.path, "bring it to disk", e))?;
        std::fs::rename(&self.path, path)
            .map_err(|e| DataError::io(path, "put the finished file there", e))?;
        if let Some(folder) = path.parent() {
            sync_folder(folder);
        }
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing to remove; a failure to remove leaves a hidden file and no false result.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// End of the names of temporary files.
const PART: &str = ".part";

/// Removes the temporary files of killed processes beside `path` whose names begin with `start`. What cannot be removed
/// stays, hidden.
fn remove_stale(path: &Path, start: &std::ffi::OsStr) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let start = start.to_string_lossy();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with(&*start) && name.ends_with(PART)) {
            continue;
        }
        let age = entry.metadata().and_then(|m| m.modified());
        let is_old = age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE));
        if is_old && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Brings the names in `folder` to disk, where the system can: a file that was renamed has its new name after a power
/// failure too.
pub(crate) fn sync_folder(folder: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder) {
        // Some file systems cannot; the file itself is on disk.
        let _ = folder.sync_all();
    }
    #[cfg(not(unix))]
    let _ = folder;
}

/// CRC-32 of `bytes`.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn temporary_files_of_killed_processes_go_and_those_of_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a.elmnio");
        let old = |name: &str| {
            let file = File::create(dir.path().join(name)).unwrap();
            let then = SystemTime::now() - Duration::from_secs(60);
            file.set_modified(then).unwrap();
            file
        };
        drop(old(".a.elmnio.1.part"));
        let held = old(".a.elmnio.2-0.part");
        held.try_lock().unwrap();
        drop(old(".b.elmnio.1.part"));
        let temporary = Temporary::beside(&target).unwrap();
        let other = Temporary::beside(&target).unwrap();
        assert_ne!(temporary.path, other.path);
        drop(other);
        std::fs::write(&temporary.path, "whole").unwrap();
        temporary.rename_to(&target).unwrap();
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [".a.elmnio.2-0.part", ".b.elmnio.1.part", "a.elmnio"]
        );
        assert_eq!(std::fs::read(target).unwrap(), b"whole");
    }

    #[test]
    fn compressed_files_are_known_by_their_content() {
        let found = |bytes: &[u8]| {
            let refused = refuse_packed(Path::new("some/text.dat"), "a text", bytes);
            refused.err().map(|e| e.to_string()).unwrap_or_default()
        };
        for (bytes, words) in [
            (
                &b"\x1f\x8b\x08"[..],
                "a gzip file: unpack it first (gunzip 'text.dat')",
            ),
            (b"BZh91AY&SY..", "bunzip2"),
            (b"\xfd7zXZ\0\0", "unxz"),
            (b"\x28\xb5\x2f\xfd.", "unzstd"),
            (b"PK\x03\x04", "unzip"),
            (&[&[b' '; 257][..], b"ustar"].concat(), "tar xf"),
        ] {
            let message = found(bytes);
            assert!(
                message.contains("text.dat: expected a text, found") && message.contains(words),
                "{message}"
            );
        }
        for text in [&b""[..], b"BZh9 is how bzip2 begins", b"PK", b"\x1f"] {
            assert_eq!(found(text), "");
        }
    }
}
