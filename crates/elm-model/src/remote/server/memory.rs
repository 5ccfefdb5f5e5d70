//! The memory recurrence, the leaky trace and the input product.

use burn::backend::ir::BackendIr;
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::server::RemoteServer;

use super::{Call, operation};
use crate::remote::names;
use crate::scan::memory::ScanSpec;
use crate::scan::memory::ops::{FusedOps, KeepHidden, KeptHidden};

pub(super) fn serve<B: BackendIr + FusedOps>(server: RemoteServer) -> RemoteServer {
    let server = operation::<B>(server, names::SCAN, |call| {
        let [drive, weights, decay, gate, start] = call.floats();
        let spec = scan(call, &weights, &decay);
        let keep = KeepHidden::All;
        let memory = B::elm_memory_scan(drive, weights, decay, gate, start, spec, keep);
        call.give(memory);
    });
    let server = operation::<B>(server, names::SCAN_FORWARD, |call| {
        let [drive, weights, decay, gate, start] = call.floats();
        let spec = scan(call, &weights, &decay);
        let (memory, kept) = B::elm_memory_scan_forward(drive, weights, decay, gate, start, spec);
        let KeptHidden::HiddenAndTanh(hidden, tanh) = kept else {
            call.fail("this device keeps something else")
        };
        call.give_all([memory, hidden, tanh]);
    });
    let server = operation::<B>(server, names::SCAN_BACKWARD, |call| {
        let [hidden, grad, memory, tanh, weights, decay, gate, start] = call.floats();
        let spec = scan(call, &weights, &decay);
        let kept = KeptHidden::<B>::HiddenAndTanh(hidden, tanh);
        let found =
            B::elm_memory_scan_backward(grad, memory, kept, weights, decay, gate, start, spec);
        call.give_all(<[_; 5]>::from(found));
    });
    let server = operation::<B>(server, names::TRACE, |call| {
        let [input, decay, start] = call.floats();
        call.give(B::elm_leaky_trace(input, decay, start));
    });
    let server = operation::<B>(server, names::TRACE_BACKWARD, |call| {
        let [grad, decay] = call.floats();
        call.give_all(<[_; 2]>::from(B::elm_leaky_trace_backward(grad, decay)));
    });
    let server = operation::<B>(server, names::PRODUCT, |call| {
        let [input, matrix] = call.floats();
        call.give(B::elm_input_product(input, matrix));
    });
    operation::<B>(server, names::PRODUCT_BACKWARD, |call| {
        let [input, grad] = call.floats();
        call.give(B::elm_input_product_backward(input, grad));
    })
}

/// The sizes of a scan from the call's numbers.
fn scan<B: BackendIr>(
    call: &mut Call<'_, B>,
    weights: &FloatTensor<B>,
    decay: &FloatTensor<B>,
) -> ScanSpec {
    let spec = call.numbers();
    check_scan(call, &spec, weights, decay);
    spec
}

/// Refuses sizes of a scan that its tensors do not have.
pub(super) fn check_scan<B: BackendIr>(
    call: &Call<'_, B>,
    spec: &ScanSpec,
    weights: &FloatTensor<B>,
    decay: &FloatTensor<B>,
) {
    call.expect("the decay", decay, &[spec.memory]);
    let numbers = weights.shape().num_elements();
    // before they are multiplied with each other
    let are_small = spec.hidden_layers == 0 || spec.hidden_layers.max(spec.hidden) <= numbers;
    if !are_small || spec.num_weights() != numbers {
        call.fail(&format!("{numbers} weights do not fit {spec:?}"));
    }
}
