//! The Expressive Leaky Memory (ELM) neuron without Burn and without an operating system.
//!
//! - [`equations`]: the neuron's equations, one function each;
//! - [`NeuronForm`]: every option of the neuron, in one place.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod equations;
mod form;

pub use form::{FormError, MAX_NUMBERS, NeuronForm, NeuronOverrides, fits};
