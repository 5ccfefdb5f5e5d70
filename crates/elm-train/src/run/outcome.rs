//! What a finished training gives: numbers beside the published ones, and the report.

use elm_data::neuronio::{Metrics, Simulation};
use serde::Serialize;

use crate::task::neuronio::{Figures, PublishedResult, published};

/// One metric of the trained neuron beside that of the published model of its size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultRow {
    /// Name with unit.
    pub metric: &'static str,
    /// The trained neuron's value.
    pub ours: f64,
    /// The published model's value on the same simulations; none on other data.
    pub published: Option<f64>,
    /// Decimals worth showing.
    #[serde(skip)]
    pub decimals: usize,
}

/// Test result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// Memory units of the published model compared with; none where there is no comparison.
    pub published_memory: Option<usize>,
    /// Sentences that say what the published figures are; none where there is no comparison.
    pub comparison: Vec<String>,
    /// The metrics, the published evaluation's.
    pub rows: Vec<ResultRow>,
    /// Test simulations that count.
    pub simulations: usize,
    /// Test simulations left out for too many output spikes.
    pub dropped: usize,
}

impl Outcome {
    /// Puts metrics beside those of the published neuron with about `num_memory` memory units, where that is given: for
    /// a neuron on the shipped test simulations, on which the published figures were taken.
    pub fn new(
        metrics: &Metrics,
        num_memory: Option<usize>,
        tested: &[Simulation],
        dropped: usize,
    ) -> Self {
        let reference = num_memory.map(published);
        let row = |metric, ours, published: fn(&Figures) -> f64, decimals| ResultRow {
            metric,
            ours,
            published: reference.map(|r| published(&r.shipped)),
            decimals,
        };
        Self {
            published_memory: reference.map(|r| r.num_memory),
            comparison: reference.map_or(Vec::new(), |r| comparison(&r, tested.len())),
            rows: vec![
                row("AUC", metrics.auc, |p| p.auc, 4),
                row("TPR at 0.01 FPR", metrics.tpr_at_01, |p| p.tpr_at_01, 4),
                row(
                    "Soma RMSE (mV)",
                    metrics.soma_rmse_mv,
                    |p| p.soma_rmse_mv,
                    3,
                ),
                row(
                    "Soma explained variance (%)",
                    metrics.soma_explained_variance_percent,
                    |p| p.explained_variance,
                    2,
                ),
            ],
            simulations: tested.len() - dropped,
            dropped,
        }
    }

    /// The result as a table for people.
    pub fn table(&self) -> String {
        let published = self.published_memory.map(|m| format!("published, M = {m}"));
        let mut out = table(&self.rows, &published.unwrap_or_default());
        for sentence in &self.comparison {
            out += &format!("{sentence}\n");
        }
        out
    }
}

/// Metrics as a table for people; `published` is the heading of the column of published values.
pub(super) fn table(rows: &[ResultRow], published: &str) -> String {
    let mut out = format!("{:<28} {:>12}  {published}\n", "test", "this run");
    for row in rows {
        let decimals = row.decimals;
        let published = row
            .published
            .map(|p| format!("{p:.decimals$}"))
            .unwrap_or_default();
        out += &format!(
            "{:<28} {:>12}  {published}\n",
            row.metric,
            format!("{:.decimals$}", row.ours)
        );
    }
    out
}

fn comparison(published: &PublishedResult, simulations: usize) -> Vec<String> {
    let full = published.full;
    vec![
        format!(
            "Published: the published checkpoint with M = {}, trained on the full NeuronIO data, on these same {simulations} simulations.",
            published.num_memory
        ),
        format!(
            "On the full NeuronIO test set it reaches AUC {:.4}, TPR {:.4}, soma RMSE {:.3} mV, explained variance {:.2} %.",
            full.auc, full.tpr_at_01, full.soma_rmse_mv, full.explained_variance
        ),
    ]
}
