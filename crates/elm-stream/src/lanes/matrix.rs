//! Two orders of a weight matrix: in panels for dense rows, and row by row for sparse ones.

use alloc::vec::Vec;

use super::{Lane, WIDTH, lanes, push_lanes};

/// One or several matrices `[input, output]` of the same sizes, each cut into panels of 16 columns that are stored row by
/// row, so that a product reads its weights once and in order.
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    inputs: usize,
    /// Panels of each matrix.
    lanes: usize,
    values: Vec<Lane>,
}

impl Panels {
    /// Packs row-major matrices that stand one behind the other.
    pub fn new(matrices: &[f32], inputs: usize, outputs: usize) -> Self {
        let mut values = Vec::with_capacity(matrices.len() / outputs.max(1) * lanes(outputs));
        for matrix in matrices.chunks_exact((inputs * outputs).max(1)) {
            for start in (0..outputs).step_by(WIDTH) {
                for row in matrix.chunks_exact(outputs) {
                    push_lanes(&row[start..outputs.min(start + WIDTH)], &mut values);
                }
            }
        }
        Self {
            inputs,
            lanes: lanes(outputs),
            values,
        }
    }

    /// `out += x · W` with matrix `index`.
    ///
    /// `SUMS` partial sums, of 1 to 4, hide the time that an addition takes before the next can start.
    #[inline(always)]
    pub fn multiply_add<const SUMS: usize>(&self, index: usize, x: &[Lane], out: &mut [Lane]) {
        let size = self.inputs * self.lanes;
        let matrix = &self.values[index * size..][..size];
        for (out, panel) in out.iter_mut().zip(matrix.chunks_exact(self.inputs)) {
            let mut sums = [Lane::ZERO; SUMS];
            sums[0] = *out;
            for (x, rows) in x.iter().zip(panel.chunks(WIDTH)) {
                let (rows, last) = rows.split_at(rows.len() / SUMS * SUMS);
                for (xs, rows) in x.0.chunks_exact(SUMS).zip(rows.chunks_exact(SUMS)) {
                    for ((sum, x), row) in sums.iter_mut().zip(xs).zip(rows) {
                        sum.add_scaled(*x, row);
                    }
                }
                for (x, row) in x.0[rows.len()..].iter().zip(last) {
                    sums[0].add_scaled(*x, row);
                }
            }
            let [first, others @ ..] = &mut sums[..] else {
                continue;
            };
            for sum in others {
                first.add(sum);
            }
            *out = *first;
        }
    }
}

/// A matrix `[input, output]` row by row, each row in whole lanes.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    lanes: usize,
    values: Vec<Lane>,
}

impl Rows {
    /// A matrix of zeros; `None` where memory does not suffice.
    pub fn zeros(inputs: usize, outputs: usize) -> Option<Self> {
        let lanes = lanes(outputs);
        let count = inputs.checked_mul(lanes)?;
        let mut values = Vec::new();
        values.try_reserve_exact(count).ok()?;
        values.resize(count, Lane::ZERO);
        Some(Self { lanes, values })
    }

    /// Adds to one number.
    pub fn add(&mut self, row: usize, column: usize, value: f32) {
        self.values[row * self.lanes + column / WIDTH].0[column % WIDTH] += value;
    }

    /// The rows, each in whole lanes.
    pub fn iter(&self) -> impl Iterator<Item = &[Lane]> {
        self.values.chunks_exact(self.lanes)
    }

    /// `out += x · row`: what one channel that is not silent adds.
    #[inline(always)]
    pub fn add_row(&self, row: usize, x: f32, out: &mut [Lane]) {
        let row = &self.values[row * self.lanes..][..self.lanes];
        for (out, row) in out.iter_mut().zip(row) {
            out.add_scaled(x, row);
        }
    }

