//! The operations as Burn sees them: shapes, backend extensions, gradients, and the same in plain tensor steps.
//!
//! - [`memory`]: the memory recurrence, the leaky trace and the input product;
//! - [`neuron`]: a whole neuron from input to output;
//! - [`layer`]: a layer of neurons that listen to each other.
//!
//! A further backend implements `FusedOps`, `NeuronOps` or `LayerOps` with kernels of its own.

pub mod layer;
pub mod memory;
pub mod neuron;
