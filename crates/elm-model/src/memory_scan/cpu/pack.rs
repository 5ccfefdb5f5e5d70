//! Weight matrices in the order in which the small product reads them, and that product.

use super::real::Real;

/// Numbers per step of a panel's width: one AVX register of f32, two of f64.
const LANE: usize = 8;

/// `n` rounded up to whole lanes.
pub fn padded(n: usize) -> usize {
    n.div_ceil(LANE) * LANE
}

/// A matrix `[inputs, outputs]` cut into column panels, each stored row by row.
///
/// Panels are [`Real::PANEL`] wide, the last one as many lanes as are left; padding columns are zero.
#[derive(Debug)]
pub struct Packed<R> {
    /// Rows of the matrix.
    pub inputs: usize,
    /// Columns with padding: the stride of the rows that the product reads and writes.
    pub width: usize,
    panels: Vec<R>,
}

impl<R: Real> Packed<R> {
    /// Packs the row-major `matrix` of `inputs × outputs` numbers.
    pub fn new(matrix: &[R], inputs: usize, outputs: usize) -> Self {
        Self::pack(inputs, outputs, |row, col| matrix[row * outputs + col])
    }

    /// Packs the transpose of the row-major `matrix` of `outputs × inputs` numbers.
    pub fn transposed(matrix: &[R], inputs: usize, outputs: usize) -> Self {
        Self::pack(inputs, outputs, |row, col| matrix[col * inputs + row])
    }

    fn pack(inputs: usize, outputs: usize, at: impl Fn(usize, usize) -> R) -> Self {
        let width = padded(outputs);
        let mut panels = Vec::with_capacity(inputs * width);
        for start in (0..width).step_by(R::PANEL) {
            let wide = R::PANEL.min(width - start);
            for row in 0..inputs {
                for col in start..start + wide {
                    panels.push(if col < outputs {
                        at(row, col)
                    } else {
                        R::default()
                    });
                }
            }
        }
        Self {
            inputs,
            width,
            panels,
        }
    }

    /// `out[r] += input[r] · W` for `ROWS` rows; `input` rows lie `stride` apart, `out` rows `self.width`.
    #[inline(always)]
    pub fn multiply_add<const ROWS: usize, const FMA: bool>(
        &self,
        input: &[R],
        stride: usize,
        out: &mut [R],
    ) {
        let mut start = 0;
        while start < self.width {
            let wide = R::PANEL.min(self.width - start);
            let panel = &self.panels[start * self.inputs..(start + wide) * self.inputs];
            match wide {
                16 => R::panel::<ROWS, 16, FMA>(panel, input, stride, out, self.width, start),
                _ => R::panel::<ROWS, 8, FMA>(panel, input, stride, out, self.width, start),
            }
            start += wide;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_product_equals_the_plain_one() {
        for (inputs, outputs) in [(1, 1), (3, 8), (7, 25), (20, 47), (5, 100)] {
            let matrix: Vec<f64> = (0..inputs * outputs)
                .map(|i| (i as f64 * 0.37).sin())
                .collect();
            let input: Vec<f64> = (0..2 * inputs).map(|i| (i as f64 * 0.11).cos()).collect();
            let transposed: Vec<f64> = (0..outputs * inputs)
                .map(|i| matrix[(i % inputs) * outputs + i / inputs])
                .collect();
            for packed in [
                Packed::new(&matrix, inputs, outputs),
                Packed::transposed(&transposed, inputs, outputs),
            ] {
                let mut out = vec![1.0; 2 * packed.width];
                packed.multiply_add::<2, false>(&input, inputs, &mut out);
                for r in 0..2 {
                    for c in 0..outputs {
                        let want: f64 = 1.0
                            + (0..inputs)
                                .map(|k| input[r * inputs + k] * matrix[k * outputs + c])
                                .sum::<f64>();
                        assert!((out[r * packed.width + c] - want).abs() < 1e-12);
                    }
                }
            }
        }
    }
}
