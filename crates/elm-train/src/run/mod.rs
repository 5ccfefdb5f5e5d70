//! A training run: its folder, the learner's loop, checkpoints, and what comes out.

mod checkpoints;
mod data;
mod describe;
mod experiment;
mod folder;
mod history;
mod learn;
mod measure;
mod neuronio;
mod outcome;
mod progress;
mod sequence;
mod train;
mod unfinished;

pub use data::load as load_simulations;
pub use data::{Part, about};
pub use folder::{RunFolder, write_whole};
pub use history::{Column, EpochRecord, History};
pub use measure::{StepTimes, measure};
pub use outcome::{Outcome, ResultRow};
pub use progress::{StatusLine, duration};
pub use train::{Ended, TrainOptions, train};
