//! Training on NeuronIO simulations.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use elm_data::neuronio::{
    NUM_CHANNELS, Simulation, SimulationSet, SparseSampler, WindowConfig, WindowSampler, evaluated,
};

use super::data::{self, about};
use super::describe::Finished;
use super::experiment::Experiment;
use super::history::Column;
use super::outcome::{Outcome, ResultRow};
use super::progress::StatusLine;
use crate::error::{Result, TrainError};
use crate::insight::{examples, shown, title};
use crate::model::{ModelConfig, PublishedForm, SequenceToSequence};
use crate::recipe::{DataSource, Recipe};
use crate::report::{MemoryTraces, Report, RocCurve};
use crate::stop::Stop;
use crate::task::neuronio::{
    self, Figures, LossWeights, NeuronIoModel, PublishedResult, Tested, published,
};

/// The cell has not settled before this time (ms): no window starts there.
const IGNORE_FIRST_MS: usize = 500;
/// Simulations that are drawn.
const EXAMPLES: usize = 3;

/// A NeuronIO recipe with its data.
pub(super) struct NeuronIoRun {
    recipe: Recipe,
    train: Arc<SparseSampler>,
    valid: Arc<SparseSampler>,
    /// Batches that go once over the validation simulations' length.
    valid_batches: u64,
    test: Vec<Simulation>,
}

impl NeuronIoRun {
    /// Opens the simulations of a recipe.
    pub(super) fn open(recipe: &Recipe) -> Result<Self> {
        let [train, valid, test] = data::open(&recipe.data)?;
        check_window(recipe, &[&train, &valid])?;
        let test = test.decode_all()?;
        let config = WindowConfig {
            batch_size: recipe.train.batch_size,
            window_ms: recipe.train.window_ms,
            ignore_first_ms: IGNORE_FIRST_MS,
        };
        let usable: usize = (0..valid.len())
            .map(|s| (valid.head(s).duration_ms as usize).saturating_sub(IGNORE_FIRST_MS))
            .sum();
        let per_batch = config.batch_size * config.window_ms;
        let named = |source: &DataSource, sampler: elm_data::Result<WindowSampler>| {
            sampler
                .map(|sampler| Arc::new(SparseSampler(sampler)))
                .map_err(|error| about(source.paths(), error))
        };
        // asked for now, not after the training
        evaluated(&test).map_err(|error| about(recipe.data.test.paths(), error))?;
        Ok(Self {
            recipe: recipe.clone(),
            train: named(&recipe.data.train, training_windows(recipe, train, config))?,
            // the same windows whatever the training's seed, so that the losses of seeds compare
            valid: named(&recipe.data.valid, WindowSampler::validation(valid, config))?,
            // Windows are drawn at random: twice the length covers most of it.
            valid_batches: (2 * usable).div_ceil(per_batch).max(1) as u64,
            test,
        })
    }
}

/// Windows fit into the shortest simulation that they are cut from.
fn check_window(recipe: &Recipe, sets: &[&SimulationSet]) -> Result<()> {
    let simulations = sets
        .iter()
        .flat_map(|set| (0..set.len()).map(|s| set.head(s)));
    let Some(shortest) = simulations.min_by_key(|head| head.duration_ms) else {
        return Ok(());
    };
    let (name, shortest) = (&shortest.source, shortest.duration_ms as usize);
    let (most, found) = (
        shortest.saturating_sub(IGNORE_FIRST_MS),
        recipe.train.window_ms,
    );
    match found > most {
        true => Err(TrainError::Usage(format!(
            "recipe: `train.window_ms` must be at most {most} ms, found {found}: the shortest simulation, of {name}, has {shortest} ms, the first {IGNORE_FIRST_MS} of which are not used"
        ))),
        false => Ok(()),
    }
}

