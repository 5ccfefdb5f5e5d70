//! One step of all neurons, or several where none needs another.

use burn_cubecl::cubecl::{self, prelude::*};

use super::branches::gather;
use super::places::{
    UnitPlace, activities, activity_at, affine, call_sizes, load_staged, memory_at, parameter,
    recurrent_mask_at, trace_at, unit_place,
};
use super::shape::NeuronShape;
use crate::equations::SQUASH_GAIN;
use crate::kernels::cube::common::math::{activate, output, squash};

/// What a forward pass is for, and so how much it leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// Activities only.
    Inference,
    /// All that the backward pass needs.
    Training,
}

/// Steps `first..last` of the neuron and the samples of each cube; several only where no synapse is recurrent, since
/// the others' activity is whole when a launch begins, not within it.
///
/// `input_sums` holds the feed-forward share of the block that the steps lie in, `[neuron, branch, block, batch]`; `masks`
/// the factors on the MLP's output `[neuron, memory, batch]` and on the recurrent activity `[neuron, batch]`, as far as
/// there are such; `kept` is read and written as `kept_len` of the parent module says; `state` is
/// `[neuron, rows, batch]`.
///
/// Launched unchecked: cubes past the last neuron have no samples, every row past the last sample does nothing, and a
/// plan's sources are below I + N.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn layer_forward(
    params: &[f32],
    input_sums: &[f32],
    connectome: &[u32],
    weights: &[f32],
    masks: &[f32],
    kept: &mut [f32],
    state: &mut [f32],
    neurons: u32,
    inputs: u32,
    batch: u32,
    time: u32,
    first: u32,
    last: u32,
    block: u32,
    trace_decay: f32,
    mean_decay: f32,
    #[comptime] shape: NeuronShape,
    #[comptime] purpose: Purpose,
) {
    let (inputs, block) = (inputs as usize, block as usize);
    let place = unit_place(call_sizes(neurons, batch, time), shape.rows);

    let mut staged = Shared::<[f32]>::new_slice(comptime!(shape.staged_len()));
    let mut values = Shared::<[f32]>::new_slice(comptime!(shape.values_len()));
    let mut memory = Shared::<[f32]>::new_slice(comptime!(shape.memory * shape.rows));
    let mut magnitudes = Shared::<[f32]>::new_slice(comptime!(shape.memory * shape.rows));
    load_staged(params, &mut staged, place.neuron, place.unit, shape);
    if comptime!(shape.staged) {
        sync_cube();
    }

    for t in first as usize..last as usize {
        branches(
            input_sums,
            connectome,
            weights,
            kept,
            state,
            &mut values,
            &place,
            inputs,
            t,
            block,
            trace_decay,
            shape,
            purpose,
        );
        decayed_memory(
            params,
            &staged,
            &*state,
            kept,
            &mut values,
            &place,
            t,
            shape,
            purpose,
        );
        sync_cube();
        #[unroll]
        for k in 0..shape.hidden_layers {
            hidden_layer(params, &staged, &mut values, &place, k, shape);
            sync_cube();
        }
        memory_update(
            params,
            &staged,
            &values,
            masks,
            kept,
            state,
            &mut memory,
            &mut magnitudes,
            &place,
            t,
            shape,
            purpose,
        );
        sync_cube();
        read_out(
            params,
            &staged,
            &memory,
            &magnitudes,
            masks,
            kept,
            state,
            &place,
            t,
            mean_decay,
            shape,
            purpose,
        );
    }
}

