//! From a recipe to a trained neuron.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use burn::optim::AdamConfig;
use burn::optim::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::tensor::Device;
use burn::train::metric::LossMetric;
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use elm_data::neuronio::{Simulation, WindowConfig, WindowSampler, evaluated};
use elm_model::weights::{infer_config, load_published};

use super::checkpoints::{self, KeepLastTwo};
use super::data::{Part, about, load};
use super::describe::Finished;
use super::folder::RunFolder;
use super::history::History;
use super::learn::Loop;
use super::outcome::Outcome;
use super::progress::{ProgressRenderer, StatusLine};
use super::unfinished::Unfinished;
use crate::device::describe;
use crate::error::{Result, TrainError};
use crate::recipe::{DataSource, Recipe};
use crate::report::render;
use crate::task::neuronio::{
    self, LossWeights, NeuronIoModel, PooledMetric, PooledQuantity, WindowLoader,
};
use crate::{say, tell};

/// The cell has not settled before this time (ms): no window starts there.
const IGNORE_FIRST_MS: usize = 500;

/// What to train and where.
pub struct TrainOptions {
    /// Name for the run's folder.
    pub name: String,
    /// The recipe; ignored when a run is resumed, which has its own.
    pub recipe: Recipe,
    /// The run's folder; the next free `runs/<name>-<n>` unless set.
    pub out: Option<PathBuf>,
    /// Folder of a run to go on with.
    pub resume: Option<PathBuf>,
    /// Where to compute.
    pub device: Device,
    /// Stops the training, with a checkpoint, when asked.
    pub interrupter: Interrupter,
}

/// The data of a run.
pub(super) struct Data {
    train: Arc<WindowSampler>,
    valid: Arc<WindowSampler>,
    /// Batches that go once over the validation simulations' length.
    valid_batches: u64,
    pub(super) test: Vec<Simulation>,
}

/// Trains, tests and reports; prints an epoch a line and, at the end, the result and the report's path.
///
/// # Errors
/// Wrong input before anything is written; failures of the run afterwards, with the checkpoints kept.
pub fn train(options: TrainOptions) -> Result<()> {
    let (recipe, existing) = match &options.resume {
        Some(path) => RunFolder::open(path).map(|(folder, recipe)| (recipe, Some(folder)))?,
        None => (options.recipe.clone(), None),
    };
    recipe.validate()?;
    let data = open_data(&recipe)?;
    options.device.seed(recipe.seed);
    // on a device with autodiff, or its parameters would not be trained
    let neuron = recipe
        .model
        .config()
        .init(&options.device.clone().autodiff())?;
    let weights = LossWeights {
        spike: recipe.train.spike_weight,
        soma: recipe.train.soma_weight,
    };
    let model = NeuronIoModel::new(neuron, weights, recipe.train.clip_norm);
    let (folder, history, checkpoint) = match existing {
        Some(folder) => {
            let history = History::open(folder.path())?;
            let checkpoint = resumable(&folder, &history, &model)?;
            (folder, history, checkpoint)
        }
        None => {
            let folder = RunFolder::create(options.out.as_deref(), &options.name)?;
            let history = History::open(folder.path())?;
            (folder, history, None)
        }
    };
    folder.describe(&recipe, &describe(&options.device))?;
    say!(
        "training {} trained parameters, {} memory units, on {}; run folder {}",
        model.neuron.num_trained(),
        model.neuron.config().num_memory,
        describe(&options.device),
        folder.path().display()
    );
    let mut history = history;
    history.keep_until(checkpoint.unwrap_or(0) as u64)?;
    let history = Arc::new(Mutex::new(history));
    let stopped = learn(
        &options,
        &recipe,
        &data,
        &folder,
        checkpoint,
        history.clone(),
        model,
    )?;
    let history = history
        .lock()
        .map_err(|_| TrainError::Run("the history is out of reach".into()))?;
    if stopped {
        say!(
            "stopped; checkpoint kept, go on with: elm train --resume {}",
            folder.path().display()
        );
        return Ok(());
    }
    finish(&recipe, &data, &folder, &history, &options.device).map_err(TrainError::at_run_time)
}

/// The checkpoint that a run goes on from; none where it was stopped before its first.
fn resumable(
    folder: &RunFolder,
    history: &History,
    model: &NeuronIoModel,
) -> Result<Option<usize>> {
    let Some(found) = checkpoints::latest(folder.path(), model)? else {
        if history.records().is_empty() {
            return Ok(None);
        }
        return Err(TrainError::file(
            &folder.file("checkpoint"),
            "expected a checkpoint to go on from, found none",
        ));
    };
    if let Some(problem) = found.damaged {
        tell!(
            "note: the last checkpoint cannot be read ({problem}); going on from step {}",
            found.step
        );
    }
    let best = folder.file("model.safetensors");
    if history
        .records()
        .iter()
        .any(|r| r.step <= found.step as u64)
    {
        // needed for the test if no later epoch is better
        infer_config(&best)?;
    }
    Ok(Some(found.step))
}

