//! From a comparison to its report.

use super::outcome::{Comparison, ModelResult};
use crate::report::{ComparedMetric, ComparisonReport, CurvePoint, render_comparison};
use crate::run::{EpochRecord, duration};

/// The report as one HTML page.
pub(super) fn render(comparison: &Comparison) -> String {
    let plan = &comparison.plan;
    let mut columns: Vec<String> = [
        "Model",
        "Parameters",
        "Steps",
        "Time",
        "ms per step",
        "Best epoch",
        "Validation loss",
        "Optimizer, rate",
    ]
    .map(String::from)
    .into();
    let metrics = comparison.test_metrics();
    columns.extend(metrics.iter().map(|metric| format!("Test {metric}")));
    let row = |result: &ModelResult| {
        let mut cells = vec![
            result.title.clone(),
            result.trained_parameters.to_string(),
            result.steps.to_string(),
            duration(result.seconds),
            format!("{:.2}", result.ms_per_step),
            format!("{} of {}", result.best_epoch, result.curve.len()),
            format!("{:.4}", result.best_valid_loss),
            result.training.clone(),
        ];
        cells.extend(metrics.iter().map(|metric| {
            let value = result.value(metric);
            value.map_or("-".into(), |value| format!("{value:.4}"))
        }));
        cells
    };
    let params = plan
        .params
        .map_or("as each model has them".into(), |n| format!("about {n}"));
    render_comparison(&ComparisonReport {
        title: format!("Models compared on {}", comparison.task),
        facts: [
            ("Recipe", plan.recipe.clone()),
            ("Budget", plan.budget.to_string()),
            ("Parameters", params),
            ("Seed", comparison.seed.to_string()),
            ("Device", comparison.device.clone()),
            ("CPU threads", comparison.threads.to_string()),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into(),
        columns,
        rows: comparison.results.iter().map(row).collect(),
        models: comparison
            .results
            .iter()
            .map(|result| result.model.to_string())
            .collect(),
        metrics: curves(&comparison.results),
        notes: notes(comparison),
    })
}

/// Losses, and every validation metric that an epoch has.
fn curves(results: &[ModelResult]) -> Vec<ComparedMetric> {
    let metric = |name: String, value: &dyn Fn(&EpochRecord) -> Option<f64>| ComparedMetric {
        name,
        curves: results
            .iter()
            .map(|result| {
                let points = result.curve.iter();
                points
                    .filter_map(|record| {
                        Some(CurvePoint {
                            step: record.step as f64,
                            seconds: record.seconds,
                            value: value(record)?,
                        })
                    })
                    .collect()
            })
            .collect(),
    };
    let mut keys: Vec<&String> = Vec::new();
    let records = results.iter().flat_map(|result| &result.curve);
    for key in records.flat_map(|record| record.metrics.keys()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let mut all = vec![metric("Validation loss".into(), &|r| Some(r.valid_loss))];
    for key in keys {
        let name = match key.as_str() {
            "valid_auc" => "Validation AUC".to_string(),
            "valid_soma_rmse_mv" => "Validation soma RMSE (mV)".into(),
            "valid_accuracy_percent" => "Validation accuracy (%)".into(),
            other => other.replace('_', " "),
        };
        all.push(metric(name, &|record| record.metric(key)));
    }
    all.push(metric("Training loss".into(), &|r| Some(r.train_loss)));
    all
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let mut notes: Vec<String> = comparison
        .missing
        .iter()
        .map(|missing| format!("{}: {}.", missing.model, missing.reason))
        .collect();
    notes.push(
        "All models saw the same batches in the same order, from the same seed; the test is by the model of the epoch \
         with the least validation loss. Optimizer and learning rate are those of the recipe for neurons and networks \
         of them, and plain defaults for the others: none was tuned here."
            .into(),
    );
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
