//! The innermost product: one panel of weights times a few rows.
//!
//! The `ROWS × WIDE` results stay in registers while the panel streams by once, so that each weight that is read
//! serves all rows. Four rows of 16 f32 are 8 AVX registers of results, just enough to keep two multiply-add units of
//! latency 4 busy; wider panels fill all 16 registers, and one result is then spilled in every round.

use super::real::Real;

/// `out[r][start..start + WIDE] += Σ_k input[r][k] · panel[k]`; `input` rows lie `stride` apart, `out` rows
/// `out_stride`.
#[inline(always)]
pub fn portable<R: Real, const ROWS: usize, const WIDE: usize, const FMA: bool>(
    panel: &[R],
    input: &[R],
    stride: usize,
    out: &mut [R],
    out_stride: usize,
    start: usize,
) {
    let inputs = panel.len() / WIDE;
    let mut acc = [[R::default(); WIDE]; ROWS];
    for (r, acc) in acc.iter_mut().enumerate() {
        acc.copy_from_slice(&out[r * out_stride + start..][..WIDE]);
    }
    assert!(input.len() >= (ROWS - 1) * stride + inputs);
    for (k, weights) in panel.chunks_exact(WIDE).enumerate() {
        for (r, acc) in acc.iter_mut().enumerate() {
            // SAFETY: k < inputs and r < ROWS, so the index is below the length asserted above; the
            // check would cost as much as the products in this innermost loop.
            let x = unsafe { *input.get_unchecked(r * stride + k) };
            for (a, w) in acc.iter_mut().zip(weights) {
                *a = if FMA { x.fused(*w, *a) } else { x * *w + *a };
            }
        }
    }
    for (r, acc) in acc.iter().enumerate() {
        out[r * out_stride + start..][..WIDE].copy_from_slice(acc);
    }
}

/// [`portable`] for f32 in AVX2, by hand: the compiler spills the results of the portable loop.
///
/// # Safety
/// The machine must have AVX2 and FMA, and the caller be compiled for them.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn avx2<const ROWS: usize, const WIDE: usize>(
    panel: &[f32],
    input: &[f32],
    stride: usize,
    out: &mut [f32],
    out_stride: usize,
    start: usize,
) {
    use core::arch::x86_64::{
        _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };
    const LANES: usize = 8;
    const { assert!(WIDE == 8 || WIDE == 16) };
    let (inputs, vectors) = (panel.len() / WIDE, WIDE / LANES);
    assert!(inputs > 0 && input.len() >= (ROWS - 1) * stride + inputs);
    assert!(out.len() >= (ROWS - 1) * out_stride + start + WIDE);
    // SAFETY: the asserts bound every row of `input` and `out` that is reached, `panel` holds `inputs · WIDE`
    // numbers, and the machine has the instructions, as the caller promises.
    unsafe {
        let mut acc = [[_mm256_setzero_ps(); 2]; ROWS];
        for (r, acc) in acc.iter_mut().enumerate() {
            for (v, acc) in acc.iter_mut().enumerate().take(vectors) {
                *acc = _mm256_loadu_ps(out.as_ptr().add(r * out_stride + start + v * LANES));
            }
        }
        for k in 0..inputs {
            let mut weights = [_mm256_setzero_ps(); 2];
            for (v, weights) in weights.iter_mut().enumerate().take(vectors) {
                *weights = _mm256_loadu_ps(panel.as_ptr().add(k * WIDE + v * LANES));
            }
            for (r, acc) in acc.iter_mut().enumerate() {
                let x = _mm256_broadcast_ss(&*input.as_ptr().add(r * stride + k));
                for (acc, weights) in acc.iter_mut().zip(weights).take(vectors) {
                    *acc = _mm256_fmadd_ps(x, weights, *acc);
                }
            }
        }
        for (r, acc) in acc.iter().enumerate() {
            for (v, acc) in acc.iter().enumerate().take(vectors) {
                _mm256_storeu_ps(
                    out.as_mut_ptr().add(r * out_stride + start + v * LANES),
                    *acc,
                );
            }
        }
    }
}
