//! How long steps take, to fit a training into a given time.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use burn::data::dataloader::DataLoaderIterator;
use burn::data::dataset::DatasetError;
use burn::module::Module;
use burn::tensor::Device;
use burn::train::{InferenceStep, Interrupter, Learner};

use super::experiment::Experiment;
use super::train::{Opened, open};
use crate::error::{Result, TrainError};
use crate::optim;
use crate::recipe::{Recipe, TrainRecipe};

/// Steps before the first that is timed: buffers are made in them, and kernels tuned.
const WARM_UP: usize = 2;
/// Least and most steps that are timed.
const STEPS: std::ops::Range<usize> = 4..200;
/// Timing goes on for this long, unless it has most steps earlier (seconds).
const ENOUGH: f64 = 2.0;
/// Batches of validation that are timed.
const VALIDATION_BATCHES: usize = 4;

/// How long a recipe's training takes here, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepTimes {
    /// One gradient step: the mean over some real ones.
    pub step: f64,
    /// One validation over all its batches.
    pub validation: f64,
}

/// Takes some real steps of a recipe on its own batches, and forgets them.
///
/// # Errors
/// If the recipe, its data or the device do not allow it, or `stop` was asked for.
pub fn measure(recipe: &Recipe, device: &Device, stop: &Interrupter) -> Result<StepTimes> {
    recipe.validate()?;
    match open(recipe, stop)? {
        Opened::NeuronIo(run) => time(&run, recipe, device, stop),
        Opened::Sequence(run) => time(&run, recipe, device, stop),
    }
}

fn time<E: Experiment>(
    experiment: &E,
    recipe: &Recipe,
    device: &Device,
    stop: &Interrupter,
) -> Result<StepTimes> {
    let autodiff = device.clone().autodiff();
    let model = experiment.init(&autodiff)?;
    let position = Arc::new(AtomicU64::new(0));
    let (train, valid) = experiment.loaders(position, device);
    let train = train.to_device(&autodiff);
    let train_as = TrainRecipe {
        warmup_steps: 0,
        ..recipe.train.clone()
    };
    let scheduler = optim::scheduler(&train_as, STEPS.end)?;
    let mut learner = Learner::new(model, optim::optimizer(&recipe.train), scheduler);
    learner.fork(&autodiff);
    let mut batches = train.iter();
    let mut started = Instant::now();
    let mut steps = 0;
    for done in 0..WARM_UP + STEPS.end {
        if done == WARM_UP {
            sync(device)?;
            started = Instant::now();
        }
        let timed = done.saturating_sub(WARM_UP);
        if timed >= STEPS.start && started.elapsed().as_secs_f64() > ENOUGH {
            break;
        }
        // an epoch of few steps is followed by the next
        let batch = match next(&mut *batches)? {
            Some(batch) => batch,
            None => {
                batches = train.iter();
                match next(&mut *batches)? {
                    Some(batch) => batch,
                    None => break,
                }
            }
        };
        if stop.should_stop() {
            return Err(TrainError::Usage("stopped".into()));
        }
        let output = learner.train_step(batch);
        learner.lr_step();
        learner.optimizer_step(output.grads);
        steps = timed + 1;
    }
    sync(device)?;
    let step = started.elapsed().as_secs_f64() / steps.max(1) as f64;
    let model = learner.model().valid();
    let mut batches = valid.iter();
    let (started, mut done) = (Instant::now(), 0);
    while done < VALIDATION_BATCHES
        && let Some(batch) = next(&mut *batches)?
    {
        InferenceStep::step(&model, batch);
        done += 1;
    }
    sync(device)?;
    let each = started.elapsed().as_secs_f64() / done.max(1) as f64;
    Ok(StepTimes {
        step,
        validation: each * valid.num_items() as f64,
    })
}

fn next<T>(batches: &mut (dyn DataLoaderIterator<T> + '_)) -> Result<Option<T>> {
    let batch: Option<std::result::Result<T, DatasetError>> = batches.next();
    batch
        .transpose()
        .map_err(|e| TrainError::Run(format!("a batch cannot be read: {e}")))
}

fn sync(device: &Device) -> Result<()> {
    device
        .sync()
        .map_err(|e| TrainError::Run(format!("the device failed: {e}")))
}
