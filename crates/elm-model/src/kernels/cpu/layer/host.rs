//! From a backend's tensors to slices and back.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super::backward::{self, Kept};
use super::forward;
use super::lanes::LayerReal;
use super::view::{Slices, View};
use crate::kernels::host::{HostBackend, by_dtype, for_each_host};
use crate::scan::layer::{
    LayerCall,
    ops::{LayerOps, LayerTensors, Wanted},
};

/// The flat result, and if `keep`, what the backward pass needs besides.
fn layer_forward<B: HostBackend, R: LayerReal>(
    tensors: LayerTensors<B>,
    call: &LayerCall,
    keep: bool,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let device = tensors.decay.device();
    let held = tensors.into_array().map(B::hold);
    let view = View::new(call, Slices::from_array(held.each_ref().map(B::slice::<R>)));
    let (result, kept) = forward::forward(&view, keep, &view.partition());
    let make = |values: Vec<R>| {
        let shape = Shape::new([values.len()]);
        B::make(values, shape, &device)
    };
    (make(result), make(kept))
}

/// Gradients of all tensors; that of the input is one number where it is not asked for.
fn layer_backward<B: HostBackend, R: LayerReal>(
    tensors: LayerTensors<B>,
    result: FloatTensor<B>,
    kept: FloatTensor<B>,
    grad: FloatTensor<B>,
    call: &LayerCall,
    wanted: Wanted,
) -> LayerTensors<B> {
    let device = tensors.decay.device();
    let tensors = tensors.into_array();
    let mut shapes = tensors.each_ref().map(TensorMetadata::shape);
    let held = tensors.map(B::hold);
    let (result, kept, grad) = (B::hold(result), B::hold(kept), B::hold(grad));
    let kept = Kept {
        result: B::slice::<R>(&result),
        checkpoints: B::slice::<R>(&kept),
        grad: B::slice::<R>(&grad),
        input: wanted.input,
        timescales: wanted.timescales,
    };
    let view = View::new(call, Slices::from_array(held.each_ref().map(B::slice::<R>)));
    let mut gradients = backward::backward(&view, &kept, &view.partition());
    if call.spec.hidden_layers == 0 {
        // the tensor of no packed maps holds one number per neuron
        gradients.packed = vec![R::default(); call.spec.neurons];
    }
    if !wanted.input {
        gradients.x = vec![R::default()];
        shapes[0] = Shape::new([1]);
    }
    let mut shapes = shapes.into_iter();
    LayerTensors::from_array(gradients.into_array().map(|values| {
        let shape = shapes.next().unwrap_or_else(|| Shape::new([values.len()]));
        B::make(values, shape, &device)
    }))
}

/// Implements the extension for a [`HostBackend`].
macro_rules! impl_layer_ops {
    ($backend:ty) => {
        impl LayerOps for $backend {
            fn elm_layer_scan(tensors: LayerTensors<Self>, call: LayerCall) -> FloatTensor<Self> {
                by_dtype!(tensors.decay.dtype(), layer_forward(tensors, &call, false)).0
            }
            fn elm_layer_scan_forward(
                tensors: LayerTensors<Self>,
                call: LayerCall,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                by_dtype!(tensors.decay.dtype(), layer_forward(tensors, &call, true))
            }
            fn elm_layer_scan_backward(
                tensors: LayerTensors<Self>,
                result: FloatTensor<Self>,
                kept: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                call: LayerCall,
                wanted: Wanted,
            ) -> LayerTensors<Self> {
                by_dtype!(
                    tensors.decay.dtype(),
                    layer_backward(tensors, result, kept, grad, &call, wanted)
                )
            }
        }
    };
}
for_each_host!(impl_layer_ops);