fn training_windows(
    recipe: &Recipe,
    simulations: SimulationSet,
    config: WindowConfig,
) -> elm_data::Result<WindowSampler> {
    let sampler = WindowSampler::new(simulations, config, recipe.seed)?;
    match recipe.data.file_load_fraction {
        Some(fraction) => sampler.with_file_load_fraction(fraction),
        None => Ok(sampler),
    }
}

impl Experiment for NeuronIoRun {
    type Objective = LossWeights;
    type Source = SparseSampler;
    type Tested = Tested;

    const ITEMS: &'static str = "windows";

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn columns(&self) -> &'static [Column] {
        &[
            Column {
                key: "valid_auc",
                title: "AUC",
                unit: "",
                decimals: 4,
            },
            Column {
                key: "valid_soma_rmse_mv",
                title: "soma RMSE",
                unit: "mV",
                decimals: 2,
            },
        ]
    }

    fn batches_in_data(&self) -> u64 {
        // windows are drawn without end: the recipe says how many make an epoch
        1
    }

    fn init(&self, device: &Device) -> Result<NeuronIoModel> {
        let train = &self.recipe.train;
        let weights = LossWeights {
            spike: train.spike_weight,
            soma: train.soma_weight,
        };
        let body = self.recipe.init_model(device)?;
        Ok(NeuronIoModel::new(body, None, weights))
    }

    fn train(&self) -> Arc<SparseSampler> {
        Arc::clone(&self.train)
    }

    fn valid(&self) -> (Arc<SparseSampler>, u64) {
        (Arc::clone(&self.valid), self.valid_batches)
    }

    fn test(
        &self,
        model: &NeuronIoModel,
        device: &Device,
        stop: &Stop,
        line: &mut StatusLine,
    ) -> Result<Tested> {
        neuronio::evaluate(&model.body, &self.test, device, stop, &mut |done, total| {
            line.show(&format!("testing, window {done}/{total}"));
        })
    }

    fn outcome(&self, model: &NeuronIoModel, tested: &Tested) -> Outcome {
        let size = published_size(&model.body);
        let size = size.filter(|_| self.recipe.data.test == DataSource::Shipped);
        outcome(tested, size, self.test.len())
    }

    fn illustrate(
        &self,
        tested: &Tested,
        finished: &Finished<'_>,
        report: &mut Report,
    ) -> Result<()> {
        let evaluation = &tested.evaluation;
        report.examples = examples(&self.test, tested, EXAMPLES);
        report.roc = Some(RocCurve {
            fpr: evaluation.roc.fpr.clone(),
            tpr: evaluation.roc.tpr.clone(),
            auc: evaluation.metrics.auc,
        });
        report.memory_traces = self.memory(finished)?;
        Ok(())
    }
}

/// Puts metrics beside those of the published neuron with about `num_memory` memory units, where that is given: for a
/// neuron on the shipped test simulations, on which the published figures were taken.
fn outcome(tested: &Tested, num_memory: Option<usize>, simulations: usize) -> Outcome {
    let (metrics, dropped) = (&tested.evaluation.metrics, tested.evaluation.dropped);
    let reference = num_memory.map(published);
    let row = |metric, ours, of: fn(&Figures) -> f64, decimals| {
        let published = reference.as_ref().map(|r| of(&r.shipped));
        ResultRow::new(metric, ours, decimals).published(published)
    };
    Outcome {
        samples: simulations - dropped,
        items: "simulations",
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
        published: reference.map(|r| format!("published, M = {}", r.num_memory)),
        comparison: reference.map_or(Vec::new(), |r| comparison(&r, simulations)),
        notes: vec![format!(
            "Test: {} simulations by the published protocol (windows of 500 ms with 150 ms burn-in, soma voltage \
             re-aligned to its file's mean and spread, first 500 ms dropped); {dropped} left out for more than 24 output \
             spikes.",
            simulations - dropped
        )],
        details: serde_json::json!({ "dropped": dropped }),
    }
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

impl NeuronIoRun {
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
