//! What came out of a comparison, read from the folders of its runs.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::Plan;
use crate::error::{Result, TrainError};
use crate::model::ModelKind;
use crate::recipe::Recipe;
use crate::run::{EpochRecord, RunRecord, best, read_epochs};
use crate::sweep::{Member, MemberState, Spread, Sweep, SweepFolder};

/// What `compare.json` holds.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// What was compared, and for how long.
    #[serde(flatten)]
    pub plan: Plan,
    /// The task.
    pub task: elm_data::Task,
    /// Where the runs were computed.
    pub devices: BTreeSet<String>,
    /// CPU threads of a run.
    pub threads: BTreeSet<usize>,
    /// The models of which a run is finished.
    pub results: Vec<ModelResult>,
    /// The runs that are not, and why.
    pub missing: Vec<Missing>,
}

/// What one model came to, with the learning rate that served it best.
#[derive(Debug, Clone, Serialize)]
pub struct ModelResult {
    /// The model.
    pub model: ModelKind,
    /// What it is, in a few words.
    pub title: String,
    /// Trained parameters.
    pub trained_parameters: usize,
    /// Optimizer.
    pub optimizer: String,
    /// The learning rate with the least mean validation loss.
    pub learning_rate: f64,
    /// All that were tried, in the order of the plan.
    pub tries: Vec<Try>,
    /// The finished runs with this learning rate, in the order of the seeds.
    pub runs: Vec<RunResult>,
}

/// A learning rate of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Try {
    /// The learning rate.
    pub learning_rate: f64,
    /// The least validation loss of each finished run, in the order of the seeds.
    pub valid_losses: Vec<f64>,
}

/// What one run came to.
#[derive(Debug, Clone, Serialize)]
pub struct RunResult {
    /// Its seed.
    pub seed: u64,
    /// Gradient steps.
    pub steps: u64,
    /// Seconds of training and validation.
    pub seconds: f64,
    /// Milliseconds of a gradient step, on average.
    pub ms_per_step: f64,
    /// The epoch whose model was tested: that with the least validation loss.
    pub best_epoch: usize,
    /// Its validation loss.
    pub best_valid_loss: f64,
    /// Test metrics in the order of the run's report.
    pub test: Vec<TestMetric>,
    /// Every epoch.
    pub curve: Vec<EpochRecord>,
}

/// One test metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestMetric {
    /// Name with unit.
    pub metric: String,
    /// Value; none where it is not finite.
    #[serde(rename(deserialize = "ours"))]
    pub value: Option<f64>,
}

/// A run without a result.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// The model.
    pub model: ModelKind,
    /// Name of the run.
    pub run: String,
    /// Why it has none.
    pub reason: String,
}

/// A finished run, with what its model is.
struct Finished {
    recipe: Recipe,
    record: RunRecord,
    run: RunResult,
}

impl Comparison {
    /// Reads the runs of a comparison.
    ///
    /// # Errors
    /// If a file of a finished run is missing or holds something else.
    pub(super) fn read(plan: Plan, sweep: &Sweep, folder: &SweepFolder) -> Result<Self> {
        let progress = folder.progress(sweep)?;
        let mut comparison = Self {
            task: sweep.base.task,
            devices: BTreeSet::new(),
            threads: BTreeSet::new(),
            results: Vec::new(),
            missing: Vec::new(),
            plan,
        };
        for kind in comparison.plan.models.clone() {
            let mut settings: Vec<Vec<Finished>> = Vec::new();
            for setting in 0..sweep.num_settings() {
                let mut finished = Vec::new();
                for member in sweep.of_setting(setting) {
                    if sweep.recipe(member)?.model.kind != kind {
                        continue;
                    }
                    match progress.state(folder, member) {
                        MemberState::Finished => finished.push(read(&folder.run(member))?),
                        state => comparison.missing.push(missing(kind, member, state)),
                    }
                }
                if !finished.is_empty() {
                    settings.push(finished);
                }
            }
            let sessions = settings.iter().flatten().flat_map(|f| &f.record.sessions);
            for session in sessions {
                comparison.devices.insert(session.device.clone());
                comparison.threads.insert(session.threads);
            }
            comparison.results.extend(ModelResult::of(kind, settings));
        }
        Ok(comparison)
    }

    /// Names of the test metrics, in their order.
    pub fn test_metrics(&self) -> Vec<&str> {
        let mut metrics: Vec<&str> = Vec::new();
        let runs = self.results.iter().flat_map(|result| &result.runs);
        for metric in runs.flat_map(|run| &run.test) {
            if !metrics.contains(&metric.metric.as_str()) {
                metrics.push(&metric.metric);
            }
        }
        metrics
    }
}

