//! The whole neuron.

use burn::backend::{Remote, TensorMetadata};
use burn::tensor::{DType, Shape};

use super::{There, joined, kept, like, send};
use crate::remote::names;
use crate::scan::neuron::ops::{InputGradient, NeuronCall, NeuronKept, NeuronOps, NeuronTensors};

/// Outputs of all steps, then the last memory.
fn result(tensors: &NeuronTensors<Remote>) -> (Shape, DType) {
    let [batch, time, _] = tensors.x.shape().dims::<3>();
    let [memory, outputs] = tensors.readout.shape().dims::<2>();
    let len = batch * (time * outputs + memory);
    (Shape::new([len]), tensors.x.dtype())
}

impl NeuronOps for Remote {
    fn elm_neuron(tensors: NeuronTensors<Self>, call: NeuronCall) -> There {
        let results = [result(&tensors)];
        let [result] = send(names::NEURON, tensors.into_array(), &call, results);
        result
    }

    fn elm_neuron_forward(
        tensors: NeuronTensors<Self>,
        call: NeuronCall,
    ) -> (There, NeuronKept<Self>) {
        let dtype = tensors.x.dtype();
        let results = [
            result(&tensors),
            kept(dtype),
            kept(dtype),
            kept(dtype),
            kept(DType::I32),
            kept(DType::I32),
            kept(dtype),
        ];
        let tensors = tensors.into_array();
        let [
            result,
            hidden,
            tanh,
            starts,
            event_rows,
            event_channels,
            event_values,
        ] = send(names::NEURON_FORWARD, tensors, &call, results);
        let kept = NeuronKept {
            hidden,
            tanh,
            starts,
            event_rows,
            event_channels,
            event_values,
        };
        (result, kept)
    }

    fn elm_neuron_backward(
        grad: There,
        tensors: NeuronTensors<Self>,
        kept: NeuronKept<Self>,
        call: NeuronCall,
        input: InputGradient,
    ) -> NeuronTensors<Self> {
        let [batch, time, _] = tensors.x.shape().dims::<3>();
        let [_, width] = tensors.matrix.shape().dims::<2>();
        let tensors = tensors.into_array();
        let mut results = tensors.each_ref().map(like);
        results[0].0 = match input {
            InputGradient::Wanted => Shape::new([batch, time, width]),
            InputGradient::NotWanted => Shape::new([1]),
        };
        let rest = [
            grad,
            kept.hidden,
            kept.tanh,
            kept.starts,
            kept.event_values,
            kept.event_rows,
            kept.event_channels,
        ];
        let tensors: [There; 18] = joined(tensors, rest);
        let call = (call, input);
        NeuronTensors::from_array(send(names::NEURON_BACKWARD, tensors, &call, results))
    }
}
