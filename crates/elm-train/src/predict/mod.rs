//! A trained model on data: what it answers to each sequence.
//!
//! A [`Source`] gives the answers of a model to the sequences of some data, one [`SampleAnswer`] after the other: files of a
//! named task ([`TaskSource`]), simulations of NeuronIO ([`SimulationSource`]), or anyone's arrays ([`ArraySource`]). What
//! the answers are worth says the [`OutputCard`] of the model file; a [`Writer`] puts them into a file, a [`Meter`] compares
//! them with what is true.

mod arrays;
mod lines;
mod meter;
mod npz;
mod simulations;
mod source;
mod stream;
mod tasks;
mod writer;

pub use arrays::{ArraySource, TableFromInput, looks_like_arrays};
pub use meter::{Meter, Score};
pub use simulations::SimulationSource;
pub use source::{Predicting, SampleAnswer, Source, Truth};
pub use stream::{StreamReport, run_stream};
pub use tasks::TaskSource;
pub use writer::{Format, Writer};

#[cfg(doc)]
use crate::model::card::OutputCard;
