//! From a backend's tensors to slices and back: what Flex and NdArray have in common.

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super::{product, real::Real, scan, trace};
use crate::memory_scan::ScanSpec;

/// A backend whose tensors lie in host memory.
pub(super) trait HostBackend: Backend {
    /// A contiguous tensor that can be read as a slice.
    type Held;
    /// Makes a tensor readable.
    fn hold(tensor: FloatTensor<Self>) -> Self::Held;
    /// Its numbers, row by row.
    fn slice<R: Real>(held: &Self::Held) -> &[R];
    /// A tensor of these numbers on the same device as `like`.
    fn make<R: Real>(values: Vec<R>, shape: Shape, like: &Self::Device) -> FloatTensor<Self>;
}

type F<B> = FloatTensor<B>;

fn dims3<B: Backend>(tensor: &F<B>) -> [usize; 3] {
    tensor.shape().dims::<3>()
}

/// Memory and, if `keep`, what the backward pass needs.
#[allow(clippy::type_complexity)]
pub(super) fn scan_forward<B: HostBackend, R: Real>(
    x: [F<B>; 5],
    spec: ScanSpec,
    keep: bool,
) -> (F<B>, Option<(F<B>, F<B>)>) {
    let device = x[0].device();
    let [batch, time, _] = dims3::<B>(&x[0]);
    let held = x.map(B::hold);
    let [drive, weights, decay, gate, start] = held.each_ref().map(|t| B::slice::<R>(t));
    let inputs = scan::Inputs {
        drive,
        weights,
        decay,
        gate,
        start,
    };
    let (memory, kept) = scan::forward(batch, time, &spec, &inputs, keep);
    let shape = |width: usize| Shape::new([batch, time, width]);
    let kept = kept.map(|k| {
        (
            B::make(k.hidden, shape(spec.hidden_total()), &device),
            B::make(k.tanh, shape(spec.memory), &device),
        )
    });
    (B::make(memory, shape(spec.memory), &device), kept)
}

/// Gradients of drive, weights, decay, gate and start.
#[allow(clippy::type_complexity)] // the tuple that the dispatched operation returns
pub(super) fn scan_backward<B: HostBackend, R: Real>(
    x: [F<B>; 8],
    spec: ScanSpec,
) -> (F<B>, F<B>, F<B>, F<B>, F<B>) {
    let device = x[0].device();
    let [batch, time, m] = dims3::<B>(&x[0]);
    let held = x.map(B::hold);
    let [grad, memory, hidden, tanh, weights, decay, gate, start] =
        held.each_ref().map(|t| B::slice::<R>(t));
    let inputs = scan::BackwardInputs {
        grad,
        memory,
        hidden,
        tanh,
        weights,
        decay,
        gate,
        start,
    };
    let g = scan::backward(batch, time, &spec, &inputs);
    (
        B::make(g.drive, Shape::new([batch, time, spec.first()]), &device),
        B::make(g.weights, Shape::new([spec.num_weights()]), &device),
        B::make(g.decay, Shape::new([m]), &device),
        B::make(g.gate, Shape::new([m]), &device),
        B::make(g.start, Shape::new([batch, m]), &device),
    )
}

pub(super) fn trace_forward<B: HostBackend, R: Real>(x: [F<B>; 3]) -> F<B> {
    let device = x[0].device();
    let dims = dims3::<B>(&x[0]);
    let held = x.map(B::hold);
    let [input, decay, start] = held.each_ref().map(|t| B::slice::<R>(t));
    B::make(
        trace::forward(dims[1], input, decay, start),
        Shape::new(dims),
        &device,
    )
}

