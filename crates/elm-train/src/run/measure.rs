//! How long steps take, to fit a training into a given time.

use std::time::Instant;

use burn::tensor::Device;

use super::experiment::{Experiment, Place, batches, measure as evaluate, next};
use super::step::Trainer;
use super::train::{Opened, open};
use crate::caught::device_failed;
use crate::devices::Devices;
use crate::error::Result;
use crate::recipe::Recipe;
use crate::stop::Stop;

/// Steps before the first that is timed: buffers are made in them, and kernels tuned.
const WARM_UP: u64 = 2;
/// Least and most steps that are timed.
const STEPS: std::ops::Range<u64> = 4..200;
/// Timing goes on for this long, unless it has most steps earlier (seconds).
const ENOUGH: f64 = 2.0;
/// Batches of validation that are timed.
const VALIDATION_BATCHES: u64 = 4;

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
pub fn measure(recipe: &Recipe, devices: &Devices, stop: &Stop) -> Result<StepTimes> {
    recipe.validate()?;
    match open(recipe, stop)? {
        Opened::NeuronIo(run) => time(&run, devices, stop),
        Opened::Sequence(run) => time(&run, devices, stop),
        Opened::Own(run) => time(&run, devices, stop),
        Opened::Text(run) => time(&run, devices, stop),
    }
}

fn time<E: Experiment>(experiment: &E, devices: &Devices, stop: &Stop) -> Result<StepTimes> {
    let device = devices.main();
    let recipe = experiment.recipe();
    let autodiff = device.clone().autodiff();
    let mut trainer = Trainer::new(experiment.init(&autodiff)?, recipe, devices)?;
    let mut batches = batches(experiment, experiment.train(), 0, u64::MAX);
    let mut started = Instant::now();
    let mut steps = 0;
    for done in 0..WARM_UP + STEPS.end {
        stop.check("stopped while it measured how long a step takes")?;
        if done == WARM_UP {
            sync(device)?;
            started = Instant::now();
        }
        let timed = done.saturating_sub(WARM_UP);
        if timed >= STEPS.start && started.elapsed().as_secs_f64() > ENOUGH {
            break;
        }
        trainer.step(done, recipe.train.learning_rate, || next(&mut batches))?;
        steps = timed + 1;
    }
    sync(device)?;
    let step = started.elapsed().as_secs_f64() / steps.max(1) as f64;
    let model = trainer.evaluated();
    let (source, total) = experiment.valid();
    let count = total.min(VALIDATION_BATCHES);
    let started = Instant::now();
    evaluate(
        experiment,
        &model,
        (source, count),
        Place::of(device, trainer.fan()),
        stop,
        &mut |_, _| (),
    )?;
    sync(device)?;
    let each = started.elapsed().as_secs_f64() / count.max(1) as f64;
    Ok(StepTimes {
        step,
        validation: each * total as f64,
    })
}

fn sync(device: &Device) -> Result<()> {
    device.sync().map_err(device_failed)
}
