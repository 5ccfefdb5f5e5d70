//! From a recipe to a trained model.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use elm_data::task::TaskKind;

use super::change::change;
use super::checkpoint::{Checkpoints, Found, Saved, State};
use super::experiment::{Experiment, ModelOf};
use super::finish::{self, best_model};
use super::folder::{LOG, RECIPE, RunFolder};
use super::history;
use super::learn::{BEST, Loop, Moment, STATE, Timer};
use super::meters::Meters;
use super::neuronio::NeuronIoRun;
use super::own::OwnRun;
use super::record::{How, RunRecord};
use super::sequence::SequenceRun;
use super::step::Trainer;
use super::steps::StepLog;
use super::tensorboard::EventFile;
use super::text::TextRun;
use super::tune::Tuning;
use super::used;
use crate::caught::caught;
use crate::device::is_remote;
use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::optim::Schedule;
use crate::recipe::{DataForm, OptimizerChoice, Recipe};
use crate::stop::{Stop, StopReason};
use crate::task::own::{ArraysTask, SequenceTask};
use crate::{logging, say, tell};

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
    /// Changes to the recipe of a run that is gone on with, such as `train.epochs=20`.
    pub set: Vec<String>,
    /// What the model begins with, and what of it stays; ignored when a run is resumed, which has its own.
    pub tuning: Tuning,
    /// Writes event files for TensorBoard, too.
    pub tensorboard: bool,
    /// Epochs of the run after which it pauses with a checkpoint, to be gone on with; none for all.
    pub pause_after: Option<usize>,
    /// Where to compute.
    pub devices: Devices,
    /// Stops the training, with a checkpoint, when asked.
    pub stop: Stop,
}

impl TrainOptions {
    /// A new run by `recipe` in the next free folder `runs/<name>-<n>`.
    pub fn new(
        name: impl Into<String>,
        recipe: Recipe,
        devices: impl Into<Devices>,
        stop: Stop,
    ) -> Self {
        Self {
            name: name.into(),
            recipe,
            out: None,
            resume: None,
            set: Vec::new(),
            tuning: Tuning::default(),
            tensorboard: false,
            pause_after: None,
            devices: devices.into(),
            stop,
        }
    }
}

/// How a training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It ran to its end, was tested and has its report.
    Finished,
    /// It was stopped, with a checkpoint.
    Stopped(StopReason),
}

/// A recipe's task with its data.
#[allow(clippy::large_enum_variant)] // there is one of them
pub(super) enum Opened {
    /// Simulations.
    NeuronIo(NeuronIoRun),
    /// Sequences to classify.
    Sequence(SequenceRun),
    /// Sequences of a user's own.
    Own(OwnRun),
    /// A text.
    Text(TextRun),
}

impl Opened {
    /// What the data ask of a model.
    pub(super) fn form(&self) -> DataForm {
        match self {
            Self::NeuronIo(run) => run.recipe().data_form(),
            Self::Sequence(run) => run.recipe().data_form(),
            Self::Own(run) => run.recipe().data_form(),
            Self::Text(run) => run.recipe().data_form(),
        }
    }
}

/// Reads the data of a recipe; data that can be made is made, unless `stop` is asked for.
pub(super) fn open(recipe: &Recipe, stop: &Stop) -> Result<Opened> {
    Ok(match recipe.task.info().kind {
        TaskKind::NeuronIo => Opened::NeuronIo(NeuronIoRun::open(recipe)?),
        TaskKind::Classification { .. } => Opened::Sequence(SequenceRun::open(recipe, stop)?),
        TaskKind::Open => Opened::Own(OwnRun::open(recipe, &ArraysTask::open(recipe)?)?),
        TaskKind::Language => Opened::Text(TextRun::open(recipe)?),
    })
}

/// What the data of a recipe ask of a model; a user's own files are opened for it.
///
/// # Errors
/// If they cannot be.
pub fn data_form(recipe: &Recipe, stop: &Stop) -> Result<DataForm> {
    match recipe.task.is_open() {
        true => Ok(open(recipe, stop)?.form()),
        false => Ok(recipe.data_form()),
    }
}

/// Trains, tests and reports; prints an epoch a line and, at the end, the result and the report's path.
///
/// # Errors
/// Wrong input before anything is written; failures of the run afterwards, with the checkpoints kept.
pub fn train(options: TrainOptions) -> Result<Ended> {
    let session = Session::begin(options)?;
    session.recipe.validate()?;
    if let Some(mismatch) = session.recipe.time_step_mismatch() {
        tell!("note: {mismatch}");
    }
    match open(&session.recipe, &session.options.stop)? {
        Opened::NeuronIo(run) => session.run(&run),
        Opened::Sequence(run) => session.run(&run),
        Opened::Own(run) => session.run(&run),
        Opened::Text(run) => session.run(&run),
    }
}

