//! Tasks: data, loss, metrics and what a neuron's outputs mean.

mod loader;
pub mod neuronio;
pub mod sequence;

pub use loader::{OnDevice, StreamLoader};
