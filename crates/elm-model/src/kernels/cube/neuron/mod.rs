//! CubeCL kernels: one source for wgpu (Vulkan, Metal, WebGPU), CUDA and ROCm.
//!
//! # How the recurrence runs on a GPU
//!
//! The time loop is *inside* the kernel: one launch per direction, whatever the length of the sequence. A launch has
//! one cube (workgroup) per one, two or four samples (*rows*), and the cubes never talk to each other. A step is a
//! chain of small products, `u → W₁ᵐ → act → … → W₂ → m`, each of which needs all results of the one before. So a step
//! costs the latency of two products and two barriers, and everything else is there to make these short.
//!
//! **Registers.** The weights, as far as they fit: they never change during the loop, and registers are the only
//! memory that keeps up with the arithmetic. Four outputs belong to a group of 1 to 32 neighbouring units which share
//! the inputs out between them, so that a unit holds a 4-wide column for every input of its slice. At 100 memory and
//! 200 hidden units that is 416 units with 26 such columns each, 40 000 weights in all. Four outputs per read of an
//! input keep the reads of shared memory below the rate of the arithmetic. Also in registers: the decayed memory, what
//! is read ahead (the next step's drive), and in the backward loop the carried gradient and the sums of the gradients
//! of decay, gate and last bias. These all belong to an element, one output of one row, which one unit finishes.
//!
//! **Shared memory.** The input of each product, `[inputs, rows]`: the decayed memory and each activated hidden layer
//! (backward: their gradients). Every unit reads the inputs of its slice; units of different groups read the same
//! address at once, which is a broadcast, and the slices of a group read neighbouring ones. Then the weights that
//! registers could not hold. What fits in neither is read from global memory in each step (it stays in the caches), in
//! the order in which the units read it: slower, never an error.
//!
//! **Partial sums.** The units of a group add their sums up by shuffles within a plane (warp, subgroup). In each round
//! a unit gives away half of its sums and keeps the other, so that the elements of a group end up spread over its
//! units and the activations are computed side by side too. Where a device has no shuffles, the sums go through shared
//! memory, for one more barrier per product.
//!
//! **Barriers.** One after each product, when its result lies in shared memory: the next product must not read before
//! all have written. No second one is needed, since what a product overwrites was last read before the barrier of the
//! product before it. With no hidden layer there is no such product in between: then the memory has two copies that
//! take turns. So a step has two barriers with one hidden layer, one with none, three with two.
//!
//! **What is not in the loop.** The forward pass keeps the hidden pre-activations only, with one hidden layer in the
//! place of the drive. The backward pass first computes the `tanh` of every step again, as one product over all rows,
//! then runs the reverse loop with the transposed products, which turns pre-activations and `tanh` into their gradients
//! in place, and then takes each weight gradient as one product over all rows, cut into pieces so that the whole device
//! works on its small result. The input product is Burn's dense one: at 1 % of non-zero inputs a dense product on a GPU
//! is still cheaper than finding them. These products are Burn's, so their f32 is TF32 where Burn takes tensor cores.
//!
//! **Layout and limits.** [`layout`] chooses units, slices and rows by an estimate of the time of a step from the
//! device's limits; [`limits`] says which are used. Long scans on slow devices are cut into several launches, so that
//! no driver takes one for a hang. Numbers are stored in the tensors' type (f32, f16, bf16) and computed in f32.
//!
//! **Failures.** Cubes wait for nothing but their own barriers and every loop is bounded, so a kernel cannot hang. A
//! launch that the driver refuses or loses the device over is an error at the next `Device::sync` or reading of data,
//! as all of CubeCL's are.
//!
//! Everything is specialised when a kernel is compiled: sizes, activation, layout. The first call of a shape compiles,
//! later ones find the kernel.

mod backward;
mod elementwise;
mod forward;
mod gradients;

mod pack;
mod plan;
mod product;
mod scan;
#[cfg(all(test, feature = "flex"))]
mod tests;
mod trace;

use burn::backend::{DType, cubecl::dtype_to_elem_type, ops::FloatTensorOps, tensor::FloatTensor};
use burn_cubecl::{CubeBackend, CubeDevice, kernel::into_contiguous};

use self::plan::{Direction, KernelPlan};
use crate::kernels::cube::common::{layout, limits};
use crate::scan::memory::ScanSpec;
use crate::scan::memory::ops::{FusedOps, KeepHidden, KeptHidden};

