//! The Expressive Leaky Memory (ELM) neuron without Burn and without an operating system.
//!
//! - [`equations`]: the neuron's equations, one function each;
//! - [`NeuronForm`]: every option of the neuron, in one place;
//! - [`mod@file`]: weight files, published ones and those of elm-model;
//! - [`ElmStream`], [`LayerStream`], [`NetworkStream`]: inference in real time, one step after another.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
pub mod equations;
mod error;
pub mod file;
mod form;
mod lanes;
pub mod legacy;
mod parts;
mod stream;

pub use config::{InputEmbedding, OutputEmbedding, Routing, neuronio_routing};
pub use error::StreamError;
pub use form::{FormError, MAX_NUMBERS, NeuronForm, NeuronOverrides, fits};
pub use parts::{LayerParts, LinearParts, NetworkParts, NeuronParts};
pub use stream::{
    ElmStream, LayerState, LayerStream, NetworkState, NetworkStream, NeuronState, Trace,
};
