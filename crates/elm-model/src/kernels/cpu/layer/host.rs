//! From a backend's tensors to slices and back.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::{IntDType, Shape};

use super::backward::{self, BackwardInputs};
use super::forward;
use super::lanes::{AnyRow, LayerReal, OneSample, Row};
use super::view::{Givens, LayerSlices, SynapseOrder, View};
use crate::kernels::host::{HostBackend, by_dtype, for_each_host};
use crate::scan::layer::{
    LayerCall,
    ops::{LayerGivens, LayerOps, LayerTensors, Wanted},
};

/// A call's tensors, readable.
struct Held<B: HostBackend> {
    tensors: [B::Held; 11],
    tokens: B::Held,
    input_mask: B::Held,
    recurrent_mask: B::Held,
    memory_mask: B::Held,
}

impl<B: HostBackend> Held<B> {
    fn new(tensors: LayerTensors<B>, givens: LayerGivens<B>) -> Self {
        Self {
            tensors: tensors.into_array().map(B::hold),
            tokens: B::hold_int(B::int_cast(givens.tokens, IntDType::I32)),
            input_mask: B::hold(givens.input_mask),
            recurrent_mask: B::hold(givens.recurrent_mask),
            memory_mask: B::hold(givens.memory_mask),
        }
    }

    fn view<'a, P: AnyRow>(
        &'a self,
        call: &'a LayerCall,
        order: SynapseOrder,
    ) -> View<'a, P::R, P> {
        let givens = Givens {
            tokens: B::slice(&self.tokens),
            input_mask: B::slice(&self.input_mask),
            recurrent_mask: B::slice(&self.recurrent_mask),
            memory_mask: B::slice(&self.memory_mask),
        };
        let slices = LayerSlices::from_array(self.tensors.each_ref().map(B::slice::<P::R>));
        View::new(call, slices, givens, order)
    }
}

/// The flat result, and if `keep`, what the backward pass needs besides.
fn layer_forward<B: HostBackend, R: LayerReal>(
    tensors: LayerTensors<B>,
    givens: LayerGivens<B>,
    call: &LayerCall,
    keep: bool,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let device = tensors.decay.device();
    let held = Held::<B>::new(tensors, givens);
    let order = SynapseOrder::Connectome;
    // As measured: a row of eight takes about twice the time of one sample. The backward pass goes on from rows of eight.
    let (result, kept) = match !keep && call.batch == 1 {
        true => forward_in::<OneSample<R>>(&held.view(call, order), keep),
        false => forward_in::<Row<R>>(&held.view(call, order), keep),
    };
    let make = |values: Vec<R>| {
        let shape = Shape::new([values.len()]);
        B::make(values, shape, &device)
    };
    (make(result), make(kept))
}

fn forward_in<P: AnyRow>(view: &View<'_, P::R, P>, keep: bool) -> (Vec<P::R>, Vec<P::R>) {
    forward::forward(view, keep, &view.partition())
}

/// Gradients of all tensors; that of the input is one number where it is not asked for.
fn layer_backward<B: HostBackend, R: LayerReal>(
    tensors: LayerTensors<B>,
    givens: LayerGivens<B>,
    [result, kept, grad]: [FloatTensor<B>; 3],
    call: &LayerCall,
    wanted: Wanted,
) -> LayerTensors<B> {
    let device = tensors.decay.device();
    let tensors = tensors.into_array();
    let mut shapes = tensors.each_ref().map(TensorMetadata::shape);
    let held = Held::<B>::new(LayerTensors::from_array(tensors), givens);
    let (result, kept, grad) = (B::hold(result), B::hold(kept), B::hold(grad));
    let kept = BackwardInputs {
        result: B::slice::<R>(&result),
        checkpoints: B::slice::<R>(&kept),
        grad: B::slice::<R>(&grad),
        input: wanted.input,
        timescales: wanted.timescales,
    };
    let view = held.view::<Row<R>>(call, SynapseOrder::FeedForwardFirst);
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
            fn elm_layer_scan(
                tensors: LayerTensors<Self>,
                givens: LayerGivens<Self>,
                call: LayerCall,
            ) -> FloatTensor<Self> {
                let dtype = tensors.decay.dtype();
                by_dtype!(dtype, layer_forward(tensors, givens, &call, false)).0
            }
            fn elm_layer_scan_forward(
                tensors: LayerTensors<Self>,
                givens: LayerGivens<Self>,
                call: LayerCall,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let dtype = tensors.decay.dtype();
                by_dtype!(dtype, layer_forward(tensors, givens, &call, true))
            }
            fn elm_layer_scan_backward(
                tensors: LayerTensors<Self>,
                givens: LayerGivens<Self>,
                result: FloatTensor<Self>,
                kept: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                call: LayerCall,
                wanted: Wanted,
            ) -> LayerTensors<Self> {
                by_dtype!(
                    tensors.decay.dtype(),
                    layer_backward(tensors, givens, [result, kept, grad], &call, wanted)
                )
            }
        }
    };
}
for_each_host!(impl_layer_ops);
