//! Where a cube works, and where numbers lie in the buffers that all kernels share.

use burn_cubecl::cubecl::{self, prelude::*};

use super::shape::{Map, NeuronShape};

/// Sizes of a call.
#[derive(CubeType)]
pub(super) struct CallSizes {
    pub neurons: usize,
    pub batch: usize,
    pub time: usize,
}

/// Sizes of a call as they come to a kernel.
#[cube]
pub(super) fn call_sizes(neurons: u32, batch: u32, time: u32) -> CallSizes {
    CallSizes {
        neurons: neurons as usize,
        batch: batch as usize,
        time: time as usize,
    }
}

/// Where a unit works.
#[derive(CubeType)]
pub(super) struct UnitPlace {
    pub sizes: CallSizes,
    /// Neuron of its cube.
    pub neuron: usize,
    /// First sample of its cube.
    pub sample: usize,
    /// Samples of its cube; none where the cube is one too many.
    pub samples: usize,
    /// Its number in the cube.
    pub unit: usize,
}

/// The place of this unit: neighbouring cubes share a neuron, and so its parameters.
#[cube]
pub(super) fn unit_place(sizes: CallSizes, #[comptime] rows: usize) -> UnitPlace {
    let tiles = sizes.batch.div_ceil(rows);
    let mut neuron = CUBE_POS / tiles;
    let sample = CUBE_POS % tiles * rows;
    let mut samples = min(sizes.batch - sample, rows);
    if neuron >= sizes.neurons {
        neuron = 0;
        samples = 0;
    }
    UnitPlace {
        sizes,
        neuron,
        sample,
        samples,
        unit: UNIT_POS as usize,
    }
}

/// Place in `kept` of the activity of a neuron before a step.
#[cube]
pub(super) fn activity_at(sizes: &CallSizes, neuron: usize, step: usize, sample: usize) -> usize {
    (neuron * (sizes.time + 1) + step) * sizes.batch + sample
}

/// Numbers of all activities, which is how far behind them the masked ones lie.
#[cube]
pub(super) fn activities(sizes: &CallSizes) -> usize {
    sizes.neurons * (sizes.time + 1) * sizes.batch
}

/// Place in `kept` of a memory unit before a step; unit M is the input of the output activation in the step
/// before.
#[cube]
pub(super) fn memory_at(
    sizes: &CallSizes,
    neuron: usize,
    unit: usize,
    step: usize,
    sample: usize,
    #[comptime] shape: NeuronShape,
) -> usize {
    let copies = comptime!(if shape.recurrent_mask { 2 } else { 1 });
    copies * activities(sizes)
        + ((neuron * comptime!(shape.memory + 1) + unit) * (sizes.time + 1) + step) * sizes.batch
        + sample
}

/// Place in `masks` of the factor on the recurrent activity of a neuron, behind those on the MLP's output.
#[cube]
pub(super) fn recurrent_mask_at(
    sizes: &CallSizes,
    neuron: usize,
    sample: usize,
    #[comptime] shape: NeuronShape,
) -> usize {
    let behind = comptime!(if shape.memory_mask { shape.memory } else { 0 });
    (behind * sizes.neurons + neuron) * sizes.batch + sample
}

/// Place in `kept` of the trace of a branch before the first step of a block.
#[cube]
pub(super) fn trace_at(
    sizes: &CallSizes,
    block: usize,
    neuron: usize,
    branch: usize,
    sample: usize,
    #[comptime] shape: NeuronShape,
) -> usize {
    memory_at(sizes, sizes.neurons, 0, 0, 0, shape)
        + ((block * sizes.neurons + neuron) * shape.branches + branch) * sizes.batch
        + sample
}

/// Copies the parameters of a neuron to shared memory; the caller's next barrier publishes them.
#[cube]
pub(super) fn load_staged(
    params: &[f32],
    staged: &mut Shared<[f32]>,
    neuron: usize,
    unit: usize,
    #[comptime] shape: NeuronShape,
) {
    if comptime!(shape.staged) {
        let mut i = unit;
        while i < comptime!(shape.parameters()) {
            staged[i] = params[neuron * comptime!(shape.parameters()) + i];
            i += shape.units;
        }
    }
}

/// Parameter `at` of a neuron.
#[cube]
pub(super) fn parameter(
    params: &[f32],
    staged: &Shared<[f32]>,
    neuron: usize,
    at: usize,
    #[comptime] shape: NeuronShape,
) -> f32 {
    if comptime!(shape.staged) {
        staged[at]
    } else {
        params[neuron * comptime!(shape.parameters()) + at]
    }
}

/// Output `output` of a linear map for one row, whose inputs lie from `from` on.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn affine(
    params: &[f32],
    staged: &Shared<[f32]>,
    values: &Shared<[f32]>,
    neuron: usize,
    output: usize,
    row: usize,
    #[comptime] from: usize,
    #[comptime] map: Map,
    #[comptime] shape: NeuronShape,
) -> f32 {
    let mut sum = parameter(
        params,
        staged,
        neuron,
        comptime!(map.bias()) + output,
        shape,
    );
    for k in 0..map.inputs {
        let weight = parameter(
            params,
            staged,
            neuron,
            map.at + k * map.outputs + output,
            shape,
        );
        sum += weight * values[from + k * shape.rows + row];
    }
    sum
}
