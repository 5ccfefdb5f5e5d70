//! Weight matrices in the order in which the small product reads them, and that product.

use super::{isa::Isa, panel::Place, real::Real, simd::SimdReal};

/// `n` rounded up to whole lanes.
pub fn padded<R: Real>(n: usize) -> usize {
    n.div_ceil(R::LANE) * R::LANE
}

/// A matrix `[inputs, outputs]` cut into column panels, each stored row by row.
///
/// Panels are about equally wide, whole lanes each, at most as many as asked for; padding columns are zero.
#[derive(Debug)]
pub struct Packed<R> {
    /// Rows of the matrix.
    pub inputs: usize,
    /// Columns with padding: the stride of the rows that the product reads and writes.
    pub width: usize,
    /// Width of each panel in lanes.
    lanes: Vec<usize>,
    values: Vec<R>,
}

impl<R: SimdReal> Packed<R> {
    /// Packs the row-major `matrix` of `inputs × outputs` numbers.
    pub fn new(matrix: &[R], inputs: usize, outputs: usize, max_lanes: usize) -> Self {
        Self::pack(inputs, outputs, max_lanes, |row, col| {
            matrix[row * outputs + col]
        })
    }

    /// Packs the transpose of the row-major `matrix` of `outputs × inputs` numbers.
    pub fn transposed(matrix: &[R], inputs: usize, outputs: usize, max_lanes: usize) -> Self {
        Self::pack(inputs, outputs, max_lanes, |row, col| {
            matrix[col * inputs + row]
        })
    }

    fn pack(
        inputs: usize,
        outputs: usize,
        max_lanes: usize,
        at: impl Fn(usize, usize) -> R,
    ) -> Self {
        let width = padded::<R>(outputs);
        let lanes = split(width / R::LANE, max_lanes);
        let mut values = Vec::with_capacity(inputs * width);
        let mut start = 0;
        for wide in lanes.iter().map(|lanes| lanes * R::LANE) {
            for row in 0..inputs {
                for col in start..start + wide {
                    values.push(if col < outputs {
                        at(row, col)
                    } else {
                        R::default()
                    });
                }
            }
            start += wide;
        }
        Self {
            inputs,
            width,
            lanes,
            values,
        }
    }

    /// `out[r] += input[r] · W` for `ROWS` rows; `input` rows lie `stride` apart, `out` rows `self.width`.
    #[inline(always)]
    pub fn multiply_add<I: Isa, const ROWS: usize>(
        &self,
        input: &[R],
        stride: usize,
        out: &mut [R],
    ) {
        let mut values = &self.values[..];
        let mut start = 0;
        for &lanes in &self.lanes {
            let wide = lanes * R::LANE;
            let (panel, rest) = values.split_at(wide * self.inputs);
            let place = Place {
                stride,
                out_stride: self.width,
                start,
            };
            R::panel::<I, ROWS>(lanes, panel, input, out, place);
            start += wide;
            values = rest;
        }
    }
}

/// Splits `total` lanes into parts of at most `max` that differ by no more than one.
fn split(total: usize, max: usize) -> Vec<usize> {
    let parts = total.div_ceil(max.max(1)).max(1);
    (0..parts)
        .map(|i| total / parts + usize::from(i < total % parts))
        .filter(|lanes| *lanes > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::isa::{Base, Level};
    use super::*;

    #[test]
    fn panels_are_about_equal() {
        assert_eq!(split(13, 6), [5, 4, 4]);
        assert_eq!(split(7, 8), [7]);
        assert_eq!(split(3, 1), [1, 1, 1]);
        assert!(split(0, 4).is_empty());
    }

    fn wave<R: SimdReal>(n: usize, rate: f64) -> Vec<R> {
        (0..n).map(|i| R::of((i as f64 * rate).sin())).collect()
    }

    /// Compares `multiply` on packed matrices with a plain product.
    fn check<R: SimdReal, const ROWS: usize>(
        max_lanes: usize,
        multiply: impl Fn(&Packed<R>, &[R], usize, &mut [R]),
    ) {
        for (inputs, outputs) in [(1, 1), (3, 8), (7, 25), (20, 47), (5, 100), (9, 210)] {
            let matrix: Vec<R> = wave(inputs * outputs, 0.37);
            let input: Vec<R> = wave(ROWS * inputs, 0.11);
            let transposed: Vec<R> = (0..outputs * inputs)
                .map(|i| matrix[(i % inputs) * outputs + i / inputs])
                .collect();
            for packed in [
                Packed::new(&matrix, inputs, outputs, max_lanes),
                Packed::transposed(&transposed, inputs, outputs, max_lanes),
            ] {
                let mut out = vec![R::of(1.0); ROWS * packed.width];
                multiply(&packed, &input, inputs, &mut out);
                for r in 0..ROWS {
                    for c in 0..outputs {
                        let want: f64 = 1.0
                            + (0..inputs)
                                .map(|k| {
                                    let weight = matrix[k * outputs + c].to_f64();
                                    input[r * inputs + k].to_f64() * weight
                                })
                                .sum::<f64>();
                        let found = out[r * packed.width + c].to_f64();
                        assert!(
                            (found - want).abs() < 1e-5,
                            "{inputs}x{outputs} [{r}, {c}]: {found}, expected {want}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn portable_product_equals_the_plain_one() {
        check::<f64, 2>(1, |w, x, stride, out| {
            w.multiply_add::<Base, 2>(x, stride, out);
        });
        check::<f32, 4>(1, |w, x, stride, out| {
            w.multiply_add::<Base, 4>(x, stride, out);
        });
    }

    /// A stride whose product with the rows wraps around to a small number reads no memory that is not there.
    #[test]
    #[should_panic(expected = "fits")]
    fn strides_that_wrap_around_are_refused() {
        let packed = Packed::new(&[1.0f32; 4], 4, 1, 1);
        let stride = usize::MAX / 3 + 1;
        packed.multiply_add::<Base, 4>(&[1.0; 16], stride, &mut vec![0.0; 4 * packed.width]);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn products_by_hand_equal_the_plain_one() {
        use super::super::isa::{Avx2, Avx512};
        if Level::detect() < Level::Avx2 {
            eprintln!("skipped: this machine has no AVX2");
            return;
        }
        check::<f32, 3>(Level::Avx2.max_lanes(3), |w, x, stride, out| {
            w.multiply_add::<Avx2, 3>(x, stride, out);
        });
        if Level::detect() < Level::Avx512 {
            eprintln!("skipped: this machine has no AVX-512");
            return;
        }
        for lanes in 1..=Level::Avx512.max_lanes(1) {
            check::<f32, 1>(lanes, |w, x, stride, out| {
                w.multiply_add::<Avx512, 1>(x, stride, out);
            });
        }
        check::<f32, 4>(Level::Avx512.max_lanes(4), |w, x, stride, out| {
            w.multiply_add::<Avx512, 4>(x, stride, out);
        });
        check::<f32, 8>(Level::Avx512.max_lanes(8), |w, x, stride, out| {
            w.multiply_add::<Avx512, 8>(x, stride, out);
        });
    }
}
