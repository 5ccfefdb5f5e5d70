//! The folder of a run.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::lock::{self, LOCK, RunLock};
use crate::durable;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;

/// File of the resolved recipe in a run's folder.
pub(super) const RECIPE: &str = "recipe.toml";
/// File of what the run is, and of the calls that worked on it.
pub(super) const RECORD: &str = "run.json";
/// File of the test's result.
pub(super) const TEST: &str = "test.json";
/// File of the report.
pub(super) const REPORT: &str = "report.html";
/// File of what was said, and more with `-v`.
pub(super) const LOG: &str = "log.txt";

/// A folder that holds the resolved recipe, versions, seed, model, metrics, checkpoints and the report. It is this
/// process's alone while a copy of this lives.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    _lock: Arc<RunLock>,
}

impl RunFolder {
    /// Makes `path`, or the next free `runs/<name>-<n>`, and locks it.
    ///
    /// # Errors
    /// [`TrainError::File`] if the folder holds files already or cannot be made, [`TrainError::Usage`] if another process
    /// was there first.
    pub fn create(path: Option<&Path>, name: &str) -> Result<Self> {
        match path {
            Some(path) => {
                make(path)?;
                Self::claim(path.to_path_buf())
            }
            None => Self::claim(next_free(name)?),
        }
    }

    /// Locks a folder that is empty.
    fn claim(path: PathBuf) -> Result<Self> {
        if path.is_file() {
            return Err(TrainError::file(
                &path,
                "expected a folder for the run, found a file",
            ));
        }
        let empty = || {
            let entries = std::fs::read_dir(&path);
            entries.is_ok_and(|mut all| all.all(|e| e.is_ok_and(|e| is_beginning(&e.file_name()))))
        };
        if lock::is_locked(&path) {
            return Err(lock::in_use(&path));
        }
        let taken = || {
            TrainError::file(
                &path,
                "the run folder must be empty; choose another one or continue this run with --resume",
            )
        };
        if !empty() {
            return Err(taken());
        }
        let lock = RunLock::acquire(&path)?;
        // asked again, now that nobody else can put a run there
        if !empty() {
            return Err(taken());
        }
        Ok(Self {
            path,
            _lock: Arc::new(lock),
        })
    }

    /// Locks the folder of an existing run.
    ///
    /// # Errors
    /// [`TrainError::File`] if it holds no recipe, [`TrainError::Usage`] if another process works in it.
    pub fn open(path: &Path) -> Result<(Self, Recipe)> {
        let file = path.join(RECIPE);
        if !file.is_file() {
            return Err(TrainError::file(
                path,
                "expected the folder of a run with a recipe.toml, found none",
            ));
        }
        let folder = Self::lock(path)?;
        Ok((folder, Recipe::load(file)?))
    }

    /// Locks an existing folder.
    ///
    /// # Errors
    /// [`TrainError::Usage`] if another process works in it, [`TrainError::Run`] if it cannot be written.
    pub fn lock(path: &Path) -> Result<Self> {
        let lock = RunLock::acquire(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            _lock: Arc::new(lock),
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// [`TrainError::Run`] if it cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string_pretty(value)
            .map_err(|e| TrainError::file(&self.file(name), e))?;
        self.write(name, &(json + "\n"))
    }

    /// Writes a file of the run whole: a reader never sees a part of it.
    ///
    /// # Errors
    /// [`TrainError::Run`] if it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        durable::write_whole(&self.file(name), text)
    }
}

/// Is this a file that a run begins with, before its recipe makes it one? A process that died so early leaves no run
/// behind.
fn is_beginning(name: &std::ffi::OsStr) -> bool {
    let partials = [RECIPE, RECORD].map(|name| format!(".{name}.partial"));
    name == LOCK || name == RECORD || partials.iter().any(|partial| name == partial.as_str())
}

/// Makes the next free folder `runs/<name>-<n>`.
///
/// # Errors
/// [`TrainError::File`] if it cannot be made.
pub fn next_free(name: &str) -> Result<PathBuf> {
    let mut n = 1;
    loop {
        let path = PathBuf::from(format!("runs/{name}-{n}"));
        // the next number if another process was faster
        if make(&path)? {
            return Ok(path);
        }
        n += 1;
    }
}

/// Makes a folder and what it is in; false if it was there before.
fn make(path: &Path) -> Result<bool> {
    let failed = |e| TrainError::file(path, format!("cannot make the run folder: {e}"));
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    match std::fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(failed(e)),
    }
}
