//! Small products of one neuron's matrices with rows of samples.
//!
//! Each weight is read once and multiplied with the row of eight samples. Up to [`TILE`] results stay in registers:
//! AVX2 has sixteen, and one is needed for the input and one for the weight.

use super::lanes::{AnyLanes, AnyRow, Lanes, Row, W};
use crate::kernels::cpu::real::Real;

/// Most results that are kept in registers at a time.
const TILE: usize = 12;

/// The same for the transposed product, which needs an address register for each.
const TRANSPOSED_TILE: usize = 8;

/// Calls `$f::<$V, n>($args)` with the constant n that equals `$n`, which is 1 to [`TILE`].
macro_rules! by_size {
    ($n:expr, $f:ident::<$v:ident>($($arg:expr),* $(,)?)) => {
        match $n {
            1 => $f::<$v, 1>($($arg),*),
            2 => $f::<$v, 2>($($arg),*),
            3 => $f::<$v, 3>($($arg),*),
            4 => $f::<$v, 4>($($arg),*),
            5 => $f::<$v, 5>($($arg),*),
            6 => $f::<$v, 6>($($arg),*),
            7 => $f::<$v, 7>($($arg),*),
            8 => $f::<$v, 8>($($arg),*),
            9 => $f::<$v, 9>($($arg),*),
            10 => $f::<$v, 10>($($arg),*),
            11 => $f::<$v, 11>($($arg),*),
            _ => $f::<$v, 12>($($arg),*),
        }
    };
}

/// Cuts `len` into pieces of nearly equal size, at most `most` each: `(start, size)`.
#[inline(always)]
fn pieces(len: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = len.div_ceil(most).max(1);
    (0..count).map(move |i| {
        let (start, end) = (i * len / count, (i + 1) * len / count);
        (start, end - start)
    })
}

/// `out[o] += Σ_k input[k] · weight[k][o]`, the weight `[input, out]` row by row.
#[inline(always)]
pub fn product<V: AnyLanes>(weight: &[V::R], input: &[V::Row], out: &mut [V::Row]) {
    let outputs = out.len();
    if V::Row::SAMPLES == 1 && outputs >= W {
        let (input, out) = (V::Row::numbers(input), V::Row::numbers_mut(out));
        return product_of_single::<V::Eight>(weight, input, out);
    }
    for (start, size) in pieces(outputs, TILE) {
        let out = &mut out[start..start + size];
        by_size!(size, product_tile::<V>(weight, outputs, start, input, out));
    }
}

#[inline(always)]
fn product_tile<V: AnyLanes, const N: usize>(
    weight: &[V::R],
    outputs: usize,
    start: usize,
    input: &[V::Row],
    out: &mut [V::Row],
) {
    let mut acc: [V; N] = core::array::from_fn(|i| V::load(&out[i]));
    for (x, weights) in input.iter().zip(weight.chunks_exact(outputs)) {
        let x = V::load(x);
        let weights = &weights[start..start + N];
        for i in 0..N {
            acc[i] = x.fused(V::splat(weights[i]), acc[i]);
        }
    }
    for i in 0..N {
        acc[i].store(&mut out[i]);
    }
}

/// [`product`] of a single sample with eight results or more, eight of them in a register.
#[inline(always)]
fn product_of_single<V: Lanes>(weight: &[V::R], input: &[V::R], out: &mut [V::R]) {
    for (first, size) in pieces(out.len().div_ceil(W), TILE) {
        by_size!(size, product_columns::<V>(weight, first, input, out));
    }
}

/// Results `first · W` on, in N registers. The last register begins so that it ends with the results; what it has in
/// common with the one before comes out of both alike, and both are read before one is written, as they are of the same
/// piece: only a piece that is alone has a single register.
#[inline(always)]
fn product_columns<V: Lanes, const N: usize>(
    weight: &[V::R],
    first: usize,
    input: &[V::R],
    out: &mut [V::R],
) {
    let outputs = out.len();
    let at: [usize; N] = core::array::from_fn(|i| ((first + i) * W).min(outputs - W));
    let mut acc: [V; N] = core::array::from_fn(|i| match out[at[i]..].first_chunk() {
        Some(numbers) => V::load_numbers(numbers),
        None => V::splat(V::R::default()),
    });
    for (x, weights) in input.iter().zip(weight.chunks_exact(outputs)) {
        let x = V::splat(*x);
        for i in 0..N {
            if let Some(weights) = weights[at[i]..].first_chunk() {
                acc[i] = x.fused(V::load_numbers(weights), acc[i]);
            }
        }
    }
    for i in 0..N {
        if let Some(numbers) = out[at[i]..].first_chunk_mut() {
            acc[i].store_numbers(numbers);
        }
    }
}

