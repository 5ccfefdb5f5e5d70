//! Data that a program of this project made: how it was made, and the making, which happens once.
//!
//! A set of files has a note beside it, [`NOTE`], that tells generator, version, seed and sizes. Files are written into
//! a folder with a name of its own, under a lock of the system, brought to disk, and then renamed, the note last: what
//! has no note is not whole. A second process that wants the same set waits and takes it; a killed one leaves nothing
//! that is in the way of the next.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::sync_folder;
use crate::json::from_json;
use crate::{DataError, Result};

/// Name of the note.
pub const NOTE: &str = "generated.json";
/// Name of the lock, which is there while files are made.
const LOCK: &str = ".making.lock";
/// Start of the names of the folders that files are made in.
const PART: &str = ".making-";
/// What the lock file says while finished files are given their names.
const RENAMING: &[u8] = b"renaming\n";
/// Time between two looks at a lock that another process holds.
const PATIENCE: Duration = Duration::from_millis(50);

/// How a set was made: all that its content depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The command that made it.
    pub generator: String,
    /// Version of the generator: raised whenever the same settings give other content than before.
    pub version: u32,
    /// Seed of everything random.
    pub seed: u64,
    /// Everything else: sizes, rules.
    #[serde(flatten)]
    pub settings: BTreeMap<String, Value>,
}

impl Provenance {
    /// A set without settings so far.
    pub(crate) fn new(generator: &str, version: u32, seed: u64) -> Self {
        Self {
            generator: generator.into(),
            version,
            seed,
            settings: BTreeMap::new(),
        }
    }

    /// The same with one more setting.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// A setting that is a count.
    pub fn count(&self, name: &str) -> Option<usize> {
        let value = self.settings.get(name)?.as_u64()?;
        usize::try_from(value).ok()
    }

    /// A setting that is a word.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.settings.get(name)?.as_str()
    }

    /// Reads the note in the folder `dir`; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read or is no such note.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(NOTE);
        match std::fs::read(&path) {
            Ok(bytes) => Self::from_json(&bytes)
                .map(Some)
                .map_err(|problem| DataError::format(&path, problem)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(DataError::io(&path, "read it", e)),
        }
    }

    /// The note in `bytes`.
    ///
    /// # Errors
    /// What was expected.
    pub(crate) fn from_json(bytes: &[u8]) -> std::result::Result<Self, String> {
        from_json(bytes).map_err(|e| format!("expected a note on how these files were made: {e}"))
    }

    pub(crate) fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
            .map_err(|e| DataError::request(format!("cannot write down the settings: {e}")))
    }

    /// Where this set is other than the one that is asked for: one clause each, with both values.
    pub fn differences(&self, asked: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |name: &str, made: String, asked: String| {
            if made != asked {
                found.push(format!("{name} is {made}, asked for is {asked}"));
            }
        };
        compare("generator", self.generator.clone(), asked.generator.clone());
        compare(
            "version",
            self.version.to_string(),
            asked.version.to_string(),
        );
        compare("seed", self.seed.to_string(), asked.seed.to_string());
        let shown = |of: &Self, name: &String| {
            let value = of.settings.get(name);
            value.map_or_else(|| "not told".into(), Value::to_string)
        };
        let mut names: Vec<&String> = self.settings.keys().chain(asked.settings.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            compare(name, shown(self, name), shown(asked, name));
        }
        found
    }
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            generator,
            version,
            seed,
            settings,
        } = self;
        write!(f, "{generator}, version {version}, seed {seed}")?;
        settings
            .iter()
            .try_for_each(|(name, value)| write!(f, ", {name} {value}"))
    }
}

/// What came of [`make_files`].
pub(crate) enum Made<T> {
    /// The files were made now.
    Now(T),
    /// They were there, made as asked for.
    Before,
}

/// Makes the files `names` in the folder `out` (made if missing) by `make`, which is given a folder to write them into,
/// unless they are there already as `asked`.
///
/// `wait` is called every now and then while another process makes files there, and may stop that.
///
/// # Errors
/// If files are there that were made otherwise, or that nobody noted how they were made; if a file cannot be written;
/// or what `make` and `wait` say.
pub(crate) fn make_files<T>(
    out: &Path,
    names: &[&str],
    asked: &Provenance,
    wait: &mut dyn FnMut() -> Result<()>,
    make: impl FnOnce(&Path) -> Result<T>,
) -> Result<Made<T>> {
    // Looked at before the lock: what is whole may lie where nothing can be written.
    if is_made(out, asked)? {
        return Ok(Made::Before);
    }
    let mut lock = FolderLock::wait_for(out, wait)?;
    if is_made(out, asked)? {
        return Ok(Made::Before);
    }
    let files = || names.iter().map(|name| out.join(name));
    if lock.was_renaming {
        for file in files().filter(|file| file.exists()) {
            std::fs::remove_file(&file).map_err(|e| DataError::io(&file, "remove it", e))?;
        }
    }
    if let Some(there) = files().find(|file| file.exists()) {
        return Err(DataError::format(
            &there,
            format!(
                "expected no such file, or a note {NOTE} beside it on how it was made (older versions wrote none): name \
                 another folder, or remove it"
            ),
        ));
    }
    let part = PartFolder::make(out)?;
    let result = make(part.path())?;
    let note = part.path().join(NOTE);
    std::fs::write(&note, asked.to_json()?).map_err(|e| DataError::io(&note, "write it", e))?;
    lock.say(RENAMING)?;
    for name in names.iter().copied().chain([NOTE]) {
        part.release(name, &out.join(name))?;
    }
    sync_folder(out);
    Ok(Made::Now(result))
}

