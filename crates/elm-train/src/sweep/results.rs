//! What the members of a sweep came to, by setting.

use std::path::Path;

use serde_json::Value;

use super::expand::{Member, Sweep};
use super::folder::{MemberState, SweepFolder, Tally};
use super::halving::Progress;
use super::parse::{Goal, Metric};
use super::statistics::Spread;
use crate::error::{Result, TrainError};
use crate::run::{EpochRecord, best, read_epochs};

/// The part of a metric's name that says it is one of the test.
pub(super) const TEST: &str = "test.";

/// A finished member with its metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The member.
    pub member: Member,
    /// Its metric; none where that is no number.
    pub value: Option<f64>,
}

/// Members that differ in their seeds alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its first member.
    pub first: Member,
    /// Its members, finished or not.
    pub seeds: usize,
    /// The finished ones.
    pub finished: Vec<Ranked>,
    /// The metric over them; none before one is finished.
    pub spread: Option<Spread>,
    /// Epochs after which successive halving stopped it, by its first member; none where it did not.
    pub stopped: Option<usize>,
}

/// What a sweep came to so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// What settings are ranked by.
    pub metric: Metric,
    /// The settings, the best first; those without a number last.
    pub settings: Vec<Setting>,
    /// One setting in so many went on after each rung of successive halving.
    pub halving: Option<usize>,
    /// Members in each state.
    pub tally: Tally,
}

impl Results {
    /// Reads the members' runs.
    ///
    /// # Errors
    /// If a file of a finished run cannot be read, or has no such metric.
    pub fn read(sweep: &Sweep, folder: &SweepFolder) -> Result<Self> {
        let metric = sweep.file.metric.clone();
        let progress = folder.progress(sweep)?;
        let mut settings: Vec<Setting> = Vec::new();
        for member in &sweep.members {
            if settings.len() == member.setting {
                settings.push(Setting {
                    first: member.clone(),
                    seeds: 0,
                    finished: Vec::new(),
                    spread: None,
                    stopped: progress.stopped(sweep, member)?,
                });
            }
            let setting = &mut settings[member.setting];
            setting.seeds += 1;
            // what was stopped early is ranked by what it had come to
            let value = match progress.state(folder, member) {
                MemberState::Finished => value(&folder.run(member), &metric)?,
                MemberState::Dropped => {
                    let run = folder.run(member);
                    let mut epochs = read_epochs(&run)?;
                    epochs.truncate(setting.stopped.unwrap_or(usize::MAX));
                    of_epochs(&run, &epochs, &metric.name)?
                }
                _ => continue,
            };
            setting.finished.push(Ranked {
                member: member.clone(),
                value: value.filter(|value| value.is_finite()),
            });
        }
        for setting in &mut settings {
            let values: Vec<f64> = setting.finished.iter().filter_map(|m| m.value).collect();
            setting.spread = Spread::of(&values);
        }
        rank(&mut settings, metric.goal, &progress);
        Ok(Self {
            metric,
            settings,
            halving: sweep.file.halving,
            tally: progress.tally(folder, &sweep.members),
        })
    }

    /// The best setting with a number.
    pub fn best(&self) -> Option<&Setting> {
        self.settings.first().filter(|s| s.spread.is_some())
    }

    /// The finished members with their metric, in the order of the settings.
    pub fn finished(&self) -> impl Iterator<Item = &Ranked> {
        self.settings.iter().flat_map(|setting| &setting.finished)
    }
}

/// The best first, those without a number last; equal ones keep their order. A setting that halving stopped comes after all
/// that went on at that time.
fn rank(settings: &mut [Setting], goal: Goal, progress: &Progress) {
    let key = |setting: &Setting| goal.key(setting.spread.map(|spread| spread.mean));
    settings.sort_by(|a, b| {
        let rungs = [b, a].map(|setting| progress.rung_of(setting.first.setting));
        rungs[0].cmp(&rungs[1]).then(key(a).total_cmp(&key(b)))
    });
}

/// The metric of a finished run; none where it is no number.
///
/// # Errors
/// If a file of the run cannot be read, or has no such metric: the error names those that there are.
pub(super) fn value(run: &Path, metric: &Metric) -> Result<Option<f64>> {
    let found = match metric.name.strip_prefix(TEST) {
        Some(name) => of_test(run, name)?,
        None => of_best_epoch(run, &metric.name)?,
    };
    Ok(found.filter(|value| value.is_finite()))
}

fn of_best_epoch(run: &Path, name: &str) -> Result<Option<f64>> {
    of_epochs(run, &read_epochs(run)?, name)
}

