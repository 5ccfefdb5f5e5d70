//! Into and out of the buffers of the step kernels.

use burn_cubecl::cubecl::{self, prelude::*};

use super::places::{activities, activity_at, call_sizes, recurrent_mask_at};
use super::shape::NeuronShape;

/// Puts the activity before the first step, `[batch, neuron]`, in place.
///
/// Launched unchecked: units past the last number do nothing.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn put_activity(
    activity: &[f32],
    masks: &[f32],
    kept: &mut [f32],
    neurons: u32,
    batch: u32,
    time: u32,
    #[comptime] shape: NeuronShape,
) {
    let sizes = call_sizes(neurons, batch, time);
    if ABSOLUTE_POS < sizes.neurons * sizes.batch {
        let n = ABSOLUTE_POS / sizes.batch;
        let sample = ABSOLUTE_POS % sizes.batch;
        let value = activity[sample * sizes.neurons + n];
        let at = activity_at(&sizes, n, 0, sample);
        kept[at] = value;
        if comptime!(shape.recurrent_mask) {
            let mask = masks[recurrent_mask_at(&sizes, n, sample, shape)];
            kept[activities(&sizes) + at] = value * mask;
        }
    }
}

/// The flat result, see [`LayerSpec::result_len`](super::super::LayerSpec::result_len), from what the steps left.
///
/// Launched unchecked: units past the last number do nothing.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn collect(
    kept: &[f32],
    state: &[f32],
    result: &mut [f32],
    neurons: u32,
    batch: u32,
    time: u32,
    #[comptime] shape: NeuronShape,
) {
    let sizes = call_sizes(neurons, batch, time);
    let width = comptime!(shape.state_width());
    let at = ABSOLUTE_POS;
    let samples = sizes.batch * sizes.neurons;
    let steps = samples * sizes.time;
    if at < steps {
        let n = at % sizes.neurons;
        let t = at / sizes.neurons % sizes.time;
        let sample = at / sizes.neurons / sizes.time;
        result[at] = kept[activity_at(&sizes, n, t + 1, sample)];
    } else if at < steps + samples {
        let n = (at - steps) % sizes.neurons;
        let sample = (at - steps) / sizes.neurons;
        let row = n * comptime!(shape.state_rows()) + width;
        let count = f32::cast_from(sizes.time as u32 * comptime!(shape.memory as u32));
        result[at] = state[row * sizes.batch + sample] / count;
    } else if at < result.len() {
        let rest = at - steps - samples;
        let w = rest % width;
        let n = rest / width % sizes.neurons;
        let sample = rest / width / sizes.neurons;
        let row = n * comptime!(shape.state_rows()) + w;
        result[at] = state[row * sizes.batch + sample];
    }
}