fn open_data(recipe: &Recipe) -> Result<Data> {
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
    Ok(Data {
        train: sampler(train, &recipe.data.train)?,
        valid: sampler(valid, &recipe.data.valid)?,
        // Windows are drawn at random: twice the length covers most of it.
        valid_batches: (2 * usable).div_ceil(per_batch).max(1) as u64,
        test,
    })
}

/// Runs Burn's learner; true if it was stopped before its end.
fn learn(
    options: &TrainOptions,
    recipe: &Recipe,
    data: &Data,
    folder: &RunFolder,
    checkpoint: Option<usize>,
    history: Arc<Mutex<History>>,
    model: NeuronIoModel,
) -> Result<bool> {
    let batches = recipe.train.batches_per_epoch as u64;
    let first = checkpoint.unwrap_or(0) as u64;
    let position = Arc::new(AtomicU64::new(first));
    let device = &options.device;
    let train = WindowLoader::running(data.train.clone(), batches, position.clone(), device);
    let valid = WindowLoader::fixed(data.valid.clone(), data.valid_batches, device);
    let failure = Arc::new(Mutex::new(None));
    let strategy = Loop {
        device: device.clone().autodiff(),
        epochs: recipe.train.epochs,
        batches,
        position: position.clone(),
        history,
        folder: folder.path().to_path_buf(),
        unfinished: Unfinished::load(folder.path(), first),
        failure: failure.clone(),
    };
    let optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let learner = Learner::new(model, optimizer, scheduler(recipe)?);
    let mut training = SupervisedTraining::new(folder.path(), Arc::new(train), Arc::new(valid))
        .metric_train_numeric(LossMetric::new())
        .metric_valid_numeric(LossMetric::new())
        .metric_valid_numeric(PooledMetric::new(PooledQuantity::Auc))
        .metric_valid_numeric(PooledMetric::new(PooledQuantity::SomaRmse))
        .num_epochs(recipe.train.epochs)
        .with_application_logger(None)
        .with_default_checkpointers()
        .with_checkpointing_strategy(KeepLastTwo::resumed(checkpoint))
        .with_interrupter(options.interrupter.clone())
        .with_training_strategy(TrainingStrategy::Custom(Arc::new(strategy)))
        .renderer(Box::new(ProgressRenderer::new(
            recipe.train.epochs,
            batches,
            first,
        )));
    if let Some(step) = checkpoint {
        training = training.checkpoint(step);
    }
    let result = training.launch(learner);
    let failed = failure.lock().ok().and_then(|mut slot| slot.take());
    if let Some(error) = failed {
        return Err(error.at_run_time());
    }
    if let Some(error) = result.error {
        return Err(TrainError::Run(format!("training failed: {error}")));
    }
    let total = recipe.train.total_steps() as u64;
    Ok(position.load(std::sync::atomic::Ordering::SeqCst) < total || result.interrupted.is_some())
}

/// Cosine from the first to the final learning rate over all steps.
fn scheduler(recipe: &Recipe) -> Result<ModuleLrScheduler> {
    CosineAnnealingLrSchedulerConfig::new(recipe.train.learning_rate, recipe.train.total_steps())
        .with_min_lr(recipe.train.final_learning_rate)
        .init()
        .map_err(|e| TrainError::Usage(format!("train.learning_rate: {e}")))
}

/// Tests the best model and writes the report.
fn finish(
    recipe: &Recipe,
    data: &Data,
    folder: &RunFolder,
    history: &History,
    device: &Device,
) -> Result<()> {
    let model = folder.file("model.safetensors");
    let neuron = load_published(&model, &infer_config(&model)?, device)?;
    let mut line = StatusLine::new();
    let tested = neuronio::evaluate(&neuron, &data.test, device, &mut |done, total| {
        line.show(&format!("testing, window {done}/{total}"));
    })?;
    line.clear();
    let shipped = recipe.data.test == DataSource::Shipped;
    let evaluation = &tested.evaluation;
    let outcome = Outcome::new(
        &evaluation.metrics,
        neuron.config().num_memory,
        shipped,
        &data.test,
        evaluation.dropped,
    );
    let json =
        serde_json::to_string_pretty(&outcome).map_err(|e| TrainError::Run(e.to_string()))?;
    folder.write("test.json", &(json + "\n"))?;
    say!("\n{}", outcome.table());
    say!("model  {}", model.display());
    let report = Finished {
        recipe,
        title: format!(
            "ELM neuron, {} memory units, on NeuronIO",
            neuron.config().num_memory
        ),
        history,
        neuron: &neuron,
        simulations: &data.test,
        tested: &tested,
        outcome: &outcome,
        device,
    }
    .report()?;
    folder.write("report.html", &render(&report))?;
    say!("report {}", folder.file("report.html").display());
    Ok(())
}
