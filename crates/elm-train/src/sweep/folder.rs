//! The folder of a sweep: the file, the base recipe, the members' runs and who works on them.

use std::path::{Path, PathBuf};

use super::claim::{self, Claim, Held, Note};
use super::expand::{Member, Sweep};
use super::parse::SweepFile;
use crate::durable;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use crate::run::{self, RunRecord, RunState};

/// The sweep file as it was given.
pub(crate) const SWEEP: &str = "sweep.toml";
/// The base recipe with all its keys.
const BASE: &str = "base.toml";
/// Held while a process makes the folder, or writes what is one for all members.
const LOCK: &str = "lock";
const MEMBERS: &str = "members";
const CLAIMS: &str = "claims";

/// What became of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberState {
    /// Nobody has begun it.
    Waiting,
    /// A process works on it.
    Running,
    /// Begun, and to be gone on with.
    Begun,
    /// Trained to its end and tested.
    Finished,
    /// Stopped early by successive halving.
    Dropped,
    /// It failed, with the reason.
    Failed(String),
}

/// Members in each state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Trained to their end.
    pub finished: usize,
    /// Being worked on.
    pub running: Vec<String>,
    /// Begun, and to be gone on with.
    pub begun: Vec<String>,
    /// Not begun.
    pub waiting: usize,
    /// Stopped early by successive halving.
    pub dropped: usize,
    /// Failed, with the reasons.
    pub failed: Vec<(String, String)>,
}

impl Tally {
    /// Counts a member.
    pub(super) fn count(&mut self, member: &Member, state: MemberState) {
        let name = member.name.clone();
        match state {
            MemberState::Finished => self.finished += 1,
            MemberState::Running => self.running.push(name),
            MemberState::Begun => self.begun.push(name),
            MemberState::Waiting => self.waiting += 1,
            MemberState::Dropped => self.dropped += 1,
            MemberState::Failed(why) => self.failed.push((name, why)),
        }
    }

    /// Is there nothing left to do?
    pub fn is_over(&self) -> bool {
        self.running.is_empty() && self.begun.is_empty() && self.waiting == 0
    }

    /// `3 finished, 1 failed`: the states that there are.
    pub fn sentence(&self) -> String {
        let counts = [
            (self.finished, "finished"),
            (self.running.len(), "running"),
            (self.begun.len(), "begun"),
            (self.waiting, "waiting"),
            (self.dropped, "stopped early"),
            (self.failed.len(), "failed"),
        ];
        let some = counts.iter().filter(|(n, _)| *n > 0);
        let parts: Vec<String> = some.map(|(n, state)| format!("{n} {state}")).collect();
        parts.join(", ")
    }
}

/// The folder of a sweep.
#[derive(Debug, Clone)]
pub struct SweepFolder {
    path: PathBuf,
}

impl SweepFolder {
    /// The folder `path` of the sweep that `text` describes as a sweep file, made if it is not there; and the sweep with what
    /// the folder keeps of it. `name` says what the sweep is where the folder holds another one.
    ///
    /// # Errors
    /// If the folder holds something else, or another sweep, or cannot be made.
    pub fn open(path: &Path, text: &str, name: &str, sweep: &Sweep) -> Result<(Self, Sweep)> {
        let failed =
            |e| TrainError::file(path, format!("cannot make the folder of the sweep: {e}"));
        if path.exists() && !path.join(SWEEP).exists() {
            let mut entries = std::fs::read_dir(path).map_err(failed)?.flatten();
            // a process may have come as far as its lock
            if entries.any(|entry| !is_beginning(&entry.file_name().to_string_lossy())) {
                return Err(TrainError::file(
                    path,
                    "expected a folder that is empty or one of a sweep; choose another --out",
                ));
            }
        }
        for name in [MEMBERS, CLAIMS] {
            std::fs::create_dir_all(path.join(name)).map_err(failed)?;
        }
        let folder = Self { path: path.into() };
        let lock = folder.exclusive()?;
        if !path.join(SWEEP).exists() {
            let base = sweep.base.clone().with_absolute_paths().to_toml();
            durable::write_whole(&path.join(BASE), base)?;
            durable::write_whole(&path.join(SWEEP), text)?;
        }
        drop(lock);
        let (folder, mut kept) = Self::existing(path)?;
        if !kept.is_same(sweep) {
            return Err(TrainError::file(
                path,
                format!(
                    "the folder holds another sweep than {name}: choose another --out, or give the folder itself to go on with it"
                ),
            ));
        }
        kept.file.metric = sweep.file.metric.clone();
        Ok((folder, kept))
    }

    /// An existing folder with its sweep.
    ///
    /// # Errors
    /// If it is no folder of a sweep.
    pub fn existing(path: &Path) -> Result<(Self, Sweep)> {
        let file = path.join(SWEEP);
        if !file.is_file() {
            return Err(TrainError::file(
                path,
                format!("expected the folder of a sweep with a {SWEEP}, found none"),
            ));
        }
        let base = Recipe::load(path.join(BASE))?;
        let sweep = Sweep::new(SweepFile::load(&file)?, base)
            .map_err(|problem| TrainError::file(&file, problem))?;
        Ok((Self { path: path.into() }, sweep))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder of a member's run.
    pub fn run(&self, member: &Member) -> PathBuf {
        self.path.join(MEMBERS).join(&member.name)
    }

    /// Waits until no other process writes what is one for all members.
    ///
    /// # Errors
    /// [`TrainError::Run`] if the folder cannot be locked.
    pub(crate) fn exclusive(&self) -> Result<Claim> {
        Claim::wait(&self.file(LOCK))
    }

    /// Files of a member's claim: the lock, and the note.
    pub(super) fn claim_files(&self, member: &Member) -> (PathBuf, PathBuf) {
        claim::files(&self.path.join(CLAIMS), &member.name)
    }

    /// Is a member trained to its end and tested?
    pub(super) fn is_finished(&self, member: &Member) -> bool {
        RunRecord::load(&self.run(member)).is_ok_and(|record| record.is_finished())
    }

    /// What became of a member, whatever became of others.
    pub(super) fn state(&self, member: &Member) -> MemberState {
        if self.is_finished(member) {
            return MemberState::Finished;
        }
        let note = Note::load(&self.claim_files(member).1);
        if note.held == Held::Failed {
            return MemberState::Failed(note.why.unwrap_or_default());
        }
        let run = self.run(member);
        match (run.join("recipe.toml").is_file(), run::summary(&run).state) {
            (true, RunState::Running) => MemberState::Running,
            (true, _) => MemberState::Begun,
            (false, _) if note.held == Held::Working => MemberState::Begun,
            (false, _) => MemberState::Waiting,
        }
    }
}

/// Is this what a folder of a sweep begins with?
fn is_beginning(name: &str) -> bool {
    let partials = [SWEEP, BASE].map(|name| format!(".{name}.partial"));
    [LOCK, MEMBERS, CLAIMS, BASE].contains(&name) || partials.iter().any(|partial| partial == name)
}
