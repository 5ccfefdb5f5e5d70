//! Weight matrices, and the product of a row with them.

use alloc::vec::Vec;

use super::{Lane, WIDTH, flat, flat_mut, lanes, push_lanes};

/// Rows of a matrix that are added together.
///
/// The sums stay in memory from one group of rows to the next. That a compiler keeps them in registers over a loop cannot
/// be relied on, while it does make vector code of a group; and what is added pairwise in a group does not wait for it.
const GROUP: usize = 4;

/// One or several matrices `[input, output]` of the same sizes, row by row, each row in whole lanes.
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    inputs: usize,
    lanes: usize,
    values: Vec<Lane>,
}

impl Matrix {
    /// Packs row-major matrices that stand one behind the other.
    pub fn new(matrices: &[f32], inputs: usize, outputs: usize) -> Self {
        let lanes = lanes(outputs);
        let mut values = Vec::with_capacity(matrices.len() / outputs * lanes);
        matrices.chunks_exact(outputs).for_each(|row| push_lanes(row, &mut values));
        Self {
            inputs,
            lanes,
            values,
        }
    }

    /// A matrix of zeros; `None` where memory does not suffice.
    pub fn zeros(inputs: usize, outputs: usize) -> Option<Self> {
        let lanes = lanes(outputs);
        let count = inputs.checked_mul(lanes)?;
        let mut values = Vec::new();
        values.try_reserve_exact(count).ok()?;
        values.resize(count, Lane::ZERO);
        Some(Self {
            inputs,
            lanes,
            values,
        })
    }

    /// Adds to one number.
    pub fn add(&mut self, row: usize, column: usize, value: f32) {
        self.values[row * self.lanes + column / WIDTH].0[column % WIDTH] += value;
    }

    /// The rows, each in whole lanes.
    pub fn rows(&self) -> impl Iterator<Item = &[Lane]> {
        self.values.chunks_exact(self.lanes)
    }

    /// `out += x · W` with matrix `index`; reads as many numbers of `x` as there are rows.
    #[inline(always)]
    pub fn multiply_add(&self, index: usize, x: &[Lane], out: &mut [Lane]) {
        let size = self.inputs * self.lanes;
        let matrix = flat(&self.values[index * size..][..size]);
        add_rows(&flat(x)[..self.inputs], matrix, flat_mut(out));
    }

    /// `out += x · W`; channels that are zero cost next to nothing.
    #[inline(always)]
    pub fn add_dense(&self, x: &[f32], out: &mut [Lane]) {
        /// Channels of sixteen from which on all of them together are cheaper than each for itself.
        const MANY: u32 = 8;
        let out = flat_mut(out);
        let blocks = x.chunks(WIDTH).zip(flat(&self.values).chunks(WIDTH * out.len()));
        for (start, (block, rows)) in (0..).step_by(WIDTH).zip(blocks) {
            // NaN is not zero, negative zero is
            let active: u32 = block.iter().map(|x| u32::from(*x != 0.0)).sum();
            if active >= MANY {
                add_rows(block, rows, out);
            } else if active > 0 {
                for (channel, x) in (start..).zip(block).filter(|(_, x)| **x != 0.0) {
                    self.add_events(&[(channel, *x)], out);
                }
            }
        }
    }

    /// `out += x · row` for each channel and its value.
    #[inline(always)]
    pub fn add_sparse(&self, events: &[(usize, f32)], out: &mut [Lane]) {
        let out = flat_mut(out);
        events.chunks(GROUP).for_each(|events| self.add_events(events, out));
    }

    /// One to four events.
    #[inline(always)]
    fn add_events(&self, events: &[(usize, f32)], out: &mut [f32]) {
        let row = |channel: usize| &flat(&self.values[channel * self.lanes..][..self.lanes])[..out.len()];
        match *events {
            [(a, p), (b, q), (c, r), (d, s)] => {
                add_group([p, q, r, s], [row(a), row(b), row(c), row(d)], out);
            }
            [] => {}
            _ => events.iter().for_each(|(channel, x)| add_row(*x, &flat(&self.values)[channel * out.len()..][..out.len()], out)),
        }
    }
}

