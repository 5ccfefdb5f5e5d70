//! A training run: its folder, the learner's loop, checkpoints, and what comes out.

mod checkpoints;
mod data;
mod describe;
mod experiment;
mod folder;
mod history;
mod learn;
mod neuronio;
mod outcome;
mod progress;
mod sequence;
mod train;
mod unfinished;

pub use data::load as load_simulations;
pub use data::{Part, about};
pub use folder::RunFolder;
pub use history::{Column, EpochRecord, History};
pub use outcome::{Outcome, ResultRow};
pub use progress::{StatusLine, duration};
pub use train::{TrainOptions, train};
