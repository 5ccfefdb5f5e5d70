//! The whole neuron as one operation, from the input to the output.
//!
//! ```text
//! v_t = κ v_{t−1} + x_t · R                  R: routing, synapse weights and branch sum in one matrix
//! drive_t = v_t · W_b + b                    W_b: the first layer's share of the branches; R may hold it already
//! m_t = scan(drive_t, m_{t−1})               see the parent module
//! y_t = m_t · W_y + b_y
//! ```
//!
//! [`neuron_scan`](crate::dispatch::neuron_scan) is this in terms of the parent's operations, one after the other over the whole sequence, on every
//! device. On the CPU all of it is also one fused operation: a tile of samples goes through some dozens of steps of all
//! four lines before the next, so that what one line writes is still in the cache when the next reads it, and neither
//! branches, drive and their gradients nor the gradient of the memory ever exist for the whole sequence. Its backward
//! pass keeps hidden pre-activations and tanh values, from which it computes the memory again exactly, and what of the
//! input is not zero where that is little.

#[cfg(feature = "host")]
mod autodiff;
#[cfg(feature = "host")]
pub(crate) mod ops;

use burn::tensor::Tensor;

/// What the neuron reads.
#[derive(Debug, Clone)]
pub struct NeuronInputs {
    /// The input over time, `[batch, time, input]`.
    pub x: Tensor<3>,
    /// Routing, weights and branch sum, `[input, column]`; columns are branches, or units of the first layer.
    pub matrix: Tensor<2>,
    /// Decay of the trace per step; none where the branches have no trace.
    pub trace_decay: Option<f64>,
    /// Trace before the first step, `[batch, column]`; not read without a decay.
    pub trace: Tensor<2>,
    /// The first layer's weights on the branches, `[column, first]`, unless the matrix holds them.
    pub branch_weights: Option<Tensor<2>>,
    /// The first layer's bias, `[first]`.
    pub bias: Tensor<1>,
    /// All other weights of the MLP in one row, see [`ScanSpec`](crate::scan::memory::ScanSpec).
    pub weights: Tensor<1>,
    /// Decay of each memory unit per step, `[memory]`.
    pub decay: Tensor<1>,
    /// Gate on the memory update, `[memory]`.
    pub gate: Tensor<1>,
    /// Memory before the first step, `[batch, memory]`.
    pub memory: Tensor<2>,
    /// Readout, `[memory, output]`.
    pub readout: Tensor<2>,
    /// Bias of the readout, `[output]`.
    pub readout_bias: Tensor<1>,
}

/// What the neuron yields.
#[derive(Debug, Clone)]
pub struct NeuronResult {
    /// Output after each step, `[batch, time, output]`.
    pub y: Tensor<3>,
    /// Memory after the last step, `[batch, memory]`.
    pub memory: Tensor<2>,
}
