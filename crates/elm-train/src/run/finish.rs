//! What every task's run ends with: the best model as a file, its test, the report.

use burn::tensor::Device;
use serde::Serialize;

use super::checkpoint::State;
use super::describe::Finished;
use super::experiment::{Experiment, ModelOf};
use super::folder::{REPORT, RunFolder, TEST};
use super::learn::BEST;
use super::outcome::Outcome;
use super::progress::StatusLine;
use super::step::load_module;
use crate::error::{Result, TrainError};
use crate::model::ModelCard;
use crate::model::card::TaskCard;
use crate::report::render;
use crate::say;
use crate::stop::Stop;
use crate::task::{Objective, TaskModel};

/// File of the best model in a run's folder.
const MODEL: &str = "model.safetensors";

/// Writes a model into a run's folder, with everything it takes to use it. The run itself goes on from its checkpoints, and
/// writes this file again when it is gone on with.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn publish<O: Objective>(
    folder: &RunFolder,
    model: &TaskModel<O>,
    task: Option<TaskCard>,
) -> Result<()> {
    let card = ModelCard::new(model.body.config(), task);
    crate::model::save(&model.body, model.head.as_ref(), &card, &folder.file(MODEL))
}

/// The best model of a run, from the file of its checkpoint.
///
/// # Errors
/// [`TrainError::Run`] if there is none or it does not fit.
pub(super) fn best_model<E: Experiment>(
    experiment: &E,
    best: Option<&[u8]>,
    device: &Device,
) -> Result<ModelOf<E>> {
    let best = best
        .ok_or_else(|| TrainError::Run("no epoch was validated: there is no best model".into()))?;
    load_module(experiment.init(device)?, BEST, best).map_err(TrainError::Run)
}

/// What `test.json` holds, for every task.
#[derive(Serialize)]
struct TestFile<'a> {
    task: elm_data::Task,
    /// The epoch whose model was tested.
    best_epoch: Option<usize>,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

/// Tests the best model, prints the result and writes the report.
///
/// # Errors
/// If a file cannot be written, the test's data cannot be read, the device fails, or `stop` is asked for.
pub(super) fn finish<E: Experiment>(
    experiment: &E,
    folder: &RunFolder,
    state: &State,
    model: &ModelOf<E>,
    device: &Device,
    stop: &Stop,
) -> Result<()> {
    publish(folder, model, experiment.card())?;
    let mut line = StatusLine::new();
    let tested = experiment.test(model, device, stop, &mut line)?;
    line.clear();
    let outcome = experiment.outcome(model, &tested);
    let test = TestFile {
        task: experiment.recipe().task,
        best_epoch: state.best.map(|best| best.epoch),
        outcome: &outcome,
    };
    folder.write_json(TEST, &test)?;
    say!("\n{}", outcome.table());
    say!("model  {}", folder.file(MODEL).display());
    let finished = Finished::new(experiment, state, model, device, stop);
    let mut report = finished.report(&outcome)?;
    experiment.illustrate(&tested, &finished, &mut report)?;
    folder.write(REPORT, &render(&report))?;
    say!("report {}", folder.file(REPORT).display());
    Ok(())
}

/// Writes a report of the epochs so far, before the test.
///
/// # Errors
/// If the file cannot be written or the device fails.
pub(super) fn interim_report<E: Experiment>(
    experiment: &E,
    folder: &RunFolder,
    state: &State,
    model: &ModelOf<E>,
    device: &Device,
) -> Result<()> {
    // nothing here takes long
    let stop = Stop::new();
    let finished = Finished::new(experiment, state, model, device, &stop);
    let mut report = finished.report(&Outcome::default())?;
    report.notes.insert(
        0,
        format!(
            "In training, {} epochs so far: there is no test yet.",
            state.epochs.len()
        ),
    );
    folder.write(REPORT, &render(&report))
}
