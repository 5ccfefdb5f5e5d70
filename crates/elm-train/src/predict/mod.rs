//! A trained model on data: what it answers to each sequence.
//!
//! A [`Source`] gives the answers of a model to the sequences of some data, one [`SampleAnswer`] after the other: files of a
//! named task ([`TaskSource`]), simulations of NeuronIO ([`SimulationSource`]), texts ([`TextSource`]), or anyone's arrays, in
//! files ([`ArraySource`]) or in memory ([`MemorySource`]). What
//! the answers are worth says the [`OutputCard`] of the model file; a [`Writer`] puts them into a file, a [`Meter`] compares
//! them with what is true.

mod arrays;
mod lines;
mod memory;
mod meter;
mod npz;
mod simulations;
mod source;
mod stream;
mod tasks;
mod text;
mod value_score;
mod writer;

pub use arrays::{ArraySource, TableFromInput, looks_like_arrays};
pub use memory::{MemorySource, MemoryValues};
pub use meter::{Meter, Score};
pub use simulations::SimulationSource;
pub use source::{Predicting, SampleAnswer, Source, Truth};
pub use stream::{StepPredictor, StreamReport, model_stream, run_stream};
pub use tasks::TaskSource;
pub use text::TextSource;
pub use writer::{Format, Writer};

#[cfg(doc)]
use crate::model::card::OutputCard;
