//! One process at work: it claims members and trains them, one after the other.

use std::time::Instant;

use burn::tensor::Device;

use super::claim::{Claim, Held, Note};
use super::data;
use super::expand::{Member, Sweep};
use super::folder::SweepFolder;
use super::results::value;
use crate::caught::caught;
use crate::error::{Result, TrainError};
use crate::run::{self, Ended, RunState, TrainOptions, duration};
use crate::stop::{Stop, StopReason};

/// Claims and trains members.
pub struct Worker<'a> {
    /// The sweep.
    pub sweep: &'a Sweep,
    /// Its folder.
    pub folder: &'a SweepFolder,
    /// Where to compute.
    pub device: Device,
    /// Stops it, with a checkpoint, when asked.
    pub stop: Stop,
    /// Tries members that failed once more.
    pub retry: bool,
    /// Told what becomes of a member, a line each.
    pub announce: fn(&str),
}

/// What became of an attempt at a member.
enum Attempt {
    /// It is done before, or another process works on it.
    Left,
    /// It was trained, or failed.
    Made,
    /// It was stopped, with a checkpoint.
    Stopped(StopReason),
}

impl Worker<'_> {
    /// Trains those of `members` that are not done and that no other process works on; the reason if it was stopped.
    ///
    /// Members that other processes leave behind in the meantime are taken over.
    ///
    /// # Errors
    /// If the folder of the sweep cannot be written. A member that fails is noted and stops no other.
    pub fn work(&self, members: &[&Member]) -> Result<Option<StopReason>> {
        let mut retry = self.retry;
        loop {
            let mut made = false;
            for member in members {
                if let Some(reason) = self.stop.asked() {
                    return Ok(Some(reason));
                }
                match self.attempt(member, retry)? {
                    Attempt::Left => {}
                    Attempt::Made => made = true,
                    Attempt::Stopped(reason) => return Ok(Some(reason)),
                }
            }
            if !made {
                return Ok(None);
            }
            retry = false;
        }
    }

    fn attempt(&self, member: &Member, retry: bool) -> Result<Attempt> {
        let (lock, path) = self.folder.claim_files(member);
        let is_done =
            |note: &Note| self.folder.is_finished(member) || (note.held == Held::Failed && !retry);
        if is_done(&Note::load(&path)) {
            return Ok(Attempt::Left);
        }
        let Some(_claim) = Claim::take(&lock)? else {
            return Ok(Attempt::Left);
        };
        // asked again, now that nobody else can change it
        let note = Note::load(&path);
        let run = self.folder.run(member);
        if is_done(&note) || run::summary(&run).state == RunState::Running {
            return Ok(Attempt::Left);
        }
        let mut note = note.claimed(&run);
        if note.held == Held::Failed {
            self.failed(member, note.why.as_deref());
            note.save(&path)?;
            return Ok(Attempt::Made);
        }
        note.save(&path)?;
        let begun = Instant::now();
        let attempt = match self.train(member) {
            Ok(Ended::Finished) => {
                note.held = Held::Free;
                self.finished(member, begun);
                Attempt::Made
            }
            Ok(Ended::Stopped(reason)) | Err(TrainError::Stopped { reason, .. }) => {
                note.held = Held::Free;
                Attempt::Stopped(reason)
            }
            Err(error) => {
                note = Note::failed(error.to_string());
                self.failed(member, note.why.as_deref());
                Attempt::Made
            }
        };
        note.save(&path)?;
        Ok(attempt)
    }

    /// Trains a member, or goes on with it.
    fn train(&self, member: &Member) -> Result<Ended> {
        data::prepare(self.sweep, self.folder, member, &self.stop)?;
        let run = self.folder.run(member);
        let begun = run.join("recipe.toml").is_file();
        let options = TrainOptions {
            name: member.name.clone(),
            recipe: self.sweep.recipe(member)?,
            out: (!begun).then(|| run.clone()),
            resume: begun.then_some(run),
            set: Vec::new(),
            tuning: run::Tuning::default(),
            tensorboard: false,
            devices: self.device.clone().into(),
            stop: self.stop.clone(),
        };
        // a fault of the program in one member stops no other
        caught(|| run::train(options))
    }

    fn finished(&self, member: &Member, begun: Instant) {
        let metric = &self.sweep.file.metric;
        let value = match value(&self.folder.run(member), metric) {
            Ok(Some(value)) => format!("{} {value:.4}", metric.name),
            Ok(None) => format!("{} has no value", metric.name),
            Err(error) => error.to_string(),
        };
        let seconds = duration(begun.elapsed().as_secs_f64());
        (self.announce)(&format!("member {}: {value}, {seconds}", member.name));
    }

    fn failed(&self, member: &Member, why: Option<&str>) {
        let why = why.unwrap_or_default();
        (self.announce)(&format!("member {} failed: {why}", member.name));
    }
}
