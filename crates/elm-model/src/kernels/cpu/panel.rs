//! The innermost product: one panel of weights times a few rows.
//!
//! The `ROWS × width` results stay in registers while the panel streams by once, so that each weight that is read
//! serves all rows. Four rows of 16 f32 are 8 AVX registers of results, just enough to keep two multiply-add units of
//! latency 4 busy; wider panels fill all 16 registers, and one result is then spilled in every round. AVX-512 has 32
//! registers and takes panels of several lanes, see [`Level::max_lanes`](super::isa::Level::max_lanes).

use super::real::Real;

/// Where the rows of a panel's product lie.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Distance of the input's rows.
    pub stride: usize,
    /// Distance of the result's rows.
    pub out_stride: usize,
    /// First column of the panel in the result.
    pub start: usize,
}

impl Place {
    /// Do the rows of a product, each `inputs` read and `wide` written, lie in slices of these lengths?
    #[inline(always)]
    fn fits(&self, rows: usize, [inputs, wide]: [usize; 2], [input, out]: [usize; 2]) -> bool {
        let end = |stride: usize, from: usize, len: usize| {
            let last = rows.checked_sub(1)?.checked_mul(stride)?;
            last.checked_add(from)?.checked_add(len)
        };
        end(self.stride, 0, inputs).is_some_and(|end| end <= input)
            && end(self.out_stride, self.start, wide).is_some_and(|end| end <= out)
    }
}

/// `out[r][start..start + WIDE] += Σ_k input[r][k] · panel[k]`.
#[inline(always)]
pub fn portable<R: Real, const ROWS: usize, const WIDE: usize, const FMA: bool>(
    panel: &[R],
    input: &[R],
    out: &mut [R],
    place: Place,
) {
    let Place {
        stride,
        out_stride,
        start,
    } = place;
    let inputs = panel.len() / WIDE;
    assert!(place.fits(ROWS, [inputs, WIDE], [input.len(), out.len()]));
    let mut acc = [[R::default(); WIDE]; ROWS];
    for (r, acc) in acc.iter_mut().enumerate() {
        acc.copy_from_slice(&out[r * out_stride + start..][..WIDE]);
    }
    for (k, weights) in panel.chunks_exact(WIDE).enumerate() {
        for (r, acc) in acc.iter_mut().enumerate() {
            // SAFETY: k < inputs and r < ROWS, so the index is below `(ROWS - 1) · stride + inputs`, which was asserted
            // to be at most the length, without overflow; the check would cost as much as the products in this innermost loop.
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

/// Defines `fn $name`: [`portable`] for f32 by hand, for the compiler spills the results of the portable loop.
///
/// `LANES` is the panel's width in lanes of 16 numbers.
macro_rules! by_hand {
    ($(#[$doc:meta])* $name:ident, $features:literal, $width:literal, $max:expr,
     $zero:ident, $load:ident, $store:ident, $broadcast:expr, $fma:ident) => {
        $(#[$doc])*
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        pub fn $name<const ROWS: usize, const LANES: usize>(
            panel: &[f32],
            input: &[f32],
            out: &mut [f32],
            place: Place,
        ) {
            use core::arch::x86_64::{$zero, $load, $store, $fma};
            /// Registers across the widest panel.
            const MAX: usize = $max;
            let Place { stride, out_stride, start } = place;
            let (wide, vectors) = (LANES * 16, LANES * 16 / $width);
            let inputs = panel.len() / wide;
            assert!(vectors <= MAX && panel.len() == inputs * wide);
            assert!(place.fits(ROWS, [inputs, wide], [input.len(), out.len()]));
            // SAFETY: rows below ROWS, inputs below `inputs` and columns below `wide` are reached, and the asserts say,
            // without overflow, that those lie in `panel`, `input` and `out`; loads and stores need no alignment.
            unsafe {
                let mut acc = [[$zero(); MAX]; ROWS];
                for (r, acc) in acc.iter_mut().enumerate() {
                    for (v, acc) in acc.iter_mut().enumerate().take(vectors) {
                        *acc = $load(out.as_ptr().add(r * out_stride + start + v * $width));
                    }
                }
                for k in 0..inputs {
                    let mut weights = [$zero(); MAX];
                    for (v, weights) in weights.iter_mut().enumerate().take(vectors) {
                        *weights = $load(panel.as_ptr().add(k * wide + v * $width));
                    }
                    for (r, acc) in acc.iter_mut().enumerate() {
                        let x = $broadcast(input.as_ptr().add(r * stride + k));
                        for (acc, weights) in acc.iter_mut().zip(weights).take(vectors) {
                            *acc = $fma(x, weights, *acc);
                        }
                    }
                }
                for (r, acc) in acc.iter().enumerate() {
                    for (v, acc) in acc.iter().enumerate().take(vectors) {
                        $store(out.as_mut_ptr().add(r * out_stride + start + v * $width), *acc);
                    }
                }
            }
        }
    };
}

by_hand!(
    /// Eight numbers to a register, one lane to a panel.
    avx2, "avx2,fma", 8, 2,
    _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps,
    |x: *const f32| core::arch::x86_64::_mm256_set1_ps(*x), _mm256_fmadd_ps
);
by_hand!(
    /// Sixteen numbers to a register, several lanes to a panel.
    avx512, "avx512f", 16, super::isa::MAX_LANES,
    _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps,
    |x: *const f32| core::arch::x86_64::_mm512_set1_ps(*x), _mm512_fmadd_ps
);
