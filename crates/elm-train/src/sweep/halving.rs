//! Successive halving (Jamieson and Talwalkar 2016): settings that look hopeless after part of their epochs are stopped.
//!
//! All settings are trained for a rung of epochs; the better ones of them, one in `factor`, go on to the next rung, which has
//! `factor` times the epochs, until the last rung has all of them. A run goes on from its checkpoint and has the schedule of
//! all its epochs from the start, so what comes out of a member that gets to the end is what it would have been without.
//! Which settings go on is a pure function of the members' files: it does not depend on who trained them, or in which order.

use std::collections::BTreeMap;

use super::expand::{Member, Sweep};
use super::folder::{MemberState, SweepFolder, Tally};
use super::parse::{Goal, Metric};
use super::results::of_epochs;
use super::statistics::Spread;
use crate::error::{Result, TrainError};
use crate::run::read_epochs;

/// File of the epochs of a run.
const EPOCHS: &str = "metrics.csv";

/// The rungs of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halving {
    /// One setting in so many goes on.
    factor: usize,
    /// Rungs before the last, which has all epochs.
    rungs: u32,
}

/// How far a sweep has come: the rung that its settings are on, and those that were stopped. The default is a sweep without
/// halving, whose settings are all trained to their end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    halving: Option<Halving>,
    /// The rung that settings are on, from 0.
    rung: u32,
    /// Settings that were stopped, with the rung after which they were.
    dropped: BTreeMap<usize, u32>,
}

impl Halving {
    /// The rungs of a sweep; none where its file asks for no halving.
    ///
    /// There are as many as leave the first an epoch or more, and the last a setting or more.
    ///
    /// # Errors
    /// [`TrainError::Usage`] if a member's training is not counted in epochs.
    pub(super) fn of(sweep: &Sweep) -> Result<Option<Self>> {
        let Some(factor) = sweep.file.halving else {
            return Ok(None);
        };
        let mut fewest = usize::MAX;
        for member in &sweep.members {
            let train = sweep.recipe(member)?.train;
            if train.minutes > 0.0 || train.steps > 0 {
                return Err(TrainError::Usage(format!(
                    "halving: members are stopped after some of their epochs, and member {} is trained by {}: set train.epochs \
                     (and train.batches_per_epoch, which says how long one is)",
                    member.name,
                    if train.steps > 0 {
                        "train.steps"
                    } else {
                        "train.minutes"
                    }
                )));
            }
            fewest = fewest.min(train.epochs);
        }
        let rungs = fewest
            .max(1)
            .ilog(factor)
            .min(sweep.num_settings().max(1).ilog(factor));
        match rungs {
            0 => Err(TrainError::Usage(format!(
                "halving = {factor}: expected {factor} settings or more, each of {factor} epochs or more, found {} settings of \
                 {fewest} epochs",
                sweep.num_settings()
            ))),
            _ => Ok(Some(Self { factor, rungs })),
        }
    }

    /// Epochs of a training of `epochs` that end with a rung; all of them with the last.
    fn epochs(self, epochs: usize, rung: u32) -> usize {
        let parts = self.factor.saturating_pow(self.rungs.saturating_sub(rung));
        epochs.div_ceil(parts)
    }

    /// How far the sweep has come, by the files of its members.
    ///
    /// # Errors
    /// If a file of a run cannot be read, or has no such metric.
    fn progress(self, sweep: &Sweep, folder: &SweepFolder) -> Result<Progress> {
        let mut going: Vec<usize> = (0..sweep.num_settings()).collect();
        let mut dropped = BTreeMap::new();
        for rung in 0..self.rungs {
            let mut ranked = Vec::new();
            for &setting in &going {
                let mut values = Vec::new();
                for member in sweep.of_setting(setting) {
                    match self.reached(sweep, folder, member, rung)? {
                        Reached::No => return Ok(self.at(rung, dropped)),
                        Reached::Failed => {}
                        Reached::With(value) => values.extend(value),
                    }
                }
                ranked.push((setting, Spread::of(&values).map(|spread| spread.mean)));
            }
            let kept = ranked.len().div_ceil(self.factor);
            for setting in better(ranked, sweep.file.metric.goal).split_off(kept) {
                dropped.insert(setting, rung);
                going.retain(|&other| other != setting);
            }
        }
        Ok(self.at(self.rungs, dropped))
    }

    fn at(self, rung: u32, dropped: BTreeMap<usize, u32>) -> Progress {
        Progress {
            halving: Some(self),
            rung,
            dropped,
        }
    }

