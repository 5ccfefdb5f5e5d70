//! One step back of all neurons, or several where none needs another.

use burn_cubecl::cubecl::{self, prelude::*};

use super::shape::NeuronShape;
use super::spot::{Sizes, Spot, memory_at, parameter, recurrent_mask_at, spot, stage};
use crate::equations::SQUASH_GAIN;
use crate::kernels::cube::common::math::{activation_back, output_back, squash_slope};

/// Are the gradients of decay and gate asked for?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Timescales {
    Left,
    Wanted,
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
    #[comptime] form: NeuronShape,
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
    #[comptime] form: NeuronShape,
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
    #[comptime] form: NeuronShape,
    #[comptime] timescales: Timescales,
) {
    let sizes = Sizes {
        neurons: neurons as usize,
        batch: batch as usize,
        time: time as usize,
    };
    let first = first as usize;
    let unit = UNIT_POS as usize;
    let here = spot(CUBE_POS, &sizes, form.rows);

    let mut staged = Shared::<[f32]>::new_slice(comptime!(form.staged_len()));
    let mut gradients = Shared::<[f32]>::new_slice(comptime!(2 * form.gradient_len()));
    let mut partial = Shared::<[f32]>::new_slice(comptime!(form.units));
    let mut readout = Shared::<[f32]>::new_slice(comptime!(form.rows));
    // parameters are read after the barrier behind the activation
    stage(params, &mut staged, here.neuron, unit, form);

    for back in 0..(to - from) as usize {
        let t = to as usize - 1 - back;
        let step = Step {
            time: t,
            local: t - first,
            last_of_block: t - first + 1 == steps as usize,
            length: block as usize * sizes.batch,
        };
        if comptime!(form.recurrent) {
            collect_arrivals(
                sources,
                weights,
                &*tape,
                &mut partial,
                &sizes,
                &here,
                &step,
                unit,
                inputs as usize,
                form,
            );
            sync_cube();
        }
        read_out_back(
            masks,
            kept,
            grad,
            &partial,
            carry,
            &mut readout,
            &sizes,
            &here,
            &step,
            unit,
            mean_decay,
            form,
        );
        sync_cube();
        memory_update_back(
            params,
            &staged,
            masks,
            kept,
            grad,
            &readout,
            tape,
            carry,
            &mut gradients,
            &sizes,
            &here,
            &step,
            unit,
            form,
            timescales,
        );
        sync_cube();
        #[unroll]
        for i in 0..form.hidden_layers {
            let k = comptime!(form.hidden_layers - i);
            hidden_layer_back(
                params,
                &staged,
                tape,
                &mut gradients,
                &sizes,
                &here,
                &step,
                unit,
                k,
                form,
            );
            sync_cube();
        }
        first_map_back(
            params,
            &staged,
            &gradients,
            kept,
            tape,
            carry,
            &sizes,
            &here,
            &step,
            unit,
            trace_decay,
            form,
            timescales,
        );
    }
}

/// A step on the way back.
#[derive(CubeType)]
struct Step {
    time: usize,
    /// Its place in the block.
    local: usize,
    last_of_block: bool,
    /// Columns of a row of the tape.
    length: usize,
}

/// Column of a sample at a step within a row of the tape.
#[cube]
fn column(step: &Step, sizes: &Sizes, sample: usize) -> usize {
    step.local * sizes.batch + sample
}

/// Row of the carry with the sums of parameter `at` behind the synapses and maps: decays, gates, readouts, bias.
#[cube]
fn sum_at(
    sizes: &Sizes,
    neuron: usize,
    at: usize,
    sample: usize,
    #[comptime] form: NeuronShape,
) -> usize {
    let row = neuron * comptime!(form.carry_rows()) + comptime!(form.sums_row()) + at;
    row * sizes.batch + sample
}

