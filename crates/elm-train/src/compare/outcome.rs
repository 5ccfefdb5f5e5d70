//! What came out of a comparison, read from the folders of its runs.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::Plan;
use crate::error::{Result, TrainError};
use crate::model::ModelKind;
use crate::recipe::Recipe;
use crate::run::{EpochRecord, RunRecord, best, read_epochs};

/// What `compare.json` holds.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// What was compared, and for how long.
    #[serde(flatten)]
    pub plan: Plan,
    /// The task.
    pub task: elm_data::Task,
    /// Seed of every run.
    pub seed: u64,
    /// Where the runs were computed.
    pub device: String,
    /// CPU threads.
    pub threads: usize,
    /// The models that are finished.
    pub results: Vec<ModelResult>,
    /// The models that are not, and why.
    pub missing: Vec<Missing>,
}

/// What one model came to.
#[derive(Debug, Clone, Serialize)]
pub struct ModelResult {
    /// The model.
    pub model: ModelKind,
    /// What it is, in a few words.
    pub title: String,
    /// Trained parameters.
    pub trained_parameters: usize,
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
    /// Optimizer and learning rate.
    pub training: String,
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

/// A model without a result.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// The model.
    pub model: ModelKind,
    /// Why it has none.
    pub reason: String,
}

/// Is the run in this folder finished?
pub(super) fn is_finished(folder: &Path) -> bool {
    RunRecord::load(folder).is_ok_and(|record| record.is_finished())
}

/// What the finished run in `folder` came to.
///
/// # Errors
/// If a file of the run is missing or holds something else.
pub(super) fn read(folder: &Path) -> Result<ModelResult> {
    let recipe = Recipe::load(folder.join("recipe.toml"))?;
    let (record, epochs) = (RunRecord::load(folder)?, read_epochs(folder)?);
    let (Some(best), Some(last)) = (best(&epochs), epochs.last()) else {
        return Err(TrainError::file(
            &folder.join("metrics.csv"),
            "holds no epoch",
        ));
    };
    let test = json(&folder.join("test.json"))?;
    let test = Vec::<TestMetric>::deserialize(&test["rows"])
        .map_err(|e| TrainError::file(&folder.join("test.json"), format!("`rows`: {e}")))?;
    Ok(ModelResult {
        model: recipe.model.kind,
        title: recipe.model_config().title(),
        trained_parameters: record.trained_parameters,
        steps: last.step,
        seconds: last.seconds,
        ms_per_step: 1e3 * last.train_seconds / last.step.max(1) as f64,
        best_epoch: best.epoch,
        best_valid_loss: best.valid_loss,
        training: format!(
            "{}, {:e}",
            format!("{:?}", recipe.train.optimizer).to_lowercase(),
            recipe.train.learning_rate
        ),
        test,
        curve: epochs,
    })
}

/// A metric with about four digits.
pub(super) fn shown(value: f64) -> String {
    match value.abs() < 10.0 {
        true => format!("{value:.4}"),
        false => format!("{value:.2}"),
    }
}

fn json(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| TrainError::file(path, format!("cannot read it: {e}")))?;
    serde_json::from_str(&text).map_err(|e| TrainError::file(path, format!("expected JSON: {e}")))
}

impl Comparison {
    /// Names of the test metrics, in their order.
    pub fn test_metrics(&self) -> Vec<&str> {
        let mut metrics: Vec<&str> = Vec::new();
        for metric in self.results.iter().flat_map(|result| &result.test) {
            if !metrics.contains(&metric.metric.as_str()) {
                metrics.push(&metric.metric);
            }
        }
        metrics
    }

    /// The result as a table for people.
    pub fn table(&self) -> String {
        let metrics = self.test_metrics();
        let mut out = format!(
            "{:<12} {:>10} {:>8} {:>9} {:>9}",
            "model", "parameters", "steps", "seconds", "ms/step"
        );
        for metric in &metrics {
            out += &format!("  {metric}");
        }
        out.push('\n');
        for result in &self.results {
            out += &format!(
                "{:<12} {:>10} {:>8} {:>9.1} {:>9.2}",
                result.model,
                result.trained_parameters,
                result.steps,
                result.seconds,
                result.ms_per_step
            );
            for metric in &metrics {
                let width = metric.chars().count();
                let value = result.value(metric).map_or("-".into(), shown);
                out += &format!("  {value:>width$}");
            }
            out.push('\n');
        }
        for missing in &self.missing {
            out += &format!("{:<12} {}\n", missing.model, missing.reason);
        }
        out
    }
}

impl ModelResult {
    /// A test metric's value.
    pub fn value(&self, metric: &str) -> Option<f64> {
        let found = self.test.iter().find(|test| test.metric == metric);
        found.and_then(|test| test.value)
    }
}
