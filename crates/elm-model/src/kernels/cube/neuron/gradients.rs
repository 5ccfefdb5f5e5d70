//! Weight gradients: one batched product per linear map over all steps and samples.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Shape, Slice};
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};

use crate::scan::memory::ScanSpec;

/// Pieces into which the rows of a product are cut so that a whole device works on it: its result is so small that one
/// tile of it each would leave most of the device idle.
const PIECES: usize = 128;
/// Fewest rows of a piece.
const SHORTEST: usize = 64;

/// `inputᵀ · grad` of `[rows, inputs]` and `[rows, outputs]`.
pub(super) fn transposed_product(input: CubeTensor, grad: CubeTensor) -> CubeTensor {
    let [rows, inputs] = input.meta.shape().dims::<2>();
    let [_, outputs] = grad.meta.shape().dims::<2>();
    let pieces = pieces(rows);
    let cut = |tensor, width| {
        CubeBackend::float_reshape(tensor, Shape::new([pieces, rows / pieces, width]))
    };
    let input = CubeBackend::float_transpose(cut(input, inputs));
    let products = CubeBackend::float_matmul(input, cut(grad, outputs));
    let sum = match pieces {
        1 => products,
        _ => CubeBackend::float_sum_dim(products, 0),
    };
    CubeBackend::float_reshape(sum, Shape::new([inputs, outputs]))
}

/// The largest divisor of `rows` that makes at most [`PIECES`] pieces of at least [`SHORTEST`] rows.
fn pieces(rows: usize) -> usize {
    let most = (rows / SHORTEST).clamp(1, PIECES);
    (1..=most)
        .rev()
        .find(|n| rows.is_multiple_of(*n))
        .unwrap_or(1)
}

/// Columns `from..to` of a `[rows, width]` tensor.
pub(super) fn columns(tensor: CubeTensor, from: usize, to: usize) -> CubeTensor {
    let [rows, width] = tensor.meta.shape().dims::<2>();
    if (from, to) == (0, width) {
        return tensor;
    }
    CubeBackend::float_slice(tensor, &[Slice::from(0..rows), Slice::from(from..to)])
}

/// The gradient of the packed weights.
///
/// All tensors are `[rows, ·]` but `constants`, the gradients of the scan's constants, of which the biases are a part
/// (see [`KernelPlan`](super::plan::KernelPlan)).
pub(super) fn packed_weights(
    spec: &ScanSpec,
    decayed: CubeTensor,
    activated: Option<CubeTensor>,
    dhidden: Option<CubeTensor>,
    dz: CubeTensor,
    constants: &CubeTensor,
) -> CubeTensor {
    let h = spec.hidden;
    let mut pieces = Vec::new();
    let mut bias_at = 2 * spec.memory;
    for (k, map) in spec.linear_maps().iter().enumerate() {
        let layer = |all: &Option<CubeTensor>, index: usize| {
            all.clone()
                .map(|all| columns(all, index * h, (index + 1) * h))
        };
        let input = match k {
            0 => Some(decayed.clone()),
            _ => layer(&activated, k - 1),
        };
        let grad = match k {
            _ if k == spec.hidden_layers => Some(dz.clone()),
            _ => layer(&dhidden, k),
        };
        let (Some(input), Some(grad)) = (input, grad) else {
            unreachable!("hidden values exist for every hidden layer")
        };
        let product = transposed_product(into_contiguous(input), into_contiguous(grad));
        let length = map.inputs * map.outputs;
        pieces.push(CubeBackend::float_reshape(product, Shape::new([length])));
        if map.bias.is_some() {
            let to = bias_at + map.outputs;
            pieces.push(CubeBackend::float_slice(
                constants.clone(),
                &[Slice::from(bias_at..to)],
            ));
            bias_at = to;
        }
    }
    match pieces.len() {
        1 => pieces.remove(0),
        _ => CubeBackend::float_cat(pieces, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_divide_the_rows() {
        for rows in [1, 7, 63, 64, 4000, 8191, 128 * 16384] {
            let n = pieces(rows);
            assert!(rows.is_multiple_of(n) && n <= PIECES);
            assert!(n == 1 || rows / n >= SHORTEST);
        }
        assert_eq!(pieces(4000), 50);
        assert_eq!(pieces(128 * 16384), PIECES);
    }
}
