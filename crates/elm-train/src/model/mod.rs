//! The models that can be trained: the neuron, networks of neurons, and what they are compared with.
//!
//! All of them make `[batch, time, input]` into `[batch, time, output]`. [`ModelKind`] names one, a [`ModelConfig`] holds
//! its sizes, [`ModelConfig::init`] makes a [`SequenceToSequence`], [`save`] and [`load`] keep it in a file that carries
//! its configuration.

mod config;
mod files;
mod kind;
mod legacy;
mod module;

pub use config::{ModelConfig, NetworkModel, PublishedForm};
pub use files::{load, save, stored, stored_beside_neurons};
pub use kind::ModelKind;
pub use module::{Answer, PenalisedNetwork, SequenceToSequence, Timescales};
