//! The two number types of the kernels, and a hyperbolic tangent that vectorises.

use burn::backend::Element;

use super::isa::{Isa, Level};
use super::panel::{self, Place};
use super::sparse::BLOCK;

/// Adding this rounds an f32 to an integer, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;

/// How far ahead of the number that is looked at memory is asked for, in numbers.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 1024;

/// f32 or f64.
pub trait Real:
    Copy
    + Default
    + Send
    + Sync
    + PartialOrd
    + core::fmt::Debug
    + core::ops::Add<Output = Self>
    + core::ops::Sub<Output = Self>
    + core::ops::Mul<Output = Self>
    + core::ops::Div<Output = Self>
    + core::ops::AddAssign
    + Element
    + bytemuck::Pod
{
    /// Numbers in one lane, the unit that widths are rounded up to; see `super::panel`.
    const LANE: usize;
    /// The constant `v` in this type.
    fn of(v: f64) -> Self;
    /// `self · a + b` with one rounding.
    fn fused(self, a: Self, b: Self) -> Self;
    /// tanh; for f32 within 4 units in the last place, without branches.
    fn tanh_fast(self) -> Self;
    /// The logistic function; for f32 within 4 units in the last place, without branches.
    fn sigmoid_fast(self) -> Self;
    /// Writes `start` plus the index of each number that is not zero to the front of `to`; how many there are.
    #[inline(always)]
    fn nonzero_indices<I: Isa>(values: &[Self; BLOCK], start: u32, to: &mut [u32; BLOCK]) -> usize {
        let mut count = 0;
        for (i, value) in values.iter().enumerate() {
            to[count.min(BLOCK - 1)] = start + i as u32;
            count += usize::from(*value != Self::default());
        }
        count
    }
    /// `sum += x · row`, both whole lanes long.
    #[inline(always)]
    fn add_scaled<I: Isa>(sum: &mut [Self], x: Self, row: &[Self]) {
        for (s, w) in sum.iter_mut().zip(row) {
            *s = if I::FMA { x.fused(*w, *s) } else { x * *w + *s };
        }
    }
    /// Most lanes of a panel for this many samples, see [`Level::max_lanes`].
    fn max_lanes(level: Level, rows: usize) -> usize;
    /// `out[r] += input[r] · panel` for one packed panel of this many lanes, see `super::panel`; the caller is compiled
    /// for the instruction set `I`.
    fn panel<I: Isa, const ROWS: usize>(
        lanes: usize,
        panel: &[Self],
        input: &[Self],
        out: &mut [Self],
        place: Place,
    );
}

