//! The memory scan and its companions: how they run on a device.

use burn::tensor::{DType, Device, Tensor};

#[cfg(feature = "fused")]
use super::DEFAULT_MEMORY_BUDGET;
use super::ScanPath;
#[cfg(feature = "fused")]
use super::support;
#[cfg(feature = "fused")]
use crate::scan::memory::ops::{self, KeepHidden};
use crate::scan::memory::{ScanInputs, ScanSpec, reference};

/// Does this device run the fused operations in f32?
pub fn has_fused(device: &Device) -> bool {
    use_fused(ScanPath::Auto, device, DType::F32, None)
}

/// How this device runs a scan of these sizes in this number type, in words for people; where it runs as plain tensor
/// steps, why.
pub fn describe_path(
    path: ScanPath,
    device: &Device,
    dtype: DType,
    spec: &ScanSpec,
    batch: usize,
) -> String {
    if path == ScanPath::Reference {
        return "plain tensor steps: asked for".into();
    }
    #[cfg(feature = "fused")]
    {
        let device = device.as_dispatch();
        match support::obstacle(device, dtype, Some(spec)) {
            Some(reason) => format!("plain tensor steps: {reason}"),
            None => match support::describe(device, spec, batch) {
                Some(how) => format!("fused: {how}"),
                None => "fused".into(),
            },
        }
    }
    #[cfg(not(feature = "fused"))]
    {
        let _ = (device, dtype, spec, batch);
        "plain tensor steps: this build has no fused operations".into()
    }
}

fn use_fused(path: ScanPath, device: &Device, dtype: DType, spec: Option<&ScanSpec>) -> bool {
    #[cfg(feature = "fused")]
    {
        path != ScanPath::Reference
            && support::obstacle(device.as_dispatch(), dtype, spec).is_none()
    }
    #[cfg(not(feature = "fused"))]
    {
        let _ = (path, device, dtype, spec);
        false
    }
}

/// What the backward pass of a scan of `[batch, time]` may keep.
#[cfg(feature = "fused")]
pub(super) fn keep_of(
    path: ScanPath,
    device: &burn::backend::DispatchDevice,
    [batch, time]: [usize; 2],
    dtype: DType,
    spec: &ScanSpec,
) -> KeepHidden {
    let budget = match path {
        ScanPath::CheckpointEvery(steps) => return KeepHidden::Segments(steps.max(1)),
        ScanPath::MemoryBudget(bytes) => bytes,
        ScanPath::Auto | ScanPath::Reference => {
            support::memory_bytes(device).map_or(DEFAULT_MEMORY_BUDGET, |bytes| bytes / 2)
        }
    };
    // hidden layers: pre-activations (and gradients in their place), activated; memory: itself, its gradient, decayed,
    // tanh (and gradients in its place)
    let numbers = 2 * spec.hidden_total() + 4 * spec.memory;
    let step = (batch * numbers * dtype.size()) as u64;
    if step * time as u64 <= budget {
        return KeepHidden::All;
    }
    // a quarter, since drive, memory and their gradients are there as a whole
    KeepHidden::Segments((budget / 4 / step.max(1)).max(1) as usize)
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
    use crate::equations::HiddenActivation;

    fn kept(path: ScanPath, steps: usize) -> KeepHidden {
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
        assert_eq!(kept(ScanPath::Auto, 100), KeepHidden::All);
        let step = 2 * (2 * 20 + 4 * 10) * 4;
        assert_eq!(
            kept(ScanPath::MemoryBudget(100 * step), 100),
            KeepHidden::All
        );
        let less = ScanPath::MemoryBudget(40 * step);
        assert_eq!(kept(less, 100), KeepHidden::Segments(10));
        assert_eq!(
            kept(ScanPath::MemoryBudget(0), 100),
            KeepHidden::Segments(1)
        );
        let every = ScanPath::CheckpointEvery(7);
        assert_eq!(kept(every, 100), KeepHidden::Segments(7));
    }
}
