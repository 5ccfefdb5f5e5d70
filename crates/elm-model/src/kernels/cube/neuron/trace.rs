//! The leaky sum over time, in chunks, so that one long sequence keeps the whole device busy.
//!
//! One unit follows one channel of one sample through one chunk of steps; neighbouring units have neighbouring
//! channels, so that every read and write is of consecutive numbers. With more than one chunk there are two passes:
//! the first leaves only the value at the end of each chunk that started from zero, the second starts each chunk from
//! what the ends before it and the decay over a chunk make of the start. Forward and backward are the same kernels:
//! the gradient is the leaky sum of the gradients, taken from the last step to the first.

use burn::backend::tensor::FloatTensor;
use burn_cubecl::{
    CubeBackend,
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    tensor::CubeTensor,
};

use super::plan::Direction;
use crate::kernels::cube::common::launch::{cube_counts, elem_type, empty, empty_f32, index_type};
use crate::kernels::cube::common::limits::of_device;

/// Units of a cube.
const UNITS: usize = 128;
/// Fewest steps of a chunk.
const SHORTEST: usize = 64;
/// Most chunks: each unit of the second pass walks the ends before its own.
const CHUNKS: usize = 64;

/// Chunks of one launch.
#[derive(Debug, Clone, Copy)]
struct Chunks {
    batch: usize,
    time: usize,
    channels: usize,
    /// Steps of a chunk; only the last one may have fewer.
    length: usize,
    chunks: usize,
}

impl Chunks {
    fn new(tensor: &CubeTensor) -> Self {
        let [batch, time, channels] = tensor.meta.shape().dims::<3>();
        // about sixteen planes per multiprocessor hide the latency of memory
        let wanted = 512 * of_device(&tensor.client).multiprocessors;
        let chunks = wanted
            .div_ceil((batch * channels).max(1))
            .min(time / SHORTEST)
            .clamp(1, CHUNKS);
        let length = time.div_ceil(chunks).max(1);
        Self {
            batch,
            time,
            channels,
            length,
            chunks: time.div_ceil(length).max(1),
        }
    }

    fn units(&self) -> usize {
        self.batch * self.chunks * self.channels
    }
}

/// Index of the `n`-th step of a chunk that a unit visits.
#[cube]
fn row(
    n: usize,
    chunk: usize,
    length: usize,
    time: usize,
    #[comptime] direction: Direction,
) -> usize {
    let at = chunk * length + n;
    if comptime!(direction == Direction::Forward) {
        at
    } else {
        time - 1 - at
    }
}

/// `base` to the power of `exponent`.
#[cube]
fn power(base: f32, exponent: usize) -> f32 {
    let mut result = 1.0f32;
    let mut square = base;
    let mut left = exponent;
    while left > 0 {
        if left % 2 == 1 {
            result *= square;
        }
        square *= square;
        left /= 2;
    }
    result
}

/// First pass: the leaky sum at the end of each chunk from a start of zero, `[batch, chunk, channel]`.
///
/// Launched unchecked: units past the last do nothing, and the steps of a chunk end at `time`.
#[cube(launch_unchecked, address_type = "dynamic")]
fn chunk_ends<F: Float>(
    input: &[F],
    decay: &[F],
    ends: &mut [f32],
    batch: u32,
    time: u32,
    channels: u32,
    length: u32,
    chunks: u32,
    #[comptime] direction: Direction,
    #[define(F)] _dtype: ElemType,
) {
    let (batch, time, channels) = (batch as usize, time as usize, channels as usize);
    let (length, chunks) = (length as usize, chunks as usize);
    let position = ABSOLUTE_POS;
    if position < batch * chunks * channels {
        let channel = position % channels;
        let chunk = position / channels % chunks;
        let sample = position / channels / chunks;
        let factor = f32::cast_from(decay[channel]);
        let steps = min(length, time - chunk * length);
        let mut value = 0.0f32;
        for n in 0..steps {
            let at = sample * time + row(n, chunk, length, time, direction);
            value = factor * value + f32::cast_from(input[at * channels + channel]);
        }
        ends[position] = value;
    }
}

