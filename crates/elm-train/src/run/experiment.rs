//! What a training run asks of a task; everything else is the same for all of them, and for all models.

use std::sync::Arc;

use burn::tensor::Device;
use elm_data::{BatchSource, BatchStream, Cut, default_workers};

use super::card;
use super::describe::Finished;
use super::history::Column;
use super::outcome::Outcome;
use super::progress::StatusLine;
use crate::error::{Result, TrainError};
use crate::model::card::TaskCard;
use crate::recipe::Recipe;
use crate::report::Report;
use crate::stop::Stop;
use crate::task::{Objective, OnDevice, TaskModel};

/// The model that an experiment trains.
pub(super) type ModelOf<E> = TaskModel<<E as Experiment>::Objective>;
/// A batch of an experiment on a device.
pub(super) type BatchOf<E> = <<E as Experiment>::Objective as Objective>::Batch;
/// What collects the answers of an experiment's model.
pub(super) type MeterOf<E> = <<E as Experiment>::Objective as Objective>::Meter;

/// A task with its data, ready to be trained on.
pub(super) trait Experiment {
    /// What the task makes of a model's outputs.
    type Objective: Objective<Batch: OnDevice<<Self::Source as BatchSource>::Batch>>;
    /// Where batches come from.
    type Source: BatchSource<Batch: Cut>;
    /// What the test gives.
    type Tested;

    /// What a batch is made of, in the plural.
    const ITEMS: &'static str;

    /// The recipe, for the data as they were found.
    fn recipe(&self) -> &Recipe;

    /// Validation metrics of an epoch, in the order in which they are measured.
    fn columns(&self) -> &'static [Column];

    /// Name of the task.
    fn name(&self) -> String {
        self.recipe().task.to_string()
    }

    /// What of the task goes with a model that is trained on it: encoding, normalisation, names of classes.
    fn card(&self) -> Option<TaskCard> {
        card::of_recipe(self.recipe())
    }

    /// Batches that go once over the training data.
    fn batches_in_data(&self) -> u64;

    /// A fresh model.
    fn init(&self, device: &Device) -> Result<ModelOf<Self>>;

    /// Batches to train on, without end; each depends on its number alone.
    fn train(&self) -> Arc<Self::Source>;

    /// Batches to validate, and how many there are.
    fn valid(&self) -> (Arc<Self::Source>, u64);

    /// Tests a model.
    ///
    /// # Errors
    /// If the data cannot be read, the device fails, or `stop` is asked for.
    fn test(
        &self,
        model: &ModelOf<Self>,
        device: &Device,
        stop: &Stop,
        line: &mut StatusLine,
    ) -> Result<Self::Tested>;

    /// What a test came to, in numbers.
    fn outcome(&self, model: &ModelOf<Self>, tested: &Self::Tested) -> Outcome;

    /// Draws into the report what is the task's own.
    ///
    /// # Errors
    /// If the data cannot be read or the device fails.
    fn illustrate(
        &self,
        tested: &Self::Tested,
        finished: &Finished<'_>,
        report: &mut Report,
    ) -> Result<()>;

    /// Gradient steps in an epoch.
    fn steps_per_epoch(&self) -> u64 {
        let train = &self.recipe().train;
        match train.batches_per_epoch {
            0 => self
                .batches_in_data()
                .div_ceil(train.accumulate as u64)
                .max(1),
            steps => steps as u64,
        }
    }

    /// Gradient steps of the whole training; where it ends with its time, those that it would have otherwise.
    fn steps_in_all(&self) -> u64 {
        let train = &self.recipe().train;
        match train.steps {
            0 => (train.epochs as u64).saturating_mul(self.steps_per_epoch()),
            steps => steps as u64,
        }
    }
}

/// The batches of a source from number `first` on, built in background threads.
pub(super) fn batches<E: Experiment>(
    experiment: &E,
    source: Arc<E::Source>,
    first: u64,
    count: u64,
) -> BatchStream<E::Source> {
    let workers = experiment.recipe().data.workers;
    BatchStream::new(
        source,
        first,
        count,
        workers.unwrap_or_else(default_workers),
    )
}

/// The next batch to train on.
///
/// # Errors
/// If it cannot be read, or there is none.
pub(super) fn next<S: BatchSource>(batches: &mut BatchStream<S>) -> Result<S::Batch> {
    match batches.next() {
        Some(batch) => Ok(batch?),
        None => Err(TrainError::Run("there are no more batches".into())),
    }
}

/// What a model makes of the batches of a source.
///
/// # Errors
/// If a batch cannot be read, the device fails, or `stop` is asked for.
pub(super) fn measure<E: Experiment>(
    experiment: &E,
    model: &ModelOf<E>,
    (source, count): (Arc<E::Source>, u64),
    device: &Device,
    stop: &Stop,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<MeterOf<E>> {
    let mut meter = MeterOf::<E>::default();
    for (done, batch) in (1..).zip(batches(experiment, source, 0, count)) {
        stop.check("stopped before all batches were evaluated")?;
        let batch = BatchOf::<E>::on_device(batch?, device);
        E::Objective::measure(model, batch, &mut meter)?;
        progress(done, count);
    }
    Ok(meter)
}