    /// `out += x · W`; channels that are zero cost next to nothing.
    #[inline(always)]
    pub fn add_dense(&self, x: &[f32], out: &mut [Lane]) {
        /// Channels of sixteen from which on all of them together are cheaper than each for itself.
        const MANY: usize = 8;
        let mut blocks = x.chunks_exact(WIDTH);
        let mut rows = self.values.chunks_exact(WIDTH * self.lanes);
        for (start, (block, rows)) in (0..).step_by(WIDTH).zip((&mut blocks).zip(&mut rows)) {
            // NaN is not zero, negative zero is
            let active: u32 = block.iter().map(|x| u32::from(*x != 0.0)).sum();
            if active as usize >= MANY {
                add_block(block, rows, self.lanes, out);
            } else if active > 0 {
                self.add_each(start, block, out);
            }
        }
        let rest = blocks.remainder();
        self.add_each(x.len() - rest.len(), rest, out);
    }

    #[inline(always)]
    fn add_each(&self, start: usize, block: &[f32], out: &mut [Lane]) {
        for (channel, x) in (start..).zip(block) {
            if *x != 0.0 {
                self.add_row(channel, *x, out);
            }
        }
    }
}

/// `out += x · W` for the sixteen rows of a block.
#[inline(always)]
fn add_block(block: &[f32], rows: &[Lane], lanes: usize, out: &mut [Lane]) {
    for (at, out) in out.iter_mut().enumerate() {
        let mut sum = *out;
        for (x, row) in block.iter().zip(rows.chunks_exact(lanes)) {
            sum.add_scaled(*x, &row[at]);
        }
        *out = sum;
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

    by_level!(fn panels(w: &Panels, index: usize, x: &[Lane], out: &mut [Lane]) => panels_of);
    fn panels_of<const SUMS: usize>(w: &Panels, index: usize, x: &[Lane], out: &mut [Lane]) {
        w.multiply_add::<SUMS>(index, x, out);
    }

    by_level!(fn rows(w: &Rows, x: &[f32], out: &mut [Lane]) => rows_of);
    fn rows_of<const SUMS: usize>(w: &Rows, x: &[f32], out: &mut [Lane]) {
        w.add_dense(x, out);
    }

    const SIZES: [(usize, usize); 9] =
        [(1, 1), (3, 16), (16, 5), (17, 33), (20, 40), (35, 16), (7, 100), (64, 2), (50, 31)];

    #[test]
    fn panels_give_the_plain_product_and_read_nothing_past_the_row() {
        for (inputs, outputs) in SIZES {
            let matrices = wave(3 * inputs * outputs, 0.37);
            let x = wave(inputs, 0.11);
            let packed = Panels::new(&matrices, inputs, outputs);
            let mut padded = to_lanes(&x);
            for i in inputs..padded.len() * WIDTH {
                padded[i / WIDTH].0[i % WIDTH] = f32::NAN;
            }
            for (index, matrix) in matrices.chunks(inputs * outputs).enumerate() {
                for level in Level::all() {
                    let mut out = to_lanes(&[1.0].repeat(outputs));
                    panels(level, &packed, index, &padded, &mut out);
                    let what = std::format!("{inputs} x {outputs}, {level:?}");
                    check(&what, &out, &product(&x, matrix, outputs));
                }
            }
        }
    }

    #[test]
    fn rows_give_the_plain_product_however_many_are_silent() {
        for (inputs, outputs) in SIZES {
            let matrix = wave(inputs * outputs, 0.37);
            let mut packed = Rows::zeros(inputs, outputs).expect("memory");
            for (i, w) in matrix.iter().enumerate() {
                packed.add(i / outputs, i % outputs, *w);
            }
            for every in [1, 2, 3, 5, 40] {
                let mut x = wave(inputs, 0.11);
                x.iter_mut().enumerate().filter(|(i, _)| i % every > 0).for_each(|(_, x)| *x = -0.0);
                for level in Level::all() {
                    let mut out = to_lanes(&[1.0].repeat(outputs));
                    rows(level, &packed, &x, &mut out);
                    let what = std::format!("{inputs} x {outputs}, every {every}, {level:?}");
                    check(&what, &out, &product(&x, &matrix, outputs));
                }
            }
        }
    }
}
