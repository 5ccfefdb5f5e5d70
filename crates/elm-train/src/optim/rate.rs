//! Optimizer and learning rate of a recipe.

use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::ModuleOptimizer;
use burn::tensor::Tensor;

use super::{AdamConfig, AdamaxConfig};
use crate::error::{Result, TrainError};
use crate::recipe::{OptimizerChoice, TrainRecipe};

/// The optimizer of a recipe.
pub fn optimizer(train: &TrainRecipe) -> ModuleOptimizer {
    match train.optimizer {
        OptimizerChoice::Adam => AdamConfig::new().init(),
        OptimizerChoice::Adamax => AdamaxConfig::new().init(),
        OptimizerChoice::Adamw => AdamConfig::new()
            .with_weight_decay(train.weight_decay as f32)
            .init(),
    }
}

/// The learning rate over a training: warm-up in a straight line, then half a cosine from the first to the final rate.
///
/// It follows from the step alone, or from the share of the time that is used: so there is no state to be saved, and a
/// training that is gone on with for longer has the rate of a longer one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    first: f64,
    last: f64,
    warmup: u64,
    /// Steps in all; none where the training ends with its time.
    steps: Option<u64>,
}

impl Schedule {
    /// The schedule of a recipe, over `steps` in all unless it ends with its time.
    ///
    /// # Errors
    /// [`TrainError::Usage`] if the warm-up leaves no step.
    pub fn new(train: &TrainRecipe, steps: u64) -> Result<Self> {
        let timed = train.minutes > 0.0;
        let warmup = train.warmup_steps as u64;
        if !timed && warmup >= steps {
            return Err(TrainError::Usage(format!(
                "recipe: `train.warmup_steps` must be below the {steps} steps of the training, found {warmup}; add --set \
                 train.warmup_steps={}",
                steps / 10
            )));
        }
        Ok(Self {
            first: train.learning_rate,
            last: train.final_learning_rate,
            warmup,
            steps: (!timed).then_some(steps),
        })
    }

    /// Rate of step number `step`, counted from 0, when `share` of the time is used (0 to 1; of no account unless the
    /// training ends with its time).
    pub fn rate(&self, step: u64, share: f64) -> f64 {
        let Self {
            first,
            last,
            warmup,
            steps,
        } = *self;
        let cosine =
            |share: f64| last + 0.5 * (first - last) * (1.0 + (share * std::f64::consts::PI).cos());
        let Some(steps) = steps else {
            let rise = (step + 1) as f64 / (warmup + 1) as f64;
            return rise.min(1.0) * cosine(share.clamp(0.0, 1.0));
        };
        match step.checked_sub(warmup) {
            // equal parts, of which the first step has one and the first of the cosine has them all
            None => {
                let part = (first - first / (warmup + 1) as f64) / warmup as f64;
                first - part * (warmup - step) as f64
            }
            Some(falling) => cosine(falling as f64 / (steps - warmup) as f64),
        }
    }
}

/// The parameters that are memory timescales, in whatever part of a model.
pub fn timescale_parameters<M: Module>(model: &M) -> Vec<ParamId> {
    let mut search = Timescales {
        depth: 0,
        found: Vec::new(),
    };
    model.visit(&mut search);
    search.found
}

struct Timescales {
    /// Modules of timescales that the search is in.
    depth: usize,
    found: Vec<ParamId>,
}

impl ModuleVisitor for Timescales {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.depth > 0 {
            self.found.push(param.id);
        }
    }

    fn enter_module(&mut self, _: &str, container: &str) {
        if self.depth > 0 || container == "Struct:MemoryTimescales" {
            self.depth += 1;
        }
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.depth = self.depth.saturating_sub(1);
    }
}

