//! A layer's scan: how it runs on a device.

#[cfg(feature = "fused")]
use burn::tensor::DType;
use burn::tensor::Device;

use super::ScanPath;
#[cfg(feature = "fused")]
use crate::kernels::support;
#[cfg(feature = "fused")]
use crate::scan::layer::ops;
use crate::scan::layer::{LayerInputs, LayerResult, LayerSpec, reference};

/// Runs a layer over a sequence. Differentiable in the dense input, all weights and the state.
///
/// Shapes must fit `spec`, token indices must be below the number of inputs; [`ElmLayer`](crate::ElmLayer) sees to that.
pub fn layer_scan(inputs: LayerInputs, spec: &LayerSpec, path: ScanPath) -> LayerResult {
    #[cfg(feature = "fused")]
    if path != ScanPath::Reference {
        let decay = &inputs.weights.decay;
        let (device, dtype) = (decay.device(), decay.dtype());
        let sizes = inputs.source.dims();
        if support::layer_obstacle(device.as_dispatch(), dtype, spec, sizes).is_none() {
            return ops::layer_scan(inputs, spec);
        }
    }
    let _ = path;
    reference::layer_scan(inputs, spec)
}

/// How this device runs a layer over `batch` samples of `time` steps in f32, in words for people; where it runs as
/// plain tensor steps, why.
pub fn describe_layer(device: &Device, spec: &LayerSpec, [batch, time]: [usize; 2]) -> String {
    #[cfg(feature = "fused")]
    {
        let dispatch = device.as_dispatch();
        match support::layer_obstacle(dispatch, DType::F32, spec, [batch, time]) {
            Some(reason) => format!("plain tensor steps: {reason}"),
            None => match support::describe_layer(dispatch, spec, batch) {
                Some(how) => format!("fused: {how}"),
                None => "fused".into(),
            },
        }
    }
    #[cfg(not(feature = "fused"))]
    {
        let _ = (device, spec, batch, time);
        "plain tensor steps: this build has no fused layers".into()
    }
}
