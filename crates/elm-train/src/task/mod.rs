//! Tasks: data, loss, metrics and what a neuron's outputs mean.

pub mod neuronio;