/// Second pass: every value. `last`, `[batch, channel]`, gets what one more decay leaves: the gradient of the start.
///
/// Launched unchecked, on the same grounds.
#[allow(clippy::collapsible_if)] // the outer condition is decided when the kernel is compiled
#[cube(launch_unchecked, address_type = "dynamic")]
fn chunk_values<F: Float>(
    input: &[F],
    decay: &[F],
    start: &[F],
    ends: &[f32],
    output: &mut [F],
    last: &mut [F],
    batch: u32,
    time: u32,
    channels: u32,
    length: u32,
    chunks: u32,
    #[comptime] direction: Direction,
    #[define(F)] _dtype: ElemType,
) {
    let (batch, time, channels) = (batch as usize, time as usize, channels as usize);
    let (length, chunks) = (length as usize, chunks as usize);
    let position = ABSOLUTE_POS;
    if position < batch * chunks * channels {
        let channel = position % channels;
        let chunk = position / channels % chunks;
        let sample = position / channels / chunks;
        let factor = f32::cast_from(decay[channel]);
        let steps = min(length, time - chunk * length);
        let mut value = 0.0f32;
        if comptime!(direction == Direction::Forward) {
            value = f32::cast_from(start[sample * channels + channel]);
        }
        if chunk > 0 {
            let over_chunk = power(factor, length);
            for earlier in 0..chunk {
                value = over_chunk * value + ends[(sample * chunks + earlier) * channels + channel];
            }
        }
        for n in 0..steps {
            let at = (sample * time + row(n, chunk, length, time, direction)) * channels + channel;
            value = factor * value + f32::cast_from(input[at]);
            output[at] = F::cast_from(value);
        }
        if comptime!(direction == Direction::Backward) {
            if chunk + 1 == chunks {
                last[sample * channels + channel] = F::cast_from(factor * value);
            }
        }
    }
}

type F = FloatTensor<CubeBackend>;

/// The leaky sum of `[batch, time, channel]` and the gradient of the start, which means something backward only.
fn run(input: F, decay: F, start: Option<F>, direction: Direction) -> (F, F) {
    let [input, decay] = [input, decay].map(into_contiguous);
    let sizes = Chunks::new(&input);
    let Chunks {
        batch,
        time,
        channels,
        length,
        chunks,
    } = sizes;
    let output = empty(&input, [batch, time, channels]);
    let last = match direction {
        Direction::Forward => empty(&input, [1]),
        Direction::Backward => empty(&input, [batch, channels]),
    };
    if sizes.units() == 0 {
        return (output, last);
    }
    let start = match start {
        Some(start) => into_contiguous(start),
        None => empty(&input, [1]), // not read
    };
    let ends = empty_f32(&input, if chunks > 1 { sizes.units() } else { 1 });
    let client = input.client.clone();
    let count = cube_counts(&client, sizes.units().div_ceil(UNITS));
    let dim = CubeDim::new_1d(UNITS as u32);
    let address = index_type(&[&input, &output]);
    let numbers = [batch, time, channels, length, chunks].map(|n| n as u32);
    let dtype = elem_type(&input);
    if chunks > 1 {
        // SAFETY: see the kernel; the shapes are those of the tensors.
        unsafe {
            chunk_ends::launch_unchecked(
                &client,
                count.clone(),
                dim,
                address,
                input.clone().into_buffer_arg(),
                decay.clone().into_buffer_arg(),
                ends.clone().into_buffer_arg(),
                numbers[0],
                numbers[1],
                numbers[2],
                numbers[3],
                numbers[4],
                direction,
                dtype,
            );
        }
    }
    // SAFETY: as above.
    unsafe {
        chunk_values::launch_unchecked(
            &client,
            count,
            dim,
            address,
            input.into_buffer_arg(),
            decay.into_buffer_arg(),
            start.into_buffer_arg(),
            ends.into_buffer_arg(),
            output.clone().into_buffer_arg(),
            last.clone().into_buffer_arg(),
            numbers[0],
            numbers[1],
            numbers[2],
            numbers[3],
            numbers[4],
            direction,
            dtype,
        );
    }
    (output, last)
}

/// `v_t = decay ⊙ v_{t−1} + u_t`.
pub(super) fn forward(input: F, decay: F, start: F) -> F {
    run(input, decay, Some(start), Direction::Forward).0
}

/// Gradients of the input and of the start.
pub(super) fn backward(grad: F, decay: F) -> (F, F) {
    run(grad, decay, None, Direction::Backward)
}
