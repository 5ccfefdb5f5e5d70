//! CubeCL kernels of a layer: one source for wgpu (Vulkan, Metal, WebGPU), CUDA and ROCm. f32.
//!
//! # How a layer runs on a GPU
//!
//! **A launch per step.** Recurrent synapses read what *other* neurons did one step earlier, so every step needs all of
//! the step before. Cubes (workgroups) of one launch cannot wait for each other on all of these targets, but launches
//! of one queue run in order: the end of a launch is the barrier that the whole grid has. So a layer with recurrent
//! synapses takes one launch per step and direction. Where no synapse is recurrent, as in the last layer of a network,
//! neurons never need each other: the loop over time is inside the same kernel, and a launch takes as many steps as no
//! driver takes for a hang.
//!
//! **A cube is a neuron.** One cube owns one neuron and up to eight samples, and does all of its step: gathers the
//! recurrent synapses of each branch from the activity before, adds the feed-forward share and the trace, runs the MLP,
//! updates the memory, reads it out, and applies high-pass and activation. Units are pairs of an output and a sample;
//! the units of one output read the same weight at once, which is a broadcast. The neuron's parameters other than
//! synapses are copied to shared memory, if half of it holds them, all at once rather than one by one where they are
//! needed; else they are read from global memory, which is slower and never an error. A step of one hidden layer has
//! three barriers.
//!
//! **What is not in the loop.** The feed-forward share of the branch sums is computed a block of steps at a time, by
//! one unit per branch, step and sample ([`branches`]); tokens are compared with, never spread out to channels.
//!
//! **Layout.** Buffers have neurons (or sources) first and samples last, time between. In one step a source is a row of
//! samples; over a block it is one long row of *columns*, step after step, which neighbouring units read side by side.
//!
//! **What is kept.** Activities, memory, the input of the output activation and, with a branch trace, its value before
//! every block. Everything else is computed anew in the backward pass, so that memory grows with neither branches nor
//! hidden units times steps.
//!
//! **The way back** goes through blocks of steps, last one first; a block is as long as its frames, a row of columns for
//! each inner value of each neuron, fits in a buffer of moderate size ([`block`]). For each block:
//!
//! 1. *Replay* ([`branches`], [`frames`]): since activity and memory of all steps are known, branch sums, pre-activations
//!    and `tanh` values of the block are computed for all steps at once.
//! 2. *Steps back* ([`backward`]), a launch per step as above. A synapse adds to the gradient of its source; so as not
//!    to add from many cubes to one place, the owner of the source gathers: the connectome is kept by sources too
//!    ([`connectome`]), and a neuron starts its step back with what all its outgoing synapses have for it. Gradients replace
//!    the values in the frames.
//! 3. *Arrivals* ([`arrivals`]): the same gather for the activity before the block, which the block before goes on
//!    with, and for the input if its gradient is asked for.
//! 4. *Sums* ([`weights`]): weight gradients over all columns of the block. Every number belongs to one cube, so there
//!    are no atomics, and the results are the same each time. Biases count as weights of an input that is always 1.
//!    Gradients of decay, gate, readout and output bias are summed per sample on the way, since a unit owns each.
//!
//! **Failures.** As for the kernels of the single neuron: every loop is bounded and cubes wait for their own barriers
//! only; what a driver refuses is an error at the next `Device::sync` or reading of data.
//!
//! [`obstacle`] decides what runs here: everything but number types other than f32 and layers too large for the
//! device, which take the plain tensor steps of [`reference`](crate::scan::layer::reference).

mod arrivals;
mod backward;
mod branches;
mod buffers;
mod connectome;
mod forward;
mod frames;
mod places;
mod run;
mod shape;
#[cfg(test)]
mod tests;
mod transfer;
mod weights;

use burn::backend::{DType, cubecl::dtype_to_elem_type, tensor::FloatTensor};
use burn_cubecl::{CubeBackend, CubeDevice};

use self::forward::Purpose;
use self::shape::NeuronShape;
use crate::kernels::cube::common::{layout::Limits, limits};
use crate::scan::layer::ops::{LayerGivens, LayerOps, LayerTensors, Wanted};
use crate::scan::layer::{LayerCall, LayerSpec};

/// Bytes of the frames that a block of steps is cut to, where the device allows as many in one buffer.
const FRAME_BYTES: u64 = 256 << 20;
/// Columns of a frames that go through shared memory at a time, at most.
const MAP_WIDTH: usize = 32;
/// Bytes of a number.
const NUMBER: u64 = 4;

/// Largest buffer of a device, in bytes.
fn largest_buffer(device: &CubeDevice) -> u64 {
    device.client().properties().memory.max_page_size
}

/// Bytes of one step of a frames.
fn step_bytes(spec: &LayerSpec, batch: usize) -> u64 {
    let rows = spec.joined() + 2 * spec.hidden_layers * spec.hidden + spec.memory + spec.branches;
    NUMBER * (rows * spec.neurons * batch) as u64
}

/// Steps of a block: the sequence in equal parts whose frames are of moderate size.
pub(crate) fn block(device: &CubeDevice, spec: &LayerSpec, batch: usize, time: usize) -> usize {
    let budget = FRAME_BYTES.min(largest_buffer(device) / 2);
    let most = (budget / step_bytes(spec, batch).max(1)).max(1) as usize;
    let blocks = time.div_ceil(most).max(1);
    time.div_ceil(blocks).max(1)
}