type F = FloatTensor<CubeBackend>;

/// Why this device runs the operations in this number type, or this scan if one is named, as plain tensor steps; `None`
/// where it has kernels for it.
pub(crate) fn obstacle(
    device: &CubeDevice,
    dtype: DType,
    spec: Option<&ScanSpec>,
) -> Option<String> {
    if !matches!(dtype, DType::F32 | DType::F16 | DType::BF16) {
        return Some(format!("the kernels compute in f32, not in {dtype:?}"));
    }
    let client = device.client();
    let limits = limits::of_device(&client);
    limits::obstacle(&client, dtype_to_elem_type(dtype)).or_else(|| {
        let spec = spec?;
        [Direction::Forward, Direction::Backward]
            .iter()
            .any(|&direction| KernelPlan::new(spec, direction, 1, &limits).is_none())
            .then(|| {
                format!(
                    "a step of {} memory and {} hidden units does not fit in a workgroup's {} bytes",
                    spec.memory,
                    spec.hidden_total(),
                    limits.shared_bytes
                )
            })
    })
}

/// Bytes of memory that the device says it has.
pub(crate) fn memory_bytes(device: &CubeDevice) -> Option<u64> {
    device.client().properties().memory.max_memory()
}

/// How a scan would be laid out on the device, in words.
pub(crate) fn describe(device: &CubeDevice, spec: &ScanSpec, batch: usize) -> Option<String> {
    let client = device.client();
    let plan = KernelPlan::new(spec, Direction::Forward, batch, &limits::of_device(&client))?;
    let layout = &plan.layout;
    let count = |of: fn(&layout::Product) -> usize| -> usize {
        layout
            .products
            .iter()
            .map(|p| of(p) * layout.cube.units * layout::LANES)
            .sum()
    };
    let (all, resident, staged) = (
        count(|p| p.chunks),
        count(|p| p.resident),
        count(|p| p.staged),
    );
    Some(format!(
        "{} units for {} sample(s) of {batch}; weights {} % in registers, {} % in shared memory",
        layout.cube.units,
        layout.cube.rows,
        100 * resident / all.max(1),
        100 * staged / all.max(1),
    ))
}

impl FusedOps for CubeBackend {
    fn elm_memory_scan(
        drive: F,
        weights: F,
        decay: F,
        gate: F,
        start: F,
        spec: ScanSpec,
        _: KeepHidden,
    ) -> F {
        let limits = limits::of_device(&drive.client);
        let inputs = scan::Inputs {
            drive,
            weights,
            decay,
            gate,
            start,
        };
        scan::forward(inputs, &spec, &limits)
    }

    fn elm_memory_scan_forward(
        drive: F,
        weights: F,
        decay: F,
        gate: F,
        start: F,
        spec: ScanSpec,
    ) -> (F, KeptHidden<Self>) {
        let limits = limits::of_device(&drive.client);
        let inputs = scan::Inputs {
            drive,
            weights,
            decay,
            gate,
            start,
        };
        let (memory, kept) = scan::forward_and_keep(inputs, &spec, &limits);
        (memory, KeptHidden::Hidden(kept))
    }

    fn elm_memory_scan_backward(
        grad: F,
        memory: F,
        kept: KeptHidden<Self>,
        weights: F,
        decay: F,
        gate: F,
        start: F,
        spec: ScanSpec,
    ) -> (F, F, F, F, F) {
        let KeptHidden::Hidden(kept) = kept else {
            unreachable!("this backend keeps no tanh")
        };
        let limits = limits::of_device(&grad.client);
        let x = scan::BackwardInputs {
            grad,
            memory,
            kept,
            weights,
            decay,
            gate,
            start,
        };
        let g = scan::backward(x, &spec, &limits);
        (g.drive, g.weights, g.decay, g.gate, g.start)
    }

    fn elm_leaky_trace(input: F, decay: F, start: F) -> F {
        trace::forward(input, decay, start)
    }

    fn elm_leaky_trace_backward(grad: F, decay: F) -> (F, F) {
        trace::backward(grad, decay)
    }

    fn elm_input_product(input: F, matrix: F) -> F {
        CubeBackend::float_matmul(input, matrix)
    }

    fn elm_input_product_backward(input: F, grad: F) -> F {
        gradients::transposed_product(into_contiguous(input), into_contiguous(grad))
    }
}
