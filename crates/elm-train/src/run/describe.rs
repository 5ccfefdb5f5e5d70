//! From a tested neuron to the report's plain numbers.

use burn::tensor::{Device, Tensor, TensorData};
use elm_data::neuronio::{NUM_CHANNELS, Simulation};
use elm_model::ElmNeuron;

use super::history::{EpochRecord, History};
use super::outcome::Outcome;
use super::progress::duration;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use crate::report::{
    EpochPoint, ExampleTrace, MemoryTraces, MemoryUnitTrace, MetricCurve, Report, RocCurve,
    SummaryRow,
};
use crate::task::neuronio::Tested;

/// Simulations that are drawn.
const EXAMPLES: usize = 3;
/// Part of a simulation that is drawn (ms).
const SHOWN_MS: std::ops::Range<usize> = 500..3500;
/// Memory units whose traces are drawn, spread over the timescales.
const SHOWN_UNITS: usize = 20;

/// What a report needs of a finished run.
pub struct Finished<'a> {
    /// The recipe that was trained.
    pub recipe: &'a Recipe,
    /// Name of the run.
    pub title: String,
    /// Metrics of each epoch.
    pub history: &'a History,
    /// The best model.
    pub neuron: &'a ElmNeuron,
    /// Test simulations.
    pub simulations: &'a [Simulation],
    /// Predictions and metrics on them.
    pub tested: &'a Tested,
    /// Metrics beside the published ones.
    pub outcome: &'a Outcome,
    /// Where it ran.
    pub device: &'a Device,
}

