//! From a comparison to its report, and to a table for people.

use std::collections::BTreeSet;

use super::outcome::{Comparison, ModelResult, RunResult};
use crate::report::{
    ComparedCurve, ComparedMetric, ComparisonReport, CurvePoint, Table, render_comparison,
};
use crate::run::{EpochRecord, duration};
use crate::sweep::Spread;

/// Parts of what the quickest model had of steps or time, at which models are compared.
const PARTS: [(f64, &str); 3] = [(0.25, "a quarter"), (0.5, "half"), (1.0, "all")];

/// The report as one HTML page.
pub(super) fn render(comparison: &Comparison) -> String {
    let plan = &comparison.plan;
    let params = plan
        .params
        .map_or("as each model has them".into(), |n| format!("about {n}"));
    let seeds: BTreeSet<u64> = runs(comparison).map(|run| run.seed).collect();
    let facts = [
        ("Recipe", plan.recipe.clone()),
        ("Budget", plan.budget.to_string()),
        ("Parameters", params),
        ("Seeds", joined(&seeds)),
        ("Device", joined(&comparison.devices)),
        ("CPU threads", joined(&comparison.threads)),
    ];
    render_comparison(&ComparisonReport {
        title: format!("Models compared on {}", comparison.task),
        facts: facts.map(|(name, value)| (name.to_string(), value)).into(),
        results: comparison.results_table(),
        tables: [
            at_equal(comparison, "gradient steps", |r| r.step as f64, &|limit| {
                format!("{limit:.0}")
            }),
            at_equal(comparison, "time", |r| r.seconds, &duration),
            tries(comparison),
        ]
        .into_iter()
        .flatten()
        .collect(),
        models: comparison
            .results
            .iter()
            .map(|result| result.model.to_string())
            .collect(),
        metrics: curves(&comparison.results),
        notes: notes(comparison),
    })
}

impl Comparison {
    /// The result as a table for people.
    pub fn table(&self) -> String {
        let mut out = self.results_table().to_text();
        for missing in &self.missing {
            out += &format!("{}: {}\n", missing.run, missing.reason);
        }
        out
    }

    /// A row for each model with its best learning rate.
    fn results_table(&self) -> Table {
        let metrics = self.test_metrics();
        let mut columns: Vec<String> = [
            "Model",
            "Parameters",
            "Optimizer, rate",
            "Seeds",
            "Steps",
            "Time",
            "ms per step",
            "Validation loss",
        ]
        .map(String::from)
        .into();
        columns.extend(metrics.iter().map(|metric| format!("Test {metric}")));
        let row = |result: &ModelResult| {
            let mean = |of: fn(&RunResult) -> f64| {
                let spread = result.over_seeds(|run| Some(of(run)));
                spread.map_or(0.0, |spread| spread.mean)
            };
            let mut cells = vec![
                result.title.clone(),
                result.trained_parameters.to_string(),
                format!("{}, {:e}", result.optimizer, result.learning_rate),
                result.runs.len().to_string(),
                format!("{:.0}", mean(|run| run.steps as f64)),
                duration(mean(|run| run.seconds)),
                format!("{:.2}", mean(|run| run.ms_per_step)),
                shown(result.over_seeds(|run| Some(run.best_valid_loss))),
            ];
            cells.extend(metrics.iter().map(|metric| shown(result.test(metric))));
            cells
        };
        Table {
            title: "Results".into(),
            about: "The mean over seeds ± the standard deviation between them.".into(),
            columns,
            rows: self.results.iter().map(row).collect(),
        }
    }
}

fn runs(comparison: &Comparison) -> impl Iterator<Item = &RunResult> {
    comparison.results.iter().flat_map(|result| &result.runs)
}

fn joined<T: ToString>(all: &BTreeSet<T>) -> String {
    let all: Vec<String> = all.iter().map(T::to_string).collect();
    all.join(", ")
}

/// Mean and standard deviation with about four digits.
fn shown(spread: Option<Spread>) -> String {
    let Some(Spread { mean, sd, .. }) = spread else {
        return "-".into();
    };
    let digits = match mean.abs() < 10.0 {
        true => 4,
        false => 2,
    };
    let sd = sd.map_or(String::new(), |sd| format!(" ± {sd:.digits$}"));
    format!("{mean:.digits$}{sd}")
}

