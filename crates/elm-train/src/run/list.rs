//! The runs in a folder, and what there is to say of one.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::folder::RECIPE;
use super::history::{self, EpochRecord};
use super::lock;
use super::record::{How, RunRecord};

/// How deep runs are looked for: comparisons hold runs of their own.
const DEPTH: usize = 3;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A process works on it.
    Running,
    /// Trained to its end and tested.
    Finished,
    /// Stopped by a person, a scheduler or its limit of time.
    Stopped,
    /// Ended by an error.
    Failed,
    /// Its process died without a word.
    Killed,
    /// Of another version of the program.
    Foreign,
}

impl RunState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Killed => "killed",
            Self::Foreign => "foreign",
        }
    }
}

/// A run in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Its folder.
    #[serde(serialize_with = "as_text")]
    pub folder: PathBuf,
    /// What it is doing.
    pub state: RunState,
    /// Epochs that are ended.
    pub epochs: usize,
    /// Gradient steps at the last of them.
    pub step: u64,
    /// The epoch with the least validation loss.
    pub best: Option<EpochRecord>,
    /// Seconds since it last wrote anything.
    pub age: f64,
    /// Why it was stopped, or failed.
    pub why: Option<String>,
}

/// JSON is text, which names of folders need not be.
fn as_text<S: serde::Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// All runs in `folder`, those that wrote last first.
pub fn list(folder: &Path) -> Vec<RunSummary> {
    let mut found = Vec::new();
    collect(folder, DEPTH, &mut found);
    found.sort_by(|a, b| a.age.total_cmp(&b.age));
    found
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<RunSummary>) {
    if folder.join(RECIPE).is_file() {
        found.push(summary(folder));
        return;
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir())) {
        if depth > 0 {
            collect(&entry.path(), depth - 1, found);
        }
    }
}

/// What there is to say of the run in `folder`.
pub fn summary(folder: &Path) -> RunSummary {
    let record = RunRecord::load(folder).ok();
    let epochs = match record {
        // what cannot be read is told where the run is shown, and hides no other
        Some(_) => history::read(folder).unwrap_or_default(),
        None => Vec::new(),
    };
    let ended = record
        .as_ref()
        .and_then(|r| r.sessions.last()?.ended.clone());
    let state = match (&record, &ended) {
        (Some(_), _) if lock::is_locked(folder) => RunState::Running,
        (None, _) => RunState::Foreign,
        (_, None) => RunState::Killed,
        (_, Some(ended)) => match ended.how {
            How::Finished => RunState::Finished,
            How::Stopped => RunState::Stopped,
            How::Failed => RunState::Failed,
        },
    };
    RunSummary {
        folder: folder.to_path_buf(),
        state,
        epochs: epochs.len(),
        step: epochs.last().map_or(0, |epoch| epoch.step),
        best: history::best(&epochs).cloned(),
        age: age(folder),
        why: ended.and_then(|ended| ended.why),
    }
}

/// Seconds since a file in a folder was last written.
fn age(folder: &Path) -> f64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let times = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok());
    let since = times
        .max()
        .and_then(|last| SystemTime::now().duration_since(last).ok());
    since.map_or(0.0, |since| since.as_secs_f64())
}
