//! The fused operations under Burn's autodiff: which values are kept, and which inner half runs when.

use burn::backend::{
    Autodiff,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

use super::{
    ScanSpec,
    ops::{FusedOps, KeepHidden, KeptHidden},
    segments,
};
use crate::scan::INNER;

#[derive(Debug)]
struct ScanBackward;

/// What the backward pass of the scan needs.
#[derive(Debug, Clone)]
struct BackwardState<B: FusedOps> {
    memory: FloatTensor<B>,
    kept: HiddenSource<B>,
    weights: FloatTensor<B>,
    decay: FloatTensor<B>,
    gate: FloatTensor<B>,
    start: FloatTensor<B>,
    spec: ScanSpec,
}

/// Where the hidden values come from in the backward pass.
#[derive(Debug, Clone)]
enum HiddenSource<B: FusedOps> {
    /// They were kept.
    Kept(KeptHidden<B>),
    /// They are computed again from the drive, this many steps at a time.
    Again(FloatTensor<B>, usize),
}

impl<B: FusedOps> Backward<B, 5> for ScanBackward {
    type State = BackwardState<B>;

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let s = ops.state;
        let found = match s.kept {
            HiddenSource::Kept(kept) => B::elm_memory_scan_backward(
                grad, s.memory, kept, s.weights, s.decay, s.gate, s.start, s.spec,
            ),
            HiddenSource::Again(drive, steps) => segments::backward::<B>(
                grad,
                segments::Inputs {
                    drive,
                    memory: s.memory,
                    weights: s.weights,
                    decay: s.decay,
                    gate: s.gate,
                    start: s.start,
                },
                s.spec,
                steps,
            ),
        };
        for (parent, grad) in ops.parents.into_iter().zip(<[_; 5]>::from(found)) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

#[derive(Debug)]
struct TraceBackward;

impl<B: FusedOps> Backward<B, 2> for TraceBackward {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (input, start) = B::elm_leaky_trace_backward(grad, ops.state);
        for (parent, grad) in ops.parents.into_iter().zip([input, start]) {
            if let Some(node) = parent {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

#[derive(Debug)]
struct ProductBackward;

impl<B: FusedOps> Backward<B, 2> for ProductBackward {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (input, matrix) = ops.state;
        let [input_node, matrix_node] = ops.parents;
        if let Some(node) = input_node {
            let dx = B::float_matmul(grad.clone(), B::float_transpose(matrix));
            grads.register::<B>(node.id, dx);
        }
        if let Some(node) = matrix_node {
            grads.register::<B>(node.id, B::elm_input_product_backward(input, grad));
        }
    }
}

impl<B: FusedOps, C: CheckpointStrategy> FusedOps for Autodiff<B, C> {
    fn elm_memory_scan(
        drive: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        start: FloatTensor<Self>,
        spec: ScanSpec,
        keep: KeepHidden,
    ) -> FloatTensor<Self> {
        let nodes = [
            drive.node(),
            weights.node(),
            decay.node(),
            gate.node(),
            start.node(),
        ];
        let [drive, weights, decay, gate, start] =
            [drive, weights, decay, gate, start].map(|t| t.into_primitive());
        match ScanBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (w, d, g, s) = (weights.clone(), decay.clone(), gate.clone(), start.clone());
                let (memory, kept) = match keep {
                    KeepHidden::All => {
                        let (memory, kept) = B::elm_memory_scan_forward(drive, w, d, g, s, spec);
                        (memory, HiddenSource::Kept(kept))
                    }
                    KeepHidden::Segments(steps) => {
                        let memory = B::elm_memory_scan(drive.clone(), w, d, g, s, spec, keep);
                        (memory, HiddenSource::Again(drive, steps))
                    }
                };
                let state = BackwardState {
                    memory: memory.clone(),
                    kept,
                    weights,
                    decay,
                    gate,
                    start,
                    spec,
                };
                prep.finish(state, memory)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::elm_memory_scan(
                drive, weights, decay, gate, start, spec, keep,
            )),
        }
    }

    fn elm_memory_scan_forward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: ScanSpec,
    ) -> (FloatTensor<Self>, KeptHidden<Self>) {
        unreachable!("{INNER}")
    }

    fn elm_memory_scan_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: KeptHidden<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: ScanSpec,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        unreachable!("{INNER}")
    }

    fn elm_leaky_trace(
        input: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        start: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), start.node()];
        let [input, decay, start] = [input, decay, start].map(|t| t.into_primitive());
        let output = B::elm_leaky_trace(input, decay.clone(), start);
        match TraceBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(decay, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn elm_leaky_trace_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{INNER}")
    }

    fn elm_input_product(input: FloatTensor<Self>, matrix: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [input.node(), matrix.node()];
        let [input, matrix] = [input, matrix].map(|t| t.into_primitive());
        let output = B::elm_input_product(input.clone(), matrix.clone());
        match ProductBackward
            .prepare::<C>(nodes)
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((input, matrix), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }

    fn elm_input_product_backward(_: FloatTensor<Self>, _: FloatTensor<Self>) -> FloatTensor<Self> {
        unreachable!("{INNER}")
    }
}
