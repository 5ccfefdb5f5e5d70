//! The layer's scan as a Burn backend extension: what Burn dispatches to a backend's own version.
#![allow(deprecated)] // NdArray is deprecated in Burn 0.22 and still in use

#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::{
    Backend, Dispatch, ExtensionType, backend_extension,
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::{Int, Tensor};

use super::{LayerCall, LayerInputs, LayerResult, LayerSource, LayerSpec, ScanState, SourceKind};

/// The tensors of a call, or their gradients; shapes as in [`super::LayerWeights`] and [`super::ScanState`].
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct LayerTensors<B: Backend> {
    /// Input `[batch, time, input]`; a single number where it comes as tokens.
    pub x: FloatTensor<B>,
    /// Synapse weights.
    pub synapses: FloatTensor<B>,
    /// Weight of the MLP's first map.
    pub first_weight: FloatTensor<B>,
    /// Bias of the MLP's first map.
    pub first_bias: FloatTensor<B>,
    /// The MLP's other maps.
    pub packed: FloatTensor<B>,
    /// Decay of the memory.
    pub decay: FloatTensor<B>,
    /// Gate on the memory update.
    pub gate: FloatTensor<B>,
    /// Readout.
    pub readout: FloatTensor<B>,
    /// Bias of the output.
    pub bias: FloatTensor<B>,
    /// State before the first step, `[batch, neuron, state]`.
    pub inner: FloatTensor<B>,
    /// Activity before the first step, `[batch, neuron]`.
    pub activity: FloatTensor<B>,
}

fields_as_array!([B: Backend] LayerTensors<B>: [FloatTensor<B>; 11] {
    x,
    synapses,
    first_weight,
    first_bias,
    packed,
    decay,
    gate,
    readout,
    bias,
    inner,
    activity,
});

/// What a call is given besides, without gradients; a single number in the place of what there is not.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct LayerGivens<B: Backend> {
    /// Tokens `[batch, time]`, below I.
    pub tokens: IntTensor<B>,
    /// Factors on the input channels, `[batch, input]`.
    pub input_mask: FloatTensor<B>,
    /// On the recurrent activity, `[batch, neuron]`.
    pub recurrent_mask: FloatTensor<B>,
    /// On the MLP's output, `[batch, neuron, memory]`.
    pub memory_mask: FloatTensor<B>,
}

/// Gradients that are asked for, of those that cost something to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Of the input.
    pub input: bool,
    /// Of decay and gate.
    pub timescales: bool,
}

/// Backends with a fused layer.
///
/// The `*_forward` and `*_backward` methods are the inner halves that the autodiff version calls; they are not
/// differentiable themselves. `fusion(meta)` names the results' shapes for Burn's lazy execution.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(feature = "cube"),
    Fusion: cfg(feature = "fusion"),
    Remote: cfg(all(feature = "remote", not(feature = "fusion"))),
    Autodiff
)]
pub trait LayerOps: Backend {
    /// The flat result, see [`LayerSpec::result_len`].
    #[fusion(meta = |tensors, _givens, call| flat(tensors, call.spec.result_len(call.batch, call.time)))]
    fn elm_layer_scan(
        #[extension_type] tensors: LayerTensors<Self>,
        #[extension_type] givens: LayerGivens<Self>,
        call: LayerCall,
    ) -> FloatTensor<Self>;

    /// The flat result, and what the backward pass needs besides.
    #[fusion(meta = |tensors, _givens, call| (
        flat(tensors, call.spec.result_len(call.batch, call.time)),
        flat(tensors, call.kept),
    ))]
    fn elm_layer_scan_forward(
        #[extension_type] tensors: LayerTensors<Self>,
        #[extension_type] givens: LayerGivens<Self>,
        call: LayerCall,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of all tensors from that of the flat result; what is not wanted is a single number or zero.
    #[fusion(meta = |tensors, _givens, _result, _kept, _grad, _call, wanted| gradients(tensors, *wanted))]
    fn elm_layer_scan_backward(
        #[extension_type] tensors: LayerTensors<Self>,
        #[extension_type] givens: LayerGivens<Self>,
        result: FloatTensor<Self>,
        kept: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        call: LayerCall,
        wanted: Wanted,
    ) -> LayerTensors<Self>;
}