/// Epochs of a run so far, and the metric at the best of them.
///
/// # Errors
/// As [`of_epochs`].
pub(super) fn latest(run: &Path, name: &str) -> Result<(usize, Option<f64>)> {
    let epochs = read_epochs(run)?;
    Ok((epochs.len(), of_epochs(run, &epochs, name)?))
}

/// The metric at the best of some epochs of a run.
///
/// # Errors
/// If there is no epoch, or none has such a metric.
pub(super) fn of_epochs(run: &Path, epochs: &[EpochRecord], name: &str) -> Result<Option<f64>> {
    let Some(best) = best(epochs) else {
        return Err(TrainError::file(run, "the run holds no epoch"));
    };
    let fixed = [
        ("valid_loss", best.valid_loss),
        ("train_loss", best.train_loss),
        ("seconds", best.seconds),
        ("train_seconds", best.train_seconds),
    ];
    if let Some((_, value)) = fixed.iter().find(|(known, _)| *known == name) {
        return Ok(Some(*value));
    }
    match best.metrics.get(name) {
        Some(value) => Ok(*value),
        None => {
            let own = best.metrics.keys().map(String::as_str);
            let names: Vec<&str> = fixed.iter().map(|(name, _)| *name).chain(own).collect();
            Err(unknown(run, name, &names))
        }
    }
}

fn of_test(run: &Path, name: &str) -> Result<Option<f64>> {
    let path = run.join("test.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|e| TrainError::file(&path, format!("cannot read it: {e}")))?;
    let test: Value = serde_json::from_str(&text)
        .map_err(|e| TrainError::file(&path, format!("expected JSON: {e}")))?;
    let rows = test["rows"].as_array().map_or(&[][..], Vec::as_slice);
    match rows.iter().find(|row| row["metric"] == name) {
        Some(row) => Ok(row["ours"].as_f64()),
        None => {
            let names = rows.iter().filter_map(|row| row["metric"].as_str());
            let names: Vec<String> = names.map(|name| format!("{TEST}{name}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(unknown(run, &format!("{TEST}{name}"), &names))
        }
    }
}

fn unknown(run: &Path, name: &str, names: &[&str]) -> TrainError {
    TrainError::file(
        run,
        format!(
            "the run has no metric {name} to rank by; it has {}",
            names.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sweep::SweepFile;

    #[test]
    fn settings_are_ranked_by_their_goal_and_those_without_a_number_come_last() {
        let text = "base = \"quick\"\n[grid]\ntrain.epochs = [1, 2, 3]";
        let sweep = Sweep::new(SweepFile::parse(text).unwrap(), Default::default()).unwrap();
        let means = [Some(2.0), None, Some(5.0)];
        let settings = || -> Vec<Setting> {
            let pairs = sweep.members.iter().zip(means);
            pairs
                .map(|(member, mean)| Setting {
                    first: member.clone(),
                    seeds: 1,
                    finished: Vec::new(),
                    spread: mean.and_then(|mean| Spread::of(&[mean])),
                    stopped: None,
                })
                .collect()
        };
        for (goal, expected) in [(Goal::Min, [0, 2, 1]), (Goal::Max, [2, 0, 1])] {
            let mut ranked = settings();
            rank(&mut ranked, goal, &Progress::default());
            let order: Vec<usize> = ranked.iter().map(|s| s.first.index).collect();
            assert_eq!(order, expected);
        }
    }

    #[test]
    fn a_metric_is_of_the_best_epoch_or_of_the_test() {
        let run = tempfile::tempdir().unwrap();
        std::fs::write(
            run.path().join("metrics.csv"),
            "epoch,step,seconds,train_seconds,learning_rate,train_loss,valid_loss,valid_auc\n\
             1,10,1,1,0.1,3,2,0.5\n2,20,2,2,0.1,2,1,0.75\n3,30,3,3,0.1,1,1.5,\n",
        )
        .unwrap();
        std::fs::write(
            run.path().join("test.json"),
            r#"{"rows": [{"metric": "AUC", "ours": 0.9}, {"metric": "RMSE (mV)", "ours": null}]}"#,
        )
        .unwrap();
        let get = |name: &str| value(run.path(), &Metric::new(name, Some("min")).unwrap());
        assert_eq!(get("valid_loss").unwrap(), Some(1.0));
        assert_eq!(get("train_loss").unwrap(), Some(2.0));
        assert_eq!(get("valid_auc").unwrap(), Some(0.75));
        assert_eq!(get("test.AUC").unwrap(), Some(0.9));
        assert_eq!(get("test.RMSE (mV)").unwrap(), None);
        for (name, known) in [("valid_acc", "valid_auc"), ("test.auc", "test.AUC")] {
            let error = get(name).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(known), "{error}");
        }
    }
}