/// What each model had come to when all of them had used as much of something: validation loss, and the task's first metric.
fn at_equal(
    comparison: &Comparison,
    of: &str,
    amount: fn(&EpochRecord) -> f64,
    said: &dyn Fn(f64) -> String,
) -> Option<Table> {
    let lasts = runs(comparison).filter_map(|run| run.curve.last().map(amount));
    let least = lasts.min_by(f64::total_cmp)?;
    let key = runs(comparison)
        .flat_map(|run| &run.curve)
        .find_map(|record| record.metrics.keys().next().cloned());
    let mut columns = vec!["Model".to_string()];
    for (part, name) in PARTS {
        columns.push(format!("Loss at {name} ({})", said(part * least)));
    }
    columns.extend(key.iter().map(|key| format!("{} at all", metric_name(key))));
    let row = |result: &ModelResult| {
        let mut cells = vec![result.title.clone()];
        for (part, _) in PARTS {
            let loss = |run: &RunResult| Some(run.best_by(amount, part * least)?.valid_loss);
            cells.push(shown(result.over_seeds(loss)));
        }
        cells.extend(key.iter().map(|key| {
            let metric = |run: &RunResult| run.best_by(amount, least)?.metric(key);
            shown(result.over_seeds(metric))
        }));
        cells
    };
    Some(Table {
        title: format!("At equal {of}"),
        about: format!(
            "Validation of the best epoch that had ended by then. All is what every run had: {}.",
            said(least)
        ),
        columns,
        rows: comparison.results.iter().map(row).collect(),
    })
}

/// The learning rates that were tried; none where there was one of each model.
fn tries(comparison: &Comparison) -> Option<Table> {
    let results = &comparison.results;
    let most = results.iter().map(|result| result.tries.len()).max()?;
    let mut rows = Vec::new();
    for result in results {
        for one in &result.tries {
            let chosen = one.learning_rate == result.learning_rate;
            rows.push(vec![
                result.model.to_string(),
                format!("{:e}", one.learning_rate),
                shown(Spread::of(&one.valid_losses)),
                one.valid_losses.len().to_string(),
                if chosen { "chosen" } else { "" }.into(),
            ]);
        }
    }
    let columns = ["Model", "Learning rate", "Validation loss", "Seeds", ""];
    (most > 1).then(|| Table {
        title: "Learning rates".into(),
        about: "Each model takes the one with the least mean validation loss; the test has no say."
            .into(),
        columns: columns.map(String::from).into(),
        rows,
    })
}

/// Losses, and every validation metric that an epoch has.
fn curves(results: &[ModelResult]) -> Vec<ComparedMetric> {
    let metric = |name: String, value: &dyn Fn(&EpochRecord) -> Option<f64>| {
        let curve = |(model, run): (usize, &RunResult)| ComparedCurve {
            model,
            points: run
                .curve
                .iter()
                .filter_map(|record| {
                    Some(CurvePoint {
                        step: record.step as f64,
                        seconds: record.seconds,
                        value: value(record)?,
                    })
                })
                .collect(),
        };
        let all = results.iter().enumerate();
        let runs = all.flat_map(|(model, result)| result.runs.iter().map(move |run| (model, run)));
        ComparedMetric {
            name,
            curves: runs.map(curve).collect(),
        }
    };
    let mut keys: Vec<&String> = Vec::new();
    let records = results.iter().flat_map(|result| &result.runs);
    for key in records.flat_map(|run| run.curve.iter().flat_map(|record| record.metrics.keys())) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut all = vec![metric("Validation loss".into(), &|r| Some(r.valid_loss))];
    for key in keys {
        all.push(metric(metric_name(key), &|record| record.metric(key)));
    }
    all.push(metric("Training loss".into(), &|r| Some(r.train_loss)));
    all
}

fn metric_name(key: &str) -> String {
    match key {
        "valid_auc" => "Validation AUC".into(),
        "valid_soma_rmse_mv" => "Validation soma RMSE (mV)".into(),
        "valid_accuracy_percent" => "Validation accuracy (%)".into(),
        other => other.replace('_', " "),
    }
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let missing = comparison.missing.iter();
    let mut notes: Vec<String> = missing
        .map(|missing| format!("{}: {}.", missing.run, missing.reason))
        .collect();
    let tuned = match comparison.plan.rates.is_empty() {
        true => {
            "Optimizer and learning rate are the recipe's for neurons and networks of them and plain defaults for the others, \
             unless they were set: nothing was tuned."
        }
        false => {
            "Every model was tried with the same learning rates, and has the one that served it best; nothing else was tuned. \
             Other settings are the recipe's for neurons and networks of them and plain defaults for the others, unless they \
             were set."
        }
    };
    notes.push(format!(
        "All models saw the same batches in the same order, from the same seeds; the test is by the model of the epoch with the \
         least validation loss. {tuned}"
    ));
    notes.push(
        "Time is that of training and validation on this machine, ms per step that of gradient steps alone; both depend \
         on what else the machine did. Training losses hold no penalties."
            .into(),
    );
    if comparison.task.is_synthetic() {
        notes.push("The data is drawn by a program, and no speech.".into());
    }
    notes
}