impl Real for f32 {
    const LANE: usize = 16;
    fn max_lanes(level: Level, rows: usize) -> usize {
        level.max_lanes(rows)
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn nonzero_indices<I: Isa>(values: &[Self; BLOCK], start: u32, to: &mut [u32; BLOCK]) -> usize {
        match I::LEVEL {
            // SAFETY: the machine has the instructions of `I`, for `by_isa!` alone runs these copies.
            Level::Avx512 => unsafe { avx512_indices(values, start, to) },
            // SAFETY: as above.
            Level::Avx2 => write_bits(unsafe { avx2_mask(values) }, start, to),
            Level::Base => {
                let bits = values.iter().enumerate();
                let mask = bits.fold(0, |mask, (i, v)| mask | (u32::from(*v != 0.0) << i));
                write_bits(mask, start, to)
            }
        }
    }
    #[inline(always)]
    fn add_scaled<I: Isa>(sum: &mut [Self], x: Self, row: &[Self]) {
        // lanes as arrays, so that each is a vector operation or two and no remainder is looked for
        let (sum, _) = sum.as_chunks_mut::<{ Self::LANE }>();
        let (row, _) = row.as_chunks::<{ Self::LANE }>();
        for (sum, row) in sum.iter_mut().zip(row) {
            let mut lane = *sum;
            for (s, w) in lane.iter_mut().zip(row) {
                *s = if I::FMA { x.fused(*w, *s) } else { x * *w + *s };
            }
            *sum = lane;
        }
    }
    #[inline(always)]
    fn of(v: f64) -> Self {
        v as f32
    }
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }
    /// `tanh x = E / (E + 2)` with `E = exp(2|x|) − 1`, and E as `2ⁿ(eʳ − 1) + (2ⁿ − 1)`, `|r| <= ln 2 / 2`,
    /// so that nothing cancels near zero. From 9.01 on the result is 1 in f32.
    #[inline(always)]
    fn tanh_fast(self) -> Self {
        let y = 2.0 * self.abs().min(9.25);
        let shifted = y * core::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = y - n * 0.693_145_75 - n * 1.428_606_8e-6;
        let p = 1.0 / 5040.0;
        let p = p * r + 1.0 / 720.0;
        let p = p * r + 1.0 / 120.0;
        let p = p * r + 1.0 / 24.0;
        let p = p * r + 1.0 / 6.0;
        let p = p * r + 0.5;
        let expm1 = p * r * r + r;
        let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
        let e = scale * expm1 + (scale - 1.0);
        // a NaN passes through `min` as 9.25: hand it on instead of hiding it
        let t = (e / (e + 2.0)).copysign(self);
        if self.is_nan() { self } else { t }
    }
    /// `1 / (1 + E)` on the right and `E / (1 + E)` on the left, with `E = exp(−|x|) = 2ⁿ eʳ` and `|r| <= ln 2 / 2`, so
    /// that small results keep all their digits. The power of two is applied in two halves, as it may be subnormal.
    #[inline(always)]
    fn sigmoid_fast(self) -> Self {
        let y = -self.abs().min(104.0);
        let shifted = y * core::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = y - n * 0.693_145_75 - n * 1.428_606_8e-6;
        let p = 1.0 / 5040.0;
        let p = p * r + 1.0 / 720.0;
        let p = p * r + 1.0 / 120.0;
        let p = p * r + 1.0 / 24.0;
        let p = p * r + 1.0 / 6.0;
        let p = p * r + 0.5;
        let exp_r = p * r * r + r + 1.0;
        let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
        let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
        let e = exp_r * power(n >> 1) * power(n - (n >> 1));
        let over = if self < 0.0 { e } else { 1.0 };
        // a NaN passes through `min`: hand it on instead of hiding it
        if self.is_nan() {
            self
        } else {
            over / (1.0 + e)
        }
    }
    #[inline(always)]
    fn panel<I: Isa, const ROWS: usize>(
        lanes: usize,
        panel: &[Self],
        input: &[Self],
        out: &mut [Self],
        place: Place,
    ) {
        match (I::LEVEL, lanes) {
            // SAFETY: the machine has the instructions of `I`, for `by_isa!` alone runs these copies.
            #[cfg(target_arch = "x86_64")]
            (Level::Avx512, lanes) => unsafe {
                avx512_panel::<ROWS>(lanes, panel, input, out, place);
            },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            (Level::Avx2, 1) => unsafe { panel::avx2::<ROWS, 1>(panel, input, out, place) },
            (Level::Base, 1) => {
                if I::FMA {
                    panel::portable::<Self, ROWS, 16, true>(panel, input, out, place);
                } else {
                    panel::portable::<Self, ROWS, 16, false>(panel, input, out, place);
                }
            }
            (level, lanes) => unreachable!("{level:?} packs no panels of {lanes} lanes"),
        }
    }
}

/// See [`Real::nonzero_indices`]: no branch at all.
///
/// # Safety
/// The machine must have AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn avx512_indices(values: &[f32; BLOCK], start: u32, to: &mut [u32; BLOCK]) -> usize {
    use core::arch::x86_64::*;
    // SAFETY: as the caller promises; sixteen numbers are there to be read and sixteen to be written.
    unsafe {
        // the next page's lines are asked for early: the hardware looks ahead within a page only
        _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(AHEAD).cast());
        let values = _mm512_loadu_ps(values.as_ptr());
        let mask = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(values, _mm512_setzero_ps());
        let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let indices = _mm512_add_epi32(places, _mm512_set1_epi32(start as i32));
        let packed = _mm512_maskz_compress_epi32(mask, indices);
        _mm512_storeu_si512(to.as_mut_ptr().cast(), packed);
        mask.count_ones() as usize
    }
}

