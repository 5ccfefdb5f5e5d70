//! Dropout of whole sequences: one mask per sample, the same at every step.

use burn::tensor::{DType, Device, Distribution, Tensor};

use super::config::ElmLayerConfig;
use crate::scan::layer::DropoutMasks;

/// Draws the masks of one training pass; what is not dropped is scaled so that channels and activities keep their
/// mean, and the MLP's outputs their variance. They are drawn where they are used and never read back.
pub(super) fn draw(
    config: &ElmLayerConfig,
    batch: usize,
    options: (&Device, DType),
) -> DropoutMasks {
    let (n, m) = (config.num_neurons, config.neuron.num_memory);
    let mean = |p: f64| 1.0 / (1.0 - p);
    let variance = |p: f64| 1.0 / (1.0 - p).sqrt();
    let (input, recurrent) = (config.input_dropout, config.recurrent_dropout);
    let memory = config.memory_dropout;
    DropoutMasks {
        input: mask(input, mean, [batch, config.num_inputs], options),
        recurrent: mask(recurrent, mean, [batch, n], options),
        memory: mask(memory, variance, [batch, n, m], options),
    }
}

fn mask<const D: usize>(
    p: f64,
    scale: impl Fn(f64) -> f64,
    shape: [usize; D],
    options: (&Device, DType),
) -> Option<Tensor<D>> {
    let kept = Distribution::Bernoulli(1.0 - p);
    (p > 0.0).then(|| Tensor::random(shape, kept, options) * scale(p))
}
