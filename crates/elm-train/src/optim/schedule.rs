//! Optimizer and learning rate of a recipe.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::lr_scheduler::sequential::SequentialLrSchedulerConfig;
use burn::lr_scheduler::{LrScheduler, LrSchedulerConfig, LrSchedulerRecord};
use burn::optim::{AdamConfig, ModuleOptimizer};

use super::AdamaxConfig;
use crate::error::{Result, TrainError};
use crate::recipe::{OptimizerChoice, TrainRecipe};

/// The optimizer of a recipe; ε is PyTorch's 1e-8, not Burn's 1e-5.
pub fn optimizer(train: &TrainRecipe) -> ModuleOptimizer {
    match train.optimizer {
        OptimizerChoice::Adam => AdamConfig::new().with_epsilon(1e-8).init(),
        OptimizerChoice::Adamax => AdamaxConfig::new().init(),
    }
}

/// How much of its time a training has used, from 0 to 1; all copies show the same.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// Sets the share.
    pub fn set(&self, share: f64) {
        self.0
            .store(share.clamp(0.0, 1.0).to_bits(), Ordering::SeqCst);
    }

    /// The share.
    pub fn share(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::SeqCst))
    }
}

/// Warm-up in a straight line over steps, and half a cosine over time: for a training that ends with its time.
#[derive(Debug, Clone)]
struct TimedCosine {
    clock: Clock,
    /// Steps so far.
    step: u64,
    warmup: u64,
    first: f64,
    last: f64,
}

impl LrScheduler for TimedCosine {
    fn step(&mut self) -> f64 {
        let rise = (self.step + 1) as f64 / (self.warmup + 1) as f64;
        self.step += 1;
        let fall = 0.5 * (1.0 + (std::f64::consts::PI * self.clock.share()).cos());
        rise.min(1.0) * (self.last + (self.first - self.last) * fall)
    }

    fn to_record(&self) -> LrSchedulerRecord {
        // the clock is set before the first step of a resumed run
        LrSchedulerRecord::new().with_scalar(STEP, self.step)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        self.step = record.scalar(STEP).unwrap_or_default();
    }
}

/// Name of the number of steps in a record.
const STEP: &str = "step";

/// The schedule of a recipe: by `clock` where it ends with its time, else over `steps` in all.
///
/// # Errors
/// [`TrainError::Usage`] if the warm-up leaves no step, or a rate is out of range.
pub fn schedule(train: &TrainRecipe, steps: usize, clock: &Clock) -> Result<ModuleLrScheduler> {
    if train.minutes == 0.0 {
        return scheduler(train, steps);
    }
    Ok(ModuleLrScheduler::new(TimedCosine {
        clock: clock.clone(),
        step: 0,
        warmup: train.warmup_steps as u64,
        first: train.learning_rate,
        last: train.final_learning_rate,
    }))
}

/// Warm-up in a straight line, then half a cosine from the first to the final learning rate, over `steps` in all.
///
/// # Errors
/// [`TrainError::Usage`] if the warm-up leaves no step, or a rate is out of range.
pub fn scheduler(train: &TrainRecipe, steps: usize) -> Result<ModuleLrScheduler> {
    let rate = train.learning_rate;
    let warmup = train.warmup_steps;
    let Some(left) = steps.checked_sub(warmup).filter(|left| *left > 0) else {
        return Err(TrainError::Usage(format!(
            "recipe: `train.warmup_steps` must be below the {steps} steps of the training, found {warmup}"
        )));
    };
    let bad = |e| TrainError::Usage(format!("train.learning_rate: {e}"));
    let cosine =
        CosineAnnealingLrSchedulerConfig::new(rate, left).with_min_lr(train.final_learning_rate);
    if warmup == 0 {
        return cosine.init().map_err(bad);
    }
    // equal parts, of which the first step has one and the first of the cosine has them all
    let rise = LinearLrSchedulerConfig::new(rate / (warmup + 1) as f64, rate, warmup);
    let parts = vec![
        LrSchedulerConfig::Linear(rise),
        LrSchedulerConfig::Cosine(cosine),
    ];
    SequentialLrSchedulerConfig::new(parts, vec![warmup])
        .init()
        .map_err(bad)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_its_end() {
        let train = TrainRecipe {
            learning_rate: 0.1,
            final_learning_rate: 0.01,
            warmup_steps: 10,
            ..TrainRecipe::default()
        };
        let mut scheduler = scheduler(&train, 110).unwrap();
        let rates: Vec<f64> = (0..110).map(|_| scheduler.step().base()).collect();
        for (i, found) in rates[..10].iter().enumerate() {
            let expected = 0.1 * (i + 1) as f64 / 11.0;
            assert!((found - expected).abs() < 1e-9, "step {i}: {found}");
        }
        assert!((rates[10] - 0.1).abs() < 1e-9);
        assert!(rates[10..].is_sorted_by(|a, b| a >= b));
        assert!((rates[60] - 0.055).abs() < 1e-9, "{}", rates[60]);
        assert!((rates[109] - 0.01).abs() < 1e-4, "{}", rates[109]);
    }

    #[test]
    fn a_timed_rate_follows_the_clock_and_goes_on_after_a_stop() {
        let train = TrainRecipe {
            learning_rate: 0.1,
            final_learning_rate: 0.02,
            warmup_steps: 4,
            minutes: 1.0,
            ..TrainRecipe::default()
        };
        let clock = Clock::default();
        let mut timed = schedule(&train, 1, &clock).unwrap();
        for step in 1..=4 {
            let expected = 0.1 * f64::from(step) / 5.0;
            assert!((timed.step().base() - expected).abs() < 1e-9);
        }
        for (share, expected) in [(0.0, 0.1), (0.5, 0.06), (1.0, 0.02), (7.0, 0.02)] {
            clock.set(share);
            assert!((timed.step().base() - expected).abs() < 1e-9, "{share}");
        }
        // whose warm-up is over, too
        let again = schedule(&train, 1, &clock).unwrap();
        let mut again = again.load_record(timed.to_record());
        clock.set(0.0);
        assert!((again.step().base() - 0.1).abs() < 1e-9);
    }

    #[test]
    fn a_warm_up_without_end_is_refused() {
        let train = TrainRecipe {
            warmup_steps: 10,
            ..TrainRecipe::default()
        };
        let error = scheduler(&train, 10).err().unwrap().to_string();
        assert!(error.contains("train.warmup_steps"), "{error}");
    }
}
