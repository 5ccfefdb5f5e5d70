//! Products with an input that is mostly zero: spikes.
//!
//! A row of the input is read once, sixteen numbers at a time; each number that is not zero adds its row of the matrix.
//! With 1 % of 1278 channels active that is a hundredth of the dense work, and at full density it is about as much as a
//! plain product without blocking. Rows of the matrix are padded to whole lanes, so that no addition has a remainder.

use core::marker::PhantomData;

use rayon::prelude::*;

use super::{
    isa::{Isa, by_isa},
    pack::padded,
    real::Real,
};

/// Rows of the input per piece of work.
const CHUNK: usize = 64;
/// Numbers that are compared with zero at once.
const BLOCK: usize = 16;

/// `input [rows, inputs] · matrix [inputs, outputs]`.
pub fn forward<R: Real>(inputs: usize, outputs: usize, input: &[R], matrix: &[R]) -> Vec<R> {
    let rows = input.len() / inputs.max(1);
    let mut out = vec![R::default(); rows * outputs];
    let width = padded::<R>(outputs);
    let mut matrix_padded = vec![R::default(); inputs * width];
    for (to, from) in matrix_padded
        .chunks_exact_mut(width.max(1))
        .zip(matrix.chunks_exact(outputs.max(1)))
    {
        to[..outputs].copy_from_slice(from);
    }
    out.par_chunks_mut((CHUNK * outputs).max(1))
        .zip(input.par_chunks((CHUNK * inputs).max(1)))
        .for_each(|(out, input)| forward_rows_isa(inputs, outputs, input, &matrix_padded, out));
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
    let width = padded::<R>(outputs);
    let mut sum = vec![R::default(); width];
    for (row, out) in input
        .chunks_exact(inputs)
        .zip(out.chunks_exact_mut(outputs))
    {
        sum.fill(R::default());
        for (i, x) in nonzeros::<I, R>(row) {
            add_scaled::<I, R>(&mut sum, x, &matrix[i * width..][..width]);
        }
        out.copy_from_slice(&sum[..outputs]);
    }
}

/// `inputᵀ [inputs, rows] · grad [rows, outputs]`.
pub fn backward<R: Real>(inputs: usize, outputs: usize, input: &[R], grad: &[R]) -> Vec<R> {
    let rows = input.len() / inputs.max(1);
    let width = padded::<R>(outputs);
    let share = rows.div_ceil(rayon::current_num_threads().max(1)).max(1);
    // each thread adds up its own rows; the few partial sums are added at the end
    let sum = input
        .par_chunks((share * inputs).max(1))
        .zip(grad.par_chunks((share * outputs).max(1)))
        .map(|(input, grad)| {
            let mut part = vec![R::default(); inputs * width];
            backward_rows_isa(inputs, outputs, input, grad, &mut part);
            part
        })
        .reduce_with(|mut sum, part| {
            sum.iter_mut().zip(part).for_each(|(s, p)| *s += p);
            sum
        })
        .unwrap_or_else(|| vec![R::default(); inputs * width]);
    sum.chunks_exact(width.max(1))
        .flat_map(|row| row[..outputs].iter().copied())
        .collect()
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
    let width = padded::<R>(outputs);
    let mut grad_padded = vec![R::default(); width];
    for (row, grad) in input.chunks_exact(inputs).zip(grad.chunks_exact(outputs)) {
        grad_padded[..outputs].copy_from_slice(grad);
        for (i, x) in nonzeros::<I, R>(row) {
            add_scaled::<I, R>(&mut out[i * width..][..width], x, &grad_padded);
        }
    }
}

/// `sum += x · row`, both whole lanes long.
#[inline(always)]
pub(crate) fn add_scaled<I: Isa, R: Real>(sum: &mut [R], x: R, row: &[R]) {
    for (sum, row) in sum.chunks_exact_mut(R::LANE).zip(row.chunks_exact(R::LANE)) {
        for (s, w) in sum.iter_mut().zip(row) {
            *s = if I::FMA { x.fused(*w, *s) } else { x * *w + *s };
        }
    }
}

/// Index and value of every number that is not zero, in order.
///
/// Sixteen at a time are turned into a bit mask, and the set bits are walked: no branch per number. An iterator and no
/// closure, for a closure that is not inlined is compiled without the instruction set of its caller, and a fused
/// multiply-add is then a call.
pub(crate) struct NonZeros<'a, I, R> {
    row: &'a [R],
    /// Start of the block that the mask is about.
    start: usize,
    mask: u32,
    isa: PhantomData<I>,
}

/// Walks a row, see [`NonZeros`].
#[inline(always)]
pub(crate) fn nonzeros<I: Isa, R: Real>(row: &[R]) -> NonZeros<'_, I, R> {
    NonZeros {
        row,
        start: 0,
        mask: mask_at::<I, R>(row, 0),
        isa: PhantomData,
    }
}

/// Mask of the block of sixteen, or of what is left of it, at `start`.
#[inline(always)]
fn mask_at<I: Isa, R: Real>(row: &[R], start: usize) -> u32 {
    let left = &row[start..];
    match left.first_chunk::<BLOCK>() {
        Some(block) => R::nonzero::<I>(block),
        None => {
            let mut mask = 0;
            for (i, v) in left.iter().enumerate() {
                mask |= u32::from(*v != R::default()) << i;
            }
            mask
        }
    }
}

impl<I: Isa, R: Real> Iterator for NonZeros<'_, I, R> {
    type Item = (usize, R);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        while self.mask == 0 {
            if self.start + BLOCK >= self.row.len() {
                return None;
            }
            self.start += BLOCK;
            self.mask = mask_at::<I, R>(self.row, self.start);
        }
        let at = self.start + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some((at, self.row[at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    by_isa!(nonzero_isa => nonzero [R: Real] [] (row: &[R], found: &mut Vec<(usize, R)>));

    #[inline(always)]
    fn nonzero<I: Isa, R: Real>(row: &[R], found: &mut Vec<(usize, R)>) {
        for pair in nonzeros::<I, R>(row) {
            found.push(pair);
        }
    }

    fn check<R: Real>() {
        for len in [0, 1, 15, 16, 17, 31, 50, 64] {
            // negative zero is zero, and a NaN is not
            let row: Vec<R> = (0..len)
                .map(|i| match i % 5 {
                    0 => R::of(-0.0),
                    1 if i % 2 == 1 => R::of(i as f64),
                    2 => R::of(-1.0 - i as f64),
                    3 if i % 7 == 3 => R::of(f64::NAN),
                    _ => R::default(),
                })
                .collect();
            let mut found = Vec::new();
            nonzero_isa(&row, &mut found);
            let indices: Vec<usize> = found.iter().map(|(i, _)| *i).collect();
            let expected: Vec<usize> = (0..len).filter(|i| row[*i] != R::default()).collect();
            assert_eq!(indices, expected, "length {len}");
            assert!(
                found
                    .iter()
                    .all(|(i, x)| x.to_f64().to_bits() == row[*i].to_f64().to_bits())
            );
        }
    }

    #[test]
    fn every_number_but_zero_is_visited_once_in_order() {
        check::<f32>();
        check::<f64>();
    }
}
