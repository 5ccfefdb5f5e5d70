//! The memory recurrence, the leaky trace and the input product.

use burn::backend::{Remote, TensorMetadata};
use burn::tensor::{DType, Shape};

use super::{There, kept, like, send};
use crate::remote::names;
use crate::scan::memory::ScanSpec;
use crate::scan::memory::ops::{FusedOps, KeepHidden, KeptHidden};

/// `[batch, time, width]` for a given `[batch, time, ·]`.
fn with_width(like: &There, width: usize) -> (Shape, DType) {
    let [batch, time, _] = like.shape().dims::<3>();
    (Shape::new([batch, time, width]), like.dtype())
}

impl FusedOps for Remote {
    fn elm_memory_scan(
        drive: There,
        weights: There,
        decay: There,
        gate: There,
        start: There,
        spec: ScanSpec,
        _: KeepHidden,
    ) -> There {
        let result = with_width(&drive, spec.memory);
        let tensors = [drive, weights, decay, gate, start];
        let [memory] = send(names::SCAN, tensors, &spec, [result]);
        memory
    }

    fn elm_memory_scan_forward(
        drive: There,
        weights: There,
        decay: There,
        gate: There,
        start: There,
        spec: ScanSpec,
    ) -> (There, KeptHidden<Self>) {
        let dtype = drive.dtype();
        let results = [with_width(&drive, spec.memory), kept(dtype), kept(dtype)];
        let tensors = [drive, weights, decay, gate, start];
        let [memory, hidden, tanh] = send(names::SCAN_FORWARD, tensors, &spec, results);
        (memory, KeptHidden::HiddenAndTanh(hidden, tanh))
    }

    fn elm_memory_scan_backward(
        grad: There,
        memory: There,
        kept: KeptHidden<Self>,
        weights: There,
        decay: There,
        gate: There,
        start: There,
        spec: ScanSpec,
    ) -> (There, There, There, There, There) {
        let KeptHidden::HiddenAndTanh(hidden, tanh) = kept else {
            unreachable!("the forward pass of this backend keeps the tanh")
        };
        let results = [
            with_width(&grad, spec.first()),
            like(&weights),
            like(&decay),
            like(&gate),
            like(&start),
        ];
        let tensors = [hidden, grad, memory, tanh, weights, decay, gate, start];
        send(names::SCAN_BACKWARD, tensors, &spec, results).into()
    }

    fn elm_leaky_trace(input: There, decay: There, start: There) -> There {
        let result = like(&input);
        let [trace] = send(names::TRACE, [input, decay, start], &(), [result]);
        trace
    }

    fn elm_leaky_trace_backward(grad: There, decay: There) -> (There, There) {
        let [batch, _, width] = grad.shape().dims::<3>();
        let results = [like(&grad), (Shape::new([batch, width]), grad.dtype())];
        send(names::TRACE_BACKWARD, [grad, decay], &(), results).into()
    }

    fn elm_input_product(input: There, matrix: There) -> There {
        let ([rows, _], [_, columns]) = (input.shape().dims::<2>(), matrix.shape().dims::<2>());
        let result = (Shape::new([rows, columns]), input.dtype());
        let [product] = send(names::PRODUCT, [input, matrix], &(), [result]);
        product
    }

    fn elm_input_product_backward(input: There, grad: There) -> There {
        let ([_, inputs], [_, columns]) = (input.shape().dims::<2>(), grad.shape().dims::<2>());
        let result = (Shape::new([inputs, columns]), input.dtype());
        let [matrix] = send(names::PRODUCT_BACKWARD, [input, grad], &(), [result]);
        matrix
    }
}
