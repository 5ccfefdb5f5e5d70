//! AdaMax (Kingma & Ba, ICLR 2015, section 7.1): Adam with the infinity norm.

use burn::config::Config;
use burn::optim::{AdaptiveMomentumState, LearningRate, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};

use super::host::{Number, is_on_host, update};

/// Configuration of [`Adamax`].
#[derive(Config, Debug)]
pub struct AdamaxConfig {
    /// Decay β₁ of the mean gradient.
    #[config(default = 0.9)]
    pub beta_1: f32,
    /// Decay β₂ of the largest gradient.
    #[config(default = 0.999)]
    pub beta_2: f32,
    /// ε, against a division by zero.
    #[config(default = 1e-8)]
    pub epsilon: f32,
}

impl AdamaxConfig {
    /// The optimizer for a whole module.
    pub fn init(&self) -> ModuleOptimizer {
        ModuleOptimizer::from(Adamax {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
        })
    }
}

/// AdaMax, as PyTorch computes it:
///
/// ```text
/// m_t = β₁·m_{t−1} + (1 − β₁)·g_t
/// u_t = max(β₂·u_{t−1}, |g_t| + ε)
/// θ_t = θ_{t−1} − lr / (1 − β₁ᵗ) · m_t / u_t
/// ```
#[derive(Debug, Clone)]
pub struct Adamax {
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
}

impl Optimizer for Adamax {
    /// Burn's state of Adam, which it knows how to save: the second moment holds u.
    type State<const D: usize> = AdaptiveMomentumState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        if is_on_host(&tensor, &grad, state.as_ref()) {
            let (tensor, state) = update(tensor, grad, state, |time| self.rule(lr, time));
            return (tensor, Some(state));
        }
        let fresh = grad.clone() * (1.0 - self.beta_1);
        let size = grad.abs() + self.epsilon;
        let state = match state {
            Some(state) => AdaptiveMomentumState::new(
                state.time + 1,
                state.moment_1 * self.beta_1 + fresh,
                (state.moment_2 * self.beta_2).max_pair(size),
            ),
            None => AdaptiveMomentumState::new(1, fresh, size),
        };
        let delta = state.moment_1.clone() / state.moment_2.clone() * self.rate(lr, state.time);
        (tensor - delta, Some(state))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        state.to_device(device)
    }
}

impl Adamax {
    /// Learning rate of step number `time`, from 1, with the correction of the mean gradient.
    fn rate(&self, lr: LearningRate, time: usize) -> f64 {
        let steps = i32::try_from(time).unwrap_or(i32::MAX);
        lr / (1.0 - f64::from(self.beta_1).powi(steps))
    }

    /// Step number `time`, from 1, of one number.
    fn rule(&self, lr: LearningRate, time: usize) -> impl Fn(Number<'_>, f32) + Sync + use<> {
        let (beta_1, beta_2, epsilon) = (self.beta_1, self.beta_2, self.epsilon);
        let (fresh, rate) = (1.0 - beta_1, self.rate(lr, time) as f32);
        move |number, grad| {
            let m = *number.moment_1 * beta_1 + grad * fresh;
            let (u, size) = (*number.moment_2 * beta_2, grad.abs() + epsilon);
            // a NaN stays one
            let u = if u >= size || u.is_nan() { u } else { size };
            (*number.moment_1, *number.moment_2) = (m, u);
            *number.parameter -= m / u * rate;
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::{GradientsParams, OptimizerRecord};

    use super::*;

    fn weights(layer: &Linear) -> Vec<f32> {
        let weight = layer.weight.val().into_data();
        weight.try_into_vec_as::<f32>().unwrap()
    }

    /// One step with the gradient `[a, b]`.
    fn step(optimizer: &mut ModuleOptimizer, layer: Linear, gradient: [f32; 2]) -> Linear {
        let device = Device::flex().autodiff();
        let x = Tensor::<2>::from_data([gradient], &device);
        let grads = layer.forward(x).sum().backward();
        let grads = GradientsParams::from_grads(grads, &layer);
        optimizer.step(0.1, layer, grads)
    }

    /// The formula in f64, one weight at a time.
    fn expected(start: f64, gradients: &[f64]) -> f64 {
        let (mut w, mut m, mut u) = (start, 0.0, 0.0f64);
        for (t, g) in (1..).zip(gradients) {
            m = 0.9 * m + 0.1 * g;
            u = (0.999 * u).max(g.abs() + 1e-8);
            w -= 0.1 / (1.0 - 0.9f64.powi(t)) * m / u;
        }
        w
    }

    #[test]
    fn steps_follow_the_formula_also_after_a_restart() {
        let device = Device::flex().autodiff();
        let mut layer = LinearConfig::new(2, 1).with_bias(false).init(&device);
        let start = weights(&layer);
        let gradients = [[1.0, -2.0], [0.5, 0.0], [-3.0, 4.0], [0.1, 0.1]];
        let mut optimizer = AdamaxConfig::new().init();
        for (i, gradient) in gradients.into_iter().enumerate() {
            if i == 2 {
                let bytes = optimizer.to_record().into_bytes().unwrap();
                let record = OptimizerRecord::from_bytes(bytes).unwrap();
                optimizer = AdamaxConfig::new().init().load_record(record);
            }
            layer = step(&mut optimizer, layer, gradient);
        }
        for (i, found) in weights(&layer).into_iter().enumerate() {
            let gradients: Vec<f64> = gradients.iter().map(|g| f64::from(g[i])).collect();
            let expected = expected(f64::from(start[i]), &gradients);
            assert!(
                (f64::from(found) - expected).abs() < 1e-6,
                "{found} {expected}"
            );
        }
    }
}
