//! What the two number types do many at a time, in code that differs with the instruction set.

use super::isa::{Isa, Level};
use super::panel::{self, Place};
use super::real::Real;
use super::sparse_row::SparseRow;
#[cfg(target_arch = "x86_64")]
use super::spikes;

/// Numbers that are compared with zero at once.
pub const BLOCK: usize = 16;

/// How far ahead of the number that is looked at memory is asked for, in numbers.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 1024;

/// f32 or f64 in blocks and panels.
pub trait SimdReal: Real {
    /// Writes `start` plus the index of each number that is not zero to the front of `to`; how many there are.
    #[inline(always)]
    fn nonzero_indices<I: Isa>(values: &[Self; BLOCK], start: i32, to: &mut [i32; BLOCK]) -> usize {
        let mut count = 0;
        for (i, value) in values.iter().enumerate() {
            to[count.min(BLOCK - 1)] = start + i as i32;
            count += usize::from(*value != Self::default());
        }
        count
    }
    /// `sum += Σ x_i · matrix_i` over what is not zero of `x`; rows of the matrix are as long as the sum, whole lanes.
    #[inline(always)]
    fn add_rows<I: Isa>(sum: &mut [Self], x: SparseRow<'_, Self>, matrix: &[Self]) {
        for (i, x) in x.entries() {
            add_scaled::<I, Self>(sum, x, &matrix[i * sum.len()..][..sum.len()]);
        }
    }
    /// `out_i += x_i · row` for what is not zero of `x`; rows of `out` are as long as `row`, whole lanes.
    #[inline(always)]
    fn add_outer<I: Isa>(out: &mut [Self], x: SparseRow<'_, Self>, row: &[Self]) {
        for (i, x) in x.entries() {
            add_scaled::<I, Self>(&mut out[i * row.len()..][..row.len()], x, row);
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

/// `sum += x · row`.
#[inline(always)]
pub fn add_scaled<I: Isa, R: Real>(sum: &mut [R], x: R, row: &[R]) {
    for (s, w) in sum.iter_mut().zip(row) {
        *s = if I::FMA { x.fused(*w, *s) } else { x * *w + *s };
    }
}

impl SimdReal for f32 {
    fn max_lanes(level: Level, rows: usize) -> usize {
        level.max_lanes(rows)
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn nonzero_indices<I: Isa>(values: &[Self; BLOCK], start: i32, to: &mut [i32; BLOCK]) -> usize {
        match I::LEVEL {
            // SAFETY: the machine has the instructions of `I`, see [`Isa`].
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
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn add_rows<I: Isa>(sum: &mut [Self], x: SparseRow<'_, Self>, matrix: &[Self]) {
        match I::LEVEL {
            // SAFETY: the machine has the instructions of `I`, see [`Isa`].
            Level::Avx512 => unsafe { spikes::avx512::add_rows(sum, x, matrix) },
            // SAFETY: as above.
            Level::Avx2 => unsafe { spikes::avx2::add_rows(sum, x, matrix) },
            Level::Base => x.entries().for_each(|(i, x)| {
                add_scaled::<I, Self>(sum, x, &matrix[i * sum.len()..][..sum.len()]);
            }),
        }
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn add_outer<I: Isa>(out: &mut [Self], x: SparseRow<'_, Self>, row: &[Self]) {
        match I::LEVEL {
            // SAFETY: the machine has the instructions of `I`, see [`Isa`].
            Level::Avx512 => unsafe { spikes::avx512::add_outer(out, x, row) },
            // SAFETY: as above.
            Level::Avx2 => unsafe { spikes::avx2::add_outer(out, x, row) },
            Level::Base => x.entries().for_each(|(i, x)| {
                add_scaled::<I, Self>(&mut out[i * row.len()..][..row.len()], x, row);
            }),
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
            // SAFETY: the machine has the instructions of `I`, see [`Isa`].
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

/// See [`SimdReal::nonzero_indices`]: no branch at all.
///
/// # Safety
/// The machine must have AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn avx512_indices(values: &[f32; BLOCK], start: i32, to: &mut [i32; BLOCK]) -> usize {
    use core::arch::x86_64::*;
    // SAFETY: as the caller promises; sixteen numbers are there to be read and sixteen to be written.
    unsafe {
        // the next page's lines are asked for early: the hardware looks ahead within a page only
        _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().wrapping_add(AHEAD).cast());
        let values = _mm512_loadu_ps(values.as_ptr());
        let mask = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(values, _mm512_setzero_ps());
        let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let indices = _mm512_add_epi32(places, _mm512_set1_epi32(start));
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
fn write_bits(mut mask: u32, start: i32, to: &mut [i32; BLOCK]) -> usize {
    let count = mask.count_ones() as usize;
    for to in &mut to[..count.min(BLOCK)] {
        *to = start + mask.trailing_zeros() as i32;
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

impl SimdReal for f64 {
    fn max_lanes(_: Level, _: usize) -> usize {
        1
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
