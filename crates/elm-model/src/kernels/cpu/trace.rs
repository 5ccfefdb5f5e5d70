//! The leaky sum over time, forward and backward.

use rayon::prelude::*;

use super::real::Real;

/// `v_t = decay ⊙ v_{t−1} + u_t` for `[batch, time, channel]`, `start` `[batch, channel]`.
pub fn forward<R: Real>(time: usize, input: &[R], decay: &[R], start: &[R]) -> Vec<R> {
    let d = decay.len();
    let mut out = input.to_vec();
    out.par_chunks_mut((time * d).max(1))
        .enumerate()
        .for_each(|(b, rows)| {
            let mut carry = start[b * d..][..d].to_vec();
            for row in rows.chunks_exact_mut(d) {
                for j in 0..d {
                    carry[j] = decay[j] * carry[j] + row[j];
                    row[j] = carry[j];
                }
            }
        });
    out
}

/// Gradients of the input and of the start.
pub fn backward<R: Real>(batch: usize, time: usize, grad: &[R], decay: &[R]) -> (Vec<R>, Vec<R>) {
    let d = decay.len();
    let mut out = grad.to_vec();
    let mut dstart = vec![R::default(); batch * d];
    out.par_chunks_mut((time * d).max(1))
        .zip(dstart.par_chunks_mut(d.max(1)))
        .for_each(|(rows, carry)| {
            // carry holds decay ⊙ (gradient of the next step's trace); after step 0 that is the start's
            for row in rows.chunks_exact_mut(d).rev() {
                for j in 0..d {
                    row[j] += carry[j];
                    carry[j] = decay[j] * row[j];
                }
            }
        });
    (out, dstart)
}
