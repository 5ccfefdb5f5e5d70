//! Products of larger matrices, through the `gemm` crate.

use super::real::Real;

/// A matrix in a slice: element `(i, j)` at `i · row + j · col`.
#[derive(Debug, Clone, Copy)]
pub struct Strided<'a, R> {
    /// Its numbers, from element (0, 0) on.
    pub values: &'a [R],
    /// Distance of the rows.
    pub row: usize,
    /// Distance of the columns.
    pub col: usize,
}

impl<'a, R> Strided<'a, R> {
    /// A row-major matrix whose rows lie `row` apart.
    pub fn rows(values: &'a [R], row: usize) -> Self {
        Self {
            values,
            row,
            col: 1,
        }
    }

    /// The same numbers as the transposed matrix.
    pub fn transposed(self) -> Self {
        Self {
            row: self.col,
            col: self.row,
            ..self
        }
    }

    /// Does every element of a matrix of this size, not empty, lie in the slice?
    fn holds(&self, rows: usize, cols: usize) -> bool {
        reach(rows, self.row)
            .zip(reach(cols, self.col))
            .and_then(|(down, across)| down.checked_add(across))
            .is_some_and(|last| last < self.values.len())
    }
}

/// Distance of the last of `count` things from the first, `stride` apart; none if that is no number.
fn reach(count: usize, stride: usize) -> Option<usize> {
    count.checked_sub(1)?.checked_mul(stride)
}

/// `out[m, n] += a[m, k] · b[k, n]` on this thread; rows of `out` lie `out_row` apart.
pub fn add_product<R: Real>(
    [m, n, k]: [usize; 3],
    a: Strided<'_, R>,
    b: Strided<'_, R>,
    out: &mut [R],
    out_row: usize,
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!(a.holds(m, k) && b.holds(k, n) && out_row >= n);
    let end = reach(m, out_row).and_then(|last| last.checked_add(n));
    assert!(end.is_some_and(|end| end <= out.len()));
    // SAFETY: every element that the sizes and strides reach lies in its slice, as was asserted without overflow; strides
    // of more than one row or column are below a slice's length and so fit an isize, others are never multiplied by more
    // than 0. The rows of `out` do not overlap (`out_row >= n`) and are borrowed mutably. R is f32 or f64 (it is sealed),
    // both known to `gemm`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_row as isize,
            true,
            a.values.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.col as isize,
            b.row as isize,
            R::of(1.0),
            R::of(1.0),
            false,
            false,
            false,
            // the callers are spread over the threads already
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "holds")]
    fn strides_that_wrap_around_are_refused() {
        let a = [1.0f32; 8];
        let wide = Strided::rows(&a, usize::MAX / 2 + 2);
        add_product([3, 1, 1], wide, Strided::rows(&a, 1), &mut [0.0; 8], 1);
    }

    #[test]
    fn strides_are_those_of_the_matrices() {
        // a [2, 3] with rows 4 apart, b [3, 2] transposed, out rows 5 apart
        let a = [1.0, 2.0, 3.0, 9.0, 4.0, 5.0, 6.0f64];
        let b = [1.0, 0.0, 2.0, 0.0, 1.0, 1.0];
        let mut out = [0.5; 7];
        add_product(
            [2, 2, 3],
            Strided::rows(&a, 4),
            Strided::rows(&b, 3).transposed(),
            &mut out,
            5,
        );
        assert_eq!(out, [7.5, 5.5, 0.5, 0.5, 0.5, 16.5, 11.5]);
    }
}
