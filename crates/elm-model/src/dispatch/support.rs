//! What a device runs fused, how, and how much memory it has.
#![allow(deprecated)] // NdArray is deprecated in Burn 0.22 and still in use
#![cfg_attr(not(feature = "cube"), allow(unused_variables))] // which host kernels need not know

use burn::backend::DispatchDevice;
use burn::tensor::DType;
#[cfg(feature = "cube")]
use burn_cubecl::CubeDevice;

#[cfg(feature = "cube")]
use crate::kernels::cube;
#[cfg(all(feature = "remote", not(feature = "fusion")))]
use crate::remote::about::{About, about};
use crate::scan::layer::{LayerCall, LayerSpec};
use crate::scan::memory::ScanSpec;

/// The kernels that there are for a device.
enum Kernels {
    /// Those for CPUs, on the backend of this name.
    #[cfg(feature = "host")]
    Host(&'static str),
    /// Those for graphics cards.
    #[cfg(feature = "cube")]
    Cube(CubeDevice),
    /// Those of the server that hosts the device, or why there are none.
    #[cfg(all(feature = "remote", not(feature = "fusion")))]
    Server(Result<About, String>),
    Missing,
}

fn kernels(device: &DispatchDevice) -> Kernels {
    match device {
        DispatchDevice::Autodiff(inner) => kernels(inner),
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => Kernels::Host("Flex"),
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => Kernels::Host("NdArray"),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(device) => Kernels::Cube(device.clone()),
        #[cfg(all(feature = "remote", not(feature = "fusion")))]
        DispatchDevice::Remote(device) => Kernels::Server(about(device)),
        #[allow(unreachable_patterns)]
        _ => Kernels::Missing,
    }
}

/// Do the tensors of this device lie in host memory?
#[cfg(feature = "host")]
pub(crate) fn is_host(device: &DispatchDevice) -> bool {
    matches!(kernels(device), Kernels::Host(_))
}

/// Threads that the kernels for CPUs have on this device; none where others run, or none at all.
#[cfg(feature = "host")]
pub(crate) fn cpu_threads(device: &DispatchDevice) -> Option<usize> {
    match kernels(device) {
        Kernels::Host(_) => Some(rayon::current_num_threads()),
        #[cfg(all(feature = "remote", not(feature = "fusion")))]
        Kernels::Server(about) => about.ok().map(|about| about.threads),
        _ => None,
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
    match kernels(device) {
        #[cfg(feature = "host")]
        Kernels::Host(name) => host_obstacle(name, dtype),
        #[cfg(feature = "cube")]
        Kernels::Cube(device) => cube::neuron::obstacle(&device, dtype, spec),
        #[cfg(all(feature = "remote", not(feature = "fusion")))]
        Kernels::Server(about) => about.err().or_else(|| host_obstacle("the server", dtype)),
        Kernels::Missing => Some("this device has no fused operations".into()),
    }
}

/// Bytes of memory of the device, if it is one that tells.
pub(crate) fn memory_bytes(device: &DispatchDevice) -> Option<u64> {
    match kernels(device) {
        #[cfg(feature = "host")]
        Kernels::Host(_) => crate::kernels::host::memory_bytes(),
        #[cfg(feature = "cube")]
        Kernels::Cube(device) => cube::neuron::memory_bytes(&device),
        #[cfg(all(feature = "remote", not(feature = "fusion")))]
        Kernels::Server(about) => about.ok().and_then(|about| about.memory),
        Kernels::Missing => None,
    }
}

#[cfg(all(feature = "remote", not(feature = "fusion")))]
fn on_server(about: About) -> String {
    format!("on the server, {} thread(s)", about.threads)
}

/// How the fused scan runs on the device, in words, if there is more than one way.
pub(crate) fn describe(device: &DispatchDevice, spec: &ScanSpec, batch: usize) -> Option<String> {
    match kernels(device) {
        #[cfg(feature = "cube")]
        Kernels::Cube(device) => cube::neuron::describe(&device, spec, batch),
        #[cfg(all(feature = "remote", not(feature = "fusion")))]
        Kernels::Server(about) => about.ok().map(on_server),
        _ => None,
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
    match kernels(device) {
        #[cfg(feature = "host")]
        Kernels::Host(name) => host_obstacle(name, dtype),
        #[cfg(feature = "cube")]
        Kernels::Cube(device) => cube::layer::obstacle(&device, dtype, spec, sizes),
        #[cfg(all(feature = "remote", not(feature = "fusion")))]
        Kernels::Server(about) => about.err().or_else(|| host_obstacle("the server", dtype)),
        Kernels::Missing => Some("this device has no fused layers".into()),
    }
}

/// How the fused layer runs on the device, in words, if there is more than one way.
pub(crate) fn describe_layer(
    device: &DispatchDevice,
    spec: &LayerSpec,
    batch: usize,
) -> Option<String> {
    match kernels(device) {
        #[cfg(feature = "cube")]
        Kernels::Cube(device) => cube::layer::describe(&device, spec, batch),
        #[cfg(all(feature = "remote", not(feature = "fusion")))]
        Kernels::Server(about) => about.ok().map(on_server),
        _ => None,
    }
}

/// Steps that the backward pass on this device works on at a time; host kernels choose their own.
pub(crate) fn layer_block(
    device: &DispatchDevice,
    spec: &LayerSpec,
    [batch, time]: [usize; 2],
) -> usize {
    match kernels(device) {
        #[cfg(feature = "cube")]
        Kernels::Cube(device) => cube::layer::block(&device, spec, batch, time),
        _ => time,
    }
}

/// Numbers that a layer's forward pass on this device keeps for its backward pass, where it must tell beforehand.
pub(crate) fn layer_kept(device: &DispatchDevice, call: &LayerCall) -> usize {
    match kernels(device) {
        #[cfg(feature = "cube")]
        Kernels::Cube(_) => cube::layer::kept_for_backward(call),
        _ => 0,
    }
}