/// A row of numbers of the type of a call's tensors.
#[cfg(feature = "fusion")]
fn flat(tensors: &LayerTensorsMetadata, len: usize) -> TensorSpec {
    TensorSpec::new([len].into(), tensors.decay.dtype)
}

/// Gradients are shaped as their tensors; that of the input is one number where it is not wanted.
#[cfg(feature = "fusion")]
fn gradients(tensors: &LayerTensorsMetadata, wanted: Wanted) -> LayerTensorsMetadata {
    let mut gradients = tensors.clone();
    if !wanted.input {
        gradients.x = flat(tensors, 1);
    }
    gradients
}

/// Runs the fused layer; `block` and `kept` say how this device wants [`LayerCall::block`] and [`LayerCall::kept`].
pub(crate) fn layer_scan(
    inputs: LayerInputs,
    spec: &LayerSpec,
    block: usize,
    kept: impl FnOnce(&LayerCall) -> usize,
) -> LayerResult {
    let [batch, time] = inputs.source.dims();
    let weights = inputs.weights;
    let options = (&weights.decay.device(), weights.decay.dtype());
    let nothing = || Tensor::<1>::zeros([1], options).into_dispatch();
    let no_tokens = || Tensor::<1, Int>::zeros([1], options.0).into_dispatch();
    let (x, tokens, source) = match inputs.source {
        LayerSource::Dense(x) => (x.into_dispatch(), no_tokens(), SourceKind::Dense),
        LayerSource::OneHot(ids) => (nothing(), ids.into_dispatch(), SourceKind::OneHot),
    };
    let mut call = LayerCall {
        spec: *spec,
        batch,
        time,
        block,
        kept: 0,
        plan: inputs.plan,
        source,
        gain: inputs.gain,
        masked: inputs.masks.masked(),
    };
    call.kept = kept(&call);
    let tensors = LayerTensors::<Dispatch> {
        x,
        synapses: weights.synapses.into_dispatch(),
        first_weight: weights.first_weight.into_dispatch(),
        first_bias: weights.first_bias.into_dispatch(),
        packed: weights.packed.into_dispatch(),
        decay: weights.decay.into_dispatch(),
        gate: weights.gate.into_dispatch(),
        readout: weights.readout.into_dispatch(),
        bias: weights.bias.into_dispatch(),
        inner: inputs.start.inner.into_dispatch(),
        activity: inputs.start.activity.into_dispatch(),
    };
    let masks = inputs.masks;
    let givens = LayerGivens::<Dispatch> {
        tokens,
        input_mask: masks.input.map_or_else(nothing, Tensor::into_dispatch),
        recurrent_mask: masks.recurrent.map_or_else(nothing, Tensor::into_dispatch),
        memory_mask: masks.memory.map_or_else(nothing, Tensor::into_dispatch),
    };
    let flat = Tensor::<1>::from_dispatch(Dispatch::elm_layer_scan(tensors, givens, call));
    let (n, width) = (spec.neurons, spec.state_width());
    let (samples, steps) = (batch * n, batch * time * n);
    let activity = flat.clone().narrow(0, 0, steps).reshape([batch, time, n]);
    LayerResult {
        magnitude: flat.clone().narrow(0, steps, samples).reshape([batch, n]),
        state: ScanState {
            inner: flat
                .narrow(0, steps + samples, samples * width)
                .reshape([batch, n, width]),
            activity: activity.clone().narrow(1, time - 1, 1).reshape([batch, n]),
        },
        activity,
    }
}
