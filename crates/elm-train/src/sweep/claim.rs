//! Who works on a member, and what became of it: a lock, and a note beside it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable;
use crate::error::{Result, TrainError};

/// A member whose process died so often, each time without a new checkpoint, has failed.
const MOST_DEATHS: u32 = 3;

/// A member that no other process works on while this lives.
#[derive(Debug)]
pub(crate) struct Claim(#[expect(dead_code, reason = "open files hold locks")] File);

impl Claim {
    /// Claims by the lock of this file; none if another process has it.
    ///
    /// # Errors
    /// [`TrainError::Run`] if the file cannot be opened or locked.
    pub(super) fn take(path: &Path) -> Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(unlocked(path, e)),
        }
    }

    /// Waits until no other process has it.
    ///
    /// # Errors
    /// [`TrainError::Run`] if the file cannot be opened or locked.
    pub(super) fn wait(path: &Path) -> Result<Self> {
        let file = open(path)?;
        file.lock().map_err(|e| unlocked(path, e))?;
        Ok(Self(file))
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true);
    options.open(path).map_err(|e| unlocked(path, e))
}

fn unlocked(path: &Path, error: std::io::Error) -> TrainError {
    TrainError::Run(format!("{}: cannot lock it: {error}", path.display()))
}

/// What a process that had a member did with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Held {
    /// Nobody had it, or it was given back in order.
    #[default]
    Free,
    /// It is being worked on, or its process died.
    Working,
    /// It failed.
    Failed,
}

/// The note on a member.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) held: Held,
    /// Why it failed.
    pub(super) why: Option<String>,
    /// Deaths of its process since its last checkpoint.
    deaths: u32,
    /// That checkpoint.
    checkpoint: Option<String>,
}

impl Note {
    /// The note in a file; an empty one where there is none, or one that cannot be read.
    pub(super) fn load(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// # Errors
    /// [`TrainError::Run`] if it cannot be written.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self).map_err(|e| durable::unwritten(path, e))?;
        durable::write_whole(path, json + "\n")
    }

    /// The note of a member that is claimed now, whose run is in this folder. It has failed if its process died too often.
    pub(super) fn claimed(self, run: &Path) -> Self {
        let checkpoint = last_checkpoint(run);
        let deaths = match self.held {
            Held::Working if checkpoint == self.checkpoint => self.deaths + 1,
            Held::Working => 1,
            Held::Free | Held::Failed => 0,
        };
        if deaths >= MOST_DEATHS {
            let why = format!(
                "its process died {deaths} times without a word and without a new checkpoint: killed for its memory?"
            );
            return Self::failed(why);
        }
        Self {
            held: Held::Working,
            why: None,
            deaths,
            checkpoint,
        }
    }

    /// The note of a member that failed.
    pub(super) fn failed(why: String) -> Self {
        Self {
            held: Held::Failed,
            why: Some(why),
            ..Self::default()
        }
    }
}

/// Name of the last checkpoint of a run.
fn last_checkpoint(run: &Path) -> Option<String> {
    let entries = std::fs::read_dir(run.join("checkpoints")).ok()?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let numbered = names.filter_map(|name| {
        let step: u64 = name.strip_prefix("step-")?.parse().ok()?;
        Some((step, name))
    });
    numbered.max().map(|(_, name)| name)
}

/// Files of a member's claim: the lock, and the note.
pub(super) fn files(claims: &Path, member: &str) -> (PathBuf, PathBuf) {
    (
        claims.join(format!("{member}.lock")),
        claims.join(format!("{member}.json")),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_claim_has_one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let claim = Claim::take(&path).unwrap().unwrap();
        assert!(Claim::take(&path).unwrap().is_none());
        drop(claim);
        assert!(Claim::take(&path).unwrap().is_some());
        assert!(Claim::take(&folder.path().join("none/a.lock")).is_err());
    }

    #[test]
    fn deaths_without_a_checkpoint_are_a_failure_and_progress_forgives_them() {
        let run = tempfile::tempdir().unwrap();
        let mut note = Note::default().claimed(run.path());
        assert_eq!((note.held, note.deaths), (Held::Working, 0));
        note = note.claimed(run.path());
        note = note.claimed(run.path());
        assert_eq!((note.held, note.deaths), (Held::Working, 2));
        let failed = note.clone().claimed(run.path());
        assert_eq!(failed.held, Held::Failed);
        assert!(failed.why.unwrap().contains("died 3 times"));
        std::fs::create_dir_all(run.path().join("checkpoints/step-20")).unwrap();
        std::fs::create_dir_all(run.path().join("checkpoints/step-9")).unwrap();
        note = note.claimed(run.path());
        assert_eq!((note.held, note.deaths), (Held::Working, 1));
        assert_eq!(note.checkpoint.as_deref(), Some("step-20"));
        // given back in order
        note.held = Held::Free;
        assert_eq!(note.claimed(run.path()).deaths, 0);
        let path = run.path().join("note.json");
        Note::failed("x".into()).save(&path).unwrap();
        assert_eq!(Note::load(&path), Note::failed("x".into()));
        std::fs::write(&path, "{").unwrap();
        assert_eq!(Note::load(&path), Note::default());
    }
}
