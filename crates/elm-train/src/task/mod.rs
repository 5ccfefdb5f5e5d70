//! Tasks: data, loss, metrics and what a model's outputs mean.

mod card;
mod model;
pub mod neuronio;
pub mod own;
pub mod sequence;
pub mod text;

pub use card::{CARD, TaskCard};
pub use model::{Carry, Losses, Measured, Objective, OnDevice, TaskModel, numbers};