/// Branch sums of a step, with their trace, into the rows of the MLP's input.
#[allow(
    clippy::collapsible_if, // the outer condition is decided at compile time
    clippy::manual_is_multiple_of, // which kernels have not
    clippy::too_many_arguments
)]
#[cube]
fn branches(
    input_sums: &[f32],
    connectome: &[u32],
    weights: &[f32],
    kept: &mut [f32],
    state: &mut [f32],
    values: &mut Shared<[f32]>,
    place: &UnitPlace,
    inputs: usize,
    t: usize,
    block: usize,
    trace_decay: f32,
    #[comptime] shape: NeuronShape,
    #[comptime] purpose: Purpose,
) {
    let (n, batch, rows) = (place.neuron, place.sizes.batch, shape.rows);
    let mut e = place.unit;
    while e < comptime!(shape.branches * shape.rows) {
        let d = e / rows;
        let r = e % rows;
        if r < place.samples {
            let sample = place.sample + r;
            let branch = n * shape.branches + d;
            let mut sum = input_sums[(branch * block + t % block) * batch + sample];
            if comptime!(shape.recurrent) {
                let from = branch * shape.per_branch;
                let synapses = comptime!(shape.branches * shape.per_branch);
                let middle = from + connectome[place.sizes.neurons * synapses + branch] as usize;
                let mut offset = activity_at(&place.sizes, 0, t, sample);
                if comptime!(shape.recurrent_mask) {
                    offset += activities(&place.sizes);
                }
                let stride = (place.sizes.time + 1) * batch;
                let to = from + shape.per_branch;
                sum += gather(
                    &*kept, connectome, weights, middle, to, inputs, stride, offset,
                );
            }
            if comptime!(shape.trace) {
                let row = n * comptime!(shape.state_rows()) + shape.memory + d;
                let at = row * batch + sample;
                let before = state[at];
                if comptime!(purpose == Purpose::Training) {
                    if t % block == 0 {
                        kept[trace_at(&place.sizes, t / block, n, d, sample, shape)] = before;
                    }
                }
                sum += trace_decay * before;
                state[at] = sum;
            }
            values[e] = sum;
        }
        e += shape.units;
    }
}

/// Decayed memory, behind the branches in the MLP's input.
#[allow(clippy::collapsible_if, clippy::too_many_arguments)] // as above
#[cube]
fn decayed_memory(
    params: &[f32],
    staged: &Shared<[f32]>,
    state: &[f32],
    kept: &mut [f32],
    values: &mut Shared<[f32]>,
    place: &UnitPlace,
    t: usize,
    #[comptime] shape: NeuronShape,
    #[comptime] purpose: Purpose,
) {
    let n = place.neuron;
    let mut e = place.unit;
    while e < comptime!(shape.memory * shape.rows) {
        let j = e / shape.rows;
        let r = e % shape.rows;
        if r < place.samples {
            let sample = place.sample + r;
            let before =
                state[(n * comptime!(shape.state_rows()) + j) * place.sizes.batch + sample];
            if comptime!(purpose == Purpose::Training) {
                if t == 0 {
                    kept[memory_at(&place.sizes, n, j, 0, sample, shape)] = before;
                }
            }
            let decay = parameter(params, staged, n, comptime!(shape.decay_at()) + j, shape);
            values[comptime!(shape.branches * shape.rows) + e] = decay * before;
        }
        e += shape.units;
    }
}

/// Activations of hidden layer k.
#[allow(clippy::too_many_arguments)]
#[cube]
fn hidden_layer(
    params: &[f32],
    staged: &Shared<[f32]>,
    values: &mut Shared<[f32]>,
    place: &UnitPlace,
    #[comptime] k: usize,
    #[comptime] shape: NeuronShape,
) {
    let map = comptime!(shape.map(k));
    let from = comptime!(shape.value_at(k));
    let mut e = place.unit;
    while e < comptime!(map.outputs * shape.rows) {
        let o = e / shape.rows;
        let r = e % shape.rows;
        if r < place.samples {
            let a = affine(
                params,
                staged,
                &*values,
                place.neuron,
                o,
                r,
                from,
                map,
                shape,
            );
            values[comptime!(shape.value_at(k + 1)) + e] = activate(a, shape.activation);
        }
        e += shape.units;
    }
}

