//! The fused layer under Burn's autodiff: which values are kept, and which inner half runs when.

use burn::backend::{
    Autodiff,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

use super::LayerCall;
use super::ops::{LayerGivens, LayerOps, LayerTensors, Wanted};
use crate::scan::INNER;

#[derive(Debug)]
struct LayerBackward;

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct LayerState<B: LayerOps> {
    tensors: LayerTensors<B>,
    givens: LayerGivens<B>,
    result: FloatTensor<B>,
    kept: FloatTensor<B>,
    call: LayerCall,
}

impl<B: LayerOps> Backward<B, 11> for LayerBackward {
    type State = LayerState<B>;

    fn backward(self, ops: Ops<Self::State, 11>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let s = ops.state;
        let wanted = Wanted {
            input: ops.parents[0].is_some(),
            timescales: ops.parents[5].is_some() || ops.parents[6].is_some(),
        };
        let g =
            B::elm_layer_scan_backward(s.tensors, s.givens, s.result, s.kept, grad, s.call, wanted);
        for (parent, grad) in ops.parents.into_iter().zip(g.into_array()) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

impl<B: LayerOps, C: CheckpointStrategy> LayerOps for Autodiff<B, C> {
    fn elm_layer_scan(
        tensors: LayerTensors<Self>,
        givens: LayerGivens<Self>,
        call: LayerCall,
    ) -> FloatTensor<Self> {
        let givens = LayerGivens::<B> {
            tokens: givens.tokens,
            input_mask: givens.input_mask.into_primitive(),
            recurrent_mask: givens.recurrent_mask.into_primitive(),
            memory_mask: givens.memory_mask.into_primitive(),
        };
        let tensors = tensors.into_array();
        let nodes = tensors.each_ref().map(|t| t.node());
        let tensors = LayerTensors::<B>::from_array(tensors.map(|t| t.into_primitive()));
        match LayerBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (result, kept) =
                    B::elm_layer_scan_forward(tensors.clone(), givens.clone(), call.clone());
                let state = LayerState {
                    tensors,
                    givens,
                    result: result.clone(),
                    kept,
                    call,
                };
                prep.finish(state, result)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::elm_layer_scan(tensors, givens, call)),
        }
    }

    fn elm_layer_scan_forward(
        _: LayerTensors<Self>,
        _: LayerGivens<Self>,
        _: LayerCall,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{INNER}")
    }

    fn elm_layer_scan_backward(
        _: LayerTensors<Self>,
        _: LayerGivens<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: LayerCall,
        _: Wanted,
    ) -> LayerTensors<Self> {
        unreachable!("{INNER}")
    }
}