/// What the step after has for the activity of the cube's neuron, in as many partial sums as the cube has slices.
#[allow(clippy::too_many_arguments)]
#[cube]
fn collect_arrivals(
    sources: &[u32],
    weights: &[f32],
    tape: &[f32],
    partial: &mut Shared<[f32]>,
    sizes: &Sizes,
    here: &Spot,
    step: &Step,
    unit: usize,
    inputs: usize,
    #[comptime] form: NeuronShape,
) {
    let r = unit % form.rows;
    let slice = unit / form.rows;
    let mut sum = 0.0f32;
    if r < here.samples && !step.last_of_block {
        let list = inputs + sizes.neurons + 1;
        let begin = sources[inputs + here.neuron] as usize + slice;
        let end = sources[inputs + here.neuron + 1] as usize;
        let next = column(step, sizes, here.sample + r) + sizes.batch;
        let slices = comptime!(form.slices());
        sum = arrivals(
            sources,
            weights,
            tape,
            list,
            begin,
            end,
            next,
            step.length,
            slices,
            form,
        );
    }
    partial[unit] = sum;
}

/// Through activation, bias and high-pass to the readout.
#[allow(clippy::too_many_arguments)]
#[cube]
fn read_out_back(
    masks: &[f32],
    kept: &[f32],
    grad: &[f32],
    partial: &Shared<[f32]>,
    carry: &mut [f32],
    readout: &mut Shared<[f32]>,
    sizes: &Sizes,
    here: &Spot,
    step: &Step,
    unit: usize,
    mean_decay: f32,
    #[comptime] form: NeuronShape,
) {
    let (n, batch) = (here.neuron, sizes.batch);
    let carry_row = n * comptime!(form.carry_rows());
    if unit < here.samples {
        let sample = here.sample + unit;
        let mut g = grad[(sample * sizes.time + step.time) * sizes.neurons + n];
        if comptime!(form.recurrent) {
            let at = (carry_row + comptime!(form.arrived_row())) * batch + sample;
            let mut arrived = 0.0f32;
            if step.last_of_block {
                arrived = carry[at];
            } else {
                for s in 0..comptime!(form.slices()) {
                    arrived += partial[s * form.rows + unit];
                }
            }
            if comptime!(form.recurrent_mask) {
                arrived *= masks[recurrent_mask_at(sizes, n, sample, form)];
            }
            g += arrived;
        }
        let v = kept[memory_at(sizes, n, form.memory, step.time + 1, sample, form)];
        g = output_back(g, v, form.output);
        carry[sum_at(sizes, n, comptime!(3 * form.memory), sample, form)] += g;
        if comptime!(form.high_pass) {
            let at = (carry_row + comptime!(form.mean_at())) * batch + sample;
            let mean = carry[at] - g;
            carry[at] = mean_decay * mean;
            g += (1.0f32 - mean_decay) * mean;
        }
        readout[unit] = g;
    }
}

