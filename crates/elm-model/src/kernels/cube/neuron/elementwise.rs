//! Values of all steps at once, for the batched products of the backward pass.

use burn_cubecl::{
    cubecl::{self, prelude::*},
    tensor::CubeTensor,
};

use crate::equations::HiddenActivation;
use crate::kernels::cube::common::launch::{cube_counts, elem_type, empty, index_type};
use crate::kernels::cube::common::math::{activate, squash};

/// Units of a cube.
const UNITS: usize = 256;

/// `act(hidden)`. Launched unchecked: units past the last number do nothing.
#[cube(launch_unchecked, address_type = "dynamic")]
fn activated_kernel<F: Float>(
    hidden: &[F],
    output: &mut [F],
    #[comptime] activation: HiddenActivation,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS < output.len() {
        let a = f32::cast_from(hidden[ABSOLUTE_POS]);
        output[ABSOLUTE_POS] = F::cast_from(activate(a, activation));
    }
}

/// `tanh(2/3 · (z + bias))` in place. Launched unchecked: units past the last number do nothing.
#[cube(launch_unchecked, address_type = "dynamic")]
fn squashed_kernel<F: Float>(
    z: &mut [F],
    weights: &[F],
    #[comptime] bias_at: Option<usize>,
    #[comptime] memory: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS < z.len() {
        let mut value = f32::cast_from(z[ABSOLUTE_POS]);
        if comptime!(bias_at.is_some()) {
            value +=
                f32::cast_from(weights[comptime!(bias_at.unwrap_or(0)) + ABSOLUTE_POS % memory]);
        }
        z[ABSOLUTE_POS] = F::cast_from(squash(value));
    }
}

/// The decayed memory that each step starts from. Launched unchecked: units past the last number do nothing, and only
/// steps after the first read the step before.
#[allow(clippy::manual_is_multiple_of)] // numbers of a kernel have no such method
#[cube(launch_unchecked, address_type = "dynamic")]
fn decayed_kernel<F: Float>(
    memory: &[F],
    start: &[F],
    decay: &[F],
    output: &mut [F],
    time: u32,
    #[comptime] width: usize,
    #[define(F)] _dtype: ElemType,
) {
    if ABSOLUTE_POS < output.len() {
        let unit = ABSOLUTE_POS % width;
        let row = ABSOLUTE_POS / width;
        let before = if row % time as usize == 0 {
            f32::cast_from(start[row / time as usize * width + unit])
        } else {
            f32::cast_from(memory[ABSOLUTE_POS - width])
        };
        output[ABSOLUTE_POS] = F::cast_from(f32::cast_from(decay[unit]) * before);
    }
}

fn counts(tensor: &CubeTensor) -> (CubeCount, CubeDim) {
    let cubes = tensor.meta.shape().num_elements().div_ceil(UNITS);
    let count = cube_counts(&tensor.client, cubes);
    (count, CubeDim::new_1d(UNITS as u32))
}

/// The activated hidden layers; `hidden` is contiguous.
pub(super) fn activated(hidden: &CubeTensor, activation: HiddenActivation) -> CubeTensor {
    let output = empty(hidden, hidden.meta.shape().clone());
    let (count, dim) = counts(hidden);
    // SAFETY: see the kernel; both tensors are contiguous and equally long.
    unsafe {
        activated_kernel::launch_unchecked(
            &hidden.client,
            count,
            dim,
            index_type(&[hidden]),
            hidden.clone().into_buffer_arg(),
            output.clone().into_buffer_arg(),
            activation,
            elem_type(hidden),
        );
    }
    output
}

/// Replaces the products `z` `[…, memory]`, contiguous and held by nobody else, by `tanh(2/3 · (z + bias))`; the bias
/// lies at `bias_at` in the packed weights.
pub(super) fn squash_in_place(
    z: &CubeTensor,
    weights: &CubeTensor,
    bias_at: Option<usize>,
    memory: usize,
) {
    let (count, dim) = counts(z);
    // SAFETY: see the kernel; the bias of `memory` numbers lies within the weights.
    unsafe {
        squashed_kernel::launch_unchecked(
            &z.client,
            count,
            dim,
            index_type(&[z]),
            z.clone().into_buffer_arg(),
            weights.clone().into_buffer_arg(),
            bias_at,
            memory,
            elem_type(z),
        );
    }
}

/// Decayed memory `[batch, time, memory]` of contiguous tensors.
pub(super) fn decayed(memory: &CubeTensor, start: &CubeTensor, decay: &CubeTensor) -> CubeTensor {
    let [_, time, width] = memory.meta.shape().dims::<3>();
    let output = empty(memory, memory.meta.shape().clone());
    let (count, dim) = counts(memory);
    // SAFETY: see the kernel; `start` is `[batch, memory]`, `decay` `[memory]`.
    unsafe {
        decayed_kernel::launch_unchecked(
            &memory.client,
            count,
            dim,
            index_type(&[memory]),
            memory.clone().into_buffer_arg(),
            start.clone().into_buffer_arg(),
            decay.clone().into_buffer_arg(),
            output.clone().into_buffer_arg(),
            time as u32,
            width,
            elem_type(memory),
        );
    }
    output
}
