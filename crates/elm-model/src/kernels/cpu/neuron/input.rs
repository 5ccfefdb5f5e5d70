//! From the input to the drive and back: input product, trace and the first layer's share of the branches.

use crate::kernels::cpu::{
    gemm::{Strided, add_product},
    isa::Isa,
    memory::Rows,
    pack::padded,
    product::padded_rows,
    simd::SimdReal,
    sparse_row::SparseRow,
};

use super::{NeuronFields, NeuronShape};
use crate::scan::neuron::ops::FirstLayer;

/// What every tile reads.
#[derive(Debug)]
pub(super) struct InputPath<'a, R> {
    inputs: usize,
    /// Columns of the matrix, and the same with padding.
    width: usize,
    padded: usize,
    first: usize,
    /// None where the branches have no trace: then they are the product itself.
    decay: Option<R>,
    /// `[input, padded]`.
    matrix: Vec<R>,
    /// `[column, first]`.
    branch_weights: Option<&'a [R]>,
    bias: &'a [R],
}

/// Order of a chunk's steps in a buffer.
#[derive(Debug, Clone, Copy)]
enum StepOrder {
    Forward,
    /// The last step first, as the gradients come.
    Reverse,
}

/// The trace of a tile and its buffers for a chunk.
#[derive(Debug)]
pub(super) struct InputForward<R> {
    /// Trace after the last step, `[sample, padded]`.
    trace: Vec<R>,
    /// Traces of a chunk `[step, sample, padded]`.
    branch: Vec<R>,
}

/// The reverse trace of a tile, its buffers for a chunk, and the gradients.
#[derive(Debug)]
pub(super) struct InputBackward<R> {
    /// Decayed gradient of the trace of the step after, `[sample, padded]`.
    carry: Vec<R>,
    /// Traces of a chunk `[step, sample, padded]`, the last step first.
    branch: Vec<R>,
    /// Gradients of the traces likewise.
    grad: Vec<R>,
    /// Trace before the chunk `[sample, padded]`, and on its way through it.
    trace: Vec<R>,
    pub sums: InputSums<R>,
}

/// Gradients that are summed over samples and steps.
#[derive(Debug)]
pub(super) struct InputSums<R> {
    /// `[input, padded]`.
    pub matrix: Vec<R>,
    /// `[column, first]`.
    pub branch_weights: Vec<R>,
    /// `[first]`.
    pub bias: Vec<R>,
}

impl<R: SimdReal> InputSums<R> {
    pub fn plus(mut self, other: Self) -> Self {
        let pairs = [
            (&mut self.matrix, other.matrix),
            (&mut self.branch_weights, other.branch_weights),
            (&mut self.bias, other.bias),
        ];
        for (to, from) in pairs {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        self
    }
}

impl<'a, R: SimdReal> InputPath<'a, R> {
    /// For the forward pass.
    pub fn forward(shape: &NeuronShape, x: &NeuronFields<&'a [R]>) -> Self {
        Self::new(shape, x, true)
    }

    /// For the backward pass, which reads the matrix only where it goes through the traces once more.
    pub fn backward(shape: &NeuronShape, x: &NeuronFields<&'a [R]>) -> Self {
        Self::new(shape, x, shape.first_layer == FirstLayer::Apart)
    }

    fn new(shape: &NeuronShape, x: &NeuronFields<&'a [R]>, reads_matrix: bool) -> Self {
        let matrix = if reads_matrix { x.matrix } else { &[] };
        Self {
            inputs: shape.inputs,
            width: shape.width,
            padded: padded::<R>(shape.width),
            first: shape.scan.first(),
            decay: shape.trace_decay.map(R::of),
            matrix: padded_rows(matrix, shape.width),
            branch_weights: (shape.first_layer == FirstLayer::Apart).then_some(x.branch_weights),
            bias: x.bias,
        }
    }

    /// Before the first step of a tile, from the trace `[sample, column]`.
    pub fn begin(&self, start: &[R], steps: usize) -> InputForward<R> {
        let samples = start.len() / self.width.max(1);
        InputForward {
            trace: padded_rows(start, self.width),
            branch: vec![R::default(); steps * samples * self.padded],
        }
    }

    /// After the last step of a tile.
    pub fn begin_backward(&self, samples: usize, steps: usize) -> InputBackward<R> {
        let zeros = |numbers: usize| vec![R::default(); numbers];
        let chunk = steps * samples * self.padded;
        let weights = self.branch_weights.map_or(0, <[R]>::len);
        InputBackward {
            carry: zeros(samples * self.padded),
            branch: zeros(if weights > 0 { chunk } else { 0 }),
            grad: zeros(chunk),
            trace: zeros(samples * self.padded),
            sums: InputSums {
                matrix: zeros(self.inputs * self.padded),
                branch_weights: zeros(weights),
                bias: zeros(self.first),
            },
        }
    }

