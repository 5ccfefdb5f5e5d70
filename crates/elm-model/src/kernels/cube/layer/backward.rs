//! One step back of all neurons, or several where none needs another.

use burn_cubecl::cubecl::{self, prelude::*};

use super::form::Form;
use super::spot::{Sizes, memory_at, parameter, spot, stage};
use crate::equations::SQUASH_GAIN;
use crate::equations::{OutputActivation, SPIKE_STEEPNESS};
use crate::kernels::cube::common::math::{activation_slope, squash_slope};

/// Are the gradients of decay and gate asked for?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Timescales {
    Left,
    Wanted,
}

/// Derivative of the output activation; that of a spike is the fast sigmoid's.
#[cube]
fn output_slope(v: f32, #[comptime] activation: OutputActivation) -> f32 {
    let mut slope = 1.0f32;
    if comptime!(activation == OutputActivation::Relu) {
        slope = select(v > 0.0f32, 1.0f32, 0.0f32);
    }
    if comptime!(activation == OutputActivation::Spike) {
        let d = comptime!(SPIKE_STEEPNESS as f32) * max(v, -v) + 1.0f32;
        slope = 1.0f32 / (d * d);
    }
    slope
}

/// What the synapses of the others have for one sample of a source: `weights` times the gradients of the branch sums
/// in column `column` of the tape. Of the source's list, from `from` to `to`, every `slices`-th synapse.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn arrivals(
    sources: &[u32],
    weights: &[f32],
    tape: &[f32],
    list: usize,
    from: usize,
    to: usize,
    column: usize,
    length: usize,
    #[comptime] slices: usize,
    #[comptime] form: Form,
) -> f32 {
    let mut sum = 0.0f32;
    let mut k = from;
    while k < to {
        let branch = sources[list + k] as usize;
        let row = branch / form.branches * comptime!(form.tape_rows())
            + comptime!(form.branch_row())
            + branch % form.branches;
        sum += weights[k] * tape[row * length + column];
        k += slices;
    }
    sum
}

/// Weight from input `input` of a linear map times its gradients, for one row: what goes back through the map.
#[cube]
#[allow(clippy::too_many_arguments)]
fn transposed(
    params: &[f32],
    staged: &Shared<[f32]>,
    gradients: &Shared<[f32]>,
    neuron: usize,
    at: usize,
    row: usize,
    #[comptime] from: usize,
    #[comptime] outputs: usize,
    #[comptime] form: Form,
) -> f32 {
    let mut sum = 0.0f32;
    for o in 0..outputs {
        let weight = parameter(params, staged, neuron, at + o, form);
        sum += weight * gradients[from + o * form.rows + row];
    }
    sum
}

