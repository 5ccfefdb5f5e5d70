//! Weight matrices, and the product of a row with them.

use alloc::vec::Vec;

use super::{Isa, Lane, WIDTH, flat, lanes, push_lanes};

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
        matrices
            .chunks_exact(outputs)
            .for_each(|row| push_lanes(row, &mut values));
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
    pub fn multiply_add(&self, isa: impl Isa, index: usize, x: &[Lane], out: &mut [Lane]) {
        let size = self.inputs * self.lanes;
        let matrix = &self.values[index * size..][..size];
        isa.add_rows(&flat(x)[..self.inputs], matrix, out);
    }

    /// `out += x · W`; channels that are zero cost next to nothing.
    #[inline(always)]
    pub fn add_dense(&self, isa: impl Isa, x: &[f32], out: &mut [Lane]) {
        /// Channels that are looked at together first.
        const SPAN: usize = 4 * WIDTH;
        let mut spans = x.chunks_exact(SPAN);
        for (start, span) in (0..).step_by(SPAN).zip(&mut spans) {
            if !silent(span) {
                self.add_span(isa, start, span, out);
            }
        }
        let rest = spans.remainder();
        self.add_span(isa, x.len() - rest.len(), rest, out);
    }

    #[inline(always)]
    fn add_span(&self, isa: impl Isa, start: usize, span: &[f32], out: &mut [Lane]) {
        for (start, block) in (start..).step_by(WIDTH).zip(span.chunks(WIDTH)) {
            if !silent(block) {
                self.add_block(isa, start, block, out);
            }
        }
    }

    /// The channels of a block that is not silent.
    #[inline(always)]
    fn add_block(&self, isa: impl Isa, start: usize, block: &[f32], out: &mut [Lane]) {
        /// Channels from which on all of the block together are cheaper than each for itself.
        const MANY: u32 = 6;
        // a bit for each channel that is not zero
        let mut active = 0u32;
        for (bit, x) in block.iter().enumerate() {
            active |= u32::from(*x != 0.0) << bit;
        }
        if active.count_ones() >= MANY {
            let rows = &self.values[start * self.lanes..][..block.len() * self.lanes];
            return isa.add_rows(block, rows, out);
        }
        while active != 0 {
            let at = active.trailing_zeros() as usize;
            isa.add_row(block[at], self.row(start + at), out);
            active &= active - 1;
        }
    }

    /// `out += x · row` for each channel and its value: what channels that are not silent add.
    #[inline(always)]
    pub fn add_sparse(&self, isa: impl Isa, events: &[(usize, f32)], out: &mut [Lane]) {
        for (channel, x) in events {
            isa.add_row(*x, self.row(*channel), out);
        }
    }

    #[inline(always)]
    fn row(&self, row: usize) -> &[Lane] {
        &self.values[row * self.lanes..][..self.lanes]
    }
}

/// Are all numbers zero? NaN is not, negative zero is: all bits but the sign.
#[inline(always)]
fn silent(x: &[f32]) -> bool {
    x.iter().fold(0, |bits, x| bits | x.to_bits()) << 1 == 0
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
            assert!(
                (f64::from(*found) - expected - 1.0).abs() < 1e-4,
                "{what}: {found}, {expected}"
            );
        }
    }

    by_level!(fn product_of(w: &Matrix, index: usize, x: &[Lane], out: &mut [Lane]) => product_with);
    by_level!(fn dense_product(w: &Matrix, x: &[f32], out: &mut [Lane]) => dense_product_with);

    #[inline(always)]
    fn product_with(isa: impl Isa, w: &Matrix, index: usize, x: &[Lane], out: &mut [Lane]) {
        w.multiply_add(isa, index, x, out);
    }

    #[inline(always)]
    fn dense_product_with(isa: impl Isa, w: &Matrix, x: &[f32], out: &mut [Lane]) {
        w.add_dense(isa, x, out);
    }

    const SIZES: [(usize, usize); 9] = [
        (1, 1),
        (3, 16),
        (16, 5),
        (17, 33),
        (20, 40),
        (35, 16),
        (7, 100),
        (64, 2),
        (50, 31),
    ];

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
                x.iter_mut()
                    .enumerate()
                    .filter(|(i, _)| i % every > 0)
                    .for_each(|(_, x)| *x = -0.0);
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