/// `rate` for all parameters, but `factor` times as much for `some`.
pub fn rates(rate: f64, some: &[ParamId], factor: f64) -> ModuleLearningRate {
    if factor == 1.0 {
        return rate.into();
    }
    ModuleLrScheduler::new(rate)
        .with_group(ParamGroup::from_ids(some.to_vec()), rate * factor)
        .step()
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
        let schedule = Schedule::new(&train, 110).unwrap();
        let rates: Vec<f64> = (0..110).map(|step| schedule.rate(step, 0.7)).collect();
        for (i, found) in rates[..10].iter().enumerate() {
            let expected = 0.1 * (i + 1) as f64 / 11.0;
            assert!((found - expected).abs() < 1e-9, "step {i}: {found}");
        }
        assert!((rates[10] - 0.1).abs() < 1e-9);
        assert!(rates[10..].is_sorted_by(|a, b| a >= b));
        assert!((rates[60] - 0.055).abs() < 1e-9, "{}", rates[60]);
        assert!((rates[109] - 0.01).abs() < 1e-4, "{}", rates[109]);
    }

    /// Burn's own schedulers, which this one replaces, give the same rates.
    #[test]
    fn the_rate_is_that_of_burns_schedulers() {
        use burn::lr_scheduler::LrSchedulerConfig;
        use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
        use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
        use burn::lr_scheduler::sequential::SequentialLrSchedulerConfig;
        let (first, last, warmup, steps) = (5e-3, 1e-5, 7, 60);
        let train = TrainRecipe {
            learning_rate: first,
            final_learning_rate: last,
            warmup_steps: warmup,
            ..TrainRecipe::default()
        };
        let rise = LinearLrSchedulerConfig::new(first / (warmup + 1) as f64, first, warmup);
        let fall = CosineAnnealingLrSchedulerConfig::new(first, steps - warmup).with_min_lr(last);
        let parts = vec![
            LrSchedulerConfig::Linear(rise),
            LrSchedulerConfig::Cosine(fall),
        ];
        let config = SequentialLrSchedulerConfig::new(parts, vec![warmup]);
        let mut burns = config.init().unwrap();
        let schedule = Schedule::new(&train, steps as u64).unwrap();
        for step in 0..steps as u64 {
            assert_eq!(schedule.rate(step, 0.0), burns.step().base(), "step {step}");
        }
    }

    #[test]
    fn a_timed_rate_follows_the_time() {
        let train = TrainRecipe {
            learning_rate: 0.1,
            final_learning_rate: 0.02,
            warmup_steps: 4,
            minutes: 1.0,
            ..TrainRecipe::default()
        };
        let timed = Schedule::new(&train, 1).unwrap();
        for step in 0..4 {
            let expected = 0.1 * (step + 1) as f64 / 5.0;
            assert!((timed.rate(step, 0.0) - expected).abs() < 1e-9);
        }
        for (share, expected) in [(0.0, 0.1), (0.5, 0.06), (1.0, 0.02), (7.0, 0.02)] {
            assert!((timed.rate(99, share) - expected).abs() < 1e-9, "{share}");
        }
    }

    #[test]
    fn a_warm_up_without_end_is_refused_with_what_to_add() {
        let train = TrainRecipe {
            warmup_steps: 100,
            ..TrainRecipe::default()
        };
        let error = Schedule::new(&train, 20).err().unwrap().to_string();
        assert!(error.contains("--set train.warmup_steps=2"), "{error}");
        let train = TrainRecipe {
            warmup_steps: 2,
            ..train
        };
        assert!(Schedule::new(&train, 20).is_ok());
    }
}

#[cfg(all(test, feature = "flex"))]
mod step_tests {
    #![allow(clippy::unwrap_used)]
    use burn::nn::LinearConfig;
    use burn::optim::GradientsParams;
    use burn::tensor::Device;

    use super::*;
    use crate::recipe::Recipe;

    /// `torch.optim.AdamW(lr=0.1, weight_decay=0.2)`: the weight shrinks by `1 − lr·wd`, then Adam steps.
    #[test]
    fn adamw_decays_as_pytorch_does() {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(2, 1).with_bias(false).init(&device);
        let read = |layer: &burn::nn::Linear| {
            let weight = layer.weight.val().into_data();
            weight.try_into_vec_as::<f32>().unwrap()
        };
        let train = TrainRecipe {
            optimizer: OptimizerChoice::Adamw,
            weight_decay: 0.2,
            ..TrainRecipe::default()
        };
        let mut optimizer = optimizer(&train);
        let gradients = [[1.0f32, -2.0], [0.5, 0.25], [-3.0, 4.0]];
        let mut trained = layer.clone();
        for gradient in gradients {
            let x = Tensor::<2>::from_data([gradient], &device);
            let grads = trained.forward(x).sum().backward();
            let grads = GradientsParams::from_grads(grads, &trained);
            trained = optimizer.step(0.1, trained, grads);
        }
        for (i, (start, found)) in read(&layer).iter().zip(read(&trained)).enumerate() {
            let (mut w, mut m, mut v) = (f64::from(*start), 0.0, 0.0);
            for (t, gradient) in (1..).zip(gradients) {
                let g = f64::from(gradient[i]);
                w *= 1.0 - 0.1 * 0.2;
                m = 0.9 * m + 0.1 * g;
                v = 0.999 * v + 0.001 * g * g;
                let (m, v) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
                w -= 0.1 * m / (v.sqrt() + 1e-8);
            }
            assert!((f64::from(found) - w).abs() < 2e-6, "{found} {w}");
        }
    }

    #[test]
    fn timescales_have_a_rate_of_their_own() {
        for (name, learnt, expected) in [
            ("quick", "model.learn_memory_tau=false", 0),
            ("quick", "model.learn_memory_tau=true", 1),
            ("spikes-adding-network", "network.learn_memory_tau=true", 2),
        ] {
            let mut recipe = Recipe::builtin(name).unwrap();
            recipe.set(learnt).unwrap();
            let model = recipe
                .model_config()
                .init(&Device::flex().autodiff())
                .unwrap();
            let found = timescale_parameters(&model);
            assert_eq!(found.len(), expected);
            let rates = rates(0.5, &found, 0.1);
            assert_eq!(rates.base(), 0.5);
            for id in found {
                assert_eq!(rates.lr_from_param(id, None), 0.05);
            }
        }
    }
}
