//! What a training run asks of a task; everything else is the same for all of them, and for all models.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use burn::module::Module;
use burn::tensor::Device;
use burn::train::{SupervisedTraining, TrainLoader, ValidLoader};

use super::folder::RunFolder;
use super::history::{Column, History};
use crate::error::{Result, TrainError};
use crate::model;
use crate::task::{Objective, TaskModel};

/// The model that an experiment trains.
pub(super) type ModelOf<E> = TaskModel<<E as Experiment>::Objective>;

/// File of the best model in a run's folder.
pub(super) const BEST: &str = "model.safetensors";
/// File of what compares the two vectors of a pair.
const HEAD: &str = "head.bpk";

/// A task with its data, ready to be trained on.
pub(super) trait Experiment {
    /// What the task makes of a model's outputs.
    type Objective: Objective;

    /// Validation metrics of an epoch, in the order in which they are written.
    const COLUMNS: &'static [Column];

    /// Gradient steps in an epoch.
    fn batches_per_epoch(&self) -> u64;

    /// A fresh model.
    fn init(&self, device: &Device) -> Result<ModelOf<Self>>;

    /// Batches to train on, from batch `position` on, and to validate.
    fn loaders(
        &self,
        position: Arc<AtomicU64>,
        device: &Device,
    ) -> (TrainLoader<ModelOf<Self>>, ValidLoader<ModelOf<Self>>);

    /// Registers the loss and the metrics that [`COLUMNS`](Self::COLUMNS) names.
    fn with_metrics(
        training: SupervisedTraining<ModelOf<Self>>,
    ) -> SupervisedTraining<ModelOf<Self>>;

    /// Tests the best model in the folder, prints the result and writes the report.
    fn finish(&self, folder: &RunFolder, history: &History, device: &Device) -> Result<()>;
}

/// Writes the best model so far to `path`, as safetensors, with whatever else it needs beside it.
pub(super) fn save<O: Objective>(model: &TaskModel<O>, path: &Path) -> Result<()> {
    if let Some(head) = &model.head {
        let path = path.with_file_name(HEAD);
        let saved = head.clone().save_file(&path);
        saved.map_err(|e| TrainError::file(&path, format!("cannot write the head: {e}")))?;
    }
    model::save(&model.body, path)
}

/// The best model of a run.
pub(super) fn load<E: Experiment>(
    experiment: &E,
    folder: &RunFolder,
    device: &Device,
) -> Result<ModelOf<E>> {
    let mut model = experiment.init(device)?;
    model.body = model::load(&folder.file(BEST), device)?;
    if let Some(head) = model.head.take() {
        let path = folder.file(HEAD);
        let head = head.try_load_file(&path);
        let head =
            head.map_err(|e| TrainError::file(&path, format!("cannot read the head: {e}")))?;
        model.head = Some(head);
    }
    Ok(model)
}
