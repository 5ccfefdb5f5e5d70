//! The whole neuron as one operation, from the input to the output.
//!
//! ```text
//! v_t = κ v_{t−1} + x_t · R                  R: routing, synapse weights and branch sum in one matrix
//! drive_t = v_t · W_b + b                    W_b: the first layer's share of the branches; R may hold it already
//! m_t = scan(drive_t, m_{t−1})               see the parent module
//! y_t = m_t · W_y + b_y
//! ```
//!
//! [`neuron_scan`] is this in terms of the parent's operations, one after the other over the whole sequence, on every
//! device. On the CPU all of it is also one fused operation: a tile of samples goes through some dozens of steps of all
//! four lines before the next, so that what one line writes is still in the cache when the next reads it, and neither
//! branches, drive and their gradients nor the gradient of the memory ever exist for the whole sequence. Its backward
//! pass keeps hidden pre-activations and tanh values, from which it computes the memory again exactly, and what of the
//! input is not zero where that is little.

#[cfg(any(feature = "flex", feature = "ndarray"))]
mod autodiff;
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(super) mod ops;

use burn::tensor::Tensor;

use super::{ScanInputs, ScanPath, ScanSpec, input_product, leaky_trace, memory_scan};

/// What the neuron reads.
#[derive(Debug, Clone)]
pub struct NeuronInputs {
    /// The input over time, `[batch, time, input]`.
    pub x: Tensor<3>,
    /// Routing, weights and branch sum, `[input, column]`; columns are branches, or units of the first layer.
    pub matrix: Tensor<2>,
    /// Decay of the trace per step.
    pub trace_decay: f64,
    /// Trace before the first step, `[batch, column]`.
    pub trace: Tensor<2>,
    /// The first layer's weights on the branches, `[column, first]`, unless the matrix holds them.
    pub branch_weights: Option<Tensor<2>>,
    /// The first layer's bias, `[first]`.
    pub bias: Tensor<1>,
    /// All other weights of the MLP in one row, see [`ScanSpec`].
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
    /// Memory after the last step, `[batch, memory]`, if it was asked for.
    pub memory: Option<Tensor<2>>,
}

/// Is the memory after the last step asked for?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum LastMemory {
    Wanted,
    NotWanted,
}

/// Output and, if asked for, last memory of a neuron over a sequence of one step at least.
///
/// Differentiable in every tensor. Shapes must fit each other and `spec`; [`ElmNeuron`](crate::ElmNeuron) sees to that.
pub fn neuron_scan(
    inputs: NeuronInputs,
    spec: &ScanSpec,
    path: ScanPath,
    last: LastMemory,
) -> NeuronResult {
    if runs_as_one(&inputs, spec, path) {
        #[cfg(any(feature = "flex", feature = "ndarray"))]
        return ops::neuron_scan(inputs, spec, last);
    }
    let [batch, time, _] = inputs.x.dims();
    let drive = drive(&inputs, spec, path);
    let memory = memory_scan(
        ScanInputs {
            drive,
            weights: inputs.weights,
            decay: inputs.decay,
            gate: inputs.gate,
            memory: inputs.memory,
        },
        spec,
        path,
    );
    let outputs = inputs.readout.dims()[1];
    let y = memory
        .clone()
        .reshape([batch * time, spec.memory])
        .matmul(inputs.readout)
        + inputs.readout_bias.unsqueeze::<2>();
    NeuronResult {
        y: y.reshape([batch, time, outputs]),
        memory: (last == LastMemory::Wanted)
            .then(|| memory.narrow(1, time - 1, 1).reshape([batch, spec.memory])),
    }
}

/// Does [`neuron_scan`] run these inputs as one fused operation?
///
/// That operation takes a tile of samples on each thread from the input to the output. With fewer samples than threads
/// the parent's operations are better, which spread the products before and after the scan over all threads; and they
/// alone compute hidden values again where memory is short.
pub fn runs_as_one(inputs: &NeuronInputs, spec: &ScanSpec, path: ScanPath) -> bool {
    #[cfg(any(feature = "flex", feature = "ndarray"))]
    {
        ops::fits(inputs, spec, path)
    }
    #[cfg(not(any(feature = "flex", feature = "ndarray")))]
    {
        let _ = (inputs, spec, path);
        false
    }
}

/// The first layer's share of the branches with its bias, `[batch, time, first]`.
fn drive(inputs: &NeuronInputs, spec: &ScanSpec, path: ScanPath) -> Tensor<3> {
    let [batch, time, _] = inputs.x.dims();
    let trace = leaky_product(
        inputs.x.clone(),
        inputs.matrix.clone(),
        inputs.trace_decay,
        Some(inputs.trace.clone()),
        path,
    );
    let width = trace.dims()[2];
    let rows = trace.reshape([batch * time, width]);
    let drive = match &inputs.branch_weights {
        Some(weights) => rows.matmul(weights.clone()),
        None => rows,
    } + inputs.bias.clone().unsqueeze::<2>();
    drive.reshape([batch, time, spec.first()])
}

/// Leaky sum over time of `x · matrix`, `[batch, time, column]`, from rest or from a trace `[batch, column]`.
pub(crate) fn leaky_product(
    x: Tensor<3>,
    matrix: Tensor<2>,
    decay: f64,
    start: Option<Tensor<2>>,
    path: ScanPath,
) -> Tensor<3> {
    let [batch, time, channels] = x.dims();
    let width = matrix.dims()[1];
    let rows = x.reshape([batch * time, channels]);
    let product = input_product(rows, matrix, path).reshape([batch, time, width]);
    let options = (&product.device(), product.dtype());
    let decay = Tensor::full([width], decay, options);
    let start = start.unwrap_or_else(|| Tensor::zeros([batch, width], options));
    leaky_trace(product, decay, start, path)
}