    fn reached(
        self,
        sweep: &Sweep,
        folder: &SweepFolder,
        member: &Member,
        rung: u32,
    ) -> Result<Reached> {
        let state = folder.state(member);
        if matches!(state, MemberState::Failed(_)) {
            return Ok(Reached::Failed);
        }
        let run = folder.run(member);
        if state == MemberState::Waiting || !run.join(EPOCHS).is_file() {
            return Ok(Reached::No);
        }
        let epochs = self.epochs(sweep.recipe(member)?.train.epochs, rung);
        let mut trained = read_epochs(&run)?;
        // one that ended before its time, by its patience, has come as far as it goes
        if trained.len() < epochs && state != MemberState::Finished {
            return Ok(Reached::No);
        }
        trained.truncate(epochs);
        let value = of_epochs(&run, &trained, &sweep.file.metric.name)?;
        Ok(Reached::With(value.filter(|value| value.is_finite())))
    }
}

impl SweepFolder {
    /// How far a sweep has come.
    ///
    /// # Errors
    /// If a file of a run cannot be read, or has no such metric as settings are judged by.
    pub fn progress(&self, sweep: &Sweep) -> Result<Progress> {
        match Halving::of(sweep)? {
            None => Ok(Progress::default()),
            Some(halving) => halving.progress(sweep, self),
        }
    }
}

impl Progress {
    /// Epochs after which a member with `epochs` of them pauses now; none where it is trained to its end.
    pub(super) fn pause(&self, epochs: usize) -> Option<usize> {
        let halving = self.halving.filter(|halving| self.rung < halving.rungs)?;
        Some(halving.epochs(epochs, self.rung))
    }

    /// Epochs after which the member was stopped; none where it was not.
    ///
    /// # Errors
    /// Those of the member's recipe.
    pub(super) fn stopped(&self, sweep: &Sweep, member: &Member) -> Result<Option<usize>> {
        match (self.halving, self.dropped.get(&member.setting)) {
            (Some(halving), Some(&rung)) => {
                let epochs = sweep.recipe(member)?.train.epochs;
                Ok(Some(halving.epochs(epochs, rung)))
            }
            _ => Ok(None),
        }
    }

    /// The rung up to which a setting came: those that go on are ahead of all that were stopped.
    pub(super) fn rung_of(&self, setting: usize) -> u32 {
        self.dropped.get(&setting).copied().unwrap_or(u32::MAX)
    }

    /// What became of a member.
    pub fn state(&self, folder: &SweepFolder, member: &Member) -> MemberState {
        match folder.state(member) {
            MemberState::Begun if self.dropped.contains_key(&member.setting) => {
                MemberState::Dropped
            }
            state => state,
        }
    }

    /// Members in each state.
    pub fn tally<'a>(
        &self,
        folder: &SweepFolder,
        members: impl IntoIterator<Item = &'a Member>,
    ) -> Tally {
        let mut tally = Tally::default();
        for member in members {
            tally.count(member, self.state(folder, member));
        }
        tally
    }

    /// Do settings still wait for others to be judged?
    pub(super) fn is_undecided(&self) -> bool {
        self.halving
            .is_some_and(|halving| self.rung < halving.rungs)
    }

    /// Is a member that is neither finished nor failed to be trained further now? One that was stopped is not, nor one that has
    /// come to the end of the rung.
    ///
    /// # Errors
    /// If its epochs cannot be read.
    pub(super) fn wants(
        &self,
        sweep: &Sweep,
        folder: &SweepFolder,
        member: &Member,
    ) -> Result<bool> {
        if self.dropped.contains_key(&member.setting) {
            return Ok(false);
        }
        let Some(pause) = self.pause(sweep.recipe(member)?.train.epochs) else {
            return Ok(true);
        };
        let run = folder.run(member);
        Ok(!run.join(EPOCHS).is_file() || read_epochs(&run)?.len() < pause)
    }
}

/// Refuses a metric that there is only after the whole training.
///
/// # Errors
/// A sentence.
pub(super) fn check_metric(metric: &Metric) -> std::result::Result<(), String> {
    match metric.name.starts_with(super::results::TEST) {
        true => Err(format!(
            "halving judges members before they are tested, and cannot by the metric {}: name a column of metrics.csv, such as \
             valid_loss",
            metric.name
        )),
        false => Ok(()),
    }
}

/// What there is of a member at the end of a rung.
enum Reached {
    /// It is not there yet.
    No,
    /// It failed.
    Failed,
    /// The metric, if it has a value.
    With(Option<f64>),
}

