//! What a device runs fused, how, and how much memory it has.
#![allow(deprecated)] // NdArray is deprecated in Burn 0.22 and still in use

use burn::backend::DispatchDevice;
use burn::tensor::DType;

use crate::scan::layer::{LayerCall, LayerSpec};
use crate::scan::memory::ScanSpec;

/// Do the tensors of this device lie in host memory?
#[cfg(feature = "host")]
pub(crate) fn is_host(device: &DispatchDevice) -> bool {
    match device {
        DispatchDevice::Autodiff(inner) => is_host(inner),
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// Why a CPU backend of this name runs operations in this number type as plain tensor steps.
#[cfg(feature = "host")]
fn host_obstacle(name: &str, dtype: DType) -> Option<String> {
    match dtype {
        DType::F32 | DType::F64 => None,
        other => Some(format!(
            "{name} has kernels for f32 and f64, not for {other:?}"
        )),
    }
}

/// Why this device runs the operations in this number type, or this scan if one is named, as plain tensor steps; `None`
/// where it runs them fused.
pub(crate) fn obstacle(
    device: &DispatchDevice,
    dtype: DType,
    spec: Option<&ScanSpec>,
) -> Option<String> {
    match device {
        DispatchDevice::Autodiff(inner) => obstacle(inner, dtype, spec),
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => host_obstacle("Flex", dtype),
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => host_obstacle("NdArray", dtype),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(device) => super::cube::neuron::obstacle(device, dtype, spec),
        #[allow(unreachable_patterns)]
        _ => {
            let _ = (dtype, spec);
            Some("this device has no fused operations".into())
        }
    }
}

/// Bytes of memory of the device, if it is one that tells.
pub(crate) fn memory_bytes(device: &DispatchDevice) -> Option<u64> {
    match device {
        DispatchDevice::Autodiff(inner) => memory_bytes(inner),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(device) => super::cube::neuron::memory_bytes(device),
        #[cfg(feature = "host")]
        device if is_host(device) => super::host::memory_bytes(),
        #[allow(unreachable_patterns)]
        _ => None,
    }
}

/// How the fused scan runs on the device, in words.
pub(crate) fn describe(device: &DispatchDevice, spec: &ScanSpec, batch: usize) -> Option<String> {
    match device {
        DispatchDevice::Autodiff(inner) => describe(inner, spec, batch),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(device) => super::cube::neuron::describe(device, spec, batch),
        #[allow(unreachable_patterns)]
        _ => {
            let _ = (spec, batch);
            None
        }
    }
}

/// Why this device runs a layer over `sizes`, samples and steps, in this number type as plain tensor steps; `None`
/// where it runs fused.
pub(crate) fn layer_obstacle(
    device: &DispatchDevice,
    dtype: DType,
    spec: &LayerSpec,
    sizes: [usize; 2],
) -> Option<String> {
    match device {
        DispatchDevice::Autodiff(inner) => layer_obstacle(inner, dtype, spec, sizes),
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => host_obstacle("Flex", dtype),
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => host_obstacle("NdArray", dtype),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(device) => super::cube::layer::obstacle(device, dtype, spec, sizes),
        #[allow(unreachable_patterns)]
        _ => {
            let _ = (dtype, spec, sizes);
            Some("this device has no fused layers".into())
        }
    }
}

/// How the fused layer runs on the device, in words, if there is more than one way.
pub(crate) fn describe_layer(
    device: &DispatchDevice,
    spec: &LayerSpec,
    batch: usize,
) -> Option<String> {
    match device {
        DispatchDevice::Autodiff(inner) => describe_layer(inner, spec, batch),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(device) => super::cube::layer::describe(device, spec, batch),
        #[allow(unreachable_patterns)]
        _ => {
            let _ = (spec, batch);
            None
        }
    }
}

/// Steps that the backward pass on this device works on at a time; host kernels choose their own.
pub(crate) fn layer_block(
    device: &DispatchDevice,
    spec: &LayerSpec,
    [batch, time]: [usize; 2],
) -> usize {
    match device {
        DispatchDevice::Autodiff(inner) => layer_block(inner, spec, [batch, time]),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(device) => super::cube::layer::block(device, spec, batch, time),
        #[allow(unreachable_patterns)]
        _ => {
            let _ = (spec, batch);
            time
        }
    }
}

/// Numbers that a layer's forward pass on this device keeps for its backward pass, where it must tell beforehand.
pub(crate) fn layer_kept(device: &DispatchDevice, call: &LayerCall) -> usize {
    match device {
        DispatchDevice::Autodiff(inner) => layer_kept(inner, call),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(_) => super::cube::layer::kept_for_backward(call),
        #[allow(unreachable_patterns)]
        _ => {
            let _ = call;
            0
        }
    }
}