    /// Leaky sums of a chunk: `trace` goes on, `out` receives it after each step.
    #[inline(always)]
    fn trace<I: Isa, const ROWS: usize>(
        &self,
        rows: &[SparseRow<'_, R>],
        steps: usize,
        trace: &mut [R],
        out: &mut [R],
        order: StepOrder,
    ) {
        let wp = self.padded;
        for s in 0..steps {
            let place = match order {
                StepOrder::Forward => s,
                StepOrder::Reverse => steps - 1 - s,
            };
            for r in 0..ROWS {
                let trace = &mut trace[r * wp..][..wp];
                match self.decay {
                    Some(decay) => trace.iter_mut().for_each(|v| *v = decay * *v),
                    None => trace.fill(R::default()),
                }
                R::add_rows::<I>(trace, rows[s * ROWS + r], &self.matrix);
                out[(place * ROWS + r) * wp..][..wp].copy_from_slice(trace);
            }
        }
    }

    /// Drive of a chunk, rows `[step, sample]` of `first` numbers, from its input's rows in the same order.
    #[inline(always)]
    pub fn drive<I: Isa, const ROWS: usize>(
        &self,
        rows: &[SparseRow<'_, R>],
        steps: usize,
        state: &mut InputForward<R>,
        drive: &mut [R],
    ) {
        self.trace::<I, ROWS>(
            rows,
            steps,
            &mut state.trace,
            &mut state.branch,
            StepOrder::Forward,
        );
        let drive = &mut drive[..steps * ROWS * self.first];
        for row in drive.chunks_exact_mut(self.first) {
            row.copy_from_slice(self.bias);
        }
        match self.branch_weights {
            Some(weights) => add_product(
                [steps * ROWS, self.first, self.width],
                Strided::rows(&state.branch, self.padded),
                Strided::rows(weights, self.first),
                drive,
                self.first,
            ),
            None => {
                let branches = state.branch.chunks_exact(self.padded);
                for (drive, branch) in drive.chunks_exact_mut(self.first).zip(branches) {
                    for (d, b) in drive.iter_mut().zip(branch) {
                        *d += *b;
                    }
                }
            }
        }
    }

    /// Puts the trace of a sample before a chunk where [`back`](Self::back) begins.
    #[inline(always)]
    pub fn set_start(&self, state: &mut InputBackward<R>, sample: usize, trace: &[R]) {
        state.trace[sample * self.padded..][..self.width].copy_from_slice(trace);
    }

    /// Goes back through a chunk from the drive's gradient, rows from the last step to the first that lie `stride` apart.
    ///
    /// `product` receives the gradient of `x · matrix` in the given rows, if it is asked for.
    #[inline(always)]
    pub fn back<I: Isa, const ROWS: usize>(
        &self,
        rows: &[SparseRow<'_, R>],
        steps: usize,
        (drive, stride): (&[R], usize),
        state: &mut InputBackward<R>,
        product: Option<(&mut [R], Rows, usize)>,
    ) {
        for row in drive.chunks(stride) {
            for (sum, d) in state.sums.bias.iter_mut().zip(row) {
                *sum += *d;
            }
        }
        match self.branch_weights {
            Some(weights) => {
                let (trace, branch) = (&mut state.trace, &mut state.branch);
                self.trace::<I, ROWS>(rows, steps, trace, branch, StepOrder::Reverse);
                self.branches_back(weights, steps * ROWS, (drive, stride), state);
            }
            None => {
                let rows = state.grad.chunks_exact_mut(self.padded);
                for (to, from) in rows.zip(drive.chunks(stride)) {
                    to[..self.width].copy_from_slice(&from[..self.width]);
                }
            }
        }
        self.reverse_trace::<I, ROWS>(rows, steps, state, product);
    }

    /// From the drive's gradient to those of the first layer's weights and of the branches.
    fn branches_back(
        &self,
        weights: &[R],
        rows: usize,
        (drive, stride): (&[R], usize),
        state: &mut InputBackward<R>,
    ) {
        add_product(
            [self.width, self.first, rows],
            Strided::rows(&state.branch, self.padded).transposed(),
            Strided::rows(drive, stride),
            &mut state.sums.branch_weights,
            self.first,
        );
        let grad = &mut state.grad[..rows * self.padded];
        grad.fill(R::default());
        add_product(
            [rows, self.width, self.first],
            Strided::rows(drive, stride),
            Strided::rows(weights, self.first).transposed(),
            grad,
            self.padded,
        );
    }

    /// The reverse leaky sum of a chunk's gradients, and the matrix' gradient from it.
    #[inline(always)]
    fn reverse_trace<I: Isa, const ROWS: usize>(
        &self,
        rows: &[SparseRow<'_, R>],
        steps: usize,
        state: &mut InputBackward<R>,
        mut product: Option<(&mut [R], Rows, usize)>,
    ) {
        let wp = self.padded;
        for s in (0..steps).rev() {
            for r in 0..ROWS {
                let grad = &mut state.grad[((steps - 1 - s) * ROWS + r) * wp..][..wp];
                if let Some(decay) = self.decay {
                    let carry = &mut state.carry[r * wp..][..wp];
                    for (g, c) in grad.iter_mut().zip(carry) {
                        *g += *c;
                        *c = decay * *g;
                    }
                }
                R::add_outer::<I>(&mut state.sums.matrix, rows[s * ROWS + r], grad);
                if let Some((out, places, first)) = &mut product {
                    let at = places.at(r, *first + s) * self.width;
                    out[at..][..self.width].copy_from_slice(&grad[..self.width]);
                }
            }
        }
    }

    /// The trace of a sample after the steps so far.
    pub fn trace_of<'b>(&self, state: &'b InputForward<R>, sample: usize) -> &'b [R] {
        &state.trace[sample * self.padded..][..self.width]
    }

    /// Gradient of the trace before the first step, row by row as the trace itself.
    pub fn start<'b>(&self, state: &'b InputBackward<R>, sample: usize) -> &'b [R] {
        &state.carry[sample * self.padded..][..self.width]
    }
}
