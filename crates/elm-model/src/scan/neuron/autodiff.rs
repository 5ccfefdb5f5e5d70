//! The fused neuron under Burn's autodiff: which values are kept, and which inner half runs when.

use burn::backend::{
    Autodiff, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};
use burn::tensor::Shape;

use super::ops::{InputGradient, NeuronCall, NeuronKept, NeuronOps, NeuronTensors};
use crate::scan::INNER;

#[derive(Debug)]
struct NeuronBackward;

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct NeuronState<B: NeuronOps> {
    tensors: NeuronTensors<B>,
    kept: NeuronKept<B>,
    call: NeuronCall,
}

impl<B: NeuronOps> Backward<B, 11> for NeuronBackward {
    type State = NeuronState<B>;

    fn backward(self, ops: Ops<Self::State, 11>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let NeuronState {
            tensors,
            kept,
            call,
        } = ops.state;
        let wanted = match ops.parents[0] {
            Some(_) => InputGradient::Wanted,
            None => InputGradient::NotWanted,
        };
        let x_shape = tensors.x.shape();
        let matrix = tensors.matrix.clone();
        let mut g = B::elm_neuron_backward(grad, tensors, kept, call, wanted);
        if wanted == InputGradient::Wanted {
            g.x = input_gradient::<B>(g.x, matrix, x_shape);
        }
        for (parent, grad) in ops.parents.into_iter().zip(g.into_array()) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

/// Gradient of the input from that of its product with the matrix.
fn input_gradient<B: NeuronOps>(
    product: FloatTensor<B>,
    matrix: FloatTensor<B>,
    x_shape: Shape,
) -> FloatTensor<B> {
    let [batch, time, width] = product.shape().dims::<3>();
    let rows = B::float_reshape(product, Shape::new([batch * time, width]));
    B::float_reshape(B::float_matmul(rows, B::float_transpose(matrix)), x_shape)
}

impl<B: NeuronOps, C: CheckpointStrategy> NeuronOps for Autodiff<B, C> {
    fn elm_neuron(tensors: NeuronTensors<Self>, call: NeuronCall) -> FloatTensor<Self> {
        let tensors = tensors.into_array();
        let nodes = tensors.each_ref().map(|t| t.node());
        let tensors = NeuronTensors::<B>::from_array(tensors.map(|t| t.into_primitive()));
        match NeuronBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let (result, kept) = B::elm_neuron_forward(tensors.clone(), call);
                let state = NeuronState {
                    tensors,
                    kept,
                    call,
                };
                prep.finish(state, result)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::elm_neuron(tensors, call)),
        }
    }

    fn elm_neuron_forward(
        _: NeuronTensors<Self>,
        _: NeuronCall,
    ) -> (FloatTensor<Self>, NeuronKept<Self>) {
        unreachable!("{INNER}")
    }

    fn elm_neuron_backward(
        _: FloatTensor<Self>,
        _: NeuronTensors<Self>,
        _: NeuronKept<Self>,
        _: NeuronCall,
        _: InputGradient,
    ) -> NeuronTensors<Self> {
        unreachable!("{INNER}")
    }
}
