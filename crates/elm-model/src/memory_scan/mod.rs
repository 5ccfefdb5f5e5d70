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
//! [`mod@neuron`] puts them together, and on the CPU makes one operation of the whole neuron.
//!
//! Layout of this folder: `spec` (sizes and the packed weights), `reference`, `ops` (the backend
//! extension that Burn dispatches), `autodiff` (its gradient), `segments` (the gradient in little memory), `neuron/`
//! (the whole neuron likewise), `cpu/`
//! (kernels for Flex and NdArray), `cube/` (kernels for graphics cards).
//! A further backend adds a folder with its kernels and one `impl FusedOps`.

#[cfg(feature = "fused")]
mod autodiff;
pub mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub mod neuron;
#[cfg(feature = "fused")]
mod ops;
pub mod reference;
#[cfg(feature = "fused")]
mod segments;
mod spec;

pub use spec::{SQUASH_GAIN, SQUASH_SLOPE, ScanSpec};

use burn::tensor::{DType, Device, Tensor};

/// Which implementation of the operations to use, and how much it keeps for the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanPath {
    /// The fused one where the device and the number type have one, else the reference. The backward pass gets half
    /// of the device's memory where it tells, else [`DEFAULT_MEMORY_BUDGET`].
    #[default]
    Auto,
    /// Always the plain-tensor reference.
    Reference,
    /// Like `Auto`, with this many bytes for what the scan's backward pass keeps and computes. Where all of it does not
    /// fit, the hidden values are computed again in the backward pass, in segments that do.
    MemoryBudget(u64),
    /// Like `Auto`, but the backward pass always computes the hidden values again, this many steps at a time.
    CheckpointEvery(usize),
}

/// Memory for the backward pass of a scan where the device does not tell how much it has: 8 GiB.
pub const DEFAULT_MEMORY_BUDGET: u64 = 8 << 30;

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

/// Does this device run the fused operations in f32?
pub fn has_fused(device: &Device) -> bool {
    use_fused(ScanPath::Auto, device, DType::F32, None)
}

/// How this device runs a scan of these sizes in f32, in words for people.
pub fn describe_path(device: &Device, spec: &ScanSpec, batch: usize) -> String {
    if !use_fused(ScanPath::Auto, device, DType::F32, Some(spec)) {
        return "plain tensor steps".into();
    }
    #[cfg(feature = "fused")]
    if let Some(how) = ops::describe(device.as_dispatch(), spec, batch) {
        return format!("fused: {how}");
    }
    let _ = batch;
    "fused".into()
}

fn use_fused(path: ScanPath, device: &Device, dtype: DType, spec: Option<&ScanSpec>) -> bool {
    #[cfg(feature = "fused")]
    {
        path != ScanPath::Reference && ops::has_fused(device.as_dispatch(), dtype, spec)
    }
    #[cfg(not(feature = "fused"))]
    {
        let _ = (path, device, dtype, spec);
        false
    }
}

/// What the backward pass of a scan of `[batch, time]` may keep.
#[cfg(feature = "fused")]
fn keep_of(
    path: ScanPath,
    device: &burn::backend::DispatchDevice,
    [batch, time]: [usize; 2],
    dtype: DType,
    spec: &ScanSpec,
) -> ops::Keep {
    let budget = match path {
        ScanPath::CheckpointEvery(steps) => return ops::Keep::Segments(steps.max(1)),
        ScanPath::MemoryBudget(bytes) => bytes,
        ScanPath::Auto | ScanPath::Reference => {
            ops::memory_bytes(device).map_or(DEFAULT_MEMORY_BUDGET, |bytes| bytes / 2)
        }
    };
    // hidden layers: pre-activations (and gradients in their place), activated; memory: itself, its gradient, decayed,
    // tanh (and gradients in its place)
    let numbers = 2 * spec.hidden_total() + 4 * spec.memory;
    let step = (batch * numbers * dtype.size()) as u64;
    if step * time as u64 <= budget {
        return ops::Keep::All;
    }
    // a quarter, since drive, memory and their gradients are there as a whole
    ops::Keep::Segments((budget / 4 / step.max(1)).max(1) as usize)
}

/// The memory `[batch, time, memory]` after each step.
///
/// Differentiable in every input. Shapes must fit `spec`; [`ElmNeuron`](crate::ElmNeuron) sees to that.
pub fn memory_scan(inputs: ScanInputs, spec: &ScanSpec, path: ScanPath) -> Tensor<3> {
    #[cfg(feature = "fused")]
    if use_fused(
        path,
        &inputs.drive.device(),
        inputs.drive.dtype(),
        Some(spec),
    ) {
        let [batch, time, _] = inputs.drive.dims();
        let device = inputs.drive.device();
        let keep = keep_of(
            path,
            device.as_dispatch(),
            [batch, time],
            inputs.drive.dtype(),
            spec,
        );
        return ops::memory_scan(inputs, spec, keep);
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
    #[cfg(feature = "fused")]
    if use_fused(path, &input.device(), input.dtype(), None) {
        return ops::leaky_trace(input, decay, start);
    }
    let _ = path;
    reference::leaky_trace(input, decay.detach(), start)
}

/// The product `x · R` of `[rows, input]` and `[input, column]`, cheap where `x` is mostly zero.
pub fn input_product(input: Tensor<2>, matrix: Tensor<2>, path: ScanPath) -> Tensor<2> {
    #[cfg(feature = "fused")]
    if use_fused(path, &input.device(), input.dtype(), None) {
        return ops::input_product(input, matrix);
    }
    let _ = path;
    input.matmul(matrix)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::HiddenActivation;
    use ops::Keep;

    fn kept(path: ScanPath, steps: usize) -> Keep {
        let spec = ScanSpec {
            memory: 10,
            hidden_layers: 1,
            hidden: 20,
            activation: HiddenActivation::Relu,
        };
        let device = Device::flex();
        keep_of(path, device.as_dispatch(), [2, steps], DType::F32, &spec)
    }

    #[test]
    fn the_memory_budget_decides_what_is_kept() {
        assert_eq!(kept(ScanPath::Auto, 100), Keep::All);
        let step = 2 * (2 * 20 + 4 * 10) * 4;
        assert_eq!(kept(ScanPath::MemoryBudget(100 * step), 100), Keep::All);
        let less = ScanPath::MemoryBudget(40 * step);
        assert_eq!(kept(less, 100), Keep::Segments(10));
        assert_eq!(kept(ScanPath::MemoryBudget(0), 100), Keep::Segments(1));
        let every = ScanPath::CheckpointEvery(7);
        assert_eq!(kept(every, 100), Keep::Segments(7));
    }
}
