//! One process at work: it claims members and trains them, one after the other.

use std::time::{Duration, Instant};

use burn::tensor::Device;

use super::claim::{Claim, Held, Note};
use super::expand::{Member, Sweep};
use super::folder::{MemberState, SweepFolder};
use super::halving::Progress;
use super::results::{latest, value};
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

/// How long a worker waits at first, and at most, before it looks again at members that others work on.
const WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// Nobody works on the others if none was held for so long: a worker has none for a moment between two.
const GRACE: Duration = Duration::from_secs(10);
/// How often a worker that waits asks whether it is to stop.
const PAUSE: Duration = Duration::from_millis(50);

/// What became of an attempt at a member.
enum Attempt {
    /// It is done before, or has come as far as it goes for now.
    Left,
    /// Another process works on it.
    Held,
    /// It was trained, or failed.
    Made,
    /// It was stopped, with a checkpoint.
    Stopped(StopReason),
}

impl Worker<'_> {
    /// Trains those of `members` that are not done and that no other process works on; the reason if it was stopped.
    ///
    /// Members that other processes leave behind in the meantime are taken over. With successive halving a worker waits for
    /// those that others work on, as they decide which settings go on; where nobody works on them it stops as if paused.
    ///
    /// # Errors
    /// If the folder of the sweep cannot be written. A member that fails is noted and stops no other.
    pub fn work(&self, members: &[&Member]) -> Result<Option<StopReason>> {
        let mut retry = self.retry;
        let mut wait = WAITS[0];
        let mut busy = Instant::now();
        loop {
            let progress = self.folder.progress(self.sweep)?;
            let (mut made, mut held) = (false, false);
            for member in members {
                if let Some(reason) = self.stop.asked() {
                    return Ok(Some(reason));
                }
                match self.attempt(member, retry, &progress)? {
                    Attempt::Left => {}
                    Attempt::Held => held = true,
                    Attempt::Made => made = true,
                    Attempt::Stopped(reason) => return Ok(Some(reason)),
                }
            }
            if made {
                (retry, wait, busy) = (false, WAITS[0], Instant::now());
                continue;
            }
            if progress != self.folder.progress(self.sweep)? {
                busy = Instant::now();
                continue;
            }
            if !progress.is_undecided() || !self.waits_for_others(members, &progress) {
                return Ok(None);
            }
            if held || self.others_work(&progress)? {
                busy = Instant::now();
            }
            if busy.elapsed() > GRACE {
                return Ok(Some(StopReason::Pause));
            }
            self.sleep(wait);
            wait = (2 * wait).min(WAITS[1]);
        }
    }

    /// Does another process work on a member that settings are judged by?
    fn others_work(&self, progress: &Progress) -> Result<bool> {
        for member in &self.sweep.members {
            let (lock, _) = self.folder.claim_files(member);
            if self.is_wanted(member, progress)? && lock.exists() && Claim::take(&lock)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Is one of the members neither done nor stopped, though there is nothing to do for it now?
    fn waits_for_others(&self, members: &[&Member], progress: &Progress) -> bool {
        let mut states = members.iter().map(|m| progress.state(self.folder, m));
        states.any(|state| matches!(state, MemberState::Begun | MemberState::Waiting))
    }

    fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && self.stop.asked().is_none() {
            std::thread::sleep(PAUSE);
        }
    }

    /// Is there something to train of a member as far as the sweep has come?
    fn is_wanted(&self, member: &Member, progress: &Progress) -> Result<bool> {
        Ok(match self.folder.state(member) {
            MemberState::Finished | MemberState::Failed(_) => false,
            _ => progress.wants(self.sweep, self.folder, member)?,
        })
    }

    fn attempt(&self, member: &Member, retry: bool, progress: &Progress) -> Result<Attempt> {
        let (lock, path) = self.folder.claim_files(member);
        let is_done =
            |note: &Note| self.folder.is_finished(member) || (note.held == Held::Failed && !retry);
        let wanted = || progress.wants(self.sweep, self.folder, member);
        if is_done(&Note::load(&path)) || !wanted()? {
            return Ok(Attempt::Left);
        }
        let Some(_claim) = Claim::take(&lock)? else {
            return Ok(Attempt::Held);
        };
        // asked again, now that nobody else can change it
        let note = Note::load(&path);
        let run = self.folder.run(member);
        if is_done(&note) || !wanted()? {
            return Ok(Attempt::Left);
        }
        if run::summary(&run).state == RunState::Running {
            return Ok(Attempt::Held);
        }
        let mut note = note.claimed(&run);
        if note.held == Held::Failed {
            self.failed(member, note.why.as_deref());
            note.save(&path)?;
            return Ok(Attempt::Made);
        }
        note.save(&path)?;
        let begun = Instant::now();
        let attempt = match self.train(member, progress) {
            Ok(Ended::Finished) => {
                note.held = Held::Free;
                self.finished(member, begun);
                Attempt::Made
            }
            Ok(Ended::Stopped(StopReason::Pause)) => {
                note.held = Held::Free;
                self.paused(member, begun);
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
    fn train(&self, member: &Member, progress: &Progress) -> Result<Ended> {
        let run = self.folder.run(member);
        let begun = run.join("recipe.toml").is_file();
        let recipe = self.sweep.recipe(member)?;
        let options = TrainOptions {
            name: member.name.clone(),
            pause_after: progress.pause(recipe.train.epochs),
            recipe,
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

    fn paused(&self, member: &Member, begun: Instant) {
        let name = &self.sweep.file.metric.name;
        let said = match latest(&self.folder.run(member), name) {
            Ok((epochs, Some(value))) => format!("{name} {value:.4} after epoch {epochs}"),
            Ok((epochs, None)) => format!("{name} has no value after epoch {epochs}"),
            Err(error) => error.to_string(),
        };
        let seconds = duration(begun.elapsed().as_secs_f64());
        (self.announce)(&format!("member {}: {said}, {seconds}", member.name));
    }

    fn failed(&self, member: &Member, why: Option<&str>) {
        let why = why.unwrap_or_default();
        (self.announce)(&format!("member {} failed: {why}", member.name));
    }
}
