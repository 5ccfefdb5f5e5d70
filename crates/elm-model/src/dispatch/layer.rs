//! A layer's scan: how it runs on a device.

use burn::tensor::{DType, Device};

#[cfg(feature = "fused")]
use super::support;
use super::{ScanPath, tokens};
use crate::ElmError;
use crate::equations::tensor::wide;
#[cfg(feature = "fused")]
use crate::scan::layer::{LayerCall, ops};
use crate::scan::layer::{LayerInputs, LayerResult, LayerSpec, reference};

/// Runs a layer over a sequence. Differentiable in the dense input, all weights and the state.
///
/// Shapes must fit `spec`; [`ElmLayer`](crate::ElmLayer) sees to that.
///
/// # Errors
/// [`ElmError::Path`] for a path that layers do not have, [`ElmError::Token`] if a token stands for no channel; on
/// graphics cards, where tokens are not read back, all activity is NaN then.
pub fn layer_scan(
    inputs: LayerInputs,
    spec: &LayerSpec,
    path: ScanPath,
) -> Result<LayerResult, ElmError> {
    check_path(path)?;
    let inputs = tokens::checked(inputs, spec)?;
    #[cfg(feature = "fused")]
    if path != ScanPath::Reference {
        let decay = &inputs.weights.decay;
        let (device, dtype) = (decay.device(), decay.dtype());
        let (device, sizes) = (device.as_dispatch(), inputs.source.dims());
        if support::layer_obstacle(device, dtype, spec, sizes).is_none() {
            let block = support::layer_block(device, spec, sizes);
            let kept = |call: &LayerCall| support::layer_kept(device, call);
            return Ok(ops::layer_scan(inputs, spec, block, kept));
        }
    }
    Ok(reference::layer_scan(inputs, spec))
}

/// The layer in plain tensor steps, which shows the inner variables of every step to `watch`.
///
/// # Errors
/// [`ElmError::Token`], as [`layer_scan`].
pub(crate) fn layer_steps(
    inputs: LayerInputs,
    spec: &LayerSpec,
    watch: impl FnMut(reference::Step),
) -> Result<LayerResult, ElmError> {
    let inputs = tokens::checked(inputs, spec)?;
    Ok(reference::layer_steps(inputs, spec, watch))
}

/// Layers always compute what a step needs again in their backward pass, a block of steps at a time, so that there is
/// nothing to budget.
fn check_path(path: ScanPath) -> Result<(), ElmError> {
    match path {
        ScanPath::Auto | ScanPath::Reference => Ok(()),
        ScanPath::MemoryBudget(_) | ScanPath::CheckpointEvery(_) => Err(ElmError::Path {
            problem: format!("{path:?} is for single neurons; layers have Auto and Reference"),
        }),
    }
}

/// How this device runs a layer over `batch` samples of `time` steps in this number type, in words for people; where it
/// runs as plain tensor steps, why.
pub fn describe_layer(
    path: ScanPath,
    device: &Device,
    dtype: DType,
    spec: &LayerSpec,
    [batch, time]: [usize; 2],
) -> String {
    if let Err(error) = check_path(path) {
        return error.to_string();
    }
    if path == ScanPath::Reference {
        return "plain tensor steps: asked for".into();
    }
    #[cfg(feature = "fused")]
    {
        let dispatch = device.as_dispatch();
        // layers of half precision are computed in f32
        match support::layer_obstacle(dispatch, wide(dtype), spec, [batch, time]) {
            Some(reason) => format!("plain tensor steps: {reason}"),
            None => match support::describe_layer(dispatch, spec, batch) {
                Some(how) => format!("fused: {how}"),
                None => "fused".into(),
            },
        }
    }
    #[cfg(not(feature = "fused"))]
    {
        let _ = (device, wide(dtype), spec, batch, time);
        "plain tensor steps: this build has no fused layers".into()
    }
}
