//! Tasks: data, loss, metrics and what a model's outputs mean.

mod model;
pub mod neuronio;
pub mod own;
pub mod sequence;
pub mod text;

pub use model::{Carry, Losses, Measured, Objective, OnDevice, TaskModel, numbers};