/// Numbers that a forward pass leaves behind: activities `[neuron, time + 1, batch]`, those of them that recurrent
/// synapses see where these have masks, and for a backward pass memory and input of the output activation
/// `[neuron, memory + 1, time + 1, batch]` and traces `[block, neuron, branch, batch]`.
fn kept_len(call: &LayerCall, purpose: Purpose) -> usize {
    let spec = &call.spec;
    let samples = spec.neurons * call.batch;
    let masked = call.plan.recurrent() && call.masked.recurrent;
    let activities = samples * (call.time + 1) * if masked { 2 } else { 1 };
    match purpose {
        Purpose::Inference => activities,
        Purpose::Training => {
            let blocks = call.time.div_ceil(call.block);
            activities
                + samples * (call.time + 1) * (spec.memory + 1)
                + samples * spec.trace_width() * blocks
        }
    }
}

/// The same for what Burn's lazy execution must know beforehand.
pub(crate) fn kept_for_backward(call: &LayerCall) -> usize {
    kept_len(call, Purpose::Training)
}

/// Columns of a block that go through half the shared memory at a time for the gradient of linear map k; `None` if not
/// one does.
fn map_width(shape: &NeuronShape, k: usize, limits: &Limits) -> Option<usize> {
    let map = shape.map(k);
    let most = limits.shared_bytes / 2 / (NUMBER as usize * (map.inputs + map.outputs));
    match most {
        0 => None,
        _ => Some(1 << most.min(MAP_WIDTH).ilog2()),
    }
}

/// Why this device runs a layer as plain tensor steps; `None` where it has kernels for it.
pub(crate) fn obstacle(
    device: &CubeDevice,
    dtype: DType,
    spec: &LayerSpec,
    [batch, time]: [usize; 2],
) -> Option<String> {
    if dtype != DType::F32 {
        return Some(format!("the kernels compute in f32, not in {dtype:?}"));
    }
    let client = device.client();
    let limits = limits::of_device(&client);
    if let Some(reason) = limits::obstacle(&client, dtype_to_elem_type(dtype)) {
        return Some(reason);
    }
    let most = weights::SYNAPSE_UNITS.max(weights::MAP_UNITS);
    if limits.units < most {
        return Some(format!(
            "the device's workgroups have fewer than {most} units"
        ));
    }
    let shape = NeuronShape::with_rows(spec, 1, &limits);
    if !shape.is_some_and(|shape| {
        (0..=spec.hidden_layers).all(|k| map_width(&shape, k, &limits).is_some())
    }) {
        return Some(format!(
            "one neuron's step does not fit in {} bytes of shared memory",
            limits.shared_bytes
        ));
    }
    // the largest buffers; indices of synapses and columns are 32 bits wide
    let samples = (spec.neurons * batch) as u64;
    let blocks = time.div_ceil(block(device, spec, batch, time)) as u64;
    let kept = NUMBER
        * samples
        * ((time as u64 + 1) * (spec.memory as u64 + 3) + spec.trace_width() as u64 * blocks);
    let largest = kept.max(step_bytes(spec, batch));
    if largest > largest_buffer(device) {
        return Some(format!(
            "{batch} sample(s) of {time} step(s) need a buffer of {largest} bytes, the device has {}",
            largest_buffer(device)
        ));
    }
    let synapses = spec.neurons as u64 * spec.synapses() as u64;
    let columns = time as u64 * batch as u64;
    (synapses.max(columns) > u64::from(u32::MAX))
        .then(|| "more than 2³² synapses or steps of samples".into())
}

/// How a layer runs on the device, in words.
pub(crate) fn describe(device: &CubeDevice, spec: &LayerSpec, batch: usize) -> Option<String> {
    let limits = limits::of_device(&device.client());
    let shape = NeuronShape::with_rows(spec, NeuronShape::rows_for(batch), &limits)?;
    let place = if shape.staged { "shared" } else { "global" };
    Some(format!(
        "{} units for a neuron and {} sample(s) of {batch}; weights in {place} memory",
        shape.units, shape.rows
    ))
}

type F = FloatTensor<CubeBackend>;

impl LayerOps for CubeBackend {
    fn elm_layer_scan(
        tensors: LayerTensors<Self>,
        givens: LayerGivens<Self>,
        call: LayerCall,
    ) -> F {
        let limits = limits::of_device(&tensors.decay.client);
        run::forward(tensors, givens, &call, Purpose::Inference, limits).0
    }

    fn elm_layer_scan_forward(
        tensors: LayerTensors<Self>,
        givens: LayerGivens<Self>,
        call: LayerCall,
    ) -> (F, F) {
        let limits = limits::of_device(&tensors.decay.client);
        run::forward(tensors, givens, &call, Purpose::Training, limits)
    }

    fn elm_layer_scan_backward(
        tensors: LayerTensors<Self>,
        givens: LayerGivens<Self>,
        _: F,
        kept: F,
        grad: F,
        call: LayerCall,
        wanted: Wanted,
    ) -> LayerTensors<Self> {
        let limits = limits::of_device(&tensors.decay.client);
        run::backward(tensors, givens, [kept, grad], &call, wanted, limits)
    }
}