/// `out[k] += Σ_o weight[k][o] · input[o]`: the transposed product, the weight as above.
#[inline(always)]
pub fn transposed<V: Lanes>(weight: &[V::R], input: &[Row<V::R>], out: &mut [Row<V::R>]) {
    let width = input.len();
    for (start, size) in pieces(out.len(), TRANSPOSED_TILE) {
        let weight = &weight[start * width..(start + size) * width];
        let out = &mut out[start..start + size];
        by_size!(size, transposed_tile::<V>(weight, input, out));
    }
}

#[inline(always)]
fn transposed_tile<V: Lanes, const N: usize>(
    weight: &[V::R],
    input: &[Row<V::R>],
    out: &mut [Row<V::R>],
) {
    let width = input.len();
    assert!(weight.len() >= N * width);
    let mut acc: [V; N] = core::array::from_fn(|i| V::load(&out[i]));
    for (o, x) in input.iter().enumerate() {
        let x = V::load(x);
        for (i, acc) in acc.iter_mut().enumerate() {
            // SAFETY: i < N and o < width, and the weight has N · width numbers, as asserted above. N checks for N
            // products would be half of the work.
            let w = unsafe { *weight.get_unchecked(i * width + o) };
            *acc = x.fused(V::splat(w), *acc);
        }
    }
    for i in 0..N {
        acc[i].store(&mut out[i]);
    }
}

/// Rows of two quantities at several steps: step t's rows start at `t · stride`.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a, R> {
    /// All rows.
    pub rows: &'a [Row<R>],
    /// Rows from one step to the next.
    pub stride: usize,
    /// Number of steps.
    pub steps: usize,
}

/// `out[i][j] += Σ_t Σ_samples a_t[i] · b_t[j]`, a and b as ranges within a step's rows; `out` row by row.
#[inline(always)]
pub fn outer<V: Lanes>(
    at: Steps<'_, V::R>,
    a: core::ops::Range<usize>,
    b: core::ops::Range<usize>,
    out: &mut [V::R],
) {
    let width = b.len();
    let mut i = 0;
    while i < a.len() {
        let height = (a.len() - i).min(3);
        let mut j = 0;
        while j < width {
            let wide = (width - j).min(3);
            let (from_a, from_b) = (a.start + i, b.start + j);
            let out = &mut out[i * width + j..];
            match (height, wide) {
                (3, 3) => outer_tile::<V, 3, 3>(at, from_a, from_b, width, out),
                (3, 2) => outer_tile::<V, 3, 2>(at, from_a, from_b, width, out),
                (3, _) => outer_tile::<V, 3, 1>(at, from_a, from_b, width, out),
                (2, 3) => outer_tile::<V, 2, 3>(at, from_a, from_b, width, out),
                (2, 2) => outer_tile::<V, 2, 2>(at, from_a, from_b, width, out),
                (2, _) => outer_tile::<V, 2, 1>(at, from_a, from_b, width, out),
                (_, 3) => outer_tile::<V, 1, 3>(at, from_a, from_b, width, out),
                (_, 2) => outer_tile::<V, 1, 2>(at, from_a, from_b, width, out),
                _ => outer_tile::<V, 1, 1>(at, from_a, from_b, width, out),
            }
            j += wide;
        }
        i += height;
    }
}

#[inline(always)]
fn outer_tile<V: Lanes, const I: usize, const J: usize>(
    at: Steps<'_, V::R>,
    a: usize,
    b: usize,
    width: usize,
    out: &mut [V::R],
) {
    let zero = V::splat(V::R::default());
    let mut acc = [[zero; J]; I];
    for t in 0..at.steps {
        let rows = &at.rows[t * at.stride..];
        let (left, right) = (&rows[a..a + I], &rows[b..b + J]);
        let right: [V; J] = core::array::from_fn(|j| V::load(&right[j]));
        for i in 0..I {
            let left = V::load(&left[i]);
            for j in 0..J {
                acc[i][j] = left.fused(right[j], acc[i][j]);
            }
        }
    }
    for i in 0..I {
        for j in 0..J {
            out[i * width + j] += acc[i][j].sum();
        }
    }
}

