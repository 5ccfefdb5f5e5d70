//! Data sets for the ELM neuron.
//!
//! Data flows one way: files -> simulations (sparse events) -> windows and batches. This crate knows neither a
//! model nor a tensor library; its batches are plain `f32` arrays in row-major order.

pub mod error;
pub mod neuronio;
pub mod sequence;

pub use error::{DataError, Result};
pub use sequence::{BinnedSpikes, Encoding, Sample, Sequence, SequenceBatch};
