//! Training on NeuronIO simulations.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use burn::tensor::{Device, Tensor, TensorData};
use burn::train::metric::LossMetric;
use burn::train::{SupervisedTraining, TrainLoader, ValidLoader};
use elm_data::neuronio::{NUM_CHANNELS, Simulation, WindowConfig, WindowSampler, evaluated};

use super::data::{Part, about, load};
use super::describe::Finished;
use super::experiment::{self, BEST, Experiment};
use super::folder::RunFolder;
use super::history::{Column, History};
use super::outcome::Outcome;
use super::progress::StatusLine;
use crate::error::Result;
use crate::model::{ModelConfig, PublishedForm, SequenceToSequence};
use crate::recipe::{DataSource, Recipe};
use crate::report::{ExampleTrace, MemoryTraces, RocCurve, render};
use crate::say;
use crate::task::neuronio::{
    self, LossWeights, NeuronIoModel, PooledMetric, PooledQuantity, Tested, WindowLoader,
};

/// The cell has not settled before this time (ms): no window starts there.
const IGNORE_FIRST_MS: usize = 500;
/// Simulations that are drawn.
const EXAMPLES: usize = 3;
/// Part of a simulation that is drawn (ms).
const SHOWN_MS: std::ops::Range<usize> = 500..3500;

/// A NeuronIO recipe with its data.
pub(super) struct NeuronIoRun {
    recipe: Recipe,
    train: Arc<WindowSampler>,
    valid: Arc<WindowSampler>,
    /// Batches that go once over the validation simulations' length.
    valid_batches: u64,
    test: Vec<Simulation>,
}

impl NeuronIoRun {
    /// Reads the simulations of a recipe.
    pub(super) fn open(recipe: &Recipe) -> Result<Self> {
        let train = load(&recipe.data.train, Part::Train)?;
        let valid = load(&recipe.data.valid, Part::Valid)?;
        let test = load(&recipe.data.test, Part::Test)?;
        let config = WindowConfig {
            batch_size: recipe.train.batch_size,
            window_ms: recipe.train.window_ms,
            ignore_first_ms: IGNORE_FIRST_MS,
        };
        let usable: usize = valid
            .iter()
            .map(|s| (s.duration_ms as usize).saturating_sub(IGNORE_FIRST_MS))
            .sum();
        let per_batch = config.batch_size * config.window_ms;
        let sampler = |simulations: Vec<Simulation>, source: &DataSource| {
            WindowSampler::new(simulations.into(), config, recipe.seed)
                .map(Arc::new)
                .map_err(|error| about(source.paths(), error))
        };
        // asked for now, not after the training
        evaluated(&test).map_err(|error| about(recipe.data.test.paths(), error))?;
        Ok(Self {
            recipe: recipe.clone(),
            train: sampler(train, &recipe.data.train)?,
            valid: sampler(valid, &recipe.data.valid)?,
            // Windows are drawn at random: twice the length covers most of it.
            valid_batches: (2 * usable).div_ceil(per_batch).max(1) as u64,
            test,
        })
    }
}

impl Experiment for NeuronIoRun {
    type Objective = LossWeights;

