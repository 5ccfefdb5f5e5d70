//! A training run: its folder, the loop, checkpoints, and what comes out.
//!
//! A run is exact: everything random in a gradient step follows from the recipe's seed and the number of the step, and a
//! checkpoint holds everything else. A run that was killed and gone on with ends with the numbers of one that was not, to
//! the last bit, on the same kind of device and, on the CPU, with the same number of threads.

pub(crate) mod card;
mod change;
mod checkpoint;
mod data;
mod describe;
mod experiment;
mod fan;
mod finish;
mod folder;
mod gradient;
mod history;
mod learn;
mod list;
mod lock;
mod measure;
mod meters;
mod neuronio;
mod outcome;
mod own;
mod progress;
mod record;
mod sequence;
mod step;
mod steps;
mod tensorboard;
mod text;
mod time;
mod together;
mod train;
mod tune;
mod used;

pub use data::about;
pub use folder::{RunFolder, next_free};
pub use history::{Column, EpochRecord, best, read as read_epochs};
pub use list::{RunState, RunSummary, list, summary};
pub use measure::{StepTimes, measure};
pub use outcome::{Outcome, ResultRow};
pub use progress::{StatusLine, fitted};
pub use record::{Ending, How, RunRecord, Session};
pub(crate) use step::Trainer;
pub(crate) use steps::{FILE as STEPS, StepRecord};
pub use time::duration;
pub use train::{Ended, TrainOptions, data_form, train, train_task};
pub use tune::Tuning;
