//! Data sets for the ELM neuron.
//!
//! Data flows one way: files -> simulations (sparse events) -> windows and batches. This crate knows neither a
//! model nor a tensor library; its batches are plain `f32` arrays in row-major order.

mod container;
pub mod enwik8;
pub mod error;
mod files;
mod hdf5;
pub mod json;
pub mod lra;
pub mod made;
pub mod neuronio;

mod pickle;
pub mod sequence;
pub mod shd;
mod split;
mod stream;
pub mod task;

pub use error::{DataError, Result};
pub use sequence::{BatchValues, BinnedSpikes, Encoding, Sample, Sequence, SequenceBatch};
pub use split::Split;
pub use stream::{BatchSource, BatchStream};
pub use task::Task;