/// Through readout and memory update to the MLP's output.
#[allow(clippy::too_many_arguments)]
#[cube]
fn memory_update_back(
    params: &[f32],
    staged: &Shared<[f32]>,
    masks: &[f32],
    kept: &[f32],
    grad: &[f32],
    readout: &Shared<[f32]>,
    tape: &mut [f32],
    carry: &mut [f32],
    gradients: &mut Shared<[f32]>,
    sizes: &Sizes,
    here: &Spot,
    step: &Step,
    unit: usize,
    #[comptime] form: NeuronShape,
    #[comptime] timescales: Timescales,
) {
    let (n, batch, m) = (here.neuron, sizes.batch, form.memory);
    let tanh_row = n * comptime!(form.tape_rows()) + comptime!(form.result_row(form.hidden_layers));
    let mut e = unit;
    while e < comptime!(form.memory * form.rows) {
        let j = e / form.rows;
        let r = e % form.rows;
        if r < here.samples {
            let sample = here.sample + r;
            let at = (n * comptime!(form.carry_rows()) + j) * batch + sample;
            let o = readout[r];
            let w = parameter(params, staged, n, comptime!(form.readout_at()) + j, form);
            let gate = parameter(params, staged, n, comptime!(form.gate_at()) + j, form);
            let total = carry[at] + w * o;
            carry[at] = total;
            let after = kept[memory_at(sizes, n, j, step.time + 1, sample, form)];
            carry[sum_at(sizes, n, 2 * m + j, sample, form)] += o * after;
            let place = (tanh_row + j) * step.length + column(step, sizes, sample);
            let tanh = tape[place];
            if comptime!(timescales == Timescales::Wanted) {
                carry[sum_at(sizes, n, m + j, sample, form)] +=
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
        e += form.units;
    }
}

/// From the gradients of map k's result to those of the pre-activations before it.
#[allow(clippy::too_many_arguments)]
#[cube]
fn hidden_layer_back(
    params: &[f32],
    staged: &Shared<[f32]>,
    tape: &mut [f32],
    gradients: &mut Shared<[f32]>,
    sizes: &Sizes,
    here: &Spot,
    step: &Step,
    unit: usize,
    #[comptime] k: usize,
    #[comptime] form: NeuronShape,
) {
    let n = here.neuron;
    let map = comptime!(form.map(k));
    let from = comptime!(k % 2 * form.gradient_len());
    let first_row = n * comptime!(form.tape_rows()) + comptime!(form.result_row(k - 1));
    let mut e = unit;
    while e < comptime!(map.inputs * form.rows) {
        let h = e / form.rows;
        let r = e % form.rows;
        if r < here.samples {
            let at = map.at + h * map.outputs;
            let g = transposed(
                params,
                staged,
                &*gradients,
                n,
                at,
                r,
                from,
                map.outputs,
                form,
            );
            let place = (first_row + h) * step.length + column(step, sizes, here.sample + r);
            let da = activation_back(g, tape[place], form.activation);
            tape[place] = da;
            gradients[comptime!((k - 1) % 2 * form.gradient_len()) + e] = da;
        }
        e += form.units;
    }
}

/// Through the first map to its input: memory first, whose carry belongs to the unit of the memory update, then the
/// branches.
#[allow(clippy::too_many_arguments)]
#[cube]
fn first_map_back(
    params: &[f32],
    staged: &Shared<[f32]>,
    gradients: &Shared<[f32]>,
    kept: &[f32],
    tape: &mut [f32],
    carry: &mut [f32],
    sizes: &Sizes,
    here: &Spot,
    step: &Step,
    unit: usize,
    trace_decay: f32,
    #[comptime] form: NeuronShape,
    #[comptime] timescales: Timescales,
) {
    let (n, batch, m) = (here.neuron, sizes.batch, form.memory);
    let carry_row = n * comptime!(form.carry_rows());
    let outputs = comptime!(form.first());
    let mut e = unit;
    while e < comptime!(form.joined() * form.rows) {
        let q = e / form.rows;
        let r = e % form.rows;
        if r < here.samples {
            let sample = here.sample + r;
            if q < m {
                let at = (form.branches + q) * outputs;
                let g = transposed(params, staged, gradients, n, at, r, 0usize, outputs, form);
                let at = (carry_row + q) * batch + sample;
                let du = carry[at] + g;
                if comptime!(timescales == Timescales::Wanted) {
                    let before = kept[memory_at(sizes, n, q, step.time, sample, form)];
                    carry[sum_at(sizes, n, q, sample, form)] += du * before;
                }
                let decay = parameter(params, staged, n, comptime!(form.decay_at()) + q, form);
                carry[at] = decay * du;
            } else {
                let d = q - m;
                let at = d * outputs;
                let mut g = transposed(params, staged, gradients, n, at, r, 0usize, outputs, form);
                if comptime!(form.trace) {
                    let at = (carry_row + m + d) * batch + sample;
                    g += carry[at];
                    carry[at] = trace_decay * g;
                }
                let row = n * comptime!(form.tape_rows()) + comptime!(form.branch_row()) + d;
                tape[row * step.length + column(step, sizes, sample)] = g;
            }
        }
        e += form.units;
    }
}