/// Memory after a step, and |MLP output| as it enters the squashing function.
#[allow(clippy::too_many_arguments)]
#[cube]
fn memory_update(
    params: &[f32],
    staged: &Shared<[f32]>,
    values: &Shared<[f32]>,
    masks: &[f32],
    kept: &mut [f32],
    state: &mut [f32],
    memory: &mut Shared<[f32]>,
    magnitudes: &mut Shared<[f32]>,
    place: &UnitPlace,
    t: usize,
    #[comptime] shape: NeuronShape,
    #[comptime] purpose: Purpose,
) {
    let (n, batch) = (place.neuron, place.sizes.batch);
    let map = comptime!(shape.map(shape.hidden_layers));
    let from = comptime!(shape.value_at(shape.hidden_layers));
    let mut e = place.unit;
    while e < comptime!(shape.memory * shape.rows) {
        let j = e / shape.rows;
        let r = e % shape.rows;
        if r < place.samples {
            let sample = place.sample + r;
            let mut z = affine(params, staged, values, n, j, r, from, map, shape);
            if comptime!(shape.memory_mask) {
                z *= masks[(n * shape.memory + j) * batch + sample];
            }
            // no `max`, which may drop what is not a number
            magnitudes[e] = select(z < 0.0f32, -z, z);
            let at = (n * comptime!(shape.state_rows()) + j) * batch + sample;
            let decay = parameter(params, staged, n, comptime!(shape.decay_at()) + j, shape);
            let gate = parameter(params, staged, n, comptime!(shape.gate_at()) + j, shape);
            let value = decay * state[at] + gate * comptime!(SQUASH_GAIN as f32) * squash(z);
            state[at] = value;
            memory[e] = value;
            if comptime!(purpose == Purpose::Training) {
                kept[memory_at(&place.sizes, n, j, t + 1, sample, shape)] = value;
            }
        }
        e += shape.units;
    }
}

/// Readout, high-pass and activation.
#[allow(clippy::too_many_arguments)]
#[cube]
fn read_out(
    params: &[f32],
    staged: &Shared<[f32]>,
    memory: &Shared<[f32]>,
    magnitudes: &Shared<[f32]>,
    masks: &[f32],
    kept: &mut [f32],
    state: &mut [f32],
    place: &UnitPlace,
    t: usize,
    mean_decay: f32,
    #[comptime] shape: NeuronShape,
    #[comptime] purpose: Purpose,
) {
    let (n, batch) = (place.neuron, place.sizes.batch);
    let state_row = n * comptime!(shape.state_rows());
    if place.unit < place.samples {
        let sample = place.sample + place.unit;
        let mut o = 0.0f32;
        let mut magnitude = 0.0f32;
        for j in 0..shape.memory {
            let w = parameter(params, staged, n, comptime!(shape.readout_at()) + j, shape);
            o += w * memory[j * shape.rows + place.unit];
            magnitude += magnitudes[j * shape.rows + place.unit];
        }
        state[(state_row + comptime!(shape.state_width())) * batch + sample] += magnitude;
        if comptime!(shape.high_pass) {
            let at = (state_row + comptime!(shape.mean_at())) * batch + sample;
            let mean = mean_decay * state[at] + (1.0f32 - mean_decay) * o;
            state[at] = mean;
            o -= mean;
        }
        let v = o + parameter(params, staged, n, comptime!(shape.bias_at()), shape);
        let a = output(v, shape.output);
        let at = activity_at(&place.sizes, n, t + 1, sample);
        kept[at] = a;
        if comptime!(shape.recurrent_mask) {
            kept[activities(&place.sizes) + at] =
                a * masks[recurrent_mask_at(&place.sizes, n, sample, shape)];
        }
        if comptime!(purpose == Purpose::Training) {
            kept[memory_at(&place.sizes, n, shape.memory, t + 1, sample, shape)] = v;
        }
    }
}
