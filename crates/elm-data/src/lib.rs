//! Data sets for the ELM neuron.
//!
//! Data flows one way: files -> simulations (sparse events) -> windows and batches. This crate knows neither a
//! model nor a tensor library; its batches are plain `f32` arrays in row-major order.

pub mod arrays;
pub mod enwik8;
pub mod error;
mod files;
mod hdf5;
pub mod lra;
pub mod neuronio;
mod part_folder;
mod pickle;
pub mod sequence;
pub mod shd;
mod split;
mod stream;
pub mod task;
pub mod text;

pub use error::{DataError, Result};
pub use sequence::{BatchValues, BinnedSpikes, Encoding, Sample, Sequence, SequenceBatch};
pub use split::Split;
pub use stream::{BatchSource, BatchStream};
pub use task::Task;