impl ModelResult {
    /// The best of the settings of a model, of each of which a run is finished; none of none.
    fn of(model: ModelKind, settings: Vec<Vec<Finished>>) -> Option<Self> {
        let tries: Vec<Try> = settings
            .iter()
            .map(|runs| Try {
                learning_rate: runs.first().map_or(0.0, |f| f.recipe.train.learning_rate),
                valid_losses: runs.iter().map(|f| f.run.best_valid_loss).collect(),
            })
            .collect();
        let best = best_of(&tries)?;
        let runs = settings.into_iter().nth(best)?;
        let Finished { recipe, record, .. } = runs.first()?;
        Some(Self {
            model,
            title: recipe.model_config().title(),
            trained_parameters: record.trained_parameters,
            optimizer: format!("{:?}", recipe.train.optimizer).to_lowercase(),
            learning_rate: recipe.train.learning_rate,
            tries,
            runs: runs.into_iter().map(|f| f.run).collect(),
        })
    }

    /// A number of each run over the seeds.
    pub(super) fn over_seeds(&self, of: impl Fn(&RunResult) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.runs.iter().filter_map(of).collect();
        Spread::of(&values)
    }

    /// A test metric over the seeds.
    pub(super) fn test(&self, metric: &str) -> Option<Spread> {
        self.over_seeds(|run| {
            let found = run.test.iter().find(|test| test.metric == metric);
            found.and_then(|test| test.value)
        })
    }
}

impl RunResult {
    /// The epoch with the least validation loss of those that ended with at most so much of `amount`.
    pub(super) fn best_by(
        &self,
        amount: impl Fn(&EpochRecord) -> f64,
        limit: f64,
    ) -> Option<&EpochRecord> {
        let until = self.curve.iter().filter(|record| amount(record) <= limit);
        until.min_by(|a, b| a.valid_loss.total_cmp(&b.valid_loss))
    }
}

/// The place of the least mean; the first of equal ones.
fn best_of(tries: &[Try]) -> Option<usize> {
    let mean = |one: &Try| Spread::of(&one.valid_losses).map_or(f64::INFINITY, |s| s.mean);
    let all = tries.iter().enumerate();
    all.min_by(|a, b| mean(a.1).total_cmp(&mean(b.1)))
        .map(|(place, _)| place)
}

fn missing(model: ModelKind, member: &Member, state: MemberState) -> Missing {
    let reason = match state {
        MemberState::Failed(why) => format!("failed: {why}"),
        MemberState::Waiting => "not begun".into(),
        _ => "not finished".into(),
    };
    Missing {
        model,
        run: member.name.clone(),
        reason,
    }
}

/// What the finished run in `folder` came to.
fn read(folder: &Path) -> Result<Finished> {
    let recipe = Recipe::load(folder.join("recipe.toml"))?;
    let (record, epochs) = (RunRecord::load(folder)?, read_epochs(folder)?);
    let (Some(best), Some(last)) = (best(&epochs), epochs.last()) else {
        return Err(TrainError::file(
            &folder.join("metrics.csv"),
            "holds no epoch",
        ));
    };
    let path = folder.join("test.json");
    let wrong = |e| TrainError::file(&path, format!("expected the result of a test: {e}"));
    let text = std::fs::read_to_string(&path)
        .map_err(|e| TrainError::file(&path, format!("cannot read it: {e}")))?;
    let test: Value = serde_json::from_str(&text).map_err(wrong)?;
    let run = RunResult {
        seed: recipe.seed,
        steps: last.step,
        seconds: last.seconds,
        ms_per_step: 1e3 * last.train_seconds / last.step.max(1) as f64,
        best_epoch: best.epoch,
        best_valid_loss: best.valid_loss,
        test: Vec::<TestMetric>::deserialize(&test["rows"]).map_err(wrong)?,
        curve: epochs,
    };
    Ok(Finished {
        recipe,
        record,
        run,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_rate_with_the_least_mean_is_chosen_and_none_that_is_no_number() {
        let one = |valid_losses: &[f64]| Try {
            learning_rate: 1.0,
            valid_losses: valid_losses.to_vec(),
        };
        let tries = [
            one(&[f64::NAN, 0.1]),
            one(&[0.5, 0.1]),
            one(&[0.2, 0.2]),
            one(&[0.2, 0.2]),
            one(&[]),
        ];
        assert_eq!(best_of(&tries), Some(2));
        assert_eq!(best_of(&[]), None);
    }

    #[test]
    fn what_a_run_had_by_then_is_of_the_epochs_that_had_ended() {
        let epoch = |epoch: usize, valid_loss: f64| EpochRecord {
            epoch,
            step: 10 * epoch as u64,
            seconds: epoch as f64,
            valid_loss,
            ..EpochRecord::default()
        };
        let run = RunResult {
            seed: 0,
            steps: 40,
            seconds: 4.0,
            ms_per_step: 1.0,
            best_epoch: 4,
            best_valid_loss: 0.1,
            test: Vec::new(),
            curve: vec![epoch(1, 3.0), epoch(2, 1.0), epoch(3, 2.0), epoch(4, 0.1)],
        };
        let loss = |limit| run.best_by(|r| r.seconds, limit).map(|r| r.valid_loss);
        assert_eq!(loss(0.9), None);
        assert_eq!(loss(1.0), Some(3.0));
        assert_eq!(loss(3.9), Some(1.0));
        let by_steps = run.best_by(|r| r.step as f64, 40.0);
        assert_eq!(by_steps.map(|r| r.epoch), Some(4));
    }
}