/// `out += Σ x[k] · row k`, for as many rows as there are numbers.
#[inline(always)]
fn add_rows(x: &[f32], rows: &[f32], out: &mut [f32]) {
    let width = out.len();
    let mut groups = x.chunks_exact(GROUP);
    let mut rows = rows.chunks_exact(width);
    for group in &mut groups {
        let four = [rows.next(), rows.next(), rows.next(), rows.next()];
        if let ([a, b, c, d], [Some(p), Some(q), Some(r), Some(s)]) = (group, four) {
            add_group([*a, *b, *c, *d], [p, q, r, s], out);
        }
    }
    for (x, row) in groups.remainder().iter().zip(rows) {
        add_row(*x, row, out);
    }
}

/// `out += x · row`.
#[inline(always)]
fn add_row(x: f32, row: &[f32], out: &mut [f32]) {
    for (sum, w) in out.iter_mut().zip(row) {
        *sum += x * w;
    }
}

/// `out += Σ x[k] · row k` for four rows, pairwise.
#[inline(always)]
fn add_group([a, b, c, d]: [f32; GROUP], [p, q, r, s]: [&[f32]; GROUP], out: &mut [f32]) {
    let width = out.len();
    let (p, q, r, s) = (&p[..width], &q[..width], &r[..width], &s[..width]);
    for i in 0..width {
        out[i] += (a * p[i] + b * q[i]) + (c * r[i] + d * s[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Level, by_level, flat, to_lanes};
    use super::*;

    fn wave(n: usize, rate: f64) -> Vec<f32> {
        (0..n).map(|i| libm::sin(i as f64 * rate) as f32).collect()
    }

    fn product(x: &[f32], matrix: &[f32], outputs: usize) -> Vec<f64> {
        let column = |c: usize| {
            let rows = x.iter().zip(matrix.chunks(outputs));
            rows.map(|(x, row)| f64::from(*x) * f64::from(row[c])).sum()
        };
        (0..outputs).map(column).collect()
    }

    fn check(what: &str, found: &[Lane], expected: &[f64]) {
        for (found, expected) in flat(found).iter().zip(expected) {
            assert!((f64::from(*found) - expected - 1.0).abs() < 1e-4, "{what}: {found}, {expected}");
        }
    }

    by_level!(fn product_of(w: &Matrix, index: usize, x: &[Lane], out: &mut [Lane]) => Matrix::multiply_add);
    by_level!(fn dense_product(w: &Matrix, x: &[f32], out: &mut [Lane]) => Matrix::add_dense);

    const SIZES: [(usize, usize); 9] =
        [(1, 1), (3, 16), (16, 5), (17, 33), (20, 40), (35, 16), (7, 100), (64, 2), (50, 31)];

    #[test]
    fn matrices_give_the_plain_product_and_read_nothing_past_the_row() {
        for (inputs, outputs) in SIZES {
            let matrices = wave(3 * inputs * outputs, 0.37);
            let x = wave(inputs, 0.11);
            let packed = Matrix::new(&matrices, inputs, outputs);
            let mut padded = to_lanes(&x);
            for i in inputs..padded.len() * WIDTH {
                padded[i / WIDTH].0[i % WIDTH] = f32::NAN;
            }
            for (index, matrix) in matrices.chunks(inputs * outputs).enumerate() {
                for level in Level::all() {
                    let mut out = to_lanes(&[1.0].repeat(outputs));
                    product_of(level, &packed, index, &padded, &mut out);
                    let what = std::format!("{inputs} x {outputs}, {level:?}");
                    check(&what, &out, &product(&x, matrix, outputs));
                }
            }
        }
    }

    #[test]
    fn dense_rows_give_the_plain_product_however_many_are_silent() {
        for (inputs, outputs) in SIZES {
            let matrix = wave(inputs * outputs, 0.37);
            let mut packed = Matrix::zeros(inputs, outputs).expect("memory");
            for (i, w) in matrix.iter().enumerate() {
                packed.add(i / outputs, i % outputs, *w);
            }
            for every in [1, 2, 3, 5, 40] {
                let mut x = wave(inputs, 0.11);
                x.iter_mut().enumerate().filter(|(i, _)| i % every > 0).for_each(|(_, x)| *x = -0.0);
                for level in Level::all() {
                    let mut out = to_lanes(&[1.0].repeat(outputs));
                    dense_product(level, &packed, &x, &mut out);
                    let what = std::format!("{inputs} x {outputs}, every {every}, {level:?}");
                    check(&what, &out, &product(&x, &matrix, outputs));
                }
            }
        }
    }
}
