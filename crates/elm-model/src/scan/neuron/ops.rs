//! The whole neuron as a Burn backend extension, on the CPU.
#![allow(deprecated)] // NdArray is deprecated in Burn 0.22 and still in use

use burn::backend::{
    Backend, Dispatch, ExtensionType, backend_extension,
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::Tensor;

use super::{NeuronInputs, NeuronResult};
use crate::scan::memory::ScanSpec;

/// What of a call is not in its tensors.
#[derive(Debug, Clone, Copy)]
pub struct NeuronCall {
    /// The memory scan.
    pub scan: ScanSpec,
    /// Decay of the trace per step; none where the branches have no trace.
    pub trace_decay: Option<f64>,
    /// Does the matrix hold the first layer's share already?
    pub first_layer: FirstLayer,
}

/// Where the first layer's weights on the branches are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLayer {
    /// In a tensor of their own.
    Apart,
    /// Folded into the matrix.
    Folded,
}

/// The tensors of a call, or their gradients; shapes as in [`NeuronInputs`].
#[derive(Debug, Clone, ExtensionType)]
pub struct NeuronTensors<B: Backend> {
    /// The input over time, `[batch, time, input]`.
    pub x: FloatTensor<B>,
    /// Routing, weights and branch sum, `[input, column]`.
    pub matrix: FloatTensor<B>,
    /// Trace before the first step, `[batch, column]`.
    pub trace: FloatTensor<B>,
    /// The first layer's weights on the branches, `[column, first]`; a single number where the matrix holds them.
    pub branch_weights: FloatTensor<B>,
    /// The first layer's bias, `[first]`.
    pub bias: FloatTensor<B>,
    /// All other weights of the MLP in one row.
    pub weights: FloatTensor<B>,
    /// Decay of each memory unit per step, `[memory]`.
    pub decay: FloatTensor<B>,
    /// Gate on the memory update, `[memory]`.
    pub gate: FloatTensor<B>,
    /// Memory before the first step, `[batch, memory]`.
    pub memory: FloatTensor<B>,
    /// Readout, `[memory, output]`.
    pub readout: FloatTensor<B>,
    /// Bias of the readout, `[output]`.
    pub readout_bias: FloatTensor<B>,
}

fields_as_array!([B: Backend] NeuronTensors<B>: [FloatTensor<B>; 11] {
    x,
    matrix,
    trace,
    branch_weights,
    bias,
    weights,
    decay,
    gate,
    memory,
    readout,
    readout_bias,
});

/// What the backward pass needs of the forward pass; nothing of it depends on the threads that computed it.
#[derive(Debug, Clone, ExtensionType)]
pub struct NeuronKept<B: Backend> {
    /// Hidden pre-activations, `[batch, time, layers · hidden]`.
    pub hidden: FloatTensor<B>,
    /// Tanh values, `[batch, time, memory]`.
    pub tanh: FloatTensor<B>,
    /// Memory and trace before each chunk of steps, `[batch, chunk, memory + column]`. All chunks but the last are
    /// equally long, so that their number tells their length.
    pub starts: FloatTensor<B>,
    /// Where the numbers of each row of the input that are not zero begin in the next two lists, and how many they are,
    /// `[batch, time, 2]`; −1 for a row that has too many of them to be kept.
    pub event_rows: IntTensor<B>,
    /// The channels of these numbers.
    pub event_channels: IntTensor<B>,
    /// The numbers.
    pub event_values: FloatTensor<B>,
}

/// Backends with the whole neuron as one operation.
///
/// The `*_forward` and `*_backward` methods are the inner halves that the autodiff version calls; they are not
/// differentiable themselves. The result is flat: outputs `[batch, time, output]`, then the last memory `[batch, memory]`.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Remote: cfg(all(feature = "remote", not(feature = "fusion"))), Autodiff)]
pub trait NeuronOps: Backend {
    /// The result.
    fn elm_neuron(
        #[extension_type] tensors: NeuronTensors<Self>,
        call: NeuronCall,
    ) -> FloatTensor<Self>;

    /// The result, and what the backward pass needs.
    fn elm_neuron_forward(
        #[extension_type] tensors: NeuronTensors<Self>,
        call: NeuronCall,
    ) -> (FloatTensor<Self>, NeuronKept<Self>);

    /// Gradients of all tensors from that of the result. In the place of the input's is that of `x · matrix`,
    /// `[batch, time, column]`, if it is asked for.
    fn elm_neuron_backward(
        grad: FloatTensor<Self>,
        #[extension_type] tensors: NeuronTensors<Self>,
        #[extension_type] kept: NeuronKept<Self>,
        call: NeuronCall,
        input: InputGradient,
    ) -> NeuronTensors<Self>;
}

/// Is the gradient of the input asked for?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputGradient {
    /// It is computed.
    Wanted,
    /// It is left out: something else stands in its place.
    NotWanted,
}

pub(crate) fn neuron_scan(inputs: NeuronInputs, spec: &ScanSpec) -> NeuronResult {
    let [batch, time, _] = inputs.x.dims();
    let outputs = inputs.readout.dims()[1];
    let options = (&inputs.x.device(), inputs.x.dtype());
    let (branch_weights, first_layer) = match inputs.branch_weights {
        Some(weights) => (weights, FirstLayer::Apart),
        None => (Tensor::zeros([1, 1], options), FirstLayer::Folded),
    };
    let call = NeuronCall {
        scan: *spec,
        trace_decay: inputs.trace_decay,
        first_layer,
    };
    let tensors = NeuronTensors::<Dispatch> {
        x: inputs.x.into_dispatch(),
        matrix: inputs.matrix.into_dispatch(),
        trace: inputs.trace.into_dispatch(),
        branch_weights: branch_weights.into_dispatch(),
        bias: inputs.bias.into_dispatch(),
        weights: inputs.weights.into_dispatch(),
        decay: inputs.decay.into_dispatch(),
        gate: inputs.gate.into_dispatch(),
        memory: inputs.memory.into_dispatch(),
        readout: inputs.readout.into_dispatch(),
        readout_bias: inputs.readout_bias.into_dispatch(),
    };
    let result = Dispatch::elm_neuron(tensors, call);
    let flat = Tensor::<1>::from_dispatch(result);
    let steps = batch * time * outputs;
    let memory = flat.clone().narrow(0, steps, batch * spec.memory);
    NeuronResult {
        y: flat.narrow(0, 0, steps).reshape([batch, time, outputs]),
        memory: memory.reshape([batch, spec.memory]),
    }
}