/// A bit for each number that is not zero, the lowest for the first.
///
/// # Safety
/// The machine must have AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn avx2_mask(values: &[f32; BLOCK]) -> u32 {
    use core::arch::x86_64::*;
    let half = |at: usize| {
        // SAFETY: as the caller promises; each half reads eight of the sixteen.
        unsafe {
            let values = _mm256_loadu_ps(values.as_ptr().add(at));
            let nonzero = _mm256_cmp_ps::<_CMP_NEQ_UQ>(values, _mm256_setzero_ps());
            _mm256_movemask_ps(nonzero) as u32
        }
    };
    half(0) | (half(8) << 8)
}

/// Writes the index of each bit that is set.
#[inline(always)]
fn write_bits(mut mask: u32, start: u32, to: &mut [u32; BLOCK]) -> usize {
    let count = mask.count_ones() as usize;
    for to in &mut to[..count.min(BLOCK)] {
        *to = start + mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
    }
    count
}

/// Picks the panel product of this width.
///
/// # Safety
/// The machine must have AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn avx512_panel<const ROWS: usize>(
    lanes: usize,
    panel: &[f32],
    input: &[f32],
    out: &mut [f32],
    place: Place,
) {
    // SAFETY: as the caller promises. Widths that would not fit the registers are never packed for these rows.
    unsafe {
        match lanes {
            1 => panel::avx512::<ROWS, 1>(panel, input, out, place),
            2 => panel::avx512::<ROWS, 2>(panel, input, out, place),
            3 => panel::avx512::<ROWS, 3>(panel, input, out, place),
            4 => panel::avx512::<ROWS, 4>(panel, input, out, place),
            5 => panel::avx512::<ROWS, 5>(panel, input, out, place),
            6 => panel::avx512::<ROWS, 6>(panel, input, out, place),
            7 => panel::avx512::<ROWS, 7>(panel, input, out, place),
            _ => panel::avx512::<ROWS, 8>(panel, input, out, place),
        }
    }
}

impl Real for f64 {
    const LANE: usize = 8;
    fn max_lanes(_: Level, _: usize) -> usize {
        1
    }
    #[inline(always)]
    fn of(v: f64) -> Self {
        v
    }
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }
    #[inline(always)]
    fn tanh_fast(self) -> Self {
        self.tanh()
    }
    #[inline(always)]
    fn sigmoid_fast(self) -> Self {
        let e = (-self.abs()).exp();
        (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
    }
    #[inline(always)]
    fn panel<I: Isa, const ROWS: usize>(
        _: usize,
        panel: &[Self],
        input: &[Self],
        out: &mut [Self],
        place: Place,
    ) {
        if I::FMA {
            panel::portable::<Self, ROWS, 8, true>(panel, input, out, place);
        } else {
            panel::portable::<Self, ROWS, 8, false>(panel, input, out, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest error in units in the last place over both signs and all magnitudes up to `most`.
    fn worst_ulp(most: f32, of: impl Fn(f32) -> f32, truth: impl Fn(f64) -> f64) -> f64 {
        let mut worst = 0.0f64;
        for i in 0..4_000_000u32 {
            let x = f32::from_bits(i.wrapping_mul(283));
            if !x.is_finite() || x.abs() > most {
                continue;
            }
            for x in [x, -x] {
                let want = truth(f64::from(x));
                let near = want.abs() as f32;
                let ulp = f64::from(f32::from_bits(near.to_bits() + 1)) - f64::from(near);
                worst = worst.max((f64::from(of(x)) - want).abs() / ulp);
            }
        }
        worst
    }

    #[test]
    fn tanh_is_within_four_ulp_of_f64() {
        let worst = worst_ulp(64.0, Real::tanh_fast, f64::tanh);
        assert!(worst <= 4.0, "{worst} units in the last place");
    }

    #[test]
    fn sigmoid_is_within_four_ulp_of_f64() {
        let worst = worst_ulp(120.0, Real::sigmoid_fast, |x| 1.0 / (1.0 + (-x).exp()));
        assert!(worst <= 4.0, "{worst} units in the last place");
        assert_eq!(f32::INFINITY.sigmoid_fast(), 1.0);
        assert!(f32::NAN.sigmoid_fast().is_nan());
    }

    #[test]
    fn tanh_keeps_the_ends() {
        assert_eq!(0.0f32.tanh_fast(), 0.0);
        assert_eq!(f32::INFINITY.tanh_fast(), 1.0);
        assert_eq!(f32::NEG_INFINITY.tanh_fast(), -1.0);
        assert!(f32::NAN.tanh_fast().is_nan());
    }
}
