//! One step back through one neuron, and its weight gradients over a block of steps.

use super::lanes::{AnyRow, Lanes, LayerReal, Row, W};
use super::neuron::{Constants, Sources, Weights};
use super::product::{Steps, outer, total, transposed};
use crate::equations::HiddenActivation;
use crate::kernels::cpu::real::Real;
use crate::kernels::scalar;

/// What a neuron hands on from step to step on its way back.
pub struct Carry<'a, R> {
    /// Gradient of the memory after the step, later of the memory before it; M rows.
    pub memory: &'a mut [Row<R>],
    /// Gradient that reaches the branch trace from the next step; D rows, none without a trace.
    pub trace: &'a mut [Row<R>],
    /// Gradient that reaches the high-pass's mean from the next step.
    pub mean: &'a mut Row<R>,
    /// Sum for the decay, M rows.
    pub decay: &'a mut [Row<R>],
    /// Sum for the gate, M rows.
    pub gate: &'a mut [Row<R>],
}

/// What one step back reads besides the weights.
pub struct Step<'a, R> {
    /// Gradient of the activity.
    pub activity: Row<R>,
    /// Gradient of |MLP output|.
    pub magnitude: Row<R>,
    /// Factors on the MLP's output.
    pub mask: Option<&'a [Row<R>]>,
    /// Memory before the step, M rows.
    pub before: &'a [Row<R>],
    /// Are the gradients of decay and gate asked for?
    pub timescales: bool,
}

/// One step back: leaves the gradients in the step's frame, those of the branch sums too.
#[inline(always)]
pub fn step_back<V: Lanes>(
    constants: &Constants<V::R>,
    weights: &Weights<'_, V::R>,
    step: &Step<'_, V::R>,
    carry: &mut Carry<'_, V::R>,
    rows: &mut [Row<V::R>],
) {
    let (spec, frame) = (&constants.spec, &constants.frame);
    output_back(constants, step, carry, rows);
    mlp_output_back::<V>(constants, weights, step, carry, rows);
    for k in (0..constants.maps.len()).rev() {
        let map = &constants.maps[k];
        hidden_back::<V>(
            &weights.packed[map.at..map.bias()],
            rows,
            frame.map(k + 1),
            frame.pre[k].clone(),
            spec.activation,
        );
    }
    // the first map's input is [branches, decayed memory]
    let (branch_weight, memory_weight) =
        weights.first_weight.split_at(spec.branches * spec.first());
    let (lower, branch) = rows.split_at_mut(frame.branch.start);
    let first = &lower[frame.first()];
    let branch = &mut branch[..spec.branches];
    branch.fill(Row::default());
    transposed::<V>(branch_weight, first, branch);
    transposed::<V>(memory_weight, first, carry.memory);
    if let Some(decay) = constants.branch_decay {
        for (branch, trace) in branch.iter_mut().zip(carry.trace.iter_mut()) {
            *branch = branch.zip(*trace, |branch, trace| branch + trace);
            *trace = branch.map(|branch| decay * branch);
        }
    }
    if step.timescales {
        for ((sum, grad), before) in carry
            .decay
            .iter_mut()
            .zip(carry.memory.iter())
            .zip(step.before)
        {
            let product = grad.zip(*before, |grad, before| grad * before);
            *sum = sum.zip(product, |sum, p| sum + p);
        }
    }
    for (grad, decay) in carry.memory.iter_mut().zip(weights.decay) {
        *grad = grad.map(|grad| *decay * grad);
    }
}

/// Through activation, bias and high-pass to the readout.
#[inline(always)]
fn output_back<R: LayerReal>(
    constants: &Constants<R>,
    step: &Step<'_, R>,
    carry: &mut Carry<'_, R>,
    rows: &mut [Row<R>],
) {
    let frame = &constants.frame;
    let v = rows[frame.pre_activation];
    let output = constants.spec.output;
    let grad = step
        .activity
        .zip(v, |grad, v| scalar::output_back(grad, v, output));
    rows[frame.pre_activation] = grad;
    rows[frame.readout] = match constants.high_pass_decay {
        None => grad,
        Some(decay) => {
            let mean = carry.mean.zip(grad, |mean, grad| mean - grad);
            *carry.mean = mean.map(|mean| decay * mean);
            let rest = R::of(1.0) - decay;
            grad.zip(mean, |grad, mean| grad + rest * mean)
        }
    };
}

