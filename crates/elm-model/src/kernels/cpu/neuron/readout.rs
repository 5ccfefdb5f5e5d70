//! The readout `y = m · W_y + b_y` of a tile, a chunk of steps at a time.

use core::ops::Range;

use super::{NeuronFields, NeuronShape};
use crate::kernels::cpu::{
    gemm::{Strided, add_product},
    isa::Isa,
    memory::Rows,
    pack::Packed,
    simd::SimdReal,
};

/// The readout of the forward pass.
#[derive(Debug)]
pub(super) struct Readout<'a, R> {
    time: usize,
    weights: Packed<R>,
    bias: &'a [R],
}

impl<'a, R: SimdReal> Readout<'a, R> {
    pub fn new(shape: &NeuronShape, x: &NeuronFields<&'a [R]>, lanes: usize) -> Self {
        Self {
            time: shape.time,
            weights: Packed::new(x.readout, shape.scan.memory, shape.outputs, lanes),
            bias: x.readout_bias,
        }
    }

    /// Outputs of these steps; `y` is the tile's `[sample, time, output]`.
    #[inline(always)]
    pub fn run<I: Isa, const ROWS: usize>(
        &self,
        memory: &[R],
        rows: Rows,
        steps: Range<usize>,
        y: &mut [R],
    ) {
        let (m, outputs, wide) = (self.weights.inputs, self.bias.len(), self.weights.width);
        let mut out = vec![R::default(); ROWS * wide];
        for t in steps {
            for row in out.chunks_exact_mut(wide) {
                row[..outputs].copy_from_slice(self.bias);
            }
            let between = rows.between_samples() * m;
            self.weights
                .multiply_add::<I, ROWS>(&memory[rows.at(0, t) * m..], between, &mut out);
            for (r, row) in out.chunks_exact(wide).enumerate() {
                let at = (r * self.time + t) * outputs;
                y[at..][..outputs].copy_from_slice(&row[..outputs]);
            }
        }
    }
}

/// Gradients of the readout's weights `[memory, output]` and bias.
#[derive(Debug)]
pub(super) struct ReadoutSums<R> {
    pub weights: Vec<R>,
    pub bias: Vec<R>,
}

impl<R: SimdReal> ReadoutSums<R> {
    pub fn new(memory: usize, outputs: usize) -> Self {
        Self {
            weights: vec![R::default(); memory * outputs],
            bias: vec![R::default(); outputs],
        }
    }

    pub fn plus(mut self, other: Self) -> Self {
        for (to, from) in [
            (&mut self.weights, other.weights),
            (&mut self.bias, other.bias),
        ] {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        self
    }
}

/// Factors of the readout's gradient over a chunk.
#[derive(Debug)]
pub(super) struct ReadoutBackward<R> {
    /// `[row, memory]`.
    memory: Vec<R>,
    /// `[row, output]`.
    grad: Vec<R>,
    pub sums: ReadoutSums<R>,
}

impl<R: SimdReal> ReadoutBackward<R> {
    /// Room for so many rows.
    pub fn new(memory: usize, outputs: usize, rows: usize) -> Self {
        Self {
            memory: Vec::with_capacity(rows * memory),
            grad: Vec::with_capacity(rows * outputs),
            sums: ReadoutSums::new(memory, outputs),
        }
    }

    /// Takes the memory and the output's gradient of one sample and step.
    #[inline(always)]
    pub fn push(&mut self, memory: &[R], grad: &[R]) {
        self.memory.extend_from_slice(memory);
        self.grad.extend_from_slice(grad);
    }

    /// Adds the chunk's rows up and forgets them.
    pub fn add_up(&mut self) {
        let outputs = self.sums.bias.len();
        let memory = self.sums.weights.len() / outputs.max(1);
        let rows = self.memory.len() / memory.max(1);
        add_product(
            [memory, outputs, rows],
            Strided::rows(&self.memory, memory).transposed(),
            Strided::rows(&self.grad, outputs),
            &mut self.sums.weights,
            outputs,
        );
        for row in self.grad.chunks_exact(outputs.max(1)) {
            for (sum, g) in self.sums.bias.iter_mut().zip(row) {
                *sum += *g;
            }
        }
        self.memory.clear();
        self.grad.clear();
    }
}
