//! What the test of a model gives: numbers beside the published ones.

use serde::Serialize;

use super::history::Column;

/// One metric of the trained model beside that of the published one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResultRow {
    /// Name with unit.
    pub metric: String,
    /// The trained model's value.
    pub ours: f64,
    /// The published model's value; none where there is nothing to compare with.
    pub published: Option<f64>,
    /// Decimals worth showing.
    #[serde(skip)]
    pub decimals: usize,
}

impl ResultRow {
    /// A metric with nothing to compare with.
    pub fn new(metric: impl Into<String>, ours: f64, decimals: usize) -> Self {
        Self {
            metric: metric.into(),
            ours,
            published: None,
            decimals,
        }
    }

    /// The values of metrics in the order of their columns.
    pub(super) fn of(columns: &[Column], values: &[f64]) -> Vec<Self> {
        let row = |(column, value): (&Column, &f64)| {
            let mut letters = column.title.chars();
            let first = letters.next().map(|c| c.to_uppercase().to_string());
            let unit = match column.unit {
                "" => String::new(),
                unit => format!(" ({unit})"),
            };
            let metric = format!("{}{}{unit}", first.unwrap_or_default(), letters.as_str());
            Self::new(metric, *value, column.decimals)
        };
        columns.iter().zip(values).map(row).collect()
    }

    /// Beside a published value.
    pub fn published(mut self, value: impl Into<Option<f64>>) -> Self {
        self.published = value.into();
        self
    }
}

/// Test result of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Outcome {
    /// What was tested, and how many.
    pub samples: usize,
    /// What the samples are, in the plural.
    pub items: &'static str,
    /// The metrics.
    pub rows: Vec<ResultRow>,
    /// Heading of the published values; none where there is no comparison.
    pub published: Option<String>,
    /// Sentences that say what the published values are.
    pub comparison: Vec<String>,
    /// Sentences about the test.
    pub notes: Vec<String>,
    /// What only this task has.
    pub details: serde_json::Value,
}

impl Outcome {
    /// The result as a table for people.
    pub fn table(&self) -> String {
        let published = self.published.as_deref().unwrap_or_default();
        let mut out = format!("{:<28} {:>12}  {published}\n", "test", "this run");
        for row in &self.rows {
            let decimals = row.decimals;
            let published = row.published.map(|p| format!("{p:.decimals$}"));
            out += &format!(
                "{:<28} {:>12}  {}\n",
                row.metric,
                format!("{:.decimals$}", row.ours),
                published.unwrap_or_default()
            );
        }
        for sentence in &self.comparison {
            out += &format!("{sentence}\n");
        }
        out
    }
}
