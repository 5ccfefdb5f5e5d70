//! Tokens that stand for no channel.

use burn::tensor::Tensor;

use super::is_host;
use crate::ElmError;
use crate::error::read_ints;
use crate::scan::layer::{LayerInputs, LayerSource, LayerSpec};

/// Sees to it that every token names a channel. On a CPU that is looked at. Elsewhere to look at it would stop the queue
/// of work at every call: there a wrong token makes the output's bias NaN, and so all activity.
pub(super) fn checked(mut inputs: LayerInputs, spec: &LayerSpec) -> Result<LayerInputs, ElmError> {
    let LayerSource::OneHot(ids) = inputs.source else {
        return Ok(inputs);
    };
    let channels = spec.inputs as i64;
    if is_host(&ids.device()) {
        let time = ids.dims()[1];
        let found = read_ints("tokens", ids.clone())?;
        if let Some(at) = found.iter().position(|id| !(0..channels).contains(id)) {
            return Err(ElmError::Token {
                found: found[at],
                sample: at / time,
                step: at % time,
                channels: spec.inputs,
            });
        }
        inputs.source = LayerSource::OneHot(ids);
        return Ok(inputs);
    }
    let clamped = ids.clone().clamp(0, channels - 1);
    let wrong = ids.not_equal(clamped.clone()).any();
    let bias = inputs.weights.bias;
    let spoiled = Tensor::zeros([1], (&bias.device(), bias.dtype())).mask_fill(wrong, f32::NAN);
    inputs.weights.bias = bias + spoiled;
    inputs.source = LayerSource::OneHot(clamped);
    Ok(inputs)
}
