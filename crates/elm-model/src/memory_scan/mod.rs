//! The memory recurrence of the ELM neuron as one operation.
//!
//! Per time step, with `κ` the decay of each memory unit and `g` the gate on its update:
//!
//! ```text
//! u_t = κ ⊙ m_{t−1}
//! a_t = drive_t + W₁ᵐ u_t              first layer; the drive holds its share of the branches and its bias
//! z_t = … W₂ act(a_t) + b₂             0, 1 or more hidden layers
//! m_t = u_t + g ⊙ 1.7159 · tanh(2/3 · z_t)
//! ```
//!
//! This is all that is sequential in the neuron (equations.md, section 3): branches, routing and
//! readout are batched over time outside of it. Three operations live here, each with a plain-tensor
//! [`mod@reference`] (the specification, differentiable by Burn itself, for every backend) and a fused
//! version with its own gradient where the backend has one:
//!
//! - [`memory_scan`]: the recurrence above;
//! - [`leaky_trace`]: `v_t = κ ⊙ v_{t−1} + u_t`, the branch trace;
//! - [`input_product`]: `x · R` for inputs that are mostly zero (spikes).
//!
//! Layout of this folder: `spec` (sizes and the packed weights), `reference`, `ops` (the backend
//! extension that Burn dispatches), `autodiff` (its gradient), `cpu/` (kernels for Flex and NdArray).
//! A further backend adds a folder with its kernels and one `impl FusedOps`.

#[cfg(any(feature = "flex", feature = "ndarray"))]
mod autodiff;
pub mod cpu;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod ops;
pub mod reference;
mod spec;

pub use spec::{SQUASH_GAIN, SQUASH_SLOPE, ScanSpec};

use burn::tensor::{DType, Device, Tensor};

/// Which implementation of the operations to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanPath {
    /// The fused one where the device and the number type have one, else the reference.
    #[default]
    Auto,
    /// Always the plain-tensor reference.
    Reference,
}

/// Inputs of [`memory_scan`].
#[derive(Debug, Clone)]
pub struct ScanInputs {
    /// Additive input of the first layer, `[batch, time, first]`, bias included.
    pub drive: Tensor<3>,
    /// All other weights of the MLP in one row, see [`ScanSpec`].
    pub weights: Tensor<1>,
    /// Decay of each memory unit per step, `[memory]`, in (0, 1).
    pub decay: Tensor<1>,
    /// Gate on the memory update, `[memory]`.
    pub gate: Tensor<1>,
    /// Memory before the first step, `[batch, memory]`.
    pub memory: Tensor<2>,
}

/// Does this device run the fused operations (for f32 and f64)?
pub fn has_fused(device: &Device) -> bool {
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    {
        ops::has_fused(device.as_dispatch())
    }
    #[cfg(not(any(feature = "flex", feature = "ndarray")))]
    {
        let _ = device;
        false
    }
}

fn use_fused(path: ScanPath, device: &Device, dtype: DType) -> bool {
    path == ScanPath::Auto && matches!(dtype, DType::F32 | DType::F64) && has_fused(device)
}

/// The memory `[batch, time, memory]` after each step.
///
/// Differentiable in every input. Shapes must fit `spec`; [`ElmNeuron`](crate::ElmNeuron) sees to that.
pub fn memory_scan(inputs: ScanInputs, spec: &ScanSpec, path: ScanPath) -> Tensor<3> {
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    if use_fused(path, &inputs.drive.device(), inputs.drive.dtype()) {
        return ops::memory_scan(inputs, spec);
    }
    let _ = path;
    reference::memory_scan(inputs, spec)
}

/// The leaky sum `v_t = decay ⊙ v_{t−1} + u_t` over time, `[batch, time, channel]`.
///
/// `decay` is `[channel]`, `start` the value before the first step, `[batch, channel]`.
/// Differentiable in `input` and `start`; the decay is a constant (its timescale is never trained).
pub fn leaky_trace(
    input: Tensor<3>,
    decay: Tensor<1>,
    start: Tensor<2>,
    path: ScanPath,
) -> Tensor<3> {
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    if use_fused(path, &input.device(), input.dtype()) {
        return ops::leaky_trace(input, decay, start);
    }
    let _ = path;
    reference::leaky_trace(input, decay.detach(), start)
}

/// The product `x · R` of `[rows, input]` and `[input, column]`, cheap where `x` is mostly zero.
pub fn input_product(input: Tensor<2>, matrix: Tensor<2>, path: ScanPath) -> Tensor<2> {
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    if use_fused(path, &input.device(), input.dtype()) {
        return ops::input_product(input, matrix);
    }
    let _ = path;
    input.matmul(matrix)
}