impl Finished<'_> {
    /// The report.
    ///
    /// # Errors
    /// If the device fails while it records the memory.
    pub fn report(&self) -> Result<Report> {
        let timescales_ms = numbers(self.neuron.timescales_ms())?;
        let records = self.history.records();
        let curve = |name: &str, value: fn(&EpochRecord) -> Option<f64>| MetricCurve {
            name: name.into(),
            points: records
                .iter()
                .filter_map(|r| Some((r.epoch as f64, value(r)?)))
                .collect(),
        };
        let roc = &self.tested.evaluation.roc;
        Ok(Report {
            title: self.title.clone(),
            facts: self.facts(),
            published: self
                .outcome
                .published_memory
                .map(|m| format!("Published, M = {m}")),
            summary: self.summary(),
            loss_curve: records
                .iter()
                .map(|r| EpochPoint {
                    epoch: r.epoch,
                    train_loss: r.train_loss,
                    valid_loss: Some(r.valid_loss),
                })
                .collect(),
            metric_curves: vec![
                curve("Validation AUC", |r| r.valid_auc),
                curve("Validation soma RMSE (mV)", |r| Some(r.valid_soma_rmse_mv)),
            ],
            examples: self.examples(),
            roc: Some(RocCurve {
                fpr: roc.fpr.clone(),
                tpr: roc.tpr.clone(),
                auc: self.tested.evaluation.metrics.auc,
            }),
            memory_traces: self.memory(&timescales_ms)?,
            timescales_ms,
            notes: self.notes(),
        })
    }

    fn facts(&self) -> Vec<(String, String)> {
        let train = &self.recipe.train;
        let config = self.neuron.config();
        let seconds: f64 = self.history.records().last().map_or(0.0, |r| r.seconds);
        let best = self
            .history
            .best()
            .map_or("-".into(), |r| r.epoch.to_string());
        [
            ("Memory units", config.num_memory.to_string()),
            ("Trained parameters", self.neuron.num_trained().to_string()),
            (
                "Branches × synapses",
                format!("{} × {}", config.branches(), config.synapses_per_branch),
            ),
            (
                "Epochs × batches × windows",
                format!(
                    "{} × {} × {}",
                    train.epochs, train.batches_per_epoch, train.batch_size
                ),
            ),
            ("Best epoch", best),
            ("Training time", duration(seconds)),
            ("Device", crate::device::describe(self.device)),
            ("Seed", self.recipe.seed.to_string()),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into()
    }

    fn summary(&self) -> Vec<SummaryRow> {
        self.outcome
            .rows
            .iter()
            .map(|row| {
                SummaryRow::new(row.metric, row.ours)
                    .published(row.published)
                    .decimals(row.decimals)
            })
            .collect()
    }

    /// The simulations with the most output spikes in the part that is shown: silence tells little.
    fn examples(&self) -> Vec<ExampleTrace> {
        let mut chosen: Vec<usize> = (0..self.simulations.len()).collect();
        chosen.sort_by_key(|&i| std::cmp::Reverse(shown_spikes(&self.simulations[i]).len()));
        chosen.truncate(EXAMPLES);
        chosen.into_iter().map(|i| self.example(i)).collect()
    }

    fn example(&self, i: usize) -> ExampleTrace {
        let simulation = &self.simulations[i];
        let shown = shown(simulation);
        ExampleTrace {
            title: format!("Simulation {} of {}", simulation.index, simulation.source),
            start_ms: shown.start as f64,
            true_soma_mv: simulation.clipped_soma_mv()[shown.clone()].to_vec(),
            predicted_soma_mv: self.tested.evaluation.aligned_soma_mv[i][shown.clone()].to_vec(),
            true_spikes_ms: shown_spikes(simulation),
            spike_probability: self.tested.predictions[i].spike_probability[shown].to_vec(),
        }
    }

    /// Memory over the first test simulation.
    fn memory(&self, taus: &[f32]) -> Result<Option<MemoryTraces>> {
        let Some(simulation) = self.simulations.first() else {
            return Ok(None);
        };
        let shown = shown(simulation);
        // From rest at the start of the simulation, so that the slow units have settled.
        let mut input = vec![0.0; shown.end * NUM_CHANNELS];
        simulation.write_input(0, &mut input);
        let x = TensorData::new(input, [1, shown.end, NUM_CHANNELS]);
        let memory = self
            .neuron
            .record(Tensor::from_data(x, self.device))?
            .memory;
        let values = numbers(memory.reshape([shown.end * taus.len()]))?;
        let step = taus.len().div_ceil(SHOWN_UNITS).max(1);
        let units = (0..taus.len())
            .step_by(step)
            .map(|unit| MemoryUnitTrace {
                tau_ms: taus[unit],
                values: shown
                    .clone()
                    .map(|t| values[t * taus.len() + unit])
                    .collect(),
            })
            .collect();
        let title = format!("Simulation {} of {}", simulation.index, simulation.source);
        Ok(Some(MemoryTraces {
            title,
            start_ms: shown.start as f64,
            units,
        }))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "Test: {} simulations by the published protocol (windows of 500 ms with 150 ms burn-in, soma voltage \
             re-aligned to its file's mean and spread, first 500 ms dropped); {} left out for more than 24 output spikes.",
            self.outcome.simulations, self.outcome.dropped
        )];
        notes.extend(self.outcome.comparison.clone());
        notes
    }
}

fn shown(simulation: &Simulation) -> std::ops::Range<usize> {
    let end = SHOWN_MS.end.min(simulation.duration_ms as usize);
    SHOWN_MS.start.min(end)..end
}

fn shown_spikes(simulation: &Simulation) -> Vec<f32> {
    let shown = shown(simulation);
    let inside = |t: &f32| (shown.start as f32..shown.end as f32).contains(t);
    simulation
        .output_spikes_ms
        .iter()
        .copied()
        .filter(inside)
        .collect()
}

fn numbers(tensor: Tensor<1>) -> Result<Vec<f32>> {
    let data = tensor
        .try_into_data()
        .map_err(|e| TrainError::Run(format!("the device failed: {e}")))?;
    data.try_into_vec_as::<f32>()
        .map_err(|e| TrainError::Run(format!("values cannot be read: {e:?}")))
}
