//! From a backend's tensors to slices and back: what Flex and NdArray have in common.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super::super::{
    LayerCall,
    ops::{LayerTensors, Wanted},
};
use super::backward::{self, Kept};
use super::forward;
use super::lanes::LayerReal;
use super::view::{Slices, View};

/// A backend whose tensors lie in host memory.
pub(super) trait HostBackend: Backend {
    /// A contiguous tensor that can be read as a slice.
    type Held;
    /// Makes a tensor readable.
    fn hold(tensor: FloatTensor<Self>) -> Self::Held;
    /// Its numbers, row by row.
    fn slice<R: LayerReal>(held: &Self::Held) -> &[R];
    /// A tensor of these numbers.
    fn make<R: LayerReal>(values: Vec<R>, shape: Shape, like: &Self::Device) -> FloatTensor<Self>;
}

/// The fields of [`LayerTensors`] in the order of [`Slices`].
fn hold<B: HostBackend>(tensors: LayerTensors<B>) -> [B::Held; 11] {
    [
        tensors.x,
        tensors.synapses,
        tensors.first_weight,
        tensors.first_bias,
        tensors.packed,
        tensors.decay,
        tensors.gate,
        tensors.readout,
        tensors.bias,
        tensors.inner,
        tensors.activity,
    ]
    .map(B::hold)
}

fn slices<B: HostBackend, R: LayerReal>(held: &[B::Held; 11]) -> Slices<'_, R> {
    let [
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
    ] = held.each_ref().map(|t| B::slice::<R>(t));
    Slices {
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
    }
}

/// The flat result, and if `keep`, what the backward pass needs besides.
pub(super) fn layer_forward<B: HostBackend, R: LayerReal>(
    tensors: LayerTensors<B>,
    call: &LayerCall,
    keep: bool,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let device = tensors.decay.device();
    let held = hold::<B>(tensors);
    let view = View::new(call, slices::<B, R>(&held));
    let (result, kept) = forward::forward(&view, keep, &view.partition());
    let make = |values: Vec<R>| {
        let shape = Shape::new([values.len()]);
        B::make(values, shape, &device)
    };
    (make(result), make(kept))
}

/// Gradients of all tensors; that of the input is one number where it is not asked for.
pub(super) fn layer_backward<B: HostBackend, R: LayerReal>(
    tensors: LayerTensors<B>,
    result: FloatTensor<B>,
    kept: FloatTensor<B>,
    grad: FloatTensor<B>,
    call: &LayerCall,
    wanted: Wanted,
) -> LayerTensors<B> {
    let device = tensors.decay.device();
    let shapes = [
        tensors.x.shape(),
        tensors.synapses.shape(),
        tensors.first_weight.shape(),
        tensors.first_bias.shape(),
        tensors.packed.shape(),
        tensors.decay.shape(),
        tensors.gate.shape(),
        tensors.readout.shape(),
        tensors.bias.shape(),
        tensors.inner.shape(),
        tensors.activity.shape(),
    ];
    let held = hold::<B>(tensors);
    let (result, kept, grad) = (B::hold(result), B::hold(kept), B::hold(grad));
    let kept = Kept {
        result: B::slice::<R>(&result),
        checkpoints: B::slice::<R>(&kept),
        grad: B::slice::<R>(&grad),
        input: wanted.input,
        timescales: wanted.timescales,
    };
    let view = View::new(call, slices::<B, R>(&held));
    let mut g = backward::backward(&view, &kept, &view.partition());
    if call.spec.hidden_layers == 0 {
        // the tensor of no packed maps holds one number per neuron
        g.packed = vec![R::default(); call.spec.neurons];
    }
    let [
        mut x_shape,
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
    ] = shapes;
    if !wanted.input {
        g.x = vec![R::default()];
        x_shape = Shape::new([1]);
    }
    let make = |values: Vec<R>, shape: Shape| B::make(values, shape, &device);
    LayerTensors {
        x: make(g.x, x_shape),
        synapses: make(g.synapses, synapses),
        first_weight: make(g.first_weight, first_weight),
        first_bias: make(g.first_bias, first_bias),
        packed: make(g.packed, packed),
        decay: make(g.decay, decay),
        gate: make(g.gate, gate),
        readout: make(g.readout, readout),
        bias: make(g.bias, bias),
        inner: make(g.inner, inner),
        activity: make(g.activity, activity),
    }
}

/// Implements the extension for a [`HostBackend`]; calls only come in f32 and f64.
macro_rules! impl_layer_ops {
    ($backend:ty) => {
        impl LayerOps for $backend {
            fn elm_layer_scan(tensors: LayerTensors<Self>, call: LayerCall) -> FloatTensor<Self> {
                match tensors.decay.dtype() {
                    DType::F64 => host::layer_forward::<Self, f64>(tensors, &call, false).0,
                    _ => host::layer_forward::<Self, f32>(tensors, &call, false).0,
                }
            }
            fn elm_layer_scan_forward(
                tensors: LayerTensors<Self>,
                call: LayerCall,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                match tensors.decay.dtype() {
                    DType::F64 => host::layer_forward::<Self, f64>(tensors, &call, true),
                    _ => host::layer_forward::<Self, f32>(tensors, &call, true),
                }
            }
            fn elm_layer_scan_backward(
                tensors: LayerTensors<Self>,
                result: FloatTensor<Self>,
                kept: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                call: LayerCall,
                wanted: Wanted,
            ) -> LayerTensors<Self> {
                match tensors.decay.dtype() {
                    DType::F64 => host::layer_backward::<Self, f64>(
                        tensors, result, kept, grad, &call, wanted,
                    ),
                    _ => host::layer_backward::<Self, f32>(
                        tensors, result, kept, grad, &call, wanted,
                    ),
                }
            }
        }
    };
}
pub(super) use impl_layer_ops;
