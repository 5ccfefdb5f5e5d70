//! Rows of numbers in lanes of 16, and the products that the streams are made of.
//!
//! Sixteen f32 are one AVX-512 register, two of AVX and four of SSE, NEON or WebAssembly, and one line of most caches. All
//! loops run over the numbers of whole lanes, so that compilers turn them into vector code that leaves no rest. What stands
//! in a lane past the end of its row may be anything, NaN included: no product reads it.

mod isa;
mod level;
mod matrix;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod x86;

pub(crate) use isa::Isa;
pub(crate) use level::{Level, by_level};
pub(crate) use matrix::Matrix;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) use x86::Avx2;
#[cfg(avx512)]
pub(crate) use x86::Avx512;

use alloc::vec::Vec;

/// Numbers in a lane.
pub(crate) const WIDTH: usize = 16;

/// Sixteen numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lane(pub [f32; WIDTH]);

impl Lane {
    pub const ZERO: Self = Self([0.0; WIDTH]);
}

/// The numbers of lanes, one lane behind the other.
pub(crate) fn flat(lanes: &[Lane]) -> &[f32] {
    // SAFETY: a `Lane` is 16 numbers and nothing else (`repr(C)`, and 64 bytes is its alignment as well as its size), so
    // that so many numbers stand there one behind the other; they live and are borrowed as long as the lanes.
    unsafe { core::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * WIDTH) }
}

/// [`flat`], to be written to.
pub(crate) fn flat_mut(lanes: &mut [Lane]) -> &mut [f32] {
    // SAFETY: as in `flat`; any 16 numbers are a lane, and the lanes are borrowed alone as long as the numbers are.
    unsafe { core::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * WIDTH) }
}

/// Lanes that hold `n` numbers.
pub(crate) const fn lanes(n: usize) -> usize {
    n.div_ceil(WIDTH)
}

/// A row in whole lanes, zeros behind it.
pub(crate) fn to_lanes(row: &[f32]) -> Vec<Lane> {
    let mut out = Vec::with_capacity(lanes(row.len()));
    push_lanes(row, &mut out);
    out
}

/// Appends a row in whole lanes, zeros behind it.
pub(crate) fn push_lanes(row: &[f32], out: &mut Vec<Lane>) {
    for part in row.chunks(WIDTH) {
        let mut lane = Lane::ZERO;
        lane.0[..part.len()].copy_from_slice(part);
        out.push(lane);
    }
}

/// Overwrites lanes by a row, zeros behind it.
pub(crate) fn copy_to_lanes(row: &[f32], lanes: &mut [Lane]) {
    let values = flat_mut(lanes);
    values[..row.len()].copy_from_slice(row);
    values[row.len()..].fill(0.0);
}
