//! From a backend's tensors to slices and back.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;

use super as memory;
use crate::kernels::cpu::{product, simd::SimdReal, trace};
use crate::kernels::host::{HostBackend, by_dtype, for_each_host};
use crate::scan::memory::ScanSpec;
use crate::scan::memory::ops::{FusedOps, KeepHidden, KeptHidden};

type F<B> = FloatTensor<B>;

fn dims3<B: Backend>(tensor: &F<B>) -> [usize; 3] {
    tensor.shape().dims::<3>()
}

/// The memory.
pub(super) fn scan<B: HostBackend, R: SimdReal>(
    drive: F<B>,
    rest: [F<B>; 4],
    spec: ScanSpec,
) -> F<B> {
    let device = drive.device();
    let [batch, time, _] = dims3::<B>(&drive);
    let (drive, rest) = (B::hold(drive), rest.map(B::hold));
    let [weights, decay, gate, start] = rest.each_ref().map(|t| B::slice::<R>(t));
    let inputs = memory::ForwardInputs {
        weights,
        decay,
        gate,
        start,
    };
    let mut memory = vec![R::default(); batch * time * spec.memory];
    let drive = memory::Drive::Read(B::slice::<R>(&drive));
    memory::forward([batch, time], &spec, drive, &inputs, &mut memory, None);
    B::make(memory, Shape::new([batch, time, spec.memory]), &device)
}

/// The memory and what the backward pass needs: hidden pre-activations, in the drive's place where they are as many,
/// and tanh values.
pub(super) fn scan_forward<B: HostBackend, R: SimdReal>(
    drive: F<B>,
    rest: [F<B>; 4],
    spec: ScanSpec,
) -> (F<B>, F<B>, F<B>) {
    let device = drive.device();
    let [batch, time, _] = dims3::<B>(&drive);
    let (mut drive, rest) = (B::hold(drive), rest.map(B::hold));
    let [weights, decay, gate, start] = rest.each_ref().map(|t| B::slice::<R>(t));
    let inputs = memory::ForwardInputs {
        weights,
        decay,
        gate,
        start,
    };
    let shape = |width: usize| Shape::new([batch, time, width]);
    let zeros = |width: usize| vec![R::default(); batch * time * width];
    let (mut memory, mut tanh) = (zeros(spec.memory), zeros(spec.memory));
    let hidden = if spec.hidden_layers == 1 {
        let drive_slice = memory::Drive::Overwrite(B::slice_mut::<R>(&mut drive));
        let kept = Some(&mut tanh[..]);
        memory::forward(
            [batch, time],
            &spec,
            drive_slice,
            &inputs,
            &mut memory,
            kept,
        );
        B::release(drive, &device)
    } else {
        let mut hidden = zeros(spec.hidden_total());
        let drive = memory::Drive::KeepHidden(B::slice::<R>(&drive), &mut hidden);
        let kept = Some(&mut tanh[..]);
        memory::forward([batch, time], &spec, drive, &inputs, &mut memory, kept);
        B::make(hidden, shape(spec.hidden_total()), &device)
    };
    (
        B::make(memory, shape(spec.memory), &device),
        hidden,
        B::make(tanh, shape(spec.memory), &device),
    )
}

