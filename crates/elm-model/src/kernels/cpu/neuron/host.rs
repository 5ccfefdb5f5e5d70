//! From a backend's tensors to slices and back.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super::{BackwardKept, Sizes, Slices, backward, forward};
use crate::kernels::cpu::simd::SimdReal;
use crate::kernels::host::{HostBackend, by_dtype, for_each_host};
use crate::scan::neuron::ops::{
    FirstLayer, InputGradient, NeuronCall, NeuronKept, NeuronOps, NeuronTensors,
};

/// Tensors of a call that can be read.
struct Held<B: HostBackend> {
    tensors: [B::Held; 11],
    sizes: Sizes,
    first_layer: FirstLayer,
    branch_shape: Shape,
    device: B::Device,
}

impl<B: HostBackend> Held<B> {
    fn new(t: NeuronTensors<B>, call: &NeuronCall) -> Self {
        let [batch, time, inputs] = t.x.shape().dims::<3>();
        let [_, width] = t.matrix.shape().dims::<2>();
        let [_, outputs] = t.readout.shape().dims::<2>();
        Self {
            sizes: Sizes {
                batch,
                time,
                inputs,
                width,
                outputs,
                scan: call.scan,
                trace_decay: call.trace_decay,
            },
            first_layer: call.first_layer,
            branch_shape: t.branch_weights.shape(),
            device: t.x.device(),
            tensors: t.into_array().map(B::hold),
        }
    }

    fn slices<R: SimdReal>(&self) -> Slices<'_, R> {
        let [
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
        ] = self.tensors.each_ref().map(B::slice::<R>);
        Slices {
            x,
            matrix,
            trace,
            branch_weights: (self.first_layer == FirstLayer::Apart).then_some(branch_weights),
            bias,
            weights,
            decay,
            gate,
            memory,
            readout,
            readout_bias,
        }
    }
}

/// The flat result: outputs, then the last memory.
fn result<B: HostBackend, R: SimdReal>(
    mut y: Vec<R>,
    memory: Vec<R>,
    held: &Held<B>,
) -> FloatTensor<B> {
    y.extend(memory);
    let shape = Shape::new([y.len()]);
    B::make(y, shape, &held.device)
}

fn run<B: HostBackend, R: SimdReal>(
    tensors: NeuronTensors<B>,
    call: &NeuronCall,
) -> FloatTensor<B> {
    let held = Held::<B>::new(tensors, call);
    let found = forward(&held.sizes, &held.slices::<R>(), None);
    result(found.y, found.memory, &held)
}

fn run_forward<B: HostBackend, R: SimdReal>(
    tensors: NeuronTensors<B>,
    call: &NeuronCall,
) -> (FloatTensor<B>, NeuronKept<B>) {
    let held = Held::<B>::new(tensors, call);
    let found = forward(&held.sizes, &held.slices::<R>(), Some(&*call.input));
    let make = |values: Vec<R>| {
        let shape = Shape::new([values.len()]);
        B::make(values, shape, &held.device)
    };
    let Some(kept) = found.kept else {
        unreachable!("it was asked to be kept")
    };
    let kept = NeuronKept {
        hidden: make(kept.hidden),
        tanh: make(kept.tanh),
        starts: make(kept.starts),
    };
    (result(found.y, found.memory, &held), kept)
}

fn run_backward<B: HostBackend, R: SimdReal>(
    grad: FloatTensor<B>,
    tensors: NeuronTensors<B>,
    kept: NeuronKept<B>,
    call: &NeuronCall,
    input: InputGradient,
) -> NeuronTensors<B> {
    let held = Held::<B>::new(tensors, call);
    let mut hidden = B::hold(kept.hidden);
    let [grad, tanh, starts] = [grad, kept.tanh, kept.starts].map(B::hold);
    let slices = held.slices::<R>();
    let outputs = held.sizes.batch * held.sizes.time * held.sizes.outputs;
    let (grad, last) = B::slice::<R>(&grad).split_at(outputs);
    let g = backward(
        &held.sizes,
        &slices,
        BackwardKept {
            grad,
            last,
            hidden: B::slice_mut::<R>(&mut hidden),
            tanh: B::slice::<R>(&tanh),
            starts: B::slice::<R>(&starts),
            input: &call.input,
            input_gradient: input == InputGradient::Wanted,
        },
    );
    let Sizes {
        batch,
        time,
        inputs,
        width,
        outputs,
        scan,
        ..
    } = held.sizes;
    let make = |values: Vec<R>, shape: Shape| B::make(values, shape, &held.device);
    let zero = || vec![R::default()];
    NeuronTensors {
        x: match input {
            InputGradient::Wanted => make(g.product, Shape::new([batch, time, width])),
            InputGradient::NotWanted => make(zero(), Shape::new([1])),
        },
        matrix: make(g.matrix, Shape::new([inputs, width])),
        trace: make(g.trace, Shape::new([batch, width])),
        branch_weights: match held.first_layer {
            FirstLayer::Apart => make(g.branch_weights, held.branch_shape.clone()),
            FirstLayer::Folded => make(zero(), held.branch_shape.clone()),
        },
        bias: make(g.bias, Shape::new([scan.first()])),
        weights: make(g.weights, Shape::new([scan.num_weights()])),
        decay: make(g.decay, Shape::new([scan.memory])),
        gate: make(g.gate, Shape::new([scan.memory])),
        memory: make(g.memory, Shape::new([batch, scan.memory])),
        readout: make(g.readout, Shape::new([scan.memory, outputs])),
        readout_bias: make(g.readout_bias, Shape::new([outputs])),
    }
}

/// Implements the extension for a [`HostBackend`].
macro_rules! impl_neuron_ops {
    ($backend:ty) => {
        impl NeuronOps for $backend {
            fn elm_neuron(tensors: NeuronTensors<Self>, call: NeuronCall) -> FloatTensor<Self> {
                by_dtype!(tensors.x.dtype(), run(tensors, &call))
            }
            fn elm_neuron_forward(
                tensors: NeuronTensors<Self>,
                call: NeuronCall,
            ) -> (FloatTensor<Self>, NeuronKept<Self>) {
                by_dtype!(tensors.x.dtype(), run_forward(tensors, &call))
            }
            fn elm_neuron_backward(
                grad: FloatTensor<Self>,
                tensors: NeuronTensors<Self>,
                kept: NeuronKept<Self>,
                call: NeuronCall,
                input: InputGradient,
            ) -> NeuronTensors<Self> {
                by_dtype!(
                    tensors.x.dtype(),
                    run_backward(grad, tensors, kept, &call, input)
                )
            }
        }
    };
}
for_each_host!(impl_neuron_ops);
