//! What an instruction set has to offer, and the target's own.

use super::{Lane, flat, flat_mut};

/// An instruction set: how rows are added to sums. All rows have as many lanes as `out`.
pub(crate) trait Isa: Copy {
    /// `out += x · row`.
    fn add_row(self, x: f32, row: &[Lane], out: &mut [Lane]);

    /// `out += Σ x[k] · row k` for as many rows as there are numbers in `x`; the rows stand one behind the other.
    fn add_rows(self, x: &[f32], rows: &[Lane], out: &mut [Lane]);
}

/// The target's own instruction set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own;

impl Isa for Own {
    #[inline(always)]
    fn add_row(self, x: f32, row: &[Lane], out: &mut [Lane]) {
        for (sum, w) in flat_mut(out).iter_mut().zip(flat(row)) {
            *sum += x * w;
        }
    }

    /// Four rows at a time: what is added within them does not wait for the sums, which stay in memory. That a compiler
    /// keeps sums in registers over a loop cannot be relied on.
    #[inline(always)]
    fn add_rows(self, x: &[f32], rows: &[Lane], out: &mut [Lane]) {
        let width = out.len();
        let mut groups = x.chunks_exact(4);
        let mut fours = rows.chunks_exact(4 * width);
        for (group, four) in (&mut groups).zip(&mut fours) {
            let &[a, b, c, d] = group else { continue };
            let out = flat_mut(out);
            let (first, second) = flat(four).split_at(2 * out.len());
            let ((p, q), (r, s)) = (first.split_at(out.len()), second.split_at(out.len()));
            for i in 0..out.len() {
                out[i] += (a * p[i] + b * q[i]) + (c * r[i] + d * s[i]);
            }
        }
        let rest = rows.chunks_exact(width).skip(x.len() / 4 * 4);
        for (x, row) in groups.remainder().iter().zip(rest) {
            self.add_row(*x, row, out);
        }
    }
}
