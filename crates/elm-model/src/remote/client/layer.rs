//! A layer. Its connectome is sent once, and stays on the server as long as the layer's plan here.

use burn::backend::{Backend, Remote, RemoteDevice, TensorData, TensorMetadata, tensor::IntTensor};
use burn::tensor::Shape;

use super::{There, joined, kept, like, send};
use crate::remote::names;
use crate::remote::numbers::LayerNumbers;
use crate::scan::layer::LayerCall;
use crate::scan::layer::ops::{LayerGivens, LayerOps, LayerTensors, Wanted};

/// What every half of the operation reads: its tensors, the givens, the connectome.
fn tensors(
    tensors: LayerTensors<Remote>,
    givens: LayerGivens<Remote>,
    call: &LayerCall,
) -> [There; 16] {
    let device = tensors.decay.device();
    let rest = [
        givens.tokens,
        givens.input_mask,
        givens.recurrent_mask,
        givens.memory_mask,
        connectome(call, &device),
    ];
    joined(tensors.into_array(), rest)
}

fn connectome(call: &LayerCall, device: &RemoteDevice) -> There {
    let sent = call.plan.copies().get(device, || {
        // sources are below 2³¹: a tensor's channels and neurons are counted by less
        let sources = call.plan.connectome().iter().map(|source| *source as i32);
        let sources: Vec<i32> = sources.collect();
        let shape = [call.spec.neurons, call.spec.synapses()];
        upload::<Remote>(TensorData::new(sources, shape), device)
    });
    There::clone(&sent)
}

fn upload<B: Backend>(data: TensorData, device: &B::Device) -> IntTensor<B> {
    B::int_from_data(data, device)
}

fn numbers(call: &LayerCall) -> LayerNumbers {
    LayerNumbers {
        spec: call.spec,
        source: call.source,
        gain: call.gain,
        masked: call.masked,
    }
}

fn result(call: &LayerCall) -> Shape {
    Shape::new([call.spec.result_len(call.batch, call.time)])
}

impl LayerOps for Remote {
    fn elm_layer_scan(
        given: LayerTensors<Self>,
        givens: LayerGivens<Self>,
        call: LayerCall,
    ) -> There {
        let results = [(result(&call), given.decay.dtype())];
        let inputs = tensors(given, givens, &call);
        let [result] = send(names::LAYER, inputs, &numbers(&call), results);
        result
    }

    fn elm_layer_scan_forward(
        given: LayerTensors<Self>,
        givens: LayerGivens<Self>,
        call: LayerCall,
    ) -> (There, There) {
        let dtype = given.decay.dtype();
        let results = [(result(&call), dtype), kept(dtype)];
        let inputs = tensors(given, givens, &call);
        send(names::LAYER_FORWARD, inputs, &numbers(&call), results).into()
    }

    fn elm_layer_scan_backward(
        given: LayerTensors<Self>,
        givens: LayerGivens<Self>,
        result: There,
        kept: There,
        grad: There,
        call: LayerCall,
        wanted: Wanted,
    ) -> LayerTensors<Self> {
        let given = given.into_array();
        let mut results = given.each_ref().map(like);
        if !wanted.input {
            results[0].0 = Shape::new([1]);
        }
        let inputs = tensors(LayerTensors::from_array(given), givens, &call);
        let inputs: [There; 19] = joined(inputs, [result, kept, grad]);
        let call = (numbers(&call), wanted);
        LayerTensors::from_array(send(names::LAYER_BACKWARD, inputs, &call, results))
    }
}
