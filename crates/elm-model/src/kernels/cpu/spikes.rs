//! Rows of a matrix, each times a number, added up; and the same backwards. By hand, with what is added up in registers:
//! of the plain loop the compiler makes gathers and scatters across the lanes of long rows.

use super::sparse_row::SparseRow;

/// Defines a module with both for f32 in lanes of 16 numbers.
macro_rules! by_hand {
    ($(#[$doc:meta])* $name:ident, $features:literal, $width:literal, $max:literal, [$($lanes:literal)*],
     $zero:ident, $load:ident, $store:ident, $set:ident, $fma:ident) => {
        $(#[$doc])*
        pub mod $name {
            use core::arch::x86_64::{$fma, $load, $set, $store, $zero};

            use super::{SparseRow, groups};

            /// Most lanes that are in registers at a time.
            const MAX: usize = $max;
            /// Registers of a lane.
            const VECTORS: usize = 16 / $width;

            /// `sum += Σ x_i · matrix_i`; rows of the matrix are as long as the sum, whole lanes.
            #[target_feature(enable = $features)]
            pub fn add_rows(sum: &mut [f32], x: SparseRow<'_, f32>, matrix: &[f32]) {
                for (first, lanes) in groups(sum.len(), MAX) {
                    match lanes {
                        $($lanes => sum_lanes::<$lanes>(sum, x, matrix, first),)*
                        _ => unreachable!("groups have {MAX} lanes at most"),
                    }
                }
            }

            /// `out_i += x_i · row`; rows of `out` are as long as `row`, whole lanes.
            #[target_feature(enable = $features)]
            pub fn add_outer(out: &mut [f32], x: SparseRow<'_, f32>, row: &[f32]) {
                for (first, lanes) in groups(row.len(), MAX) {
                    match lanes {
                        $($lanes => spread_lanes::<$lanes>(out, x, row, first),)*
                        _ => unreachable!("groups have {MAX} lanes at most"),
                    }
                }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn sum_lanes<const LANES: usize>(
                sum: &mut [f32],
                x: SparseRow<'_, f32>,
                matrix: &[f32],
                first: usize,
            ) {
                let wide = sum.len();
                let sum = &mut sum[first..][..LANES * 16];
                // SAFETY: of `sum` and of each row so many lanes are there, as slicing them has checked; loads and stores
                // need no alignment.
                unsafe {
                    let mut acc = [[$zero(); VECTORS]; LANES];
                    for (v, acc) in acc.as_flattened_mut().iter_mut().enumerate() {
                        *acc = $load(sum.as_ptr().add(v * $width));
                    }
                    for (i, x) in x.entries() {
                        let row = &matrix[i * wide..][..wide][first..][..LANES * 16];
                        let x = $set(x);
                        for (v, acc) in acc.as_flattened_mut().iter_mut().enumerate() {
                            *acc = $fma(x, $load(row.as_ptr().add(v * $width)), *acc);
                        }
                    }
                    for (v, acc) in acc.as_flattened().iter().enumerate() {
                        $store(sum.as_mut_ptr().add(v * $width), *acc);
                    }
                }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn spread_lanes<const LANES: usize>(
                out: &mut [f32],
                x: SparseRow<'_, f32>,
                row: &[f32],
                first: usize,
            ) {
                let wide = row.len();
                let row = &row[first..][..LANES * 16];
                // SAFETY: as above.
                unsafe {
                    let mut factor = [[$zero(); VECTORS]; LANES];
                    for (v, factor) in factor.as_flattened_mut().iter_mut().enumerate() {
                        *factor = $load(row.as_ptr().add(v * $width));
                    }
                    for (i, x) in x.entries() {
                        let out = &mut out[i * wide..][..wide][first..][..LANES * 16];
                        let x = $set(x);
                        for (v, factor) in factor.as_flattened().iter().enumerate() {
                            let to = out.as_mut_ptr().add(v * $width);
                            $store(to, $fma(x, *factor, $load(to)));
                        }
                    }
                }
            }
        }
    };
}

/// Cuts a row of whole lanes into groups of `max` lanes at most that differ by no more than one: first number and lanes
/// of each.
#[inline(always)]
fn groups(numbers: usize, max: usize) -> impl Iterator<Item = (usize, usize)> {
    let lanes = numbers / 16;
    debug_assert_eq!(lanes * 16, numbers, "rows are whole lanes");
    let groups = lanes.div_ceil(max);
    (0..groups).scan(0, move |first, group| {
        let wide = (lanes + group) / groups;
        let start = *first;
        *first += wide * 16;
        Some((start, wide))
    })
}

by_hand!(
    /// Eight numbers to a register.
    avx2, "avx2,fma", 8, 6, [1 2 3 4 5 6],
    _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps
);
by_hand!(
    /// Sixteen numbers to a register.
    avx512, "avx512f", 16, 8, [1 2 3 4 5 6 7 8],
    _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps
);

#[cfg(test)]
mod tests {
    use super::super::isa::{Avx2, Avx512, Base, Isa, Level};
    use super::super::simd::SimdReal;
    use super::*;

    fn wave(n: usize, rate: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * rate).sin()).collect()
    }

    fn both<I: Isa>(wide: usize) -> [Vec<f32>; 2] {
        let (matrix, row) = (wave(9 * wide, 0.37), wave(wide, 0.7));
        let x = SparseRow {
            indices: &[0, 3, 4, 8],
            values: &[1.0, -0.5, f32::MIN_POSITIVE, 3.0],
        };
        let (mut sum, mut out) = (wave(wide, 0.2), matrix.clone());
        f32::add_rows::<I>(&mut sum, x, &matrix);
        f32::add_outer::<I>(&mut out, x, &row);
        [sum, out]
    }

    #[test]
    fn groups_cover_a_row_once() {
        for lanes in 0..40 {
            let mut next = 0;
            for (first, wide) in groups(lanes * 16, 6) {
                assert!(first == next && (1..=6).contains(&wide), "{lanes} lanes");
                next = first + wide * 16;
            }
            assert_eq!(next, lanes * 16);
        }
    }

    #[test]
    fn every_instruction_set_adds_the_same() {
        for lanes in 1..=19 {
            let wide = lanes * 16;
            let expected = both::<Base>(wide);
            let check = |found: [Vec<f32>; 2]| {
                for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                    assert!(
                        (found - expected).abs() < 1e-6,
                        "{found}, expected {expected}"
                    );
                }
            };
            if Level::detect() >= Level::Avx2 {
                check(both::<Avx2>(wide));
            }
            if Level::detect() >= Level::Avx512 {
                check(both::<Avx512>(wide));
            }
        }
    }

    /// A wrong index, from a record or over a wire, reads and writes no memory that is not there.
    #[test]
    fn indices_outside_of_the_matrix_are_refused() {
        for index in [-1, 9, i32::MAX, i32::MIN] {
            let outside = std::panic::catch_unwind(|| {
                let x = SparseRow {
                    indices: &[index],
                    values: &[1.0f32],
                };
                match Level::detect() {
                    Level::Avx512 => f32::add_rows::<Avx512>(&mut [0.0; 32], x, &[0.0; 9 * 32]),
                    Level::Avx2 => f32::add_rows::<Avx2>(&mut [0.0; 32], x, &[0.0; 9 * 32]),
                    Level::Base => f32::add_rows::<Base>(&mut [0.0; 32], x, &[0.0; 9 * 32]),
                }
            });
            assert!(outside.is_err(), "index {index}");
        }
    }
}
