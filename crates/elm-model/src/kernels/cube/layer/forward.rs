//! One step of all neurons, or several where none needs another.

use burn_cubecl::cubecl::{self, prelude::*};

use super::drive::gather;
use super::shape::NeuronShape;
use super::spot::{
    Sizes, Spot, activities, activity_at, affine, memory_at, parameter, recurrent_mask_at, spot,
    stage, trace_at,
};
use crate::equations::SQUASH_GAIN;
use crate::kernels::cube::common::math::{activate, output, squash};

/// How much a forward pass leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Keep {
    /// Activities only.
    Activities,
    /// All that the backward pass needs.
    All,
}

/// Steps `first..last` of the neuron and the samples of each cube; several only where no synapse is recurrent, since
/// the others' activity is whole when a launch begins, not within it.
///
/// `drive` holds the feed-forward share of the block that the steps lie in, `[neuron, branch, block, batch]`; `masks`
/// the factors on the MLP's output `[neuron, memory, batch]` and on the recurrent activity `[neuron, batch]`, as far as
/// there are such; `kept` is read and written as `kept_len` of the parent module says; `state` is
/// `[neuron, rows, batch]`.
///
/// Launched unchecked: cubes past the last neuron have no samples, every row past the last sample does nothing, and a
/// plan's sources are below I + N.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn layer_forward(
    params: &[f32],
    drive: &[f32],
    wires: &[u32],
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
    #[comptime] form: NeuronShape,
    #[comptime] keep: Keep,
) {
    let sizes = Sizes {
        neurons: neurons as usize,
        batch: batch as usize,
        time: time as usize,
    };
    let (inputs, block) = (inputs as usize, block as usize);
    let unit = UNIT_POS as usize;
    let here = spot(CUBE_POS, &sizes, form.rows);

    let mut staged = Shared::<[f32]>::new_slice(comptime!(form.staged_len()));
    let mut values = Shared::<[f32]>::new_slice(comptime!(form.values_len()));
    let mut memory = Shared::<[f32]>::new_slice(comptime!(form.memory * form.rows));
    let mut magnitudes = Shared::<[f32]>::new_slice(comptime!(form.memory * form.rows));
    stage(params, &mut staged, here.neuron, unit, form);
    if comptime!(form.staged) {
        sync_cube();
    }

    for t in first as usize..last as usize {
        branches(
            drive,
            wires,
            weights,
            kept,
            state,
            &mut values,
            &sizes,
            &here,
            unit,
            inputs,
            t,
            block,
            trace_decay,
            form,
            keep,
        );
        decayed_memory(
            params,
            &staged,
            &*state,
            kept,
            &mut values,
            &sizes,
            &here,
            unit,
            t,
            form,
            keep,
        );
        sync_cube();
        #[unroll]
        for k in 0..form.hidden_layers {
            hidden_layer(params, &staged, &mut values, &here, unit, k, form);
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
            &sizes,
            &here,
            unit,
            t,
            form,
            keep,
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
            &sizes,
            &here,
            unit,
            t,
            mean_decay,
            form,
            keep,
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
    drive: &[f32],
    wires: &[u32],
    weights: &[f32],
    kept: &mut [f32],
    state: &mut [f32],
    values: &mut Shared<[f32]>,
    sizes: &Sizes,
    here: &Spot,
    unit: usize,
    inputs: usize,
    t: usize,
    block: usize,
    trace_decay: f32,
    #[comptime] form: NeuronShape,
    #[comptime] keep: Keep,
) {
    let (n, batch, rows) = (here.neuron, sizes.batch, form.rows);
    let mut e = unit;
    while e < comptime!(form.branches * form.rows) {
        let d = e / rows;
        let r = e % rows;
        if r < here.samples {
            let sample = here.sample + r;
            let branch = n * form.branches + d;
            let mut sum = drive[(branch * block + t % block) * batch + sample];
            if comptime!(form.recurrent) {
                let from = branch * form.per_branch;
                let synapses = comptime!(form.branches * form.per_branch);
                let middle = from + wires[sizes.neurons * synapses + branch] as usize;
                let mut offset = activity_at(sizes, 0, t, sample);
                if comptime!(form.recurrent_mask) {
                    offset += activities(sizes);
                }
                let stride = (sizes.time + 1) * batch;
                let to = from + form.per_branch;
                sum += gather(&*kept, wires, weights, middle, to, inputs, stride, offset);
            }
            if comptime!(form.trace) {
                let row = n * comptime!(form.state_rows()) + form.memory + d;
                let at = row * batch + sample;
                let before = state[at];
                if comptime!(keep == Keep::All) {
                    if t % block == 0 {
                        kept[trace_at(sizes, t / block, n, d, sample, form)] = before;
                    }
                }
                sum += trace_decay * before;
                state[at] = sum;
            }
            values[e] = sum;
        }
        e += form.units;
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
    sizes: &Sizes,
    here: &Spot,
    unit: usize,
    t: usize,
    #[comptime] form: NeuronShape,
    #[comptime] keep: Keep,
) {
    let n = here.neuron;
    let mut e = unit;
    while e < comptime!(form.memory * form.rows) {
        let j = e / form.rows;
        let r = e % form.rows;
        if r < here.samples {
            let sample = here.sample + r;
            let before = state[(n * comptime!(form.state_rows()) + j) * sizes.batch + sample];
            if comptime!(keep == Keep::All) {
                if t == 0 {
                    kept[memory_at(sizes, n, j, 0, sample, form)] = before;
                }
            }
            let decay = parameter(params, staged, n, comptime!(form.decay_at()) + j, form);
            values[comptime!(form.branches * form.rows) + e] = decay * before;
        }
        e += form.units;
    }
}

/// Activations of hidden layer k.
#[allow(clippy::too_many_arguments)]
#[cube]
fn hidden_layer(
    params: &[f32],
    staged: &Shared<[f32]>,
    values: &mut Shared<[f32]>,
    here: &Spot,
    unit: usize,
    #[comptime] k: usize,
    #[comptime] form: NeuronShape,
) {
    let map = comptime!(form.map(k));
    let from = comptime!(form.value_at(k));
    let mut e = unit;
    while e < comptime!(map.outputs * form.rows) {
        let o = e / form.rows;
        let r = e % form.rows;
        if r < here.samples {
            let a = affine(params, staged, &*values, here.neuron, o, r, from, map, form);
            values[comptime!(form.value_at(k + 1)) + e] = activate(a, form.activation);
        }
        e += form.units;
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
    sizes: &Sizes,
    here: &Spot,
    unit: usize,
    t: usize,
    #[comptime] form: NeuronShape,
    #[comptime] keep: Keep,
) {
    let (n, batch) = (here.neuron, sizes.batch);
    let map = comptime!(form.map(form.hidden_layers));
    let from = comptime!(form.value_at(form.hidden_layers));
    let mut e = unit;
    while e < comptime!(form.memory * form.rows) {
        let j = e / form.rows;
        let r = e % form.rows;
        if r < here.samples {
            let sample = here.sample + r;
            let mut z = affine(params, staged, values, n, j, r, from, map, form);
            if comptime!(form.memory_mask) {
                z *= masks[(n * form.memory + j) * batch + sample];
            }
            // no `max`, which may drop what is not a number
            magnitudes[e] = select(z < 0.0f32, -z, z);
            let at = (n * comptime!(form.state_rows()) + j) * batch + sample;
            let decay = parameter(params, staged, n, comptime!(form.decay_at()) + j, form);
            let gate = parameter(params, staged, n, comptime!(form.gate_at()) + j, form);
            let value = decay * state[at] + gate * comptime!(SQUASH_GAIN as f32) * squash(z);
            state[at] = value;
            memory[e] = value;
            if comptime!(keep == Keep::All) {
                kept[memory_at(sizes, n, j, t + 1, sample, form)] = value;
            }
        }
        e += form.units;
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
    sizes: &Sizes,
    here: &Spot,
    unit: usize,
    t: usize,
    mean_decay: f32,
    #[comptime] form: NeuronShape,
    #[comptime] keep: Keep,
) {
    let (n, batch) = (here.neuron, sizes.batch);
    let state_row = n * comptime!(form.state_rows());
    if unit < here.samples {
        let sample = here.sample + unit;
        let mut o = 0.0f32;
        let mut magnitude = 0.0f32;
        for j in 0..form.memory {
            let w = parameter(params, staged, n, comptime!(form.readout_at()) + j, form);
            o += w * memory[j * form.rows + unit];
            magnitude += magnitudes[j * form.rows + unit];
        }
        state[(state_row + comptime!(form.state_width())) * batch + sample] += magnitude;
        if comptime!(form.high_pass) {
            let at = (state_row + comptime!(form.mean_at())) * batch + sample;
            let mean = mean_decay * state[at] + (1.0f32 - mean_decay) * o;
            state[at] = mean;
            o -= mean;
        }
        let v = o + parameter(params, staged, n, comptime!(form.bias_at()), form);
        let a = output(v, form.output);
        let at = activity_at(sizes, n, t + 1, sample);
        kept[at] = a;
        if comptime!(form.recurrent_mask) {
            kept[activities(sizes) + at] = a * masks[recurrent_mask_at(sizes, n, sample, form)];
        }
        if comptime!(keep == Keep::All) {
            kept[memory_at(sizes, n, form.memory, t + 1, sample, form)] = v;
        }
    }
}
