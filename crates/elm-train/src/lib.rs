//! Training, evaluation and reports for ELM neurons; the library behind the `elm` command.

pub mod bench;
pub mod board;
mod caught;
pub mod cli;
pub mod compare;
pub mod device;
pub mod devices;
pub mod durable;
pub mod error;
mod insight;
pub mod logging;
pub mod model;
pub mod optim;
pub mod output;
pub mod predict;
pub mod recipe;
pub mod remote;
pub mod report;
pub mod run;
pub mod shipped;
pub mod stop;
pub mod sweep;
pub mod task;
pub mod weights;

pub use devices::Devices;
pub use error::{Result, TrainError};