/// `out[i] += Σ_t Σ_samples a_t[i]`.
#[inline(always)]
pub fn total<V: Lanes>(at: Steps<'_, V::R>, a: core::ops::Range<usize>, out: &mut [V::R]) {
    let one = V::splat(V::R::of(1.0));
    for (i, out) in a.zip(out) {
        let mut acc = V::splat(V::R::default());
        for t in 0..at.steps {
            acc = V::load(&at.rows[t * at.stride + i]).fused(one, acc);
        }
        *out += acc.sum();
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{Kernel, LayerReal, OneSample, OneSampleLanes};
    use super::*;

    fn rows(n: usize, seed: f64) -> Vec<Row<f64>> {
        (0..n)
            .map(|i| Row(core::array::from_fn(|l| ((i * W + l) as f64 * seed).sin())))
            .collect()
    }

    struct Products(usize, usize);

    impl Kernel<f64> for Products {
        type Out = ();
        #[inline(always)]
        fn run<V: Lanes<R = f64>>(self) {
            let (inputs, outputs) = (self.0, self.1);
            let weight: Vec<f64> = (0..inputs * outputs)
                .map(|i| (i as f64 * 0.7).cos())
                .collect();
            let (x, start) = (rows(inputs, 0.3), rows(outputs, 0.9));
            let mut out = start.clone();
            product::<V>(&weight, &x, &mut out);
            for o in 0..outputs {
                for l in 0..W {
                    let want: f64 = start[o].0[l]
                        + (0..inputs)
                            .map(|k| x[k].0[l] * weight[k * outputs + o])
                            .sum::<f64>();
                    assert!((out[o].0[l] - want).abs() < 1e-12);
                }
            }
            // a sample by itself comes to the same
            for l in 0..W {
                let single = |rows: &[Row<f64>]| -> Vec<OneSample<f64>> {
                    rows.iter().map(|row| OneSample::splat(row.0[l])).collect()
                };
                let mut alone = single(&start);
                product::<OneSampleLanes<V>>(&weight, &single(&x), &mut alone);
                assert_eq!(alone, single(&out));
            }
            let mut back = rows(inputs, 0.2);
            let before = back.clone();
            transposed::<V>(&weight, &start, &mut back);
            for k in 0..inputs {
                for l in 0..W {
                    let want: f64 = before[k].0[l]
                        + (0..outputs)
                            .map(|o| start[o].0[l] * weight[k * outputs + o])
                            .sum::<f64>();
                    assert!((back[k].0[l] - want).abs() < 1e-12);
                }
            }
            let (stride, steps) = (inputs + outputs + 1, 3);
            let all = rows(stride * steps, 0.13);
            let at = Steps {
                rows: &all,
                stride,
                steps,
            };
            let mut grad = vec![1.0; inputs * outputs];
            outer::<V>(at, 0..inputs, inputs + 1..stride, &mut grad);
            let mut sums = vec![2.0; inputs];
            total::<V>(at, 0..inputs, &mut sums);
            for i in 0..inputs {
                let row = |t: usize, k: usize| all[t * stride + k].0;
                let want: f64 = 2.0
                    + (0..steps)
                        .map(|t| row(t, i).iter().sum::<f64>())
                        .sum::<f64>();
                assert!((sums[i] - want).abs() < 1e-12);
                for j in 0..outputs {
                    let want: f64 = 1.0
                        + (0..steps)
                            .map(|t| {
                                (0..W)
                                    .map(|l| row(t, i)[l] * row(t, inputs + 1 + j)[l])
                                    .sum::<f64>()
                            })
                            .sum::<f64>();
                    assert!((grad[i * outputs + j] - want).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn products_equal_the_plain_sums() {
        for inputs in [1, 2, 3, 7, 12, 13, 30] {
            for outputs in [1, 2, 5, 8, 11, 12, 24, 31, 97, 103] {
                f64::dispatch(Products(inputs, outputs));
                Products(inputs, outputs).run::<super::super::lanes::Portable<f64>>();
            }
        }
    }
}
