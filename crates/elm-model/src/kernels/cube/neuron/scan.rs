//! The scan from the host's side: packing, launches, and the batched part of the backward pass.

use burn::backend::{DType, ops::FloatTensorOps};
use burn::tensor::{Shape, Slice};
use burn_cubecl::{CubeBackend, cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::backward::scan_backward;
use super::elementwise;
use super::forward::{HiddenPlace, scan_forward};
use super::gradients;
use super::pack::pack_weights;
use super::plan::{Direction, KernelPlan};
use crate::kernels::cube::common::launch::{cube_counts, elem_type, empty, empty_f32, index_type};
use crate::kernels::cube::common::layout::{LANES, Limits};
use crate::scan::memory::ScanSpec;

/// Units of a cube of the packing kernel.
const PACK_UNITS: usize = 128;

/// Inputs of the forward pass.
pub(super) struct Inputs {
    pub drive: CubeTensor,
    pub weights: CubeTensor,
    pub decay: CubeTensor,
    pub gate: CubeTensor,
    pub start: CubeTensor,
}

impl Inputs {
    fn contiguous(self) -> Self {
        Self {
            drive: into_contiguous(self.drive),
            weights: into_contiguous(self.weights),
            decay: into_contiguous(self.decay),
            gate: into_contiguous(self.gate),
            start: into_contiguous(self.start),
        }
    }
}

/// Inputs of the backward pass. `kept` is what [`forward_and_keep`] kept.
pub(super) struct BackwardInputs {
    pub grad: CubeTensor,
    pub memory: CubeTensor,
    pub kept: CubeTensor,
    pub weights: CubeTensor,
    pub decay: CubeTensor,
    pub gate: CubeTensor,
    pub start: CubeTensor,
}

/// Gradients of the inputs of the forward pass.
pub(super) struct Gradients {
    pub drive: CubeTensor,
    pub weights: CubeTensor,
    pub decay: CubeTensor,
    pub gate: CubeTensor,
    pub start: CubeTensor,
}

/// Steps that one launch may take, so that no driver's watchdog ends it.
fn steps_of_launch(spec: &ScanSpec, batch: usize, limits: &Limits) -> usize {
    let step: usize = spec
        .linear_maps()
        .iter()
        .map(|s| s.inputs * s.outputs)
        .sum();
    (limits.launch_work / (batch * step).max(1)).max(1)
}

/// The packed weights and the constants of a plan.
fn pack(
    plan: &KernelPlan,
    weights: &CubeTensor,
    decay: &CubeTensor,
    gate: &CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let packed = empty_f32(weights, LANES * plan.layout.packed_len());
    let constants = empty_f32(weights, plan.constants_len());
    let longest = plan
        .layout
        .products
        .iter()
        .map(|p| p.chunks * plan.layout.cube.units)
        .chain([plan.constants_len()])
        .max()
        .unwrap_or(1);
    // SAFETY: see the kernel; `packed` and `constants` have the lengths that the plan asks for, `weights` those of the
    // plan's linear maps, decay and gate that of the memory.
    unsafe {
        pack_weights::launch_unchecked(
            &weights.client,
            cube_counts(&weights.client, longest.div_ceil(PACK_UNITS)),
            CubeDim::new_1d(PACK_UNITS as u32),
            weights.clone().into_buffer_arg(),
            decay.clone().into_buffer_arg(),
            gate.clone().into_buffer_arg(),
            packed.clone().into_buffer_arg(),
            constants.clone().into_buffer_arg(),
            plan.clone(),
            elem_type(weights),
        );
    }
    (packed, constants)
}

/// Why a plan exists whenever a scan is run.
const CHECKED: &str = "the caller has asked whether this device can run the scan";

/// The memory after each step.
pub(super) fn forward(inputs: Inputs, spec: &ScanSpec, limits: &Limits) -> CubeTensor {
    let inputs = inputs.contiguous();
    let unused = empty(&inputs.drive, [1]);
    let drive = inputs.drive.clone();
    run_forward(&inputs, &drive, &unused, HiddenPlace::Dropped, spec, limits)
}

/// The memory, and what the backward pass needs besides: the hidden pre-activations, or the drive where there is no
/// hidden layer. With one hidden layer they take the drive's place if nobody else holds it.
pub(super) fn forward_and_keep(
    inputs: Inputs,
    spec: &ScanSpec,
    limits: &Limits,
) -> (CubeTensor, CubeTensor) {
    let inputs = inputs.contiguous();
    let [batch, time, _] = inputs.drive.meta.shape().dims::<3>();
    match spec.hidden_layers {
        0 => {
            let unused = empty(&inputs.drive, [1]);
            let drive = inputs.drive.clone();
            let memory = run_forward(&inputs, &drive, &unused, HiddenPlace::Dropped, spec, limits);
            (memory, drive)
        }
        1 => {
            let drive = owned(&inputs.drive);
            let unused = empty(&inputs.drive, [1]);
            let memory = run_forward(
                &inputs,
                &drive,
                &unused,
                HiddenPlace::OverDrive,
                spec,
                limits,
            );
            (memory, drive)
        }
        _ => {
            let drive = inputs.drive.clone();
            let hidden = empty(&drive, [batch, time, spec.hidden_total()]);
            let memory = run_forward(&inputs, &drive, &hidden, HiddenPlace::Apart, spec, limits);
            (memory, hidden)
        }
    }
}

/// A contiguous tensor that may be overwritten: itself, or a copy if somebody else holds it too.
fn owned(tensor: &CubeTensor) -> CubeTensor {
    match tensor.can_mut() {
        true => tensor.clone(),
        false => tensor.copy(),
    }
}

fn run_forward(
    inputs: &Inputs,
    drive: &CubeTensor,
    hidden: &CubeTensor,
    hidden_place: HiddenPlace,
    spec: &ScanSpec,
    limits: &Limits,
) -> CubeTensor {
    let [batch, time, _] = drive.meta.shape().dims::<3>();
    let memory = empty(drive, [batch, time, spec.memory]);
    if batch * time == 0 {
        return memory;
    }
    let Some(plan) = KernelPlan::new(spec, Direction::Forward, batch, limits) else {
        unreachable!("{CHECKED}")
    };
    let (packed, constants) = pack(&plan, &inputs.weights, &inputs.decay, &inputs.gate);
    let cubes = batch.div_ceil(plan.layout.cube.rows);
    let steps = steps_of_launch(spec, batch, limits);
    for first in (0..time).step_by(steps) {
        // SAFETY: see the kernel; all tensors are contiguous and shaped as it says, and it writes to `memory`, which is
        // new, and to the one of `drive` and `hidden` that the caller owns.
        unsafe {
            scan_forward::launch_unchecked(
                &drive.client,
                cube_counts(&drive.client, cubes),
                CubeDim::new_1d(plan.layout.cube.units as u32),
                index_type(&[drive, &memory, hidden]),
                packed.clone().into_buffer_arg(),
                constants.clone().into_buffer_arg(),
                drive.clone().into_buffer_arg(),
                inputs.start.clone().into_buffer_arg(),
                memory.clone().into_buffer_arg(),
                hidden.clone().into_buffer_arg(),
                batch as u32,
                time as u32,
                first as u32,
                (first + steps).min(time) as u32,
                plan.clone(),
                hidden_place,
                elem_type(drive),
            );
        }
    }
    memory
}

/// What the batched part of the backward pass needs for every row.
struct Rows {
    /// Decayed memory that each step starts from, `[rows, memory]`.
    decayed: CubeTensor,
    /// Activated hidden layers, `[rows, layers · hidden]`.
    activated: Option<CubeTensor>,
    /// `tanh` of each step, `[rows, memory]`; held by nobody else.
    squashed: CubeTensor,
}

impl Rows {
    /// From what the forward pass kept: one product over all rows.
    fn new(spec: &ScanSpec, x: &BackwardInputs) -> Self {
        let [batch, time, width] = x.kept.meta.shape().dims::<3>();
        let rows = batch * time;
        let maps = spec.linear_maps();
        let Some(last) = maps.last() else {
            unreachable!("a scan has at least one linear map")
        };
        let flat = |tensor, width| CubeBackend::float_reshape(tensor, Shape::new([rows, width]));
        let decayed = flat(
            elementwise::decayed(&x.memory, &x.start, &x.decay),
            spec.memory,
        );
        let slice = Slice::from(last.weight..last.weight + last.inputs * last.outputs);
        let weight = CubeBackend::float_reshape(
            CubeBackend::float_slice(x.weights.clone(), &[slice]),
            Shape::new([last.inputs, last.outputs]),
        );
        let kept = flat(x.kept.clone(), width);
        let (z, activated) = match spec.hidden_layers {
            0 => {
                let product = CubeBackend::float_matmul(decayed.clone(), weight);
                (CubeBackend::float_add(product, kept), None)
            }
            _ => {
                let activated = elementwise::activated(&kept, spec.activation);
                let active = gradients::columns(activated.clone(), width - spec.hidden, width);
                (CubeBackend::float_matmul(active, weight), Some(activated))
            }
        };
        let z = into_contiguous(z);
        elementwise::squash_in_place(&z, &x.weights, last.bias, spec.memory);
        Self {
            decayed,
            activated,
            squashed: z,
        }
    }
}

/// Gradients of drive, weights, decay, gate and start.
pub(super) fn backward(x: BackwardInputs, spec: &ScanSpec, limits: &Limits) -> Gradients {
    let [grad, memory, kept, weights, decay, gate, start] = [
        x.grad, x.memory, x.kept, x.weights, x.decay, x.gate, x.start,
    ]
    .map(into_contiguous);
    let [batch, time, _] = memory.meta.shape().dims::<3>();
    let x = BackwardInputs {
        grad,
        memory,
        kept,
        weights,
        decay,
        gate,
        start,
    };
    let Some(plan) = KernelPlan::new(spec, Direction::Backward, batch, limits) else {
        unreachable!("{CHECKED}")
    };
    let rows = Rows::new(spec, &x);
    // the kernel overwrites what it reads, so the hidden values must be nobody else's
    let hidden = match spec.hidden_layers {
        0 => empty(&x.kept, [1]),
        _ => owned(&x.kept),
    };
    let sums = CubeBackend::float_zeros(
        Shape::new([batch, plan.sums_len()]),
        &x.grad.device,
        DType::F32.into(),
    );
    reverse_loop(spec, &plan, limits, &x, &hidden, &rows.squashed, &sums);
    collect(spec, [batch, time], x, rows, hidden, sums)
}

/// Launches the reverse loop: `hidden` and `squashed` become gradients, `sums` is added to.
fn reverse_loop(
    spec: &ScanSpec,
    plan: &KernelPlan,
    limits: &Limits,
    x: &BackwardInputs,
    hidden: &CubeTensor,
    squashed: &CubeTensor,
    sums: &CubeTensor,
) {
    let [batch, time, _] = x.memory.meta.shape().dims::<3>();
    if batch * time == 0 {
        return;
    }
    let (packed, constants) = pack(plan, &x.weights, &x.decay, &x.gate);
    let cubes = batch.div_ceil(plan.layout.cube.rows);
    let steps = steps_of_launch(spec, batch, limits);
    let firsts: Vec<usize> = (0..time).step_by(steps).collect();
    for first in firsts.into_iter().rev() {
        // SAFETY: see the kernel; all tensors are contiguous and shaped as it says, `hidden`, `squashed` and `sums`
        // are held by this function's caller only.
        unsafe {
            scan_backward::launch_unchecked(
                &x.grad.client,
                cube_counts(&x.grad.client, cubes),
                CubeDim::new_1d(plan.layout.cube.units as u32),
                index_type(&[&x.grad, hidden]),
                packed.clone().into_buffer_arg(),
                constants.clone().into_buffer_arg(),
                x.grad.clone().into_buffer_arg(),
                x.memory.clone().into_buffer_arg(),
                x.start.clone().into_buffer_arg(),
                hidden.clone().into_buffer_arg(),
                squashed.clone().into_buffer_arg(),
                sums.clone().into_buffer_arg(),
                batch as u32,
                time as u32,
                first as u32,
                (first + steps).min(time) as u32,
                plan.clone(),
                elem_type(&x.grad),
            );
        }
    }
}

/// The gradients from what the reverse loop left.
fn collect(
    spec: &ScanSpec,
    [batch, time]: [usize; 2],
    x: BackwardInputs,
    rows: Rows,
    hidden: CubeTensor,
    sums: CubeTensor,
) -> Gradients {
    let (m, n) = (spec.memory, batch * time);
    let dtype = x.grad.dtype;
    let width = sums.meta.shape()[1];
    let start = gradients::columns(sums.clone(), 0, m);
    let constants = CubeBackend::float_sum_dim(gradients::columns(sums, m, width), 0);
    let constants = CubeBackend::float_reshape(constants, Shape::new([width - m]));
    let constants = CubeBackend::float_cast(constants, dtype.into());
    let part = |from: usize, to: usize| {
        CubeBackend::float_slice(constants.clone(), &[Slice::from(from..to)])
    };
    let flat = |tensor, width| CubeBackend::float_reshape(tensor, Shape::new([n, width]));
    let dhidden = (spec.hidden_layers > 0).then(|| flat(hidden, spec.hidden_total()));
    let drive = match &dhidden {
        Some(dhidden) => gradients::columns(dhidden.clone(), 0, spec.hidden),
        None => rows.squashed.clone(),
    };
    Gradients {
        weights: gradients::packed_weights(
            spec,
            rows.decayed,
            rows.activated,
            dhidden,
            rows.squashed,
            &constants,
        ),
        drive: CubeBackend::float_reshape(drive, Shape::new([batch, time, spec.first()])),
        decay: part(0, m),
        gate: part(m, 2 * m),
        start: CubeBackend::float_cast(into_contiguous(start), dtype.into()),
    }
}
