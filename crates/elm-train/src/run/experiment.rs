//! What a training run asks of a task; everything else is the same for all of them, and for all models.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::Device;
use elm_data::{BatchSource, BatchStream, Cut, default_workers};

use super::card;
use super::describe::Finished;
use super::fan::Fan;
use super::history::Column;
use super::outcome::Outcome;
use super::progress::StatusLine;
use crate::error::{Result, TrainError};
use crate::model::card::TaskCard;
use crate::recipe::Recipe;
use crate::report::Report;
use crate::stop::Stop;
use crate::task::{Carry, Objective, OnDevice, TaskModel};

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

/// Where a model is evaluated.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The device that the model is on.
    main: &'a Device,
    /// All devices, where there are several.
    fan: Option<&'a Fan>,
}

impl<'a> From<&'a Device> for Place<'a> {
    fn from(main: &'a Device) -> Self {
        Self { main, fan: None }
    }
}

impl<'a> Place<'a> {
    /// The devices of a fan, if there is one; the model is on `main`.
    pub(super) fn of(main: &'a Device, fan: Option<&'a Fan>) -> Self {
        Self { main, fan }
    }
}

/// What a model makes of the batches of a source. Several devices take turns on the batches, unless the answers to one depend
/// on those before; they are collected in their order, so that what comes out is what one device would have made of them.
///
/// # Errors
/// If a batch cannot be read, a device fails, or `stop` is asked for.
pub(super) fn measure<'a, E: Experiment>(
    experiment: &E,
    model: &ModelOf<E>,
    (source, count): (Arc<E::Source>, u64),
    place: impl Into<Place<'a>>,
    stop: &Stop,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<MeterOf<E>> {
    let Place { main, fan } = place.into();
    let fan = fan.filter(|_| !<E::Objective as Objective>::Carry::GOES_ON);
    let models: Vec<ModelOf<E>> = match fan {
        None => vec![model.clone()],
        Some(fan) => {
            let devices = fan.devices().map(|device| device.clone().inner());
            devices
                .map(|device| model.clone().to_device(&device))
                .collect()
        }
    };
    let mut meter = MeterOf::<E>::default();
    let mut carry = Default::default();
    let mut batches = batches(experiment, source, 0, count);
    let mut done = 0;
    loop {
        stop.check("stopped before all batches were evaluated")?;
        let round = batches.by_ref().take(models.len());
        let round = round.collect::<elm_data::Result<Vec<_>>>()?;
        if round.is_empty() {
            return Ok(meter);
        }
        done += round.len() as u64;
        let answers = match fan {
            None => {
                let answer = |batch| {
                    let batch = BatchOf::<E>::on_device(batch, main);
                    E::Objective::answer(model, batch, &mut carry)
                };
                round.into_iter().map(answer).collect::<Result<Vec<_>>>()?
            }
            Some(fan) => {
                let parts = models.iter().cloned().zip(round).collect();
                fan.map(parts, |device, (model, batch): (ModelOf<E>, _)| {
                    let batch = BatchOf::<E>::on_device(batch, &device.clone().inner());
                    E::Objective::answer(&model, batch, &mut Default::default())
                })?
            }
        };
        for answers in answers {
            model.objective.collect(answers, &mut meter);
        }
        progress(done, count);
    }
}
