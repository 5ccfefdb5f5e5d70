//! Products with an input that is mostly zero: spikes.
//!
//! A row of the input is read once; each number that is not zero adds its row of the matrix. With 1 % of
//! 1278 channels active that is a hundredth of the dense work, and at full density it is about as much
//! as a plain product without blocking.

use rayon::prelude::*;

use super::{
    isa::{Isa, by_isa},
    real::Real,
};

/// Rows of the input per piece of work.
const CHUNK: usize = 64;

/// `input [rows, inputs] · matrix [inputs, outputs]`.
pub fn forward<R: Real>(inputs: usize, outputs: usize, input: &[R], matrix: &[R]) -> Vec<R> {
    let rows = input.len() / inputs.max(1);
    let mut out = vec![R::default(); rows * outputs];
    out.par_chunks_mut((CHUNK * outputs).max(1))
        .zip(input.par_chunks((CHUNK * inputs).max(1)))
        .for_each(|(out, input)| forward_rows_isa(inputs, outputs, input, matrix, out));
    out
}

by_isa!(forward_rows_isa => forward_rows [R: Real] [] (inputs: usize, outputs: usize, input: &[R], matrix: &[R], out: &mut [R]));

#[inline(always)]
fn forward_rows<I: Isa, R: Real>(
    inputs: usize,
    outputs: usize,
    input: &[R],
    matrix: &[R],
    out: &mut [R],
) {
    for (row, out) in input
        .chunks_exact(inputs)
        .zip(out.chunks_exact_mut(outputs))
    {
        for_each_nonzero(row, |i, x| {
            for (o, w) in out.iter_mut().zip(&matrix[i * outputs..][..outputs]) {
                *o = if I::FMA { x.fused(*w, *o) } else { x * *w + *o };
            }
        });
    }
}

/// `inputᵀ [inputs, rows] · grad [rows, outputs]`.
pub fn backward<R: Real>(inputs: usize, outputs: usize, input: &[R], grad: &[R]) -> Vec<R> {
    let rows = input.len() / inputs.max(1);
    let size = inputs * outputs;
    let share = rows.div_ceil(rayon::current_num_threads().max(1)).max(1);
    // each thread adds up its own rows; the few partial sums are added at the end
    let mut parts: Vec<Vec<R>> = input
        .par_chunks((share * inputs).max(1))
        .zip(grad.par_chunks((share * outputs).max(1)))
        .map(|(input, grad)| {
            let mut part = vec![R::default(); size];
            backward_rows_isa(inputs, outputs, input, grad, &mut part);
            part
        })
        .collect();
    let mut sum = parts.pop().unwrap_or_else(|| vec![R::default(); size]);
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
    }
    sum
}

by_isa!(backward_rows_isa => backward_rows [R: Real] [] (inputs: usize, outputs: usize, input: &[R], grad: &[R], out: &mut [R]));

#[inline(always)]
fn backward_rows<I: Isa, R: Real>(
    inputs: usize,
    outputs: usize,
    input: &[R],
    grad: &[R],
    out: &mut [R],
) {
    for (row, grad) in input.chunks_exact(inputs).zip(grad.chunks_exact(outputs)) {
        for_each_nonzero(row, |i, x| {
            for (o, g) in out[i * outputs..][..outputs].iter_mut().zip(grad) {
                *o = if I::FMA { x.fused(*g, *o) } else { x * *g + *o };
            }
        });
    }
}

/// Calls `f(index, value)` for every number that is not zero, in order.
///
/// Sixteen at a time are turned into a bit mask, which compiles to a few vector comparisons, and the set bits are
/// walked: no branch per number.
#[inline(always)]
pub(crate) fn for_each_nonzero<R: Real>(row: &[R], mut f: impl FnMut(usize, R)) {
    const BLOCK: usize = 16;
    let zero = R::default();
    for (block, chunk) in row.chunks(BLOCK).enumerate() {
        let mut mask = chunk
            .iter()
            .enumerate()
            .fold(0u32, |mask, (i, v)| mask | (u32::from(*v != zero) << i));
        while mask != 0 {
            let i = mask.trailing_zeros() as usize;
            f(block * BLOCK + i, chunk[i]);
            mask &= mask - 1;
        }
    }
}
