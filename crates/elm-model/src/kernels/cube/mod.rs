//! CubeCL kernels: one source for wgpu (Vulkan, Metal, WebGPU), CUDA and ROCm.

pub(crate) mod common;
pub(crate) mod layer;
pub(crate) mod neuron;
