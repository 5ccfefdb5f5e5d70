//! The fused operations on the CPU, for Flex and NdArray, f32 and f64.
//!
//! Threads run over tiles of samples, so that every weight that is loaded serves several of them ([`memory`]). Weights are
//! packed once per call in the order in which the product reads them ([`pack`]); the whole time loop runs inside one
//! function per tile, in the instruction set that the machine has ([`isa`]). Weight gradients are matrix products over a
//! few hundred rows at a time within the reverse loop, while their factors are in the cache. The whole neuron as one
//! operation ([`neuron`]) puts the same loops between an input product over what is not zero ([`sparse`], [`product`])
//! and the readout, a chunk of steps at a time.

pub(crate) mod gemm;
pub(crate) mod isa;
pub(crate) mod layer;
pub(crate) mod memory;
pub(crate) mod neuron;
pub(crate) mod pack;
mod panel;
pub(crate) mod product;
pub(crate) mod real;
mod simd;
pub(crate) mod sparse;
mod sparse_row;
#[cfg(target_arch = "x86_64")]
mod spikes;
pub(crate) mod trace;
