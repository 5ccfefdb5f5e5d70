//! What a training run asks of a task; everything else is the same for all of them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use burn::tensor::Device;
use burn::train::{LearnerModel, SupervisedTraining, TrainLoader, ValidLoader};
use elm_model::ElmNeuron;

use super::folder::RunFolder;
use super::history::{Column, History};
use crate::error::Result;

/// A task with its data, ready to be trained on.
pub(super) trait Experiment {
    /// The neuron with its loss.
    type Model: LearnerModel;

    /// Validation metrics of an epoch, in the order in which they are written.
    const COLUMNS: &'static [Column];

    /// Gradient steps in an epoch.
    fn batches_per_epoch(&self) -> u64;

    /// A fresh model.
    fn init(&self, device: &Device) -> Result<Self::Model>;

    /// The neuron of a model.
    fn neuron(model: &Self::Model) -> &ElmNeuron;

    /// Batches to train on, from batch `position` on, and to validate.
    fn loaders(
        &self,
        position: Arc<AtomicU64>,
        device: &Device,
    ) -> (TrainLoader<Self::Model>, ValidLoader<Self::Model>);

    /// Registers the loss and the metrics that [`COLUMNS`](Self::COLUMNS) names.
    fn with_metrics(training: SupervisedTraining<Self::Model>) -> SupervisedTraining<Self::Model>;

    /// Writes the best model so far to `path`, as safetensors, with whatever else it needs beside it.
    fn save(model: &Self::Model, path: &Path) -> Result<()>;

    /// Tests the best model in the folder, prints the result and writes the report.
    fn finish(&self, folder: &RunFolder, history: &History, device: &Device) -> Result<()>;
}
