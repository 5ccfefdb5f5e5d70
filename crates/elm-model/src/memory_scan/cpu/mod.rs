//! The fused operations on the CPU, for Flex and NdArray, f32 and f64.
//!
//! Threads run over tiles of up to [`scan::MAX_ROWS`] samples, so that every weight that is loaded
//! serves several samples. Weights are packed once per call in the order in which the product reads
//! them ([`pack`]); the whole time loop runs inside one function per tile, in the instruction set that
//! the machine has ([`isa`]). All weight gradients are one matrix product each after the loop.

mod gradients;
mod host;
pub mod isa;
pub mod pack;
mod panel;
pub mod product;
pub mod real;
pub mod scan;
pub mod trace;

#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "ndarray")]
mod ndarray;
