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
use super::ops::{LayerOps, LayerTensors, Wanted};

#[derive(Debug)]
struct LayerBackward;

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct LayerState<B: LayerOps> {
    tensors: LayerTensors<B>,
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
        let g = B::elm_layer_scan_backward(s.tensors, s.result, s.kept, grad, s.call, wanted);
        let all = [
            g.x,
            g.synapses,
            g.first_weight,
            g.first_bias,
            g.packed,
            g.decay,
            g.gate,
            g.readout,
            g.bias,
            g.inner,
            g.activity,
        ];
        for (parent, grad) in ops.parents.into_iter().zip(all) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

const INNER: &str = "inner half of a fused operation: the autodiff version never calls itself";

impl<B: LayerOps, C: CheckpointStrategy> LayerOps for Autodiff<B, C> {
    fn elm_layer_scan(tensors: LayerTensors<Self>, call: LayerCall) -> FloatTensor<Self> {
        let nodes = [
            tensors.x.node(),
            tensors.synapses.node(),
            tensors.first_weight.node(),
            tensors.first_bias.node(),
            tensors.packed.node(),
            tensors.decay.node(),
            tensors.gate.node(),
            tensors.readout.node(),
            tensors.bias.node(),
            tensors.inner.node(),
            tensors.activity.node(),
        ];
        let tensors = LayerTensors::<B> {
            x: tensors.x.into_primitive(),
            synapses: tensors.synapses.into_primitive(),
            first_weight: tensors.first_weight.into_primitive(),
            first_bias: tensors.first_bias.into_primitive(),
            packed: tensors.packed.into_primitive(),
            decay: tensors.decay.into_primitive(),
            gate: tensors.gate.into_primitive(),
            readout: tensors.readout.into_primitive(),
            bias: tensors.bias.into_primitive(),
            inner: tensors.inner.into_primitive(),
            activity: tensors.activity.into_primitive(),
        };
        match LayerBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (result, kept) = B::elm_layer_scan_forward(tensors.clone(), call.clone());
                let state = LayerState {
                    tensors,
                    result: result.clone(),
                    kept,
                    call,
                };
                prep.finish(state, result)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::elm_layer_scan(tensors, call)),
        }
    }

    fn elm_layer_scan_forward(
        _: LayerTensors<Self>,
        _: LayerCall,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{INNER}")
    }

    fn elm_layer_scan_backward(
        _: LayerTensors<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: LayerCall,
        _: Wanted,
    ) -> LayerTensors<Self> {
        unreachable!("{INNER}")
    }
}
