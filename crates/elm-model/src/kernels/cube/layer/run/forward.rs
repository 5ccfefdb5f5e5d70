//! The forward pass: the feed-forward share of a block, then step after step.

use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};

use super::super::branches::Synapses;
use super::super::buffers::{Givens, neuron_rows};
use super::super::forward::{Purpose, layer_forward};
use super::super::kept_len;
use super::super::transfer::{collect, put_activity};
use super::{Run, Tensors};
use crate::kernels::cube::common::launch::{empty, index_type};
use crate::kernels::cube::common::layout::Limits;
use crate::scan::layer::LayerCall;

/// The flat result, and if asked for, what the backward pass needs, see [`kept_len`].
pub(crate) fn forward(
    tensors: Tensors,
    givens: Givens,
    call: &LayerCall,
    purpose: Purpose,
    limits: Limits,
) -> (CubeTensor, CubeTensor) {
    let tensors = Tensors::from_array(tensors.into_array().map(into_contiguous));
    let run = Run::new(&tensors, &givens, call, limits);
    let [n, batch, time] = run.sizes();
    let shape = run.shape;
    let like = &tensors.decay;
    let kept = empty(like, [kept_len(call, purpose)]);
    let input_sums = empty(like, [n * shape.branches * call.block * batch]);
    let state = neuron_rows(tensors.inner.clone(), 1);
    let result = empty(like, [call.spec.result_len(batch, time)]);
    let (count, dim) = run.number_cubes(n * batch);
    // SAFETY: see the kernel; the activity is `[batch, neuron]`, and `kept` begins with all activities.
    unsafe {
        put_activity::launch_unchecked(
            &run.client,
            count,
            dim,
            index_type(&[&kept]),
            tensors.activity.clone().into_buffer_arg(),
            run.masks.clone().into_buffer_arg(),
            kept.clone().into_buffer_arg(),
            n as u32,
            batch as u32,
            time as u32,
            shape,
        );
    }
    for (first, steps) in run.blocks() {
        run.branch_sums(&kept, &input_sums, (first, steps), Synapses::FeedForward);
        for (from, to) in run.launches(first, first + steps) {
            let (count, dim) = run.step_cubes();
            // SAFETY: see the kernel; the steps lie in the block that `input_sums` is of.
            unsafe {
                layer_forward::launch_unchecked(
                    &run.client,
                    count,
                    dim,
                    index_type(&[&kept, &input_sums, &run.params]),
                    run.params.clone().into_buffer_arg(),
                    input_sums.clone().into_buffer_arg(),
                    run.connectome.branches.clone().into_buffer_arg(),
                    run.weights.clone().into_buffer_arg(),
                    run.masks.clone().into_buffer_arg(),
                    kept.clone().into_buffer_arg(),
                    state.clone().into_buffer_arg(),
                    n as u32,
                    call.spec.inputs as u32,
                    batch as u32,
                    time as u32,
                    from as u32,
                    to as u32,
                    call.block as u32,
                    run.trace_decay,
                    run.mean_decay,
                    shape,
                    purpose,
                );
            }
        }
    }
    let (count, dim) = run.number_cubes(call.spec.result_len(batch, time));
    // SAFETY: see the kernel; the result is as long as the spec says.
    unsafe {
        collect::launch_unchecked(
            &run.client,
            count,
            dim,
            index_type(&[&kept, &result]),
            kept.clone().into_buffer_arg(),
            state.into_buffer_arg(),
            result.clone().into_buffer_arg(),
            n as u32,
            batch as u32,
            time as u32,
            shape,
        );
    }
    (result, kept)
}
