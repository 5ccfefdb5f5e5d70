//! From a finished training to the parts of the report that every task has.

use burn::tensor::{Device, Tensor};
use elm_model::ElmNeuron;

use super::history::History;
use super::outcome::ResultRow;
use super::progress::duration;
use crate::error::{Result, TrainError};
use crate::model::SequenceToSequence;
use crate::recipe::Recipe;
use crate::report::{
    EpochPoint, MemoryTraces, MemoryUnitTrace, MetricCurve, Report, SummaryRow, TimescaleList,
};

/// Memory units whose traces are drawn, spread over the timescales.
const SHOWN_UNITS: usize = 20;

/// What a report needs of a finished run.
pub(super) struct Finished<'a> {
    /// The recipe that was trained.
    pub(super) recipe: &'a Recipe,
    /// Gradient steps in an epoch.
    pub(super) batches: u64,
    /// What a batch is made of, in the plural.
    pub(super) items: &'static str,
    /// Metrics of each epoch.
    pub(super) history: &'a History,
    /// The best model.
    pub(super) model: &'a SequenceToSequence,
    /// Its number of trained parameters, with what the task adds to it.
    pub(super) trained: usize,
    /// Heading of the published metrics; none where there is no comparison.
    pub(super) published: Option<String>,
    /// Final metrics beside the published ones.
    pub(super) rows: &'a [ResultRow],
    /// Where it ran.
    pub(super) device: &'a Device,
}

impl Finished<'_> {
    /// A report with everything but what is the task's own.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn report(&self) -> Result<Report> {
        let records = self.history.records();
        let columns = self.history.columns().iter();
        let curves = columns.map(|column| {
            let unit = match column.unit {
                "" => String::new(),
                unit => format!(" ({unit})"),
            };
            let points = records.iter();
            MetricCurve {
                name: format!("Validation {}{unit}", column.title),
                points: points
                    .filter_map(|r| Some((r.epoch as f64, r.metric(column.key)?)))
                    .collect(),
            }
        });
        Ok(Report {
            title: format!("{} on {}", self.model.config().title(), self.recipe.task),
            facts: self.facts(),
            published: self.published.clone(),
            summary: self.rows.iter().map(summary_row).collect(),
            loss_curve: records
                .iter()
                .map(|r| EpochPoint {
                    epoch: r.epoch,
                    train_loss: r.train_loss,
                    valid_loss: Some(r.valid_loss),
                })
                .collect(),
            metric_curves: curves.collect(),
            timescales: self.timescales()?,
            ..Report::default()
        })
    }

    fn timescales(&self) -> Result<Vec<TimescaleList>> {
        let parts = self.model.timescales()?.into_iter();
        parts
            .map(|part| {
                Ok(TimescaleList {
                    part: part.part,
                    tau_ms: numbers(part.tau_ms)?,
                })
            })
            .collect()
    }

    fn facts(&self) -> Vec<(String, String)> {
        let train = &self.recipe.train;
        let seconds: f64 = self.history.records().last().map_or(0.0, |r| r.seconds);
        let best = self
            .history
            .best()
            .map_or("-".into(), |r| r.epoch.to_string());
        let mut facts = self.model.config().facts();
        facts.push(("Trained parameters", self.trained.to_string()));
        let facts = facts.into_iter().map(|(name, v)| (name.to_string(), v));
        let run = [
            (
                &*format!("Epochs × batches × {}", self.items),
                format!("{} × {} × {}", train.epochs, self.batches, train.batch_size),
            ),
            ("Best epoch", best),
            ("Training time", duration(seconds)),
            ("Device", crate::device::describe(self.device)),
            ("Seed", self.recipe.seed.to_string()),
        ]
        .map(|(name, value)| (name.to_string(), value));
        facts.chain(run).collect()
    }

    /// The neuron, where the model is one.
    pub(super) fn neuron(&self) -> Option<&ElmNeuron> {
        match self.model {
            SequenceToSequence::Elm(neuron) => Some(neuron),
            _ => None,
        }
    }

    /// A neuron's memory over one input `[1, time, channel]` from its step `first` on; none of other models.
    ///
    /// # Errors
    /// If the device fails while it records the memory.
    pub(super) fn memory(
        &self,
        x: Tensor<3>,
        first: usize,
        title: String,
    ) -> Result<Option<MemoryTraces>> {
        let Some(neuron) = self.neuron() else {
            return Ok(None);
        };
        let steps = x.dims()[1];
        let step_ms = neuron.config().neuron.dt;
        let taus = numbers(neuron.timescales_ms()?)?;
        let (recording, _) = neuron.record(x, None)?;
        let values = numbers(recording.memory.reshape([steps * taus.len()]))?;
        let every = taus.len().div_ceil(SHOWN_UNITS).max(1);
        let units = (0..taus.len())
            .step_by(every)
            .map(|unit| MemoryUnitTrace {
                tau_ms: taus[unit],
                values: (first..steps)
                    .map(|t| values[t * taus.len() + unit])
                    .collect(),
            })
            .collect();
        Ok(Some(MemoryTraces {
            title,
            start_ms: first as f64 * step_ms,
            step_ms,
            units,
        }))
    }
}

fn summary_row(row: &ResultRow) -> SummaryRow {
    SummaryRow::new(row.metric, row.ours)
        .published(row.published)
        .decimals(row.decimals)
}

/// A tensor's numbers.
pub(super) fn numbers(tensor: Tensor<1>) -> Result<Vec<f32>> {
    let data = tensor
        .try_into_data()
        .map_err(|e| TrainError::Run(format!("the device failed: {e}")))?;
    data.try_into_vec_as::<f32>()
        .map_err(|e| TrainError::Run(format!("values cannot be read: {e:?}")))
}