/// Is there a note in `out` that tells what is asked for?
///
/// # Errors
/// If it tells something else.
fn is_made(out: &Path, asked: &Provenance) -> Result<bool> {
    let Some(there) = Provenance::read(out)? else {
        return Ok(false);
    };
    let differences = there.differences(asked);
    if differences.is_empty() {
        return Ok(true);
    }
    Err(DataError::format(
        out,
        format!(
            "the data here was made otherwise: {}; name another folder, ask for what is there, or remove it",
            differences.join("; ")
        ),
    ))
}

/// A new folder to write into, with a name of its own; it is removed again, with what is still in it, when this value
/// is dropped.
#[derive(Debug)]
pub(crate) struct PartFolder {
    path: PathBuf,
}

impl PartFolder {
    /// Makes one in the folder `parent` (made if missing), and removes those that killed processes left: the caller
    /// holds the lock of what is made there.
    pub(crate) fn make(parent: &Path) -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        std::fs::create_dir_all(parent)
            .map_err(|e| DataError::io(parent, "create this folder", e))?;
        remove_parts(parent)?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{PART}{}-{count}", std::process::id()));
        std::fs::create_dir(&path).map_err(|e| DataError::io(&path, "create this folder", e))?;
        Ok(Self { path })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Brings the finished file `name` of this folder to disk and moves it to `target`.
    fn release(&self, name: &str, target: &Path) -> Result<()> {
        let path = self.path.join(name);
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|e| DataError::io(&path, "bring it to disk", e))?;
        std::fs::rename(&path, target)
            .map_err(|e| DataError::io(target, "put the finished file there", e))
    }

    /// Makes this folder, finished, the folder `target` in the place of the one that was there.
    pub(crate) fn release_as(self, target: &Path) -> Result<()> {
        remove_folder(target)?;
        std::fs::rename(&self.path, target)
            .map_err(|e| DataError::io(target, "put the finished folder there", e))
    }
}

impl Drop for PartFolder {
    fn drop(&mut self) {
        // After a release there is nothing to remove; a failure leaves a hidden folder and no false data.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Removes the unfinished folders in `parent`.
fn remove_parts(parent: &Path) -> Result<()> {
    let entries = std::fs::read_dir(parent).map_err(|e| DataError::io(parent, "list it", e))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PART) {
            remove_folder(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_folder(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(DataError::io(path, "remove this unfinished folder", e))
        }
        _ => Ok(()),
    }
}

/// The right to make files in a folder: one process, and one thread in it, has it at a time. The system takes it back
/// when the process ends, however that comes.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
    path: PathBuf,
    /// Whether a process was killed while it gave finished files their names.
    was_renaming: bool,
}

impl FolderLock {
    /// Waits for the right to make files in `folder` (made if missing); `wait` is called between two looks.
    pub(crate) fn wait_for(folder: &Path, wait: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let path = folder.join(LOCK);
        loop {
            std::fs::create_dir_all(folder)
                .map_err(|e| DataError::io(folder, "create this folder", e))?;
            let open = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path);
            let mut file = match open {
                Ok(file) => file,
                // the folder was removed meanwhile
                Err(e) if e.kind() == ErrorKind::NotFound => continue,
                Err(e) => return Err(DataError::io(&path, "create it", e)),
            };
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => {
                    let mut text = Vec::new();
                    file.read_to_end(&mut text)
                        .map_err(|e| DataError::io(&path, "read it", e))?;
                    let was_renaming = text == RENAMING;
                    return Ok(Self {
                        file,
                        path,
                        was_renaming,
                    });
                }
                // the one who had it removed it
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    wait()?;
                    std::thread::sleep(PATIENCE);
                }
                // Some network file systems have no locks: there, two at once are the user's to avoid.
                Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {
                    return Ok(Self {
                        file,
                        path,
                        was_renaming: false,
                    });
                }
                Err(TryLockError::Error(e)) => return Err(DataError::io(&path, "lock it", e)),
            }
        }
    }

    /// Writes `text` into the lock file, for the process that finds it after this one was killed.
    fn say(&mut self, text: &[u8]) -> Result<()> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(text)?;
            self.file.sync_all()
        };
        write().map_err(|e| DataError::io(&self.path, "write it", e))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // While it is locked: who waits for it sees that it is gone and makes a new one. A failure leaves a hidden file
        // that locks nobody out.
        let _ = self.file.set_len(0);
        #[cfg(unix)]
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Is `file` still the one at `path`?
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Locks are not removed here.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests;
