//! Dropout of whole sequences: one mask per sample, the same at every step.

use std::sync::Arc;

use burn::tensor::{Device, Distribution, Tensor};

use super::config::ElmLayerConfig;
use crate::ElmError;
use crate::error::read;
use crate::scan::layer::Masks;

/// Draws the masks of one training pass; what is not dropped is scaled so that channels and activities keep their
/// mean, and the MLP's outputs their variance.
pub(super) fn draw(
    config: &ElmLayerConfig,
    batch: usize,
    device: &Device,
) -> Result<Masks, ElmError> {
    let (n, m) = (config.num_neurons, config.neuron.num_memory);
    let mean = |p: f64| 1.0 / (1.0 - p);
    let variance = |p: f64| 1.0 / (1.0 - p).sqrt();
    Ok(Masks {
        input: mask(
            config.input_dropout,
            mean,
            batch * config.num_inputs,
            device,
        )?,
        recurrent: mask(config.recurrent_dropout, mean, batch * n, device)?,
        memory: mask(config.memory_dropout, variance, batch * n * m, device)?,
    })
}

fn mask(
    p: f64,
    scale: impl Fn(f64) -> f64,
    len: usize,
    device: &Device,
) -> Result<Option<Arc<Vec<f64>>>, ElmError> {
    if p == 0.0 {
        return Ok(None);
    }
    let drawn = Tensor::<1>::random([len], Distribution::Bernoulli(1.0 - p), device) * scale(p);
    Ok(Some(Arc::new(read("dropout mask", drawn)?)))
}
