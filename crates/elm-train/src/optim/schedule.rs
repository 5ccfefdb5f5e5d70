//! Optimizer and learning rate of a recipe.

use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::lr_scheduler::sequential::SequentialLrSchedulerConfig;
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
    fn a_warm_up_without_end_is_refused() {
        let train = TrainRecipe {
            warmup_steps: 10,
            ..TrainRecipe::default()
        };
        let error = scheduler(&train, 10).err().unwrap().to_string();
        assert!(error.contains("train.warmup_steps"), "{error}");
    }
}