/// Through readout and memory update to the MLP's output.
#[inline(always)]
fn mlp_output_back<V: Lanes>(
    constants: &Constants<V::R>,
    weights: &Weights<'_, V::R>,
    step: &Step<'_, V::R>,
    carry: &mut Carry<'_, V::R>,
    rows: &mut [Row<V::R>],
) {
    let zero = V::R::default();
    let frame = &constants.frame;
    let readout = rows[frame.readout];
    let tanh = &mut rows[frame.tanh.clone()];
    for j in 0..constants.spec.memory {
        let w = weights.readout[j];
        let grad = carry.memory[j].zip(readout, |m, o| m + w * o);
        carry.memory[j] = grad;
        let value = tanh[j];
        if step.timescales {
            let pushed = grad.zip(value, |grad, tanh| grad * scalar::squash_value(tanh));
            carry.gate[j] = carry.gate[j].zip(pushed, |sum, p| sum + p);
        }
        let gate = weights.gate[j];
        let squash = grad.zip(value, |grad, tanh| grad * gate * scalar::squash_slope(tanh));
        let sign = value.zip(step.magnitude, |tanh, magnitude| {
            if tanh > zero {
                magnitude
            } else if tanh < zero {
                zero - magnitude
            } else {
                zero
            }
        });
        let mut z = squash.zip(sign, |a, b| a + b);
        if let Some(mask) = step.mask {
            z = z.zip(mask[j], |z, mask| z * mask);
        }
        tanh[j] = z;
    }
}

/// From the gradients of a map's result to those of the pre-activations before it, which they replace.
#[inline(always)]
fn hidden_back<V: Lanes>(
    weight: &[V::R],
    rows: &mut [Row<V::R>],
    result: core::ops::Range<usize>,
    pre: core::ops::Range<usize>,
    activation: HiddenActivation,
) {
    let inputs = result.len();
    // results lie behind the pre-activations that they come from
    let (lower, upper) = rows.split_at_mut(result.start);
    let (pre, result) = (&mut lower[pre], &upper[..inputs]);
    let mut grads = [Row::default(); CHUNK];
    for (pre, weight) in pre.chunks_mut(CHUNK).zip(weight.chunks(CHUNK * inputs)) {
        let grads = &mut grads[..pre.len()];
        grads.fill(Row::default());
        transposed::<V>(weight, result, grads);
        scalar::hidden_backs(Row::numbers(grads), Row::numbers_mut(pre), activation);
    }
}

/// Rows that [`hidden_back`] works on at a time.
const CHUNK: usize = 16;

/// Adds the gradients of the branch sums to those of the sources: recurrent ones to `activity`, feed-forward ones to
/// `input` if it is asked for.
#[inline(always)]
pub fn scatter<V: Lanes>(
    constants: &Constants<V::R>,
    weights: &Weights<'_, V::R>,
    branch: &[Row<V::R>],
    activity: &mut [Row<V::R>],
    input: Option<&mut [Row<V::R>]>,
) {
    let (per_branch, inputs) = (constants.spec.per_branch, constants.spec.inputs);
    if let Some(input) = input {
        for (d, grad) in branch.iter().enumerate() {
            let from = d * per_branch;
            let count = weights.feed_forward[d] as usize;
            add::<V>(weights, from..from + count, 0, grad, input);
        }
    }
    if activity.is_empty() {
        return;
    }
    for (d, grad) in branch.iter().enumerate() {
        let from = d * per_branch;
        let first = from + weights.feed_forward[d] as usize;
        add::<V>(weights, first..from + per_branch, inputs, grad, activity);
    }
}