/// Trains a model on a task of one's own. The recipe is one of the task `arrays` ([`Recipe::of`]), whose files are not asked
/// for; a run is gone on with by the same call, not from the command line.
///
/// # Errors
/// As [`train`].
pub fn train_task(options: TrainOptions, task: &dyn SequenceTask) -> Result<Ended> {
    let session = Session::begin(options)?;
    if session.recipe.task.info().kind != TaskKind::Open {
        return Err(TrainError::Usage(format!(
            "expected a recipe of the task arrays, found one of {}",
            session.recipe.task
        )));
    }
    session.recipe.validate_settings()?;
    let run = OwnRun::open(&session.recipe, task)?;
    session.run(&run)
}

impl Session {
    /// A new run, or one to go on with.
    fn begin(options: TrainOptions) -> Result<Self> {
        Ok(match &options.resume {
            Some(path) => {
                let (folder, mut recipe) = RunFolder::open(path)?;
                let record = RunRecord::load(path)?;
                let changed = change(&mut recipe, &options.set)?;
                Session {
                    recipe,
                    existing: Some((folder, record)),
                    changed,
                    options,
                }
            }
            None => Session {
                recipe: options.recipe.clone(),
                existing: None,
                changed: BTreeMap::new(),
                options,
            },
        })
    }
}

/// One call of the training, which begins or goes on with a run.
struct Session {
    options: TrainOptions,
    recipe: Recipe,
    existing: Option<(RunFolder, RunRecord)>,
    /// Keys of the recipe that this call changed.
    changed: BTreeMap<String, [String; 2]>,
}

impl Session {
    fn run<E: Experiment>(&self, experiment: &E) -> Result<Ended> {
        let Self {
            options, recipe, ..
        } = self;
        // a schedule that does not fit is told before a folder is made
        let schedule = Schedule::new(&recipe.train, experiment.steps_in_all())?;
        let used = used::lines(recipe);
        self.check_devices(experiment)?;
        let device = options.devices.main();
        device.seed(recipe.seed);
        // on a device with autodiff, or its parameters would not be trained
        let device = device.clone().autodiff();
        let mut model = experiment.init(&device)?;
        let tuning = match &self.existing {
            Some((folder, _)) => Tuning::load(folder)?,
            None => options.tuning.clone(),
        };
        if self.existing.is_none() {
            model = tuning.begin(model, &device)?;
            model.body = model.body.for_training(&recipe.train);
        }
        let model = tuning.frozen(model)?;
        let (folder, mut record) = match &self.existing {
            Some((folder, record)) => {
                let text = std::fs::read_to_string(folder.file(RECIPE)).unwrap_or_default();
                if let Some(changed) = used::changed(&used::recorded(&text), &used) {
                    tell!("note: {changed}");
                }
                (folder.clone(), record.clone())
            }
            None => {
                let folder = RunFolder::create(options.out.as_deref(), &options.name)?;
                let record = RunRecord::new(recipe.model.kind, model.num_trained(), recipe.seed);
                tuning.save(&folder)?;
                // from the recipe on it is a run that can be gone on with
                record.save(&folder)?;
                self.write_recipe(&folder, &used)?;
                (folder, record)
            }
        };
        logging::to_file(&folder.file(LOG))?;
        let recurrence = model.body.recurrence(recipe.train.batch_size);
        let mut training = self.training(experiment, &folder, schedule, model)?;
        let step = training.state.step;
        record.begin(options.devices.describe(), step, self.changed.clone());
        record.save(&folder)?;
        self.write_recipe(&folder, &used)?;
        self.introduce(&training, &record);
        if let Some(how) = recurrence
            && options.devices.all().any(is_remote)
        {
            say!("recurrence over the network: {how}");
        }
        // a device that fails panics: the run ends with its last checkpoint and an error
        let ended = caught(|| {
            let stopped = training.run()?;
            self.finish(experiment, &folder, &training, stopped)
        })
        .map_err(TrainError::at_run_time);
        let (how, why) = match &ended {
            Ok(Ended::Finished) => (How::Finished, None),
            Ok(Ended::Stopped(reason)) => (How::Stopped, Some(reason.name().to_string())),
            Err(error) => (How::Failed, Some(error.to_string())),
        };
        record.end(how, training.state.step, why);
        let noted = record.save(&folder);
        // what went wrong first counts
        ended.and_then(|ended| noted.map(|()| ended).map_err(TrainError::at_run_time))
    }

    /// Refuses models that several devices would train to something else than one.
    fn check_devices<E: Experiment>(&self, experiment: &E) -> Result<()> {
        let config = experiment.recipe().model_config();
        match (self.options.devices.count(), config.looks_across_samples()) {
            (1, _) | (_, None) => Ok(()),
            (count, Some(why)) => Err(TrainError::Usage(format!(
                "--device: expected one device, found {count}: {why}"
            ))),
        }
    }