    const COLUMNS: &'static [Column] = &[
        Column {
            key: "valid_auc",
            metric: PooledQuantity::Auc.name(),
            title: "AUC",
            unit: "",
            decimals: 4,
        },
        Column {
            key: "valid_soma_rmse_mv",
            metric: PooledQuantity::SomaRmse.name(),
            title: "soma RMSE",
            unit: "mV",
            decimals: 2,
        },
    ];

    fn batches_per_epoch(&self) -> u64 {
        self.recipe.train.batches_per_epoch as u64
    }

    fn init(&self, device: &Device) -> Result<NeuronIoModel> {
        let train = &self.recipe.train;
        let weights = LossWeights {
            spike: train.spike_weight,
            soma: train.soma_weight,
        };
        let body = self.recipe.model_config().init(device)?;
        Ok(NeuronIoModel::new(body, None, weights, train.clip_norm))
    }

    fn loaders(
        &self,
        position: Arc<AtomicU64>,
        device: &Device,
    ) -> (TrainLoader<NeuronIoModel>, ValidLoader<NeuronIoModel>) {
        let batches = self.batches_per_epoch();
        let train = WindowLoader::running(self.train.clone(), batches, position, device);
        let valid = WindowLoader::fixed(self.valid.clone(), self.valid_batches, device);
        (Arc::new(train), Arc::new(valid))
    }

    fn with_metrics(
        training: SupervisedTraining<NeuronIoModel>,
    ) -> SupervisedTraining<NeuronIoModel> {
        training
            .metric_train_numeric(LossMetric::new())
            .metric_valid_numeric(LossMetric::new())
            .metric_valid_numeric(PooledMetric::new(PooledQuantity::Auc))
            .metric_valid_numeric(PooledMetric::new(PooledQuantity::SomaRmse))
    }

    fn finish(&self, folder: &RunFolder, history: &History, device: &Device) -> Result<()> {
        let model = experiment::load(self, folder, device)?;
        let mut line = StatusLine::new();
        let tested = neuronio::evaluate(&model.body, &self.test, device, &mut |done, total| {
            line.show(&format!("testing, window {done}/{total}"));
        })?;
        line.clear();
        let evaluation = &tested.evaluation;
        let outcome = Outcome::new(
            &evaluation.metrics,
            published_size(&model.body).filter(|_| self.recipe.data.test == DataSource::Shipped),
            &self.test,
            evaluation.dropped,
        );
        folder.write_json("test.json", &outcome)?;
        say!("\n{}", outcome.table());
        say!("model  {}", folder.file(BEST).display());
        let finished = Finished {
            recipe: &self.recipe,
            batches: self.batches_per_epoch(),
            items: "windows",
            history,
            model: &model.body,
            trained: model.num_trained(),
            published: outcome
                .published_memory
                .map(|m| format!("Published, M = {m}")),
            rows: &outcome.rows,
            device,
        };
        let mut report = finished.report()?;
        report.examples = self.examples(&tested);
        report.roc = Some(RocCurve {
            fpr: evaluation.roc.fpr.clone(),
            tpr: evaluation.roc.tpr.clone(),
            auc: evaluation.metrics.auc,
        });
        report.memory_traces = self.memory(&finished)?;
        report.notes = notes(&outcome);
        folder.write("report.html", &render(&report))?;
        say!("report {}", folder.file("report.html").display());
        Ok(())
    }
}

impl NeuronIoRun {
    /// The simulations with the most output spikes in the part that is shown: silence tells little.
    fn examples(&self, tested: &Tested) -> Vec<ExampleTrace> {
        let mut chosen: Vec<usize> = (0..self.test.len()).collect();
        chosen.sort_by_key(|&i| std::cmp::Reverse(shown_spikes(&self.test[i]).len()));
        chosen.truncate(EXAMPLES);
        chosen
            .into_iter()
            .map(|i| example(i, &self.test[i], tested))
            .collect()
    }

    /// Memory over the first test simulation.
    fn memory(&self, finished: &Finished) -> Result<Option<MemoryTraces>> {
        let (Some(simulation), Some(_)) = (self.test.first(), finished.neuron()) else {
            return Ok(None);
        };
        let shown = shown(simulation);
        // From rest at the start of the simulation, so that the slow units have settled.
        let mut input = vec![0.0; shown.end * NUM_CHANNELS];
        simulation.write_input(0, &mut input);
        let x = TensorData::new(input, [1, shown.end, NUM_CHANNELS]);
        let x = Tensor::from_data(x, finished.device);
        finished.memory(x, shown.start, title(simulation))
    }
}

/// Memory units of a neuron of the forms that were published for NeuronIO, by which its published counterpart is found.
fn published_size(model: &SequenceToSequence) -> Option<usize> {
    match model.config() {
        ModelConfig::Elm(config) => match PublishedForm::of(&config.neuron) {
            PublishedForm::V1 | PublishedForm::V2 => Some(config.neuron.num_memory),
            PublishedForm::Network => None,
        },
        _ => None,
    }
}

fn title(simulation: &Simulation) -> String {
    format!("Simulation {} of {}", simulation.index, simulation.source)
}

fn example(i: usize, simulation: &Simulation, tested: &Tested) -> ExampleTrace {
    let shown = shown(simulation);
    ExampleTrace {
        title: title(simulation),
        start_ms: shown.start as f64,
        true_soma_mv: simulation.clipped_soma_mv()[shown.clone()].to_vec(),
        predicted_soma_mv: tested.evaluation.aligned_soma_mv[i][shown.clone()].to_vec(),
        true_spikes_ms: shown_spikes(simulation),
        spike_probability: tested.predictions[i].spike_probability[shown].to_vec(),
    }
}

fn notes(outcome: &Outcome) -> Vec<String> {
    let mut notes = vec![format!(
        "Test: {} simulations by the published protocol (windows of 500 ms with 150 ms burn-in, soma voltage \
         re-aligned to its file's mean and spread, first 500 ms dropped); {} left out for more than 24 output spikes.",
        outcome.simulations, outcome.dropped
    )];
    notes.extend(outcome.comparison.clone());
    notes
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
