//! A training run: its folder, the learner's loop, checkpoints, and what comes out.

mod checkpoints;
mod data;
mod describe;
mod folder;
mod history;
mod learn;
mod outcome;
mod progress;
mod train;
mod unfinished;

pub use data::load as load_simulations;
pub use data::{Part, about};
pub use folder::RunFolder;
pub use history::{EpochRecord, History};
pub use outcome::{Outcome, ResultRow};
pub use progress::{StatusLine, duration};
pub use train::{TrainOptions, train};
