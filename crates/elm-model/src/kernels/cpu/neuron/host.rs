//! From a backend's tensors to slices and back.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super::events::Events;
use super::{BackwardInputs, NeuronFields, NeuronShape, backward, forward};
use crate::kernels::cpu::simd::SimdReal;
use crate::kernels::host::{HostBackend, by_dtype, for_each_host};
use crate::scan::neuron::ops::{
    FirstLayer, InputGradient, NeuronCall, NeuronKept, NeuronOps, NeuronTensors,
};

/// Tensors of a call that can be read.
struct Held<B: HostBackend> {
    tensors: [B::Held; 11],
    shape: NeuronShape,
    device: B::Device,
}

impl<B: HostBackend> Held<B> {
    fn new(t: NeuronTensors<B>, call: &NeuronCall) -> Self {
        let [batch, time, inputs] = t.x.shape().dims::<3>();
        let [_, width] = t.matrix.shape().dims::<2>();
        let [_, outputs] = t.readout.shape().dims::<2>();
        Self {
            shape: NeuronShape {
                batch,
                time,
                inputs,
                width,
                outputs,
                scan: call.scan,
                trace_decay: call.trace_decay,
                first_layer: call.first_layer,
            },
            device: t.x.device(),
            tensors: t.into_array().map(B::hold),
        }
    }

    fn slices<R: SimdReal>(&self) -> NeuronFields<&[R]> {
        NeuronFields::from_array(self.tensors.each_ref().map(B::slice::<R>))
    }

    fn make<R: SimdReal>(&self, values: Vec<R>, shape: impl Into<Shape>) -> FloatTensor<B> {
        B::make(values, shape.into(), &self.device)
    }

    /// The flat result: outputs, then the last memory.
    fn result<R: SimdReal>(&self, mut y: Vec<R>, memory: Vec<R>) -> FloatTensor<B> {
        y.extend(memory);
        let len = y.len();
        self.make(y, [len])
    }
}

fn run<B: HostBackend, R: SimdReal>(
    tensors: NeuronTensors<B>,
    call: &NeuronCall,
) -> FloatTensor<B> {
    let held = Held::<B>::new(tensors, call);
    let found = forward(&held.shape, &held.slices::<R>(), false);
    held.result(found.y, found.memory)
}

fn run_forward<B: HostBackend, R: SimdReal>(
    tensors: NeuronTensors<B>,
    call: &NeuronCall,
) -> (FloatTensor<B>, NeuronKept<B>) {
    let held = Held::<B>::new(tensors, call);
    let found = forward(&held.shape, &held.slices::<R>(), true);
    let Some(kept) = found.kept else {
        unreachable!("it was asked to be kept")
    };
    let NeuronShape { batch, time, .. } = held.shape;
    let ints = |values: Vec<i32>, shape: Shape| B::make_int(values, shape, &held.device);
    let (events, m) = (kept.events, held.shape.scan.memory);
    let number = events.values.len();
    let kept = NeuronKept {
        hidden: held.make(kept.hidden, [batch, time, held.shape.scan.hidden_total()]),
        tanh: held.make(kept.tanh, [batch, time, m]),
        starts: held.make(kept.starts, [batch, kept.chunks, m + held.shape.width]),
        event_rows: ints(events.rows.into_flattened(), Shape::new([batch, time, 2])),
        event_channels: ints(events.channels, Shape::new([number])),
        event_values: held.make(events.values, [number]),
    };
    (held.result(found.y, found.memory), kept)
}

fn run_backward<B: HostBackend, R: SimdReal>(
    grad: FloatTensor<B>,
    tensors: NeuronTensors<B>,
    kept: NeuronKept<B>,
    call: &NeuronCall,
    input: InputGradient,
) -> NeuronTensors<B> {
    let [_, chunks, _] = kept.starts.shape().dims::<3>();
    let tensors = tensors.into_array();
    let mut shapes = tensors.each_ref().map(TensorMetadata::shape);
    let held = Held::<B>::new(NeuronTensors::from_array(tensors), call);
    let mut hidden = B::hold(kept.hidden);
    let [grad, tanh, starts, values] =
        [grad, kept.tanh, kept.starts, kept.event_values].map(B::hold);
    let [rows, channels] = [kept.event_rows, kept.event_channels].map(B::hold_int);
    let NeuronShape {
        batch,
        time,
        width,
        outputs,
        ..
    } = held.shape;
    let (grad, last) = B::slice::<R>(&grad).split_at(batch * time * outputs);
    let inputs = BackwardInputs {
        grad,
        last,
        hidden: B::slice_mut::<R>(&mut hidden),
        tanh: B::slice::<R>(&tanh),
        starts: B::slice::<R>(&starts),
        chunks,
        events: Events {
            rows: B::slice::<i32>(&rows).as_chunks().0,
            channels: B::slice(&channels),
            values: B::slice::<R>(&values),
        },
        input_gradient: input == InputGradient::Wanted,
    };
    let mut found = backward(&held.shape, &held.slices::<R>(), inputs);
    shapes[0] = Shape::new([batch, time, width]);
    if input == InputGradient::NotWanted {
        (found.x, shapes[0]) = (vec![R::default()], Shape::new([1]));
    }
    if held.shape.first_layer == FirstLayer::Folded {
        found.branch_weights = vec![R::default()];
    }
    let mut shapes = shapes.into_iter();
    NeuronTensors::from_array(found.into_array().map(|values| {
        let len = values.len();
        held.make(values, shapes.next().unwrap_or_else(|| Shape::new([len])))
    }))
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