/// Settings, the better ones first; those without a number last, equal ones in their order.
fn better(mut ranked: Vec<(usize, Option<f64>)>, goal: Goal) -> Vec<usize> {
    ranked.sort_by(|a, b| goal.key(a.1).total_cmp(&goal.key(b.1)));
    ranked.into_iter().map(|(setting, _)| setting).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::recipe::Recipe;
    use crate::sweep::SweepFile;

    fn file(text: &str) -> String {
        format!("base = \"quick\"\nhalving = 3\n{text}")
    }

    fn sweep(text: &str) -> Sweep {
        let base = Recipe::builtin("quick").unwrap();
        Sweep::new(SweepFile::parse(&file(text)).unwrap(), base).unwrap()
    }

    fn of_27(seeds: &str) -> String {
        let many: Vec<String> = (1..=27).map(|n| n.to_string()).collect();
        format!(
            "{seeds}\n[set]\ntrain.epochs = 9\n[grid]\nmodel.num_memory = [{}]",
            many.join(", ")
        )
    }

    /// What a member leaves after `epochs`, whose loss falls with its number of memory units.
    fn train(folder: &SweepFolder, member: &Member, epochs: usize) {
        let run = folder.run(member);
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(run.join("recipe.toml"), "").unwrap();
        let mut text =
            "epoch,step,seconds,train_seconds,learning_rate,train_loss,valid_loss\n".to_string();
        for epoch in 1..=epochs {
            let loss = 100.0 / (epoch as f64) - member.setting as f64 + 0.1 * member.seed as f64;
            text += &format!("{epoch},{epoch},1,1,0.1,1,{loss}\n");
        }
        std::fs::write(run.join("metrics.csv"), text).unwrap();
    }

    fn folder_of(sweep: &Sweep, text: &str, path: &std::path::Path) -> SweepFolder {
        let opened = SweepFolder::open(&path.join("sweep"), text, "a test", sweep);
        opened.unwrap().0
    }

    #[test]
    fn the_better_third_goes_on_once_all_are_there() {
        let text = of_27("seeds = [0, 1]");
        let sweep = sweep(&text);
        let place = tempfile::tempdir().unwrap();
        let folder = folder_of(&sweep, &file(&text), place.path());
        let progress = || folder.progress(&sweep).unwrap();
        assert_eq!((progress().rung, progress().pause(9)), (0, Some(1)));
        let (last, others) = sweep.members.split_last().unwrap();
        // one that fails has no say; an epoch too many changes nothing
        for member in &others[1..] {
            train(&folder, member, 1 + member.index % 2);
        }
        std::fs::write(
            folder.claim_files(&others[0]).1,
            r#"{"held": "failed", "why": "no", "deaths": 0, "checkpoint": null}"#,
        )
        .unwrap();
        assert_eq!(progress().rung, 0);
        assert!(progress().wants(&sweep, &folder, last).unwrap());
        assert!(!progress().wants(&sweep, &folder, &others[1]).unwrap());
        train(&folder, last, 1);
        let first = progress();
        assert_eq!(
            (first.rung, first.pause(9), first.dropped.len()),
            (1, Some(3), 18)
        );
        for member in &sweep.members {
            let stopped = first.stopped(&sweep, member).unwrap();
            assert_eq!(
                stopped,
                (member.setting < 18).then_some(1),
                "{}",
                member.name
            );
            assert_eq!(
                first.state(&folder, member) == MemberState::Dropped,
                member.setting < 18 && member.index > 0
            );
        }
        for member in &sweep.members[36..] {
            train(&folder, member, 3);
        }
        let second = progress();
        assert_eq!(
            (second.rung, second.pause(9), second.dropped.len()),
            (2, None, 24)
        );
        assert!(!second.is_undecided() && second.wants(&sweep, &folder, last).unwrap());
        assert_eq!(second.rung_of(3), 0);
        assert!(second.rung_of(20) < second.rung_of(25));
        let results = crate::sweep::Results::read(&sweep, &folder).unwrap();
        let order: Vec<usize> = results.settings.iter().map(|s| s.first.setting).collect();
        assert_eq!(order[3..9], [23, 22, 21, 20, 19, 18]);
        assert_eq!(order[9..], (0..18).rev().collect::<Vec<_>>());
        assert_eq!(results.tally.dropped, 2 * 24 - 1);
    }

    #[test]
    fn rungs_grow_by_the_factor_and_end_with_all_epochs() {
        let halving = Halving::of(&sweep(&of_27(""))).unwrap().unwrap();
        assert_eq!(
            halving,
            Halving {
                factor: 3,
                rungs: 2
            }
        );
        let all: Vec<usize> = (0..=2).map(|rung| halving.epochs(9, rung)).collect();
        assert_eq!(all, [1, 3, 9]);
        let uneven: Vec<usize> = (0..=2).map(|rung| halving.epochs(10, rung)).collect();
        assert_eq!(uneven, [2, 4, 10]);
        let plain = SweepFile::parse("base = \"quick\"").unwrap();
        let plain = Sweep::new(plain, Recipe::default()).unwrap();
        assert_eq!(Halving::of(&plain).unwrap(), None);
        for (text, words) in [
            ("[set]\ntrain.minutes = 1", "trained by train.minutes"),
            ("[set]\ntrain.steps = 9", "trained by train.steps"),
            ("[set]\ntrain.epochs = 9", "found 1 settings of 9 epochs"),
            (
                "[set]\ntrain.epochs = 2\n[grid]\nmodel.num_memory = [1, 2, 3]",
                "found 3 settings of 2 epochs",
            ),
        ] {
            let error = Halving::of(&sweep(text)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