pub(super) fn trace_backward<B: HostBackend, R: Real>(x: [F<B>; 2]) -> (F<B>, F<B>) {
    let device = x[0].device();
    let [batch, time, channels] = dims3::<B>(&x[0]);
    let held = x.map(B::hold);
    let [grad, decay] = held.each_ref().map(|t| B::slice::<R>(t));
    let (input, start) = trace::backward(batch, time, grad, decay);
    (
        B::make(input, Shape::new([batch, time, channels]), &device),
        B::make(start, Shape::new([batch, channels]), &device),
    )
}

/// The forward product, or with `transpose` that of its gradient: `inputᵀ · grad`.
pub(super) fn input_product<B: HostBackend, R: Real>(x: [F<B>; 2], transpose: bool) -> F<B> {
    let device = x[0].device();
    let [rows, inputs] = x[0].shape().dims::<2>();
    let [_, outputs] = x[1].shape().dims::<2>();
    let held = x.map(B::hold);
    let [input, other] = held.each_ref().map(|t| B::slice::<R>(t));
    if transpose {
        B::make(
            product::backward(inputs, outputs, input, other),
            Shape::new([inputs, outputs]),
            &device,
        )
    } else {
        B::make(
            product::forward(inputs, outputs, input, other),
            Shape::new([rows, outputs]),
            &device,
        )
    }
}

/// Runs `$call::<Self, R>` for the tensor's number type; the callers only come here with f32 and f64.
macro_rules! by_dtype {
    ($dtype:expr, $call:ident($($arg:expr),*)) => {
        match $dtype {
            DType::F32 => host::$call::<Self, f32>($($arg),*),
            DType::F64 => host::$call::<Self, f64>($($arg),*),
            other => unreachable!("fused ELM operations run in f32 and f64, not {other:?}"),
        }
    };
}
pub(super) use by_dtype;

/// Implements the extension for a [`HostBackend`].
macro_rules! impl_fused_ops {
    ($backend:ty) => {
        impl FusedOps for $backend {
            fn elm_memory_scan(
                drive: F,
                weights: F,
                decay: F,
                gate: F,
                start: F,
                spec: ScanSpec,
                _: Keep,
            ) -> F {
                by_dtype!(
                    drive.dtype(),
                    scan_forward([drive, weights, decay, gate, start], spec, false)
                )
                .0
            }
            fn elm_memory_scan_forward(
                drive: F,
                weights: F,
                decay: F,
                gate: F,
                start: F,
                spec: ScanSpec,
            ) -> (F, Kept<Self>) {
                let (memory, kept) = by_dtype!(
                    drive.dtype(),
                    scan_forward([drive, weights, decay, gate, start], spec, true)
                );
                match kept {
                    Some((hidden, tanh)) => (memory, Kept::HiddenAndTanh(hidden, tanh)),
                    None => unreachable!("the forward pass was asked to keep"),
                }
            }
            fn elm_memory_scan_backward(
                grad: F,
                memory: F,
                kept: Kept<Self>,
                weights: F,
                decay: F,
                gate: F,
                start: F,
                spec: ScanSpec,
            ) -> (F, F, F, F, F) {
                let Kept::HiddenAndTanh(hidden, tanh) = kept else {
                    unreachable!("the forward pass of this backend keeps the tanh")
                };
                by_dtype!(
                    grad.dtype(),
                    scan_backward(
                        [grad, memory, hidden, tanh, weights, decay, gate, start],
                        spec
                    )
                )
            }
            fn elm_leaky_trace(input: F, decay: F, start: F) -> F {
                by_dtype!(input.dtype(), trace_forward([input, decay, start]))
            }
            fn elm_leaky_trace_backward(grad: F, decay: F) -> (F, F) {
                by_dtype!(grad.dtype(), trace_backward([grad, decay]))
            }
            fn elm_input_product(input: F, matrix: F) -> F {
                by_dtype!(input.dtype(), input_product([input, matrix], false))
            }
            fn elm_input_product_backward(input: F, grad: F) -> F {
                by_dtype!(input.dtype(), input_product([input, grad], true))
            }
        }
    };
}
pub(super) use impl_fused_ops;
