//! The neuron's equations: the scalar definitions, and the same over tensors.
//!
//! The scalar functions, the enums and the constants are those of [`elm_stream::equations`], which runs without Burn;
//! [`tensor`] has what plain tensor steps need of them.

pub mod tensor;

pub use elm_stream::equations::*;
pub use elm_stream::{FormError, NeuronForm, NeuronOverrides};
