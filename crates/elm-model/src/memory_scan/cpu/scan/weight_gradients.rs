//! Weight gradients: one matrix product per linear map for every few hundred rows of the reverse loop.
//!
//! The factors are gathered while the loop goes by, so that they are still in the cache when they are multiplied, and
//! nothing of the size of the sequence is kept for them.

use crate::memory_scan::ScanSpec;
use crate::memory_scan::cpu::real::Real;

/// Rows (steps × samples) that are gathered before they are multiplied: deep enough for a matrix product to run at full
/// speed, and few enough for its factors to stay in a core's cache.
const ROWS: usize = 256;

/// Factors of the weight gradients over a few steps, a row for each sample and step.
#[derive(Debug)]
pub(super) struct Chunk<R> {
    memory: usize,
    hidden: usize,
    kept: usize,
    samples: usize,
    /// Rows gathered so far.
    rows: usize,
    /// Rows of a full chunk.
    full: usize,
    /// Decayed memory `[row, memory]`.
    decayed: Vec<R>,
    /// Gradient of the last map's result `[row, memory]`.
    dz: Vec<R>,
    /// Activated hidden layers `[row, layers · hidden]`.
    activated: Vec<R>,
    /// Gradients of the pre-activations `[row, layers · hidden]`.
    dhidden: Vec<R>,
}

impl<R: Real> Chunk<R> {
    pub(super) fn new(spec: &ScanSpec, samples: usize, time: usize) -> Self {
        let full = (ROWS / samples).clamp(1, time.max(1)) * samples;
        let kept = spec.hidden_total();
        let buffer = |width: usize| vec![R::default(); full * width];
        Self {
            memory: spec.memory,
            hidden: spec.hidden,
            kept,
            samples,
            rows: 0,
            full,
            decayed: buffer(spec.memory),
            dz: buffer(spec.memory),
            activated: buffer(kept),
            dhidden: buffer(kept),
        }
    }

    /// Takes the activated layer and its gradient of one sample in the step under way.
    #[inline(always)]
    pub(super) fn hidden(&mut self, sample: usize, layer: usize, activated: &[R], grad: &[R]) {
        let at = (self.rows + sample) * self.kept + layer * self.hidden;
        self.activated[at..][..self.hidden].copy_from_slice(activated);
        self.dhidden[at..][..self.hidden].copy_from_slice(grad);
    }

    /// Where the decayed memory and the gradient of the last map's result of one sample go.
    #[inline(always)]
    pub(super) fn memory(&mut self, sample: usize) -> (&mut [R], &mut [R]) {
        let at = (self.rows + sample) * self.memory;
        (
            &mut self.decayed[at..][..self.memory],
            &mut self.dz[at..][..self.memory],
        )
    }

    /// Ends a step; true if the chunk is full.
    #[inline(always)]
    pub(super) fn end_step(&mut self) -> bool {
        self.rows += self.samples;
        self.rows == self.full
    }

    /// Adds `inputᵀ · gradient` of every linear map, and its bias sums, to the packed weights' gradient; starts anew.
    pub(super) fn flush(&mut self, spec: &ScanSpec, out: &mut [R]) {
        for (k, stage) in spec.stages().iter().enumerate() {
            let (input, input_stride) = match k {
                0 => (&self.decayed[..], self.memory),
                _ => (&self.activated[(k - 1) * self.hidden..], self.kept),
            };
            let (grad, grad_stride) = if k == spec.hidden_layers {
                (&self.dz[..], self.memory)
            } else {
                (&self.dhidden[k * self.hidden..], self.kept)
            };
            let product = Product {
                rows: self.rows,
                inputs: stage.inputs,
                outputs: stage.outputs,
            };
            let weights = &mut out[stage.weight..][..stage.inputs * stage.outputs];
            product.add_transposed(input, input_stride, grad, grad_stride, weights);
            let Some(bias) = stage.bias else { continue };
            let bias = &mut out[bias..][..stage.outputs];
            for row in 0..self.rows {
                let grad = &grad[row * grad_stride..][..stage.outputs];
                bias.iter_mut().zip(grad).for_each(|(b, g)| *b += *g);
            }
        }
        self.rows = 0;
    }
}

#[derive(Clone, Copy)]
struct Product {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

impl Product {
    /// `out[inputs, outputs] += inputᵀ · grad`, rows of the two `input_stride` and `grad_stride` apart.
    fn add_transposed<R: Real>(
        self,
        input: &[R],
        input_stride: usize,
        grad: &[R],
        grad_stride: usize,
        out: &mut [R],
    ) {
        let Product {
            rows,
            inputs,
            outputs,
        } = self;
        if rows == 0 {
            return;
        }
        assert!(input.len() >= (rows - 1) * input_stride + inputs);
        assert!(grad.len() >= (rows - 1) * grad_stride + outputs);
        assert!(out.len() == inputs * outputs);
        // SAFETY: the three asserts bound every element that the sizes and strides reach, `out` is
        // borrowed mutably, and R is f32 or f64, both known to `gemm`.
        unsafe {
            gemm::gemm(
                inputs,
                outputs,
                rows,
                out.as_mut_ptr(),
                1,
                outputs as isize,
                true,
                input.as_ptr(),
                input_stride as isize,
                1,
                grad.as_ptr(),
                1,
                grad_stride as isize,
                R::of(1.0),
                R::of(1.0),
                false,
                false,
                false,
                // the tiles are spread over the threads already
                gemm::Parallelism::None,
            );
        }
    }
}
