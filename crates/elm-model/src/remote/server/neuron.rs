//! The whole neuron.

use burn::backend::TensorMetadata;
use burn::backend::ir::BackendIr;
use burn::server::RemoteServer;

use super::memory::check_scan;
use super::{Call, operation};
use crate::remote::names;
use crate::scan::neuron::ops::{
    FirstLayer, InputGradient, NeuronCall, NeuronKept, NeuronOps, NeuronTensors,
};

pub(super) fn serve<B: BackendIr + NeuronOps>(server: RemoteServer) -> RemoteServer {
    let server = operation::<B>(server, names::NEURON, |call| {
        let tensors = NeuronTensors::<B>::from_array(call.floats());
        let about = call.numbers();
        check(call, &tensors, &about);
        call.give(B::elm_neuron(tensors, about));
    });
    let server = operation::<B>(server, names::NEURON_FORWARD, |call| {
        let tensors = NeuronTensors::<B>::from_array(call.floats());
        let about = call.numbers();
        check(call, &tensors, &about);
        let (result, kept) = B::elm_neuron_forward(tensors, about);
        call.give_all([result, kept.hidden, kept.tanh, kept.starts]);
        call.give_int(kept.event_rows);
        call.give_int(kept.event_channels);
        call.give(kept.event_values);
    });
    operation::<B>(server, names::NEURON_BACKWARD, |call| {
        let tensors = NeuronTensors::<B>::from_array(call.floats());
        let [grad, hidden, tanh, starts, event_values] = call.floats();
        let kept: NeuronKept<B> = NeuronKept {
            hidden,
            tanh,
            starts,
            event_rows: call.int(),
            event_channels: call.int(),
            event_values,
        };
        let (about, input): (NeuronCall, InputGradient) = call.numbers();
        check(call, &tensors, &about);
        let gradients = B::elm_neuron_backward(grad, tensors, kept, about, input);
        call.give_all(gradients.into_array());
    })
}

/// Refuses tensors that do not fit each other or the call's numbers.
fn check<B: BackendIr>(call: &Call<'_, B>, tensors: &NeuronTensors<B>, about: &NeuronCall) {
    let t = tensors;
    let spec = &about.scan;
    check_scan(call, spec, &t.weights, &t.decay);
    let (x, readout) = (t.x.shape().to_vec(), t.readout.shape().to_vec());
    let (&[batch, _, inputs], &[_, outputs]) = (&x[..], &readout[..]) else {
        call.fail("input and readout have other dimensions");
    };
    let width = t.matrix.shape().to_vec().last().copied().unwrap_or(0);
    call.expect("the matrix", &t.matrix, &[inputs, width]);
    call.expect("the trace", &t.trace, &[batch, width]);
    match about.first_layer {
        FirstLayer::Apart => {
            let shape = [width, spec.first()];
            call.expect("the first layer", &t.branch_weights, &shape);
        }
        FirstLayer::Folded if width != spec.first() => call.fail("the matrix is too wide"),
        FirstLayer::Folded => {}
    }
    call.expect("the bias", &t.bias, &[spec.first()]);
    call.expect("the gate", &t.gate, &[spec.memory]);
    call.expect("the memory", &t.memory, &[batch, spec.memory]);
    call.expect("the readout", &t.readout, &[spec.memory, outputs]);
    call.expect("its bias", &t.readout_bias, &[outputs]);
}
