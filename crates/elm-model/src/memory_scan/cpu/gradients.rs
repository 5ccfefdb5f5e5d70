//! Weight gradients of the memory scan: one matrix product per linear map over all steps and samples.

use super::{
    real::Real,
    scan::{BackwardInputs, activate},
};
use crate::memory_scan::ScanSpec;

/// Gradient of the packed weights: `inputᵀ · gradient` of every linear map, and its bias sums.
///
/// `dhidden` are the gradients of the hidden pre-activations `[batch, time, layers · hidden]`, `dz` those of
/// the last map's result `[batch, time, memory]`.
pub(super) fn weights<R: Real>(
    batch: usize,
    time: usize,
    spec: &ScanSpec,
    x: &BackwardInputs<'_, R>,
    dhidden: &[R],
    dz: &[R],
) -> Vec<R> {
    let (m, h, kept) = (spec.memory, spec.hidden, spec.hidden_total());
    let rows = batch * time;
    let mut out = vec![R::default(); spec.num_weights()];
    let mut decayed = vec![R::default(); rows * m];
    for b in 0..batch {
        for t in 0..time {
            let previous = if t == 0 {
                &x.start[b * m..][..m]
            } else {
                &x.memory[(b * time + t - 1) * m..][..m]
            };
            for (j, u) in decayed[(b * time + t) * m..][..m].iter_mut().enumerate() {
                *u = x.decay[j] * previous[j];
            }
        }
    }
    let mut activated = Vec::new();
    if spec.hidden_layers > 0 {
        activated = x.hidden.to_vec();
        activate_all(&mut activated, spec);
    }
    for (k, stage) in spec.stages().iter().enumerate() {
        let (input, input_stride) = if k == 0 {
            (&decayed[..], m)
        } else {
            (&activated[(k - 1) * h..], kept)
        };
        let (grad, grad_stride) = if k == spec.hidden_layers {
            (dz, m)
        } else {
            (&dhidden[k * h..], kept)
        };
        let shape = Product {
            rows,
            inputs: stage.inputs,
            outputs: stage.outputs,
        };
        shape.transposed(
            input,
            input_stride,
            grad,
            grad_stride,
            &mut out[stage.weight..][..stage.inputs * stage.outputs],
        );
        if let Some(at) = stage.bias {
            let bias = &mut out[at..][..stage.outputs];
            for row in 0..rows {
                for (b, g) in bias
                    .iter_mut()
                    .zip(&grad[row * grad_stride..][..stage.outputs])
                {
                    *b += *g;
                }
            }
        }
    }
    out
}

fn activate_all<R: Real>(values: &mut [R], spec: &ScanSpec) {
    use rayon::prelude::*;
    values
        .par_chunks_mut(1 << 14)
        .for_each(|chunk| activate(chunk, spec.activation));
}

/// Gradient of the drive: that of the first hidden layer, or of the result where there is none.
pub(super) fn drive<R: Real>(spec: &ScanSpec, dhidden: Vec<R>, dz: Vec<R>) -> Vec<R> {
    match spec.hidden_layers {
        0 => dz,
        1 => dhidden,
        _ => {
            let (h, kept) = (spec.hidden, spec.hidden_total());
            dhidden
                .chunks_exact(kept)
                .flat_map(|row| row[..h].iter().copied())
                .collect()
        }
    }
}

/// Sum over the rows of a `[rows, width]` buffer.
pub(super) fn sum_rows<R: Real>(values: &[R], width: usize) -> Vec<R> {
    let mut sum = vec![R::default(); width];
    for row in values.chunks_exact(width) {
        for (s, v) in sum.iter_mut().zip(row) {
            *s += *v;
        }
    }
    sum
}

#[derive(Clone, Copy)]
struct Product {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

impl Product {
    /// `out[inputs, outputs] = inputᵀ · grad`, rows of the two `input_stride` and `grad_stride` apart.
    fn transposed<R: Real>(
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
        let threads = gemm::Parallelism::Rayon(0);
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
                false,
                input.as_ptr(),
                input_stride as isize,
                1,
                grad.as_ptr(),
                1,
                grad_stride as isize,
                R::default(),
                R::of(1.0),
                false,
                false,
                false,
                threads,
            );
        }
    }
}
