//! The inner variables of a neuron over time.

use burn::tensor::Tensor;

/// Traces of one forward pass, `[batch, time, channel]` each.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Output `y`.
    pub output: Tensor<3>,
    /// Branch activation `b`, one channel per branch.
    pub branch: Tensor<3>,
    /// Memory `m`, one channel per memory unit.
    pub memory: Tensor<3>,
    /// Proposed memory update `Δm = squash(MLP([b, κ ⊙ m_{t−1}]))`, one channel per memory unit.
    pub update: Tensor<3>,
}