/// Steps `to − 1` down to `from` of the neuron and the samples of each cube, within the block of `steps` steps that
/// begins at `first`; several only where no synapse is recurrent.
///
/// Turns pre-activations and `tanh` values in the tape into their gradients and adds those of the branch sums, which
/// the launch of the step before reads. `carry` is `[neuron, rows, batch]`: gradients of the state, what recurrent
/// synapses have for the activity after the block, and sums for the parameters.
///
/// Launched unchecked, on the same grounds as the forward kernel.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn layer_backward(
    params: &[f32],
    sources: &[u32],
    weights: &[f32],
    masks: &[f32],
    kept: &[f32],
    grad: &[f32],
    tape: &mut [f32],
    carry: &mut [f32],
    neurons: u32,
    inputs: u32,
    batch: u32,
    time: u32,
    first: u32,
    steps: u32,
    block: u32,
    from: u32,
    to: u32,
    trace_decay: f32,
    mean_decay: f32,
    #[comptime] form: Form,
    #[comptime] timescales: Timescales,
) {
    let sizes = Sizes {
        neurons: neurons as usize,
        batch: batch as usize,
        time: time as usize,
    };
    let inputs = inputs as usize;
    let first = first as usize;
    let batch = sizes.batch;
    let unit = UNIT_POS as usize;
    let rows = form.rows;
    let units = form.units;
    let m = form.memory;
    let here = spot(CUBE_POS, &sizes, rows);
    let n = here.neuron;
    let length = block as usize * batch;
    let tape_row = n * comptime!(form.tape_rows());
    let carry_row = n * comptime!(form.carry_rows());
    let sums = carry_row + comptime!(form.sums_row());

    let mut staged = Shared::<[f32]>::new_slice(comptime!(form.staged_len()));
    let mut gradients = Shared::<[f32]>::new_slice(comptime!(2 * form.gradient_len()));
    let mut partial = Shared::<[f32]>::new_slice(comptime!(form.units));
    let mut readout = Shared::<[f32]>::new_slice(comptime!(form.rows));
    // parameters are read after the barrier behind the activation
    stage(params, &mut staged, n, unit, form);

    for back in 0..(to - from) as usize {
        let t = to as usize - 1 - back;
        let local = t - first;
        let whole = local + 1 == steps as usize;
        // what the step after has for this neuron's activity
        if comptime!(form.recurrent) {
            let r = unit % rows;
            let slice = unit / rows;
            let mut sum = 0.0f32;
            if r < here.samples && !whole {
                let list = inputs + sizes.neurons + 1;
                let begin = sources[inputs + n] as usize + slice;
                let end = sources[inputs + n + 1] as usize;
                let column = (local + 1) * batch + here.sample + r;
                let slices = comptime!(form.slices());
                sum = arrivals(
                    sources, weights, &*tape, list, begin, end, column, length, slices, form,
                );
            }
            partial[unit] = sum;
            sync_cube();
        }
        // activation, high-pass, readout
        if unit < here.samples {
            let sample = here.sample + unit;
            let mut g = grad[(sample * sizes.time + t) * sizes.neurons + n];
            if comptime!(form.recurrent) {
                let at = (carry_row + comptime!(form.arrived_row())) * batch + sample;
                let mut arrived = 0.0f32;
                if whole {
                    arrived = carry[at];
                } else {
                    for s in 0..comptime!(form.slices()) {
                        arrived += partial[s * rows + unit];
                    }
                }
                if comptime!(form.recurrent_mask) {
                    let behind = comptime!(if form.memory_mask { form.memory } else { 0 });
                    arrived *= masks[(behind * sizes.neurons + n) * batch + sample];
                }
                g += arrived;
            }
            let v = kept[memory_at(&sizes, n, m, t + 1, sample, form)];
            g *= output_slope(v, form.output);
            carry[(sums + 3 * m) * batch + sample] += g;
            if comptime!(form.high_pass) {
                let at = (carry_row + comptime!(form.mean_at())) * batch + sample;
                let mean = carry[at] - g;
                carry[at] = mean_decay * mean;
                g += (1.0f32 - mean_decay) * mean;
            }
            readout[unit] = g;
        }
        sync_cube();
        // memory update
        let tanh_row = tape_row + comptime!(form.result_row(form.hidden_layers));
        let mut e = unit;
        while e < comptime!(form.memory * form.rows) {
            let j = e / rows;
            let r = e % rows;
            if r < here.samples {
                let sample = here.sample + r;
                let at = (carry_row + j) * batch + sample;
                let o = readout[r];
                let w = parameter(params, &staged, n, comptime!(form.readout_at()) + j, form);
                let gate = parameter(params, &staged, n, comptime!(form.gate_at()) + j, form);
                let total = carry[at] + w * o;
                carry[at] = total;
                let after = kept[memory_at(&sizes, n, j, t + 1, sample, form)];
                carry[(sums + 2 * m + j) * batch + sample] += o * after;
                let place = (tanh_row + j) * length + local * batch + sample;
                let tanh = tape[place];
                if comptime!(timescales == Timescales::Wanted) {
                    carry[(sums + m + j) * batch + sample] +=
                        total * comptime!(SQUASH_GAIN as f32) * tanh;
                }
                let behind = sizes.time * sizes.neurons * batch;
                let magnitude = grad[behind + sample * sizes.neurons + n]
                    / f32::cast_from(sizes.time as u32 * comptime!(form.memory as u32));
                let mut dz = total * gate * squash_slope(tanh);
                if tanh > 0.0f32 {
                    dz += magnitude;
                }
                if tanh < 0.0f32 {
                    dz -= magnitude;
                }
                if comptime!(form.memory_mask) {
                    dz *= masks[(n * m + j) * batch + sample];
                }
                tape[place] = dz;
                gradients[comptime!(form.hidden_layers % 2 * form.gradient_len()) + e] = dz;
            }
            e += units;
        }
        sync_cube();
        // hidden layers, the last one first
        #[unroll]
        for i in 0..form.hidden_layers {
            let k = comptime!(form.hidden_layers - i);
            let map = comptime!(form.map(k));
            let mut e = unit;
            while e < comptime!(map.inputs * form.rows) {
                let h = e / rows;
                let r = e % rows;
                if r < here.samples {
                    let from = comptime!(k % 2 * form.gradient_len());
                    let at = map.at + h * map.outputs;
                    let g = transposed(
                        params,
                        &staged,
                        &gradients,
                        n,
                        at,
                        r,
                        from,
                        map.outputs,
                        form,
                    );
                    let row = tape_row + comptime!(form.result_row(k - 1)) + h;
                    let place = row * length + local * batch + here.sample + r;
                    let da = g * activation_slope(tape[place], form.activation);
                    tape[place] = da;
                    gradients[comptime!((k - 1) % 2 * form.gradient_len()) + e] = da;
                }
                e += units;
            }
            sync_cube();
        }
        // the first map's input: memory first, whose carry belongs to the unit of the memory update, then the branches
        let outputs = comptime!(form.first());
        let mut e = unit;
        while e < comptime!(form.joined() * form.rows) {
            let q = e / rows;
            let r = e % rows;
            if r < here.samples {
                let sample = here.sample + r;
                if q < m {
                    let at = (form.branches + q) * outputs;
                    let g =
                        transposed(params, &staged, &gradients, n, at, r, 0usize, outputs, form);
                    let at = (carry_row + q) * batch + sample;
                    let du = carry[at] + g;
                    if comptime!(timescales == Timescales::Wanted) {
                        let before = kept[memory_at(&sizes, n, q, t, sample, form)];
                        carry[(sums + q) * batch + sample] += du * before;
                    }
                    let decay = parameter(params, &staged, n, comptime!(form.decay_at()) + q, form);
                    carry[at] = decay * du;
                } else {
                    let d = q - m;
                    let at = d * outputs;
                    let mut g =
                        transposed(params, &staged, &gradients, n, at, r, 0usize, outputs, form);
                    if comptime!(form.trace) {
                        let at = (carry_row + m + d) * batch + sample;
                        g += carry[at];
                        carry[at] = trace_decay * g;
                    }
                    let row = tape_row + comptime!(form.branch_row()) + d;
                    tape[row * length + local * batch + sample] = g;
                }
            }
            e += units;
        }
    }
}
