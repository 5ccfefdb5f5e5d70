//! From a run to the parts of the report that every task has.

use burn::tensor::{Device, Tensor};
use elm_model::ElmNeuron;

use super::checkpoint::State;
use super::experiment::{Experiment, ModelOf};
use super::history::Column;
use super::outcome::{Outcome, ResultRow};
use super::time::duration;
use crate::error::Result;
use crate::model::SequenceToSequence;
use crate::recipe::Recipe;
use crate::report::{
    EpochPoint, MemoryTraces, MemoryUnitTrace, MetricCurve, Report, SummaryRow, TimeUnit,
    TimescaleList,
};
use crate::stop::Stop;
use crate::task::numbers;

/// Memory units whose traces are drawn, spread over the timescales.
const SHOWN_UNITS: usize = 20;

/// What a report needs of a run.
pub(super) struct Finished<'a> {
    recipe: &'a Recipe,
    /// Gradient steps in an epoch.
    steps: u64,
    /// What a batch is made of, in the plural.
    items: &'static str,
    /// Name of the task.
    name: String,
    columns: &'static [Column],
    state: &'a State,
    /// The best model.
    model: &'a SequenceToSequence,
    /// Its number of trained parameters, with what the task adds to it.
    trained: usize,
    /// Where it ran.
    pub(super) device: &'a Device,
    /// Stops what takes long.
    pub(super) stop: &'a Stop,
}

impl<'a> Finished<'a> {
    /// A run with its best model.
    pub(super) fn new<E: Experiment>(
        experiment: &'a E,
        state: &'a State,
        model: &'a ModelOf<E>,
        device: &'a Device,
        stop: &'a Stop,
    ) -> Self {
        Self {
            recipe: experiment.recipe(),
            steps: experiment.steps_per_epoch(),
            items: E::ITEMS,
            columns: experiment.columns(),
            name: experiment.name(),
            state,
            model: &model.body,
            trained: model.num_trained(),
            device,
            stop,
        }
    }

    /// A report with everything but what is the task's own.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn report(&self, outcome: &Outcome) -> Result<Report> {
        let records = &self.state.epochs;
        let columns = self.columns.iter();
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
            title: format!("{} on {}", self.model.config().title(), self.name),
            facts: self.facts(),
            published: outcome.published.clone(),
            summary: outcome.rows.iter().map(summary_row).collect(),
            notes: outcome
                .notes
                .iter()
                .chain(&outcome.comparison)
                .cloned()
                .collect(),
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
        let unit = TimeUnit::of(self.recipe.is_timed());
        let parts = self.model.timescales()?.into_iter();
        parts
            .map(|part| {
                Ok(TimescaleList {
                    part: part.part,
                    tau: numbers(part.tau_ms)?,
                    unit,
                })
            })
            .collect()
    }

    fn facts(&self) -> Vec<(String, String)> {
        let train = &self.recipe.train;
        let seconds: f64 = self.state.epochs.last().map_or(0.0, |r| r.seconds);
        let best = self
            .state
            .best
            .map_or("-".into(), |best| best.epoch.to_string());
        let mut facts = self.model.config().facts();
        facts.push(("Trained parameters", self.trained.to_string()));
        let facts = facts.into_iter().map(|(name, v)| (name.to_string(), v));
        let run = [
            (
                &*format!("Epochs × steps × {}", self.items),
                format!(
                    "{} × {} × {}",
                    self.state.epochs.len(),
                    self.steps,
                    train.batch_size * train.accumulate
                ),
            ),
            ("Best epoch", best),
            ("Training time", duration(seconds)),
            ("Device", crate::device::describe(self.device)),
            ("Seed", self.recipe.seed.to_string()),
        ]
        .map(|(name, value)| (name.to_string(), value));
        facts.chain(run).collect()
    }

    /// The best model.
    pub(super) fn body(&self) -> &SequenceToSequence {
        self.model
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
        let memory = neuron.record(x, None)?.0.memory;
        let values = numbers(memory.reshape([steps * taus.len()]))?;
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
    SummaryRow::new(row.metric.clone(), row.ours)
        .published(row.published)
        .decimals(row.decimals)
}
