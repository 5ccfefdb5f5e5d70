//! Adam (Kingma & Ba, ICLR 2015) and AdamW (Loshchilov & Hutter, ICLR 2019) as Burn computes them, in one pass over the
//! numbers where those lie in host memory.

use burn::config::Config;
use burn::optim::{AdamW, AdamWConfig, AdamWState, LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};

use super::host::{Number, is_on_host, update};

/// Configuration of [`Adam`]. The defaults are PyTorch's; Burn has 1e-5 for ε.
#[derive(Config, Debug)]
pub struct AdamConfig {
    /// Decay β₁ of the mean gradient.
    #[config(default = 0.9)]
    pub beta_1: f32,
    /// Decay β₂ of the mean squared gradient.
    #[config(default = 0.999)]
    pub beta_2: f32,
    /// ε, against a division by zero.
    #[config(default = 1e-8)]
    pub epsilon: f32,
    /// Decay λ of the weights themselves, as a share of the learning rate: 0 for Adam.
    #[config(default = 0.0)]
    pub weight_decay: f32,
}

impl AdamConfig {
    /// The optimizer for a whole module.
    pub fn init(&self) -> ModuleOptimizer {
        let anywhere = AdamWConfig::new()
            .with_beta_1(self.beta_1)
            .with_beta_2(self.beta_2)
            .with_epsilon(self.epsilon)
            .with_weight_decay(self.weight_decay);
        ModuleOptimizer::from(Adam {
            config: self.clone(),
            anywhere: anywhere.build(),
        })
    }
}

/// Adam, with or without a decay of the weights, as PyTorch computes it:
///
/// ```text
/// m_t = β₁·m_{t−1} + (1 − β₁)·g_t
/// v_t = β₂·v_{t−1} + (1 − β₂)·g_t²
/// θ_t = (1 − lr·λ)·θ_{t−1} − lr · (m_t / (1 − β₁ᵗ)) / (√(v_t / (1 − β₂ᵗ)) + ε)
/// ```
#[derive(Clone)]
pub struct Adam {
    config: AdamConfig,
    /// The same on other devices and for other number types.
    anywhere: AdamW,
}

impl Optimizer for Adam {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let state = state.map(|state| state.momentum);
        if !is_on_host(&tensor, &grad, state.as_ref()) {
            return self
                .anywhere
                .step(lr, tensor, grad, state.map(AdamWState::new));
        }
        let (tensor, state) = update(tensor, grad, state, |time| self.rule(lr, time));
        (tensor, Some(AdamWState::new(state)))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        <AdamW as Optimizer>::to_device(state, device)
    }
}

impl Adam {
    /// Step number `time`, from 1, of one number.
    fn rule(&self, lr: LearningRate, time: usize) -> impl Fn(Number<'_>, f32) + Sync + use<> {
        let AdamConfig {
            beta_1,
            beta_2,
            epsilon,
            weight_decay,
        } = self.config;
        let time = i32::try_from(time).unwrap_or(i32::MAX);
        let (fresh_1, fresh_2) = (1.0 - beta_1, 1.0 - beta_2);
        let (share_1, share_2) = (1.0 - beta_1.powi(time), 1.0 - beta_2.powi(time));
        let kept = (1.0 - lr * f64::from(weight_decay)) as f32;
        let lr = lr as f32;
        move |number, grad| {
            let m = *number.moment_1 * beta_1 + grad * fresh_1;
            let v = *number.moment_2 * beta_2 + grad * grad * fresh_2;
            let delta = m / share_1 / ((v / share_2).sqrt() + epsilon);
            (*number.moment_1, *number.moment_2) = (m, v);
            *number.parameter = *number.parameter * kept - delta * lr;
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::{GradientsParams, OptimizerRecord};
    use burn::tensor::TensorData;

    use super::*;

    /// 300 x 150 weights: more than one piece of work.
    fn layer() -> Linear {
        LinearConfig::new(300, 150).init(&Device::flex().autodiff())
    }

    fn numbers(layer: &Linear) -> Vec<f32> {
        let bias = layer.bias.as_ref().unwrap().val().into_data();
        let mut all = layer.weight.val().into_data().try_into_vec_as().unwrap();
        all.extend(bias.try_into_vec_as::<f32>().unwrap());
        all
    }

    /// Five steps of a layer, with the optimizer saved, and loaded by the other one after the second.
    fn trained(
        layer: &Linear,
        optimizer: impl Fn() -> ModuleOptimizer,
        others: impl Fn() -> ModuleOptimizer,
    ) -> Vec<f32> {
        let (mut layer, device) = (layer.clone(), Device::flex());
        let mut current = optimizer();
        for step in 0..5 {
            if step == 2 {
                let bytes = current.to_record().into_bytes().unwrap();
                current = others().load_record(OptimizerRecord::from_bytes(bytes).unwrap());
            }
            let x: Vec<f32> = (0..1200).map(|i| ((i + step * 7) as f32).sin()).collect();
            let x = Tensor::<2>::from_data(TensorData::new(x, [4, 300]), &device).autodiff();
            let grads = layer.forward(x).powi_scalar(2).mean().backward();
            let grads = GradientsParams::from_grads(grads, &layer);
            layer = current.step(0.01, layer, grads);
        }
        numbers(&layer)
    }

    #[test]
    fn one_pass_is_what_burn_computes() {
        for weight_decay in [0.0, 0.1] {
            let ours = || AdamConfig::new().with_weight_decay(weight_decay).init();
            let burns = || {
                let config = AdamWConfig::new().with_epsilon(1e-8);
                config.with_weight_decay(weight_decay).init()
            };
            let layer = layer();
            let expected = trained(&layer, burns, burns);
            assert_ne!(expected, numbers(&layer));
            assert_eq!(trained(&layer, ours, ours), expected);
            // each goes on with a record of the other
            assert_eq!(trained(&layer, ours, burns), expected);
            assert_eq!(trained(&layer, burns, ours), expected);
        }
    }

    /// Checkpoints of before have the state of Burn's Adam, which computes the same with other roundings.
    #[test]
    fn records_of_burns_adam_are_gone_on_with() {
        let ours = || AdamConfig::new().init();
        let burns = || burn::optim::AdamConfig::new().with_epsilon(1e-8).init();
        let layer = layer();
        let (expected, found) = (trained(&layer, burns, burns), trained(&layer, burns, ours));
        for (expected, found) in expected.into_iter().zip(found) {
            assert!(
                (expected - found).abs() < 1e-6,
                "{found}, expected {expected}"
            );
        }
    }
}
