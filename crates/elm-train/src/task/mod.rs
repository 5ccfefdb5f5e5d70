//! Tasks: data, loss, metrics and what a model's outputs mean.

mod model;
pub mod neuronio;
pub mod sequence;

pub use model::{Losses, Measured, Objective, OnDevice, TaskModel, numbers};
