//! An exponential moving average of a model's weights.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;

/// A model whose weights are the mean of another's over its last steps, as PyTorch's `AveragedModel` with
/// `get_ema_multi_avg_fn` computes it:
///
/// ```text
/// w̄_1 = w_1
/// w̄_t = d·w̄_{t−1} + (1 − d)·w_t
/// ```
///
/// The running statistics of a batch normalisation are averaged like weights.
#[derive(Debug, Clone)]
pub struct Average<M> {
    decay: f64,
    model: M,
    steps: u64,
}

impl<M: Module> Average<M> {
    /// An average of nothing yet, with the decay `d`; `model` gives the form.
    pub fn new(model: &M, decay: f64) -> Self {
        Self::resumed(model.valid(), decay, 0)
    }

    /// An average that `model` is after `steps` steps.
    pub fn resumed(model: M, decay: f64, steps: u64) -> Self {
        Self {
            decay,
            model,
            steps,
        }
    }

    /// Takes in the weights of `model` after another step.
    pub fn update(&mut self, model: &M) {
        let current = model.valid();
        self.steps += 1;
        if self.steps == 1 {
            self.model = current;
            return;
        }
        let mut weights = Weights(HashMap::new());
        current.visit(&mut weights);
        self.model = self.model.clone().map(&mut Mix {
            weights: weights.0,
            decay: self.decay,
        });
    }

    /// The averaged model, without autodiff.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Steps that it is over.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

/// Float parameters by their names, each as `[number]`.
struct Weights(HashMap<ParamId, Tensor<1>>);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let count = value.shape().num_elements();
        self.0.insert(param.id, value.reshape([count]));
    }
}

struct Mix {
    weights: HashMap<ParamId, Tensor<1>>,
    decay: f64,
}

impl ModuleMapper for Mix {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(new) = self.weights.remove(&param.id) else {
            return param;
        };
        let decay = self.decay;
        param.map(|mean| {
            let new = new.reshape(mean.shape());
            mean * decay + new * (1.0 - decay)
        })
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_mean_follows_the_formula_also_after_a_restart() {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(2, 1).with_bias(false).init(&device);
        let with = |values: [f32; 2]| {
            let mut layer = layer.clone();
            layer.weight = layer
                .weight
                .map(|_| Tensor::from_data([[values[0]], [values[1]]], &device));
            layer
        };
        let read = |layer: &Linear| {
            let weight = layer.weight.val().into_data();
            weight.try_into_vec_as::<f32>().unwrap()
        };
        // torch.optim.swa_utils.get_ema_multi_avg_fn(0.9) over these weights
        let steps = [[1.0, -1.0], [2.0, 0.0], [0.0, 4.0], [3.0, 3.0]];
        let expected = [[1.0, -1.0], [1.1, -0.9], [0.99, -0.41], [1.191, -0.069]];
        let mut average = Average::new(&layer, 0.9);
        for (step, expected) in steps.into_iter().zip(expected) {
            average.update(&with(step));
            for (found, expected) in read(average.model()).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
            average = Average::resumed(average.model().clone(), 0.9, average.steps());
        }
        assert_eq!(average.steps(), 4);
    }
}