/// Gradients of drive, weights, decay, gate and start.
#[allow(clippy::type_complexity)] // the tuple that the dispatched operation returns
pub(super) fn scan_backward<B: HostBackend, R: SimdReal>(
    hidden: F<B>,
    rest: [F<B>; 7],
    spec: ScanSpec,
) -> (F<B>, F<B>, F<B>, F<B>, F<B>) {
    let device = hidden.device();
    let [batch, time, m] = dims3::<B>(&rest[0]);
    let (mut hidden, rest) = (B::hold(hidden), rest.map(B::hold));
    let [grad, memory, tanh, weights, decay, gate, start] =
        rest.each_ref().map(|t| B::slice::<R>(t));
    let inputs = memory::BackwardInputs {
        grad,
        memory,
        tanh,
        weights,
        decay,
        gate,
        start,
    };
    let from_hidden = if spec.hidden_layers == 0 {
        batch * time * m
    } else {
        0
    };
    let mut drive = vec![R::default(); from_hidden];
    let pre = B::slice_mut::<R>(&mut hidden);
    let g = memory::backward([batch, time], &spec, &inputs, pre, &mut drive);
    let shape = Shape::new([batch, time, spec.first()]);
    let drive = match spec.hidden_layers {
        0 => B::make(drive, shape, &device),
        1 => B::release(hidden, &device),
        _ => {
            let (h, kept) = (spec.hidden, spec.hidden_total());
            let rows = B::slice::<R>(&hidden).chunks_exact(kept);
            B::make(
                rows.flat_map(|row| row[..h].iter().copied()).collect(),
                shape,
                &device,
            )
        }
    };
    (
        drive,
        B::make(g.weights, Shape::new([spec.num_weights()]), &device),
        B::make(g.decay, Shape::new([m]), &device),
        B::make(g.gate, Shape::new([m]), &device),
        B::make(g.start, Shape::new([batch, m]), &device),
    )
}

pub(super) fn trace_forward<B: HostBackend, R: SimdReal>(x: [F<B>; 3]) -> F<B> {
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

pub(super) fn trace_backward<B: HostBackend, R: SimdReal>(x: [F<B>; 2]) -> (F<B>, F<B>) {
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
pub(super) fn input_product<B: HostBackend, R: SimdReal>(x: [F<B>; 2], transpose: bool) -> F<B> {
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

/// Implements the extension for a [`HostBackend`].
macro_rules! impl_fused_ops {
    ($backend:ty) => {
        impl FusedOps for $backend {
            fn elm_memory_scan(
                drive: F<Self>,
                weights: F<Self>,
                decay: F<Self>,
                gate: F<Self>,
                start: F<Self>,
                spec: ScanSpec,
                _: KeepHidden,
            ) -> F<Self> {
                by_dtype!(
                    drive.dtype(),
                    scan(drive, [weights, decay, gate, start], spec)
                )
            }
            fn elm_memory_scan_forward(
                drive: F<Self>,
                weights: F<Self>,
                decay: F<Self>,
                gate: F<Self>,
                start: F<Self>,
                spec: ScanSpec,
            ) -> (F<Self>, KeptHidden<Self>) {
                let (memory, hidden, tanh) = by_dtype!(
                    drive.dtype(),
                    scan_forward(drive, [weights, decay, gate, start], spec)
                );
                (memory, KeptHidden::HiddenAndTanh(hidden, tanh))
            }
            fn elm_memory_scan_backward(
                grad: F<Self>,
                memory: F<Self>,
                kept: KeptHidden<Self>,
                weights: F<Self>,
                decay: F<Self>,
                gate: F<Self>,
                start: F<Self>,
                spec: ScanSpec,
            ) -> (F<Self>, F<Self>, F<Self>, F<Self>, F<Self>) {
                let KeptHidden::HiddenAndTanh(hidden, tanh) = kept else {
                    unreachable!("the forward pass of this backend keeps the tanh")
                };
                by_dtype!(
                    grad.dtype(),
                    scan_backward(
                        hidden,
                        [grad, memory, tanh, weights, decay, gate, start],
                        spec
                    )
                )
            }
            fn elm_leaky_trace(input: F<Self>, decay: F<Self>, start: F<Self>) -> F<Self> {
                by_dtype!(input.dtype(), trace_forward([input, decay, start]))
            }
            fn elm_leaky_trace_backward(grad: F<Self>, decay: F<Self>) -> (F<Self>, F<Self>) {
                by_dtype!(grad.dtype(), trace_backward([grad, decay]))
            }
            fn elm_input_product(input: F<Self>, matrix: F<Self>) -> F<Self> {
                by_dtype!(input.dtype(), input_product([input, matrix], false))
            }
            fn elm_input_product_backward(input: F<Self>, grad: F<Self>) -> F<Self> {
                by_dtype!(input.dtype(), input_product([input, grad], true))
            }
        }
    };
}
for_each_host!(impl_fused_ops);
