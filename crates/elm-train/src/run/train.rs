//! From a recipe to a trained model.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use burn::module::Module;
use burn::tensor::Device;
use burn::train::{Interrupter, Learner, SupervisedTraining, TrainingStrategy};
use elm_data::Task;

use super::checkpoints::{self, KeepLastTwo};
use super::experiment::{self, BEST, Experiment, ModelOf};
use super::folder::RunFolder;
use super::history::History;
use super::learn::Loop;
use super::neuronio::NeuronIoRun;
use super::progress::ProgressRenderer;
use super::sequence::SequenceRun;
use super::unfinished::Unfinished;
use crate::device::describe;
use crate::error::{Result, TrainError};
use crate::model;
use crate::optim::{self, Clock};
use crate::recipe::Recipe;
use crate::{say, tell};

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

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It ran to its end, was tested and has its report.
    Finished,
    /// It was stopped, with a checkpoint.
    Stopped,
}

/// A recipe's task with its data.
pub(super) enum Opened {
    /// Simulations.
    NeuronIo(NeuronIoRun),
    /// Sequences to classify.
    Sequence(SequenceRun),
}

/// Reads the data of a recipe; data that can be made is made, unless `stop` is asked for.
pub(super) fn open(recipe: &Recipe, stop: &Interrupter) -> Result<Opened> {
    Ok(match recipe.task {
        Task::Neuronio => Opened::NeuronIo(NeuronIoRun::open(recipe)?),
        _ => Opened::Sequence(SequenceRun::open(recipe, stop)?),
    })
}

/// Trains, tests and reports; prints an epoch a line and, at the end, the result and the report's path.
///
/// # Errors
/// Wrong input before anything is written; failures of the run afterwards, with the checkpoints kept.
pub fn train(options: TrainOptions) -> Result<Ended> {
    let (recipe, existing) = match &options.resume {
        Some(path) => RunFolder::open(path).map(|(folder, recipe)| (recipe, Some(folder)))?,
        None => (options.recipe.clone(), None),
    };
    recipe.validate()?;
    let session = Session {
        options,
        recipe,
        existing,
    };
    match open(&session.recipe, &session.options.interrupter)? {
        Opened::NeuronIo(run) => session.run(&run),
        Opened::Sequence(run) => session.run(&run),
    }
}

/// One call of the training, which begins or goes on with a run.
struct Session {
    options: TrainOptions,
    recipe: Recipe,
    existing: Option<RunFolder>,
}

impl Session {
    fn run<E: Experiment>(&self, experiment: &E) -> Result<Ended> {
        let Self {
            options, recipe, ..
        } = self;
        let steps = recipe.train.epochs as u64 * experiment.batches_per_epoch();
        // a schedule that does not fit is told before a folder is made
        optim::schedule(&recipe.train, steps as usize, &Clock::default())?;
        options.device.seed(recipe.seed);
        // on a device with autodiff, or its parameters would not be trained
        let model = experiment.init(&options.device.clone().autodiff())?;
        let (folder, checkpoint) = match &self.existing {
            Some(folder) => {
                let history = History::open(folder.path(), E::COLUMNS)?;
                let checkpoint = resumable(folder, &history, &model)?;
                (folder.clone(), checkpoint)
            }
            None => {
                let folder = RunFolder::create(options.out.as_deref(), &options.name)?;
                (folder, None)
            }
        };
        folder.describe(recipe, &describe(&options.device), model.num_trained())?;
        say!(
            "training {}, {} trained parameters, on {}; run folder {}",
            model.body.config().title(),
            model.num_trained(),
            describe(&options.device),
            folder.path().display()
        );
        let mut history = History::open(folder.path(), E::COLUMNS)?;
        history.keep_until(checkpoint.unwrap_or(0) as u64)?;
        let history = Arc::new(Mutex::new(history));
        let stopped = self.learn(experiment, &folder, checkpoint, history.clone(), model)?;
        let history = history
            .lock()
            .map_err(|_| TrainError::Run("the history is out of reach".into()))?;
        if stopped {
            say!(
                "stopped; checkpoint kept, go on with: elm train --resume {}",
                folder.path().display()
            );
            return Ok(Ended::Stopped);
        }
        experiment
            .finish(&folder, &history, &options.device)
            .map_err(TrainError::at_run_time)?;
        Ok(Ended::Finished)
    }

    /// Runs Burn's learner; true if it was stopped before its end.
    fn learn<E: Experiment>(
        &self,
        experiment: &E,
        folder: &RunFolder,
        checkpoint: Option<usize>,
        history: Arc<Mutex<History>>,
        model: ModelOf<E>,
    ) -> Result<bool> {
        let (options, recipe) = (&self.options, &self.recipe);
        let batches = experiment.batches_per_epoch();
        let total = recipe.train.epochs as u64 * batches;
        let first = checkpoint.unwrap_or(0) as u64;
        let position = Arc::new(AtomicU64::new(first));
        let device = &options.device;
        let (train, valid) = experiment.loaders(position.clone(), device);
        let failure = Arc::new(Mutex::new(None));
        let clock = Clock::default();
        let minutes = recipe.train.minutes;
        let budget = (minutes > 0.0).then_some(60.0 * minutes);
        let strategy = Loop {
            device: device.clone().autodiff(),
            epochs: recipe.train.epochs,
            batches,
            budget,
            clock: clock.clone(),
            position: position.clone(),
            columns: E::COLUMNS,
            history,
            save: experiment::save,
            folder: folder.path().to_path_buf(),
            unfinished: Unfinished::load(folder.path(), first),
            failure: failure.clone(),
        };
        let scheduler = optim::schedule(&recipe.train, total as usize, &clock)?;
        let learner = Learner::new(model, optim::optimizer(&recipe.train), scheduler);
        let training = SupervisedTraining::new(folder.path(), train, valid);
        let mut training = E::with_metrics(training)
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
                budget.map(|seconds| (seconds, clock)),
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
        let short = budget.is_none() && position.load(Ordering::SeqCst) < total;
        Ok(short || result.interrupted.is_some())
    }
}

/// The checkpoint that a run goes on from; none where it was stopped before its first.
fn resumable<M: Module>(folder: &RunFolder, history: &History, model: &M) -> Result<Option<usize>> {
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
    let best = folder.file(BEST);
    if history
        .records()
        .iter()
        .any(|r| r.step <= found.step as u64)
    {
        // needed for the test if no later epoch is better
        model::stored(&best)?;
    }
    Ok(Some(found.step))
}
