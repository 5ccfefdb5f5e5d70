//! Weight gradients: one matrix product per linear map for every few hundred rows of the reverse loop.
//!
//! The factors are gathered while the loop goes by, so that they are still in the cache when they are multiplied, and
//! nothing of the size of the sequence is kept for them.

use crate::kernels::cpu::gemm::{Strided, add_product};
use crate::kernels::cpu::simd::SimdReal;
use crate::scan::memory::ScanSpec;

/// Rows (steps × samples) that are gathered before they are multiplied: deep enough for a matrix product to run at full
/// speed, and few enough for its factors to stay in a core's cache.
const ROWS: usize = 256;

/// Steps that are gathered in a tile of so many samples; a chunk begins at every multiple of it.
pub fn chunk_steps(samples: usize, time: usize) -> usize {
    (ROWS / samples.max(1)).clamp(1, time.max(1))
}

/// Factors of the weight gradients over a few steps, a row for each sample and step.
#[derive(Debug)]
pub struct Chunk<R> {
    memory: usize,
    hidden: usize,
    kept: usize,
    samples: usize,
    /// Rows gathered so far.
    rows: usize,
    /// Decayed memory `[row, memory]`.
    decayed: Vec<R>,
    /// Gradient of the last map's result `[row, memory]`.
    dz: Vec<R>,
    /// Activated hidden layers `[row, layers · hidden]`.
    activated: Vec<R>,
    /// Gradients of the pre-activations `[row, layers · hidden]`.
    dhidden: Vec<R>,
}

impl<R: SimdReal> Chunk<R> {
    /// Room for this many steps of a tile of so many samples.
    pub fn new(spec: &ScanSpec, samples: usize, steps: usize) -> Self {
        let full = steps * samples;
        let kept = spec.hidden_total();
        let buffer = |width: usize| vec![R::default(); full * width];
        Self {
            memory: spec.memory,
            hidden: spec.hidden,
            kept,
            samples,
            rows: 0,
            decayed: buffer(spec.memory),
            dz: buffer(spec.memory),
            activated: buffer(kept),
            dhidden: buffer(kept),
        }
    }

    /// Takes the activated layer and its gradient of one sample in the step under way.
    #[inline(always)]
    pub fn hidden(&mut self, sample: usize, layer: usize, activated: &[R], grad: &[R]) {
        let at = (self.rows + sample) * self.kept + layer * self.hidden;
        self.activated[at..][..self.hidden].copy_from_slice(activated);
        self.dhidden[at..][..self.hidden].copy_from_slice(grad);
    }

    /// Where the decayed memory and the gradient of the last map's result of one sample go.
    #[inline(always)]
    pub fn memory(&mut self, sample: usize) -> (&mut [R], &mut [R]) {
        let at = (self.rows + sample) * self.memory;
        (
            &mut self.decayed[at..][..self.memory],
            &mut self.dz[at..][..self.memory],
        )
    }

    /// Ends a step.
    #[inline(always)]
    pub fn end_step(&mut self) {
        self.rows += self.samples;
    }

    /// Gradient of the first layer's pre-activation, which is the drive's: rows from the last step to the first, each
    /// step's samples in order, and the distance of the rows.
    pub fn drive(&self) -> (&[R], usize) {
        match self.kept {
            0 => (&self.dz[..self.rows * self.memory], self.memory),
            kept => (&self.dhidden[..self.rows * kept], kept),
        }
    }

    /// Empties the chunk.
    pub fn clear(&mut self) {
        self.rows = 0;
    }

    /// Adds `inputᵀ · gradient` of every linear map, and its bias sums, to the packed weights' gradient.
    pub fn add_to(&self, spec: &ScanSpec, out: &mut [R]) {
        for (k, map) in spec.linear_maps().iter().enumerate() {
            let (input, input_stride) = match k {
                0 => (&self.decayed[..], self.memory),
                _ => (&self.activated[(k - 1) * self.hidden..], self.kept),
            };
            let (grad, grad_stride) = if k == spec.hidden_layers {
                (&self.dz[..], self.memory)
            } else {
                (&self.dhidden[k * self.hidden..], self.kept)
            };
            let weights = &mut out[map.weight..][..map.inputs * map.outputs];
            add_product(
                [map.inputs, map.outputs, self.rows],
                Strided::rows(input, input_stride).transposed(),
                Strided::rows(grad, grad_stride),
                weights,
                map.outputs,
            );
            let Some(bias) = map.bias else { continue };
            let bias = &mut out[bias..][..map.outputs];
            for row in 0..self.rows {
                let grad = &grad[row * grad_stride..][..map.outputs];
                bias.iter_mut().zip(grad).for_each(|(b, g)| *b += *g);
            }
        }
    }
}
