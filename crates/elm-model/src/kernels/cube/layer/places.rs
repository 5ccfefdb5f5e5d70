//! Where a cube works, and where numbers lie in the buffers that all kernels share.

use burn_cubecl::cubecl::{self, prelude::*};

use super::shape::{Map, NeuronShape};

/// Sizes of a call.
#[derive(CubeType)]
pub(super) struct Sizes {
    pub neurons: usize,
    pub batch: usize,
    pub time: usize,
}

/// Neuron and samples of a cube.
#[derive(CubeType)]
pub(super) struct Spot {
    pub neuron: usize,
    /// First sample.
    pub sample: usize,
    /// Number of samples; none where the cube is one too many.
    pub samples: usize,
}

/// The neuron and the samples of cube `position`: neighbouring cubes share a neuron, and so its parameters.
#[cube]
pub(super) fn spot(position: usize, sizes: &Sizes, #[comptime] rows: usize) -> Spot {
    let tiles = sizes.batch.div_ceil(rows);
    let mut neuron = position / tiles;
    let sample = position % tiles * rows;
    let mut samples = min(sizes.batch - sample, rows);
    if neuron >= sizes.neurons {
        neuron = 0;
        samples = 0;
    }
    Spot {
        neuron,
        sample,
        samples,
    }
}

/// Place in `kept` of the activity of a neuron before step `slot`.
#[cube]
pub(super) fn activity_at(sizes: &Sizes, neuron: usize, slot: usize, sample: usize) -> usize {
    (neuron * (sizes.time + 1) + slot) * sizes.batch + sample
}

/// Numbers of all activities, which is how far behind them the masked ones lie.
#[cube]
pub(super) fn activities(sizes: &Sizes) -> usize {
    sizes.neurons * (sizes.time + 1) * sizes.batch
}

/// Place in `kept` of a memory unit before step `slot`; unit M is the input of the output activation in the step
/// before.
#[cube]
pub(super) fn memory_at(
    sizes: &Sizes,
    neuron: usize,
    unit: usize,
    slot: usize,
    sample: usize,
    #[comptime] form: NeuronShape,
) -> usize {
    let copies = comptime!(if form.recurrent_mask { 2 } else { 1 });
    copies * activities(sizes)
        + ((neuron * comptime!(form.memory + 1) + unit) * (sizes.time + 1) + slot) * sizes.batch
        + sample
}

/// Place in `masks` of the factor on the recurrent activity of a neuron, behind those on the MLP's output.
#[cube]
pub(super) fn recurrent_mask_at(
    sizes: &Sizes,
    neuron: usize,
    sample: usize,
    #[comptime] form: NeuronShape,
) -> usize {
    let behind = comptime!(if form.memory_mask { form.memory } else { 0 });
    (behind * sizes.neurons + neuron) * sizes.batch + sample
}

/// Place in `kept` of the trace of a branch before the first step of a block.
#[cube]
pub(super) fn trace_at(
    sizes: &Sizes,
    block: usize,
    neuron: usize,
    branch: usize,
    sample: usize,
    #[comptime] form: NeuronShape,
) -> usize {
    memory_at(sizes, sizes.neurons, 0, 0, 0, form)
        + ((block * sizes.neurons + neuron) * form.branches + branch) * sizes.batch
        + sample
}

/// Copies the parameters of a neuron to shared memory; the caller's next barrier publishes them.
#[cube]
pub(super) fn stage(
    params: &[f32],
    staged: &mut Shared<[f32]>,
    neuron: usize,
    unit: usize,
    #[comptime] form: NeuronShape,
) {
    if comptime!(form.staged) {
        let mut i = unit;
        while i < comptime!(form.parameters()) {
            staged[i] = params[neuron * comptime!(form.parameters()) + i];
            i += form.units;
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
    #[comptime] form: NeuronShape,
) -> f32 {
    if comptime!(form.staged) {
        staged[at]
    } else {
        params[neuron * comptime!(form.parameters()) + at]
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
    #[comptime] form: NeuronShape,
) -> f32 {
    let mut sum = parameter(params, staged, neuron, comptime!(map.bias()) + output, form);
    for k in 0..map.inputs {
        let weight = parameter(
            params,
            staged,
            neuron,
            map.at + k * map.outputs + output,
            form,
        );
        sum += weight * values[from + k * form.rows + row];
    }
    sum
}
