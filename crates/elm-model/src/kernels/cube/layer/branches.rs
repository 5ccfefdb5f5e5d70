//! Branch sums of a block of steps: of the feed-forward synapses for the way forward, of all for the way back, when the
//! layer's own activity is known too. Neighbouring units have neighbouring columns (a step of a sample) of one branch,
//! so that they read neighbouring numbers of a source.

use burn_cubecl::cubecl::{self, prelude::*};

use super::places::{CallSizes, activities, activity_at, call_sizes, trace_at};
use super::shape::NeuronShape;

/// How the input comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum InputKind {
    /// Numbers, `[input, time, batch]`, with all factors in them.
    Dense,
    /// Tokens, `[time, batch]`; an active channel is `gain`.
    Tokens,
    /// Tokens; an active channel is its factor, `[input, batch]`.
    MaskedTokens,
}

/// Which synapses a branch sum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Synapses {
    FeedForward,
    All,
}

/// What a feed-forward synapse reads in column `column` of the whole sequence.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn input(
    x: &[f32],
    tokens: &[u32],
    source: usize,
    column: usize,
    sizes: &CallSizes,
    gain: f32,
    #[comptime] kind: InputKind,
) -> f32 {
    if comptime!(kind == InputKind::Dense) {
        x[source * sizes.time * sizes.batch + column]
    } else {
        let mut value = 0.0f32;
        if tokens[column] as usize == source {
            if comptime!(kind == InputKind::Tokens) {
                value = gain;
            } else {
                value = x[source * sizes.batch + column % sizes.batch];
            }
        }
        value
    }
}

/// The sum of a branch over its synapses `from..to`, four at a time so that their reads travel together.
///
/// `offset` is where the source 0 would lie in `rows`, `stride` the way from one source to the next.
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn gather(
    rows: &[f32],
    connectome: &[u32],
    weights: &[f32],
    from: usize,
    to: usize,
    sources_before: usize,
    stride: usize,
    offset: usize,
) -> f32 {
    let mut sum = 0.0f32;
    let mut k = from;
    while k + 4 <= to {
        #[unroll]
        for i in 0..4usize {
            let source = connectome[k + i] as usize - sources_before;
            sum += weights[k + i] * rows[source * stride + offset];
        }
        k += 4;
    }
    while k < to {
        let source = connectome[k] as usize - sources_before;
        sum += weights[k] * rows[source * stride + offset];
        k += 1;
    }
    sum
}

/// Branch sums of the steps from `first` on, `steps` of them, into rows of `out`: branch `d` of neuron `n` is row
/// `n · out_rows + d` of `block · batch` numbers.
///
/// Launched unchecked: units past the last column of the last branch do nothing; a plan's sources are below I + N, and
/// `tokens` below I.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn branch_sums(
    x: &[f32],
    tokens: &[u32],
    connectome: &[u32],
    weights: &[f32],
    kept: &[f32],
    out: &mut [f32],
    neurons: u32,
    inputs: u32,
    batch: u32,
    time: u32,
    first: u32,
    steps: u32,
    block: u32,
    gain: f32,
    #[comptime] shape: NeuronShape,
    #[comptime] kind: InputKind,
    #[comptime] covered: Synapses,
    #[comptime] out_rows: usize,
) {
    let sizes = call_sizes(neurons, batch, time);
    let inputs = inputs as usize;
    let columns = steps as usize * sizes.batch;
    let position = ABSOLUTE_POS;
    let branch = position / columns;
    let column = position % columns;
    if branch < sizes.neurons * shape.branches {
        let synapses = comptime!(shape.branches * shape.per_branch);
        let from = branch * shape.per_branch;
        let middle = from + connectome[sizes.neurons * synapses + branch] as usize;
        let at = first as usize * sizes.batch + column;
        let mut sum = 0.0f32;
        if comptime!(kind == InputKind::Dense) {
            sum = gather(
                x,
                connectome,
                weights,
                from,
                middle,
                0,
                sizes.time * sizes.batch,
                at,
            );
        } else {
            for k in from..middle {
                let source = connectome[k] as usize;
                sum += weights[k] * input(x, tokens, source, at, &sizes, gain, kind);
            }
        }
        if comptime!(covered == Synapses::All && shape.recurrent) {
            let mut offset = activity_at(&sizes, 0, first as usize, 0) + column;
            if comptime!(shape.recurrent_mask) {
                offset += activities(&sizes);
            }
            let stride = (sizes.time + 1) * sizes.batch;
            let to = from + shape.per_branch;
            sum += gather(
                kept, connectome, weights, middle, to, inputs, stride, offset,
            );
        }
        let neuron = branch / shape.branches;
        let row = neuron * out_rows + branch % shape.branches;
        out[row * block as usize * sizes.batch + column] = sum;
    }
}

/// Turns the branch sums in the frames of a block into traces. One unit follows one branch of one sample.
///
/// Launched unchecked: units past the last branch and sample do nothing.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn branch_traces(
    kept: &[f32],
    frames: &mut [f32],
    neurons: u32,
    batch: u32,
    time: u32,
    first: u32,
    steps: u32,
    block: u32,
    decay: f32,
    #[comptime] shape: NeuronShape,
) {
    let sizes = call_sizes(neurons, batch, time);
    let block = block as usize;
    let sample = ABSOLUTE_POS % sizes.batch;
    let branch = ABSOLUTE_POS / sizes.batch;
    if branch < sizes.neurons * shape.branches {
        let neuron = branch / shape.branches;
        let d = branch % shape.branches;
        let mut value = kept[trace_at(&sizes, first as usize / block, neuron, d, sample, shape)];
        let row = neuron * comptime!(shape.frame_rows()) + d;
        for t in 0..steps as usize {
            let at = (row * block + t) * sizes.batch + sample;
            value = decay * value + frames[at];
            frames[at] = value;
        }
    }
}
