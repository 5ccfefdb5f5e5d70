//! Tasks: data, loss, metrics and what a model's outputs mean.

mod loader;
mod model;
pub mod neuronio;
pub mod sequence;

pub use loader::{OnDevice, StreamLoader};
pub use model::{Judged, Objective, TaskModel};
