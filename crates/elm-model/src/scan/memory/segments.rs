//! The backward pass that keeps only memory and drive: the scan runs again, a segment of steps at a time.
//!
//! The memory after every step is the scan's own output and there anyway, so that each segment can start from the
//! memory before it. Segments go from the last to the first; each passes the gradient of its start on to the one
//! before.

use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::{Shape, Slice};

use super::{ScanSpec, ops::FusedOps};

/// What the backward pass starts from.
pub(super) struct Inputs<F> {
    pub drive: F,
    pub memory: F,
    pub weights: F,
    pub decay: F,
    pub gate: F,
    pub start: F,
}

/// Gradients of drive, weights, decay, gate and start.
#[allow(clippy::type_complexity)] // the tuple that the dispatched operation returns
pub(super) fn backward<B: FusedOps>(
    grad: FloatTensor<B>,
    x: Inputs<FloatTensor<B>>,
    spec: ScanSpec,
    steps: usize,
) -> (
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
    FloatTensor<B>,
) {
    let [batch, time, first] = x.drive.shape().dims::<3>();
    let steps = steps.max(1);
    let begins: Vec<usize> = (0..time).step_by(steps).collect();
    let dtype = x.drive.dtype().into();
    let mut ddrive = B::float_empty(x.drive.shape(), &x.drive.device(), dtype);
    let mut sums: Option<[FloatTensor<B>; 3]> = None;
    let mut carried: Option<FloatTensor<B>> = None;
    for begin in begins.into_iter().rev() {
        let end = (begin + steps).min(time);
        let start = match begin {
            0 => x.start.clone(),
            _ => {
                let before = part::<B>(x.memory.clone(), begin - 1, begin);
                B::float_reshape(before, Shape::new([batch, spec.memory]))
            }
        };
        let (memory, kept) = B::elm_memory_scan_forward(
            part::<B>(x.drive.clone(), begin, end),
            x.weights.clone(),
            x.decay.clone(),
            x.gate.clone(),
            start.clone(),
            spec,
        );
        let mut incoming = part::<B>(grad.clone(), begin, end);
        if let Some(carried) = carried {
            let last = end - begin - 1;
            let sum = B::float_add(
                part::<B>(incoming.clone(), last, last + 1),
                B::float_reshape(carried, Shape::new([batch, 1, spec.memory])),
            );
            incoming = assign::<B>(incoming, last, last + 1, sum);
        }
        let (drive, weights, decay, gate, start) = B::elm_memory_scan_backward(
            incoming,
            memory,
            kept,
            x.weights.clone(),
            x.decay.clone(),
            x.gate.clone(),
            start,
            spec,
        );
        ddrive = assign::<B>(ddrive, begin, end, drive);
        let found = [weights, decay, gate];
        sums = Some(match sums {
            None => found,
            Some(sums) => {
                let [a, b, c] = sums;
                let [x, y, z] = found;
                [B::float_add(a, x), B::float_add(b, y), B::float_add(c, z)]
            }
        });
        carried = Some(start);
    }
    match (sums, carried) {
        (Some([weights, decay, gate]), Some(start)) => (ddrive, weights, decay, gate, start),
        _ => unreachable!("a scan of [{batch}, {time}, {first}] has at least one step"),
    }
}

fn steps_of(batch: usize, from: usize, to: usize, width: usize) -> [Slice; 3] {
    [
        Slice::from(0..batch),
        Slice::from(from..to),
        Slice::from(0..width),
    ]
}

/// Steps `from..to` of `[batch, time, width]`.
fn part<B: FusedOps>(tensor: FloatTensor<B>, from: usize, to: usize) -> FloatTensor<B> {
    let [batch, _, width] = tensor.shape().dims::<3>();
    B::float_slice(tensor, &steps_of(batch, from, to, width))
}

/// `tensor` with the steps `from..to` replaced.
fn assign<B: FusedOps>(
    tensor: FloatTensor<B>,
    from: usize,
    to: usize,
    value: FloatTensor<B>,
) -> FloatTensor<B> {
    let [batch, _, width] = tensor.shape().dims::<3>();
    B::float_slice_assign(tensor, &steps_of(batch, from, to, width), value)
}