/// `out[source − offset] += w · grad` for some synapses of one branch.
#[inline(always)]
fn add<V: Lanes>(
    weights: &Weights<'_, V::R>,
    synapses: core::ops::Range<usize>,
    offset: usize,
    grad: &Row<V::R>,
    out: &mut [Row<V::R>],
) {
    let grad = V::load(grad);
    let sources = &weights.sources[synapses.clone()];
    for (w, s) in weights.synapses[synapses].iter().zip(sources) {
        let out = &mut out[*s as usize - offset];
        grad.fused(V::splat(*w), V::load(out)).store(out);
    }
}

/// Weight gradients of one neuron, in the layouts of its weights; they are added to.
pub struct WeightGradients<'a, R> {
    /// Synapses, in walking order.
    pub synapses: &'a mut [R],
    /// First map.
    pub first_weight: &'a mut [R],
    /// Its bias.
    pub first_bias: &'a mut [R],
    /// Other maps.
    pub packed: &'a mut [R],
    /// Readout.
    pub readout: &'a mut [R],
    /// Output bias, one number.
    pub bias: &'a mut [R],
}

/// Sums the weight gradients over a block of frames that [`step_back`] has passed.
#[inline(always)]
pub fn accumulate<V: Lanes>(
    constants: &Constants<V::R>,
    weights: &Weights<'_, V::R>,
    sources: Sources<'_, Row<V::R>>,
    at: Steps<'_, V::R>,
    out: WeightGradients<'_, V::R>,
) {
    let frame = &constants.frame;
    outer::<V>(at, frame.joined.clone(), frame.first(), out.first_weight);
    total::<V>(at, frame.first(), out.first_bias);
    for (k, map) in constants.maps.iter().enumerate() {
        let (weight, bias) = out.packed[map.at..].split_at_mut(map.inputs * map.outputs);
        outer::<V>(at, frame.active[k].clone(), frame.map(k + 1), weight);
        total::<V>(at, frame.map(k + 1), bias);
    }
    let readout = frame.readout..frame.readout + 1;
    outer::<V>(at, readout, frame.memory.clone(), out.readout);
    let bias = frame.pre_activation..frame.pre_activation + 1;
    total::<V>(at, bias, out.bias);
    let per_branch = constants.spec.per_branch;
    let synapses = out.synapses.chunks_exact_mut(per_branch);
    let indices = weights.sources.chunks_exact(per_branch);
    for (d, (out, index)) in synapses.zip(indices).enumerate() {
        let branch = frame.branch.start + d;
        let mut at_synapse = 0;
        while at_synapse < per_branch {
            let n = (per_branch - at_synapse).min(4);
            let (out, index) = (&mut out[at_synapse..], &index[at_synapse..]);
            match n {
                4 => synapse_gradients::<V, 4>(at, branch, sources, index, out),
                3 => synapse_gradients::<V, 3>(at, branch, sources, index, out),
                2 => synapse_gradients::<V, 2>(at, branch, sources, index, out),
                _ => synapse_gradients::<V, 1>(at, branch, sources, index, out),
            }
            at_synapse += n;
        }
    }
}

/// `out[i] += Σ_t Σ_samples branch_t · z_t[index[i]]`.
#[inline(always)]
fn synapse_gradients<V: Lanes, const N: usize>(
    at: Steps<'_, V::R>,
    branch: usize,
    sources: Sources<'_, Row<V::R>>,
    index: &[u32],
    out: &mut [V::R],
) {
    let mut acc = [V::splat(V::R::default()); N];
    let rows: [&[Row<V::R>]; N] = core::array::from_fn(|i| {
        let rows = &sources.rows[index[i] as usize * sources.source..];
        &rows[..(at.steps - 1) * sources.step + 1]
    });
    for t in 0..at.steps {
        let grad = V::load(&at.rows[t * at.stride + branch]);
        for i in 0..N {
            acc[i] = V::load(&rows[i][t * sources.step]).fused(grad, acc[i]);
        }
    }
    for i in 0..N {
        out[i] += acc[i].sum();
    }
}

/// Sum over the samples of a row.
#[inline(always)]
pub fn row_sum<R: Real>(row: &Row<R>) -> R {
    let mut sum = row.0[0];
    for i in 1..W {
        sum += row.0[i];
    }
    sum
}
