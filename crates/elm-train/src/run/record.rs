//! What `run.json` tells of a run: what it is, and every call that worked on it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::folder::{RECORD, RunFolder};
use super::time;
use crate::error::{Result, TrainError};
use crate::model::ModelKind;

/// Form of a run's folder. Those without a number, before 2, kept checkpoints in another way.
const FORMAT: u32 = 2;

/// What a run is, and the calls that worked on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Form of the folder.
    format: u32,
    /// Which model is trained.
    pub model: ModelKind,
    /// Trained numbers.
    pub trained_parameters: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Version of Burn.
    pub burn: String,
    /// The calls in their order.
    pub sessions: Vec<Session>,
}

/// A call that began or went on with a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The command as it was called.
    pub command: Vec<String>,
    /// Version of this program.
    pub elm: String,
    /// Revision of the git work tree that it was called in, with `-dirty` where files differ from it.
    pub git: Option<String>,
    /// Id of the process.
    pub process: u32,
    /// Where it computed.
    pub device: String,
    /// CPU threads.
    pub threads: usize,
    /// When it began, in UTC.
    pub began: String,
    /// The gradient step that it went on from.
    pub from_step: u64,
    /// Recipe keys that it changed, with the value before and after.
    pub changed: BTreeMap<String, [String; 2]>,
    /// How it ended; none while it runs, and for one that was killed.
    pub ended: Option<Ending>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// When, in UTC.
    pub at: String,
    /// How.
    pub how: How,
    /// Last gradient step.
    pub step: u64,
    /// Who stopped it, or what went wrong.
    pub why: Option<String>,
}

/// Ways to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Trained to the end and tested.
    Finished,
    /// Asked to stop.
    Stopped,
    /// Ended by an error.
    Failed,
}

impl RunRecord {
    /// The record of a new run.
    pub fn new(model: ModelKind, trained_parameters: usize, seed: u64) -> Self {
        Self {
            format: FORMAT,
            model,
            trained_parameters,
            seed,
            burn: "0.22.1".into(),
            sessions: Vec::new(),
        }
    }

    /// The record in a run's folder.
    ///
    /// # Errors
    /// [`TrainError::File`] if there is none, or one of an earlier version of the program.
    pub fn load(run: &Path) -> Result<Self> {
        let path = run.join(RECORD);
        let text = std::fs::read_to_string(&path)
            .map_err(|e| TrainError::file(&path, format!("expected the record of a run: {e}")))?;
        let invalid = |e| TrainError::file(&path, format!("expected the record of a run: {e}"));
        let value: serde_json::Value = serde_json::from_str(&text).map_err(invalid)?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {
                serde_json::from_value(value).map_err(invalid)
            }
            _ => Err(TrainError::file(
                run,
                "the run was made by another version of elm, which kept checkpoints in another form: its model file can \
                 be used, but the run cannot be gone on with",
            )),
        }
    }

    /// Writes the record.
    ///
    /// # Errors
    /// [`TrainError::Run`] if it cannot be written.
    pub fn save(&self, folder: &RunFolder) -> Result<()> {
        folder.write_json(RECORD, self)
    }

    /// Notes a call that begins now.
    pub fn begin(
        &mut self,
        device: String,
        from_step: u64,
        changed: BTreeMap<String, [String; 2]>,
    ) {
        let arguments = std::env::args_os().map(|a| a.to_string_lossy().into_owned());
        self.sessions.push(Session {
            command: arguments.collect(),
            elm: env!("CARGO_PKG_VERSION").into(),
            git: git_revision(),
            process: std::process::id(),
            device,
            threads: rayon::current_num_threads(),
            began: time::utc(time::now()),
            from_step,
            changed,
            ended: None,
        });
    }

    /// Notes how the last call ended.
    pub fn end(&mut self, how: How, step: u64, why: Option<String>) {
        if let Some(session) = self.sessions.last_mut() {
            session.ended = Some(Ending {
                at: time::utc(time::now()),
                how,
                step,
                why,
            });
        }
    }

    /// Is it trained to its end and tested?
    pub fn is_finished(&self) -> bool {
        let ended = self.sessions.last().and_then(|s| s.ended.as_ref());
        ended.is_some_and(|ended| ended.how == How::Finished)
    }
}

/// Revision of the work tree that the program was called in; none where there is none, or no git.
fn git_revision() -> Option<String> {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=40",
            "--exclude=*",
        ])
        .output()
        .ok()?;
    let revision = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !revision.trim().is_empty()).then(|| revision.trim().to_string())
}
