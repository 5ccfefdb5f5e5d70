//! One step back of all neurons, or several where none needs another.

use burn_cubecl::cubecl::{self, prelude::*};

use super::places::{
    CallSizes, UnitPlace, call_sizes, load_staged, memory_at, parameter, recurrent_mask_at,
    unit_place,
};
use super::shape::NeuronShape;
use crate::equations::SQUASH_GAIN;
use crate::kernels::cube::common::math::{activation_back, output_back, squash_slope};

/// Are the gradients of decay and gate asked for?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Timescales {
    Left,
    Wanted,
}

/// What the synapses of the others have for one sample of a source: `weights` times the gradients of the branch sums
/// in column `column` of the frames. Of the source's list, from `from` to `to`, every `slices`-th synapse.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn arrivals(
    sources: &[u32],
    weights: &[f32],
    frames: &[f32],
    list: usize,
    from: usize,
    to: usize,
    column: usize,
    length: usize,
    #[comptime] slices: usize,
    #[comptime] shape: NeuronShape,
) -> f32 {
    let mut sum = 0.0f32;
    let mut k = from;
    while k < to {
        let branch = sources[list + k] as usize;
        let row = branch / shape.branches * comptime!(shape.frame_rows())
            + comptime!(shape.branch_row())
            + branch % shape.branches;
        sum += weights[k] * frames[row * length + column];
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
    #[comptime] shape: NeuronShape,
) -> f32 {
    let mut sum = 0.0f32;
    for o in 0..outputs {
        let weight = parameter(params, staged, neuron, at + o, shape);
        sum += weight * gradients[from + o * shape.rows + row];
    }
    sum
}

/// Steps `to − 1` down to `from` of the neuron and the samples of each cube, within the block of `steps` steps that
/// begins at `first`; several only where no synapse is recurrent.
///
/// Turns pre-activations and `tanh` values in the frames into their gradients and adds those of the branch sums, which
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
    frames: &mut [f32],
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
    #[comptime] shape: NeuronShape,
    #[comptime] timescales: Timescales,
) {
    let first = first as usize;
    let place = unit_place(call_sizes(neurons, batch, time), shape.rows);

    let mut staged = Shared::<[f32]>::new_slice(comptime!(shape.staged_len()));
    let mut gradients = Shared::<[f32]>::new_slice(comptime!(2 * shape.gradient_len()));
    let mut partial = Shared::<[f32]>::new_slice(comptime!(shape.units));
    let mut readout = Shared::<[f32]>::new_slice(comptime!(shape.rows));
    // parameters are read after the barrier behind the activation
    load_staged(params, &mut staged, place.neuron, place.unit, shape);

    for back in 0..(to - from) as usize {
        let t = to as usize - 1 - back;
        let step = Step {
            time: t,
            local: t - first,
            last_of_block: t - first + 1 == steps as usize,
            length: block as usize * place.sizes.batch,
        };
        if comptime!(shape.recurrent) {
            collect_arrivals(
                sources,
                weights,
                &*frames,
                &mut partial,
                &place,
                &step,
                inputs as usize,
                shape,
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
            &place,
            &step,
            mean_decay,
            shape,
        );
        sync_cube();
        memory_update_back(
            params,
            &staged,
            masks,
            kept,
            grad,
            &readout,
            frames,
            carry,
            &mut gradients,
            &place,
            &step,
            shape,
            timescales,
        );
        sync_cube();
        #[unroll]
        for i in 0..shape.hidden_layers {
            let k = comptime!(shape.hidden_layers - i);
            hidden_layer_back(
                params,
                &staged,
                frames,
                &mut gradients,
                &place,
                &step,
                k,
                shape,
            );
            sync_cube();
        }
        first_map_back(
            params,
            &staged,
            &gradients,
            kept,
            frames,
            carry,
            &place,
            &step,
            trace_decay,
            shape,
            timescales,
        );
    }
}

/// A step on the way back.
#[derive(CubeType)]
struct Step {
    time: usize,
    /// Its entry in the block.
    local: usize,
    last_of_block: bool,
    /// Columns of a row of the frames.
    length: usize,
}

/// Column of a sample at a step within a row of the frames.
#[cube]
fn column(step: &Step, sizes: &CallSizes, sample: usize) -> usize {
    step.local * sizes.batch + sample
}

/// Row of the carry with the sums of parameter `at` behind the synapses and maps: decays, gates, readouts, bias.
#[cube]
fn sum_at(
    sizes: &CallSizes,
    neuron: usize,
    at: usize,
    sample: usize,
    #[comptime] shape: NeuronShape,
) -> usize {
    let row = neuron * comptime!(shape.carry_rows()) + comptime!(shape.sums_row()) + at;
    row * sizes.batch + sample
}

/// What the step after has for the activity of the cube's neuron, in as many partial sums as the cube has slices.
#[allow(clippy::too_many_arguments)]
#[cube]
fn collect_arrivals(
    sources: &[u32],
    weights: &[f32],
    frames: &[f32],
    partial: &mut Shared<[f32]>,
    place: &UnitPlace,
    step: &Step,
    inputs: usize,
    #[comptime] shape: NeuronShape,
) {
    let r = place.unit % shape.rows;
    let slice = place.unit / shape.rows;
    let mut sum = 0.0f32;
    if r < place.samples && !step.last_of_block {
        let list = inputs + place.sizes.neurons + 1;
        let begin = sources[inputs + place.neuron] as usize + slice;
        let end = sources[inputs + place.neuron + 1] as usize;
        let next = column(step, &place.sizes, place.sample + r) + place.sizes.batch;
        let slices = comptime!(shape.slices());
        sum = arrivals(
            sources,
            weights,
            frames,
            list,
            begin,
            end,
            next,
            step.length,
            slices,
            shape,
        );
    }
    partial[place.unit] = sum;
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
    place: &UnitPlace,
    step: &Step,
    mean_decay: f32,
    #[comptime] shape: NeuronShape,
) {
    let (n, batch) = (place.neuron, place.sizes.batch);
    let carry_row = n * comptime!(shape.carry_rows());
    if place.unit < place.samples {
        let sample = place.sample + place.unit;
        let mut g = grad[(sample * place.sizes.time + step.time) * place.sizes.neurons + n];
        if comptime!(shape.recurrent) {
            let at = (carry_row + comptime!(shape.arrived_row())) * batch + sample;
            let mut arrived = 0.0f32;
            if step.last_of_block {
                arrived = carry[at];
            } else {
                for s in 0..comptime!(shape.slices()) {
                    arrived += partial[s * shape.rows + place.unit];
                }
            }
            if comptime!(shape.recurrent_mask) {
                arrived *= masks[recurrent_mask_at(&place.sizes, n, sample, shape)];
            }
            g += arrived;
        }
        let v = kept[memory_at(&place.sizes, n, shape.memory, step.time + 1, sample, shape)];
        g = output_back(g, v, shape.output);
        carry[sum_at(&place.sizes, n, comptime!(3 * shape.memory), sample, shape)] += g;
        if comptime!(shape.high_pass) {
            let at = (carry_row + comptime!(shape.mean_at())) * batch + sample;
            let mean = carry[at] - g;
            carry[at] = mean_decay * mean;
            g += (1.0f32 - mean_decay) * mean;
        }
        readout[place.unit] = g;
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
    frames: &mut [f32],
    carry: &mut [f32],
    gradients: &mut Shared<[f32]>,
    place: &UnitPlace,
    step: &Step,
    #[comptime] shape: NeuronShape,
    #[comptime] timescales: Timescales,
) {
    let (n, batch, m) = (place.neuron, place.sizes.batch, shape.memory);
    let tanh_row =
        n * comptime!(shape.frame_rows()) + comptime!(shape.result_row(shape.hidden_layers));
    let mut e = place.unit;
    while e < comptime!(shape.memory * shape.rows) {
        let j = e / shape.rows;
        let r = e % shape.rows;
        if r < place.samples {
            let sample = place.sample + r;
            let at = (n * comptime!(shape.carry_rows()) + j) * batch + sample;
            let o = readout[r];
            let w = parameter(params, staged, n, comptime!(shape.readout_at()) + j, shape);
            let gate = parameter(params, staged, n, comptime!(shape.gate_at()) + j, shape);
            let total = carry[at] + w * o;
            carry[at] = total;
            let after = kept[memory_at(&place.sizes, n, j, step.time + 1, sample, shape)];
            carry[sum_at(&place.sizes, n, 2 * m + j, sample, shape)] += o * after;
            let entry = (tanh_row + j) * step.length + column(step, &place.sizes, sample);
            let tanh = frames[entry];
            if comptime!(timescales == Timescales::Wanted) {
                carry[sum_at(&place.sizes, n, m + j, sample, shape)] +=
                    total * comptime!(SQUASH_GAIN as f32) * tanh;
            }
            let behind = place.sizes.time * place.sizes.neurons * batch;
            let magnitude = grad[behind + sample * place.sizes.neurons + n]
                / f32::cast_from(place.sizes.time as u32 * comptime!(shape.memory as u32));
            let mut dz = total * gate * squash_slope(tanh);
            if tanh > 0.0f32 {
                dz += magnitude;
            }
            if tanh < 0.0f32 {
                dz -= magnitude;
            }
            if comptime!(shape.memory_mask) {
                dz *= masks[(n * m + j) * batch + sample];
            }
            frames[entry] = dz;
            gradients[comptime!(shape.hidden_layers % 2 * shape.gradient_len()) + e] = dz;
        }
        e += shape.units;
    }
}

/// From the gradients of map k's result to those of the pre-activations before it.
#[allow(clippy::too_many_arguments)]
#[cube]
fn hidden_layer_back(
    params: &[f32],
    staged: &Shared<[f32]>,
    frames: &mut [f32],
    gradients: &mut Shared<[f32]>,
    place: &UnitPlace,
    step: &Step,
    #[comptime] k: usize,
    #[comptime] shape: NeuronShape,
) {
    let n = place.neuron;
    let map = comptime!(shape.map(k));
    let from = comptime!(k % 2 * shape.gradient_len());
    let first_row = n * comptime!(shape.frame_rows()) + comptime!(shape.result_row(k - 1));
    let mut e = place.unit;
    while e < comptime!(map.inputs * shape.rows) {
        let h = e / shape.rows;
        let r = e % shape.rows;
        if r < place.samples {
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
                shape,
            );
            let entry =
                (first_row + h) * step.length + column(step, &place.sizes, place.sample + r);
            let da = activation_back(g, frames[entry], shape.activation);
            frames[entry] = da;
            gradients[comptime!((k - 1) % 2 * shape.gradient_len()) + e] = da;
        }
        e += shape.units;
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
    frames: &mut [f32],
    carry: &mut [f32],
    place: &UnitPlace,
    step: &Step,
    trace_decay: f32,
    #[comptime] shape: NeuronShape,
    #[comptime] timescales: Timescales,
) {
    let (n, batch, m) = (place.neuron, place.sizes.batch, shape.memory);
    let carry_row = n * comptime!(shape.carry_rows());
    let outputs = comptime!(shape.first());
    let mut e = place.unit;
    while e < comptime!(shape.joined() * shape.rows) {
        let q = e / shape.rows;
        let r = e % shape.rows;
        if r < place.samples {
            let sample = place.sample + r;
            if q < m {
                let at = (shape.branches + q) * outputs;
                let g = transposed(params, staged, gradients, n, at, r, 0usize, outputs, shape);
                let at = (carry_row + q) * batch + sample;
                let du = carry[at] + g;
                if comptime!(timescales == Timescales::Wanted) {
                    let before = kept[memory_at(&place.sizes, n, q, step.time, sample, shape)];
                    carry[sum_at(&place.sizes, n, q, sample, shape)] += du * before;
                }
                let decay = parameter(params, staged, n, comptime!(shape.decay_at()) + q, shape);
                carry[at] = decay * du;
            } else {
                let d = q - m;
                let at = d * outputs;
                let mut g = transposed(params, staged, gradients, n, at, r, 0usize, outputs, shape);
                if comptime!(shape.trace) {
                    let at = (carry_row + m + d) * batch + sample;
                    g += carry[at];
                    carry[at] = trace_decay * g;
                }
                let row = n * comptime!(shape.frame_rows()) + comptime!(shape.branch_row()) + d;
                frames[row * step.length + column(step, &place.sizes, sample)] = g;
            }
        }
        e += shape.units;
    }
}