    fn write_recipe(&self, folder: &RunFolder, used: &[String]) -> Result<()> {
        let recipe = self.recipe.clone().with_absolute_paths();
        let mut text = recipe.to_toml();
        for line in used {
            text += line;
            text.push('\n');
        }
        folder.write(RECIPE, &text)
    }

    /// A training at its start, or where its last checkpoint left it.
    fn training<'a, E: Experiment>(
        &'a self,
        experiment: &'a E,
        folder: &'a RunFolder,
        schedule: Schedule,
        model: ModelOf<E>,
    ) -> Result<Loop<'a, E>> {
        let Self {
            options, recipe, ..
        } = self;
        let device = options.devices.main().clone();
        let mut trainer = Trainer::new(model, recipe, &options.devices)?;
        let checkpoints = Checkpoints::open(folder.path(), recipe.checkpoint.keep)?;
        let optimizer = recipe.train.optimizer;
        let found = checkpoints.latest(|saved| restore(&mut trainer, optimizer, saved))?;
        let (state, best) = match found {
            Some(Found {
                step,
                content,
                damaged,
            }) => {
                if let Some(problem) = damaged {
                    tell!(
                        "note: the last checkpoint cannot be read ({problem}); going on from step {step}"
                    );
                }
                content
            }
            None => (State::default(), None),
        };
        if let Some(best) = &best {
            // files that were written after the checkpoint, or not in time before the end, are as it tells again
            let model = best_model(experiment, Some(best), &device)?;
            finish::publish(folder, &model, experiment.card())?;
        }
        if !state.epochs.is_empty() || folder.file(history::FILE).exists() {
            history::write(folder.path(), experiment.columns(), &state.epochs)?;
        }
        let events = match options.tensorboard {
            true => Some(EventFile::begin(folder.path(), state.step)?),
            false => None,
        };
        let now = Instant::now();
        Ok(Loop {
            experiment,
            recipe,
            folder,
            device,
            stop: &options.stop,
            pause_after: options.pause_after,
            schedule,
            trainer,
            checkpoints,
            best,
            meters: Meters::new(StepLog::open(folder.path(), state.step)?, events),
            timer: Timer::after(state.seconds),
            saved: Some(Moment::of(&state)),
            saved_at: now,
            state,
        })
    }

    fn introduce<E: Experiment>(&self, training: &Loop<'_, E>, record: &RunRecord) {
        let from = match training.state.step {
            0 => String::new(),
            step => format!(" from step {step}"),
        };
        say!(
            "training {}, {} trained parameters, on {}{from}; run folder {}",
            training.experiment.recipe().model_config().title(),
            record.trained_parameters,
            self.options.devices.describe(),
            training.folder.path().display()
        );
        if let [.., before, now] = &record.sessions[..]
            && (before.threads, &before.device) != (now.threads, &now.device)
        {
            tell!(
                "note: the run went on with {} threads on {} so far, now with {} on {}: the last digits may differ from those of an undisturbed run",
                before.threads,
                before.device,
                now.threads,
                now.device
            );
        }
    }

    fn finish<E: Experiment>(
        &self,
        experiment: &E,
        folder: &RunFolder,
        training: &Loop<'_, E>,
        stopped: Option<StopReason>,
    ) -> Result<Ended> {
        let device = self.options.devices.main();
        let ended = match stopped {
            Some(reason) => Err(reason),
            None => {
                let model = best_model(experiment, training.best.as_deref(), device)?;
                let state = &training.state;
                match finish::finish(experiment, folder, state, &model, device, training.stop) {
                    Ok(()) => return Ok(Ended::Finished),
                    Err(TrainError::Stopped { reason, .. }) => Err(reason),
                    Err(error) => return Err(error),
                }
            }
        };
        ended.or_else(|reason| {
            let kept = match training.saved {
                Some(Moment { step: 0, .. }) | None => "before its first step".to_string(),
                Some(Moment { step, .. }) => format!("after step {step}; checkpoint kept"),
            };
            say!(
                "stopped by {} {kept}, go on with: elm train --resume {}",
                reason.name(),
                folder.path().display()
            );
            Ok(Ended::Stopped(reason))
        })
    }
}

/// State and best model of a checkpoint, whose tensors the trainer takes.
fn restore<O: crate::task::Objective>(
    trainer: &mut Trainer<O>,
    optimizer: OptimizerChoice,
    saved: &Saved,
) -> std::result::Result<(State, Option<Vec<u8>>), String> {
    let state: State =
        serde_json::from_slice(saved.file(STATE)?).map_err(|e| format!("{STATE}: {e}"))?;
    if state.optimizer != optimizer {
        return Err(format!(
            "it holds the state of {:?}, and recipe.toml names {optimizer:?}",
            state.optimizer
        ));
    }
    trainer.load(saved, state.averaged)?;
    Ok((state, saved.optional(BEST).map(<[u8]>::to_vec)))
}
