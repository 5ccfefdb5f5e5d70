//! From a call's tensors to the buffers that the kernels read, and back.
//!
//! All buffers put neurons first and samples last, with time, if they have it, between: what one launch reads of a
//! source is a row of samples, and what a whole block reads is one row of columns.

use burn::backend::{
    DType,
    ops::{FloatTensorOps, IntTensorOps},
};
use burn::tensor::{IntDType, Shape, Slice};
use burn_cubecl::{CubeBackend, CubeDevice, kernel::into_contiguous, tensor::CubeTensor};

use super::branches::InputKind;
use super::shape::NeuronShape;
use crate::scan::layer::ops::{LayerGivens, LayerTensors};
use crate::scan::layer::{LayerCall, LayerSpec, SourceKind};

/// What a call is given besides its tensors.
pub(super) type Givens = LayerGivens<CubeBackend>;

/// Zeros on a device.
pub(super) fn zeros(shape: impl Into<Shape>, device: &CubeDevice) -> CubeTensor {
    CubeBackend::float_zeros(shape.into(), device, DType::F32.into())
}

/// A tensor with its dimensions in another order.
fn permuted(values: CubeTensor, order: &[usize]) -> CubeTensor {
    into_contiguous(CubeBackend::float_permute(values, order))
}

/// The input in the order of the kernels.
pub(super) struct Input {
    pub kind: InputKind,
    /// Numbers `[input, time, batch]` with all factors in them, or factors of tokens `[input, batch]`.
    pub x: CubeTensor,
    /// Tokens `[time, batch]`.
    pub tokens: CubeTensor,
    /// What an active channel is without factors of its own.
    pub gain: f32,
}

impl Input {
    /// Orders the input of a call, `[batch, time, input]` or tokens.
    pub fn new(x: &CubeTensor, givens: &Givens, call: &LayerCall) -> Self {
        let tokens = CubeBackend::int_cast(givens.tokens.clone(), IntDType::U32);
        match (call.source, call.masked.input) {
            (SourceKind::Dense, _) => Self {
                kind: InputKind::Dense,
                x: permuted(scaled(x.clone(), givens, call), &[2, 1, 0]),
                tokens,
                gain: 1.0,
            },
            (SourceKind::OneHot, masked) => Self {
                kind: match masked {
                    true => InputKind::MaskedTokens,
                    false => InputKind::Tokens,
                },
                x: match masked {
                    true => {
                        let mask = permuted(givens.input_mask.clone(), &[1, 0]);
                        CubeBackend::float_mul_scalar(mask, call.gain.into())
                    }
                    false => zeros([1], &x.device),
                },
                tokens: into_contiguous(CubeBackend::int_permute(tokens, &[1, 0])),
                gain: call.gain as f32,
            },
        }
    }
}

/// `x` or its gradient, `[batch, time, input]`, times gain and mask.
pub(super) fn scaled(x: CubeTensor, givens: &Givens, call: &LayerCall) -> CubeTensor {
    let x = match call.gain == 1.0 {
        true => x,
        false => CubeBackend::float_mul_scalar(x, call.gain.into()),
    };
    match call.masked.input {
        false => x,
        true => {
            let shape = Shape::new([call.batch, 1, call.spec.inputs]);
            let mask = CubeBackend::float_reshape(givens.input_mask.clone(), shape);
            CubeBackend::float_mul(x, mask)
        }
    }
}

/// Factors on the MLP's output `[neuron, memory, batch]`, then on the recurrent activity `[neuron, batch]`; one number
/// where there are none.
pub(super) fn masks(givens: &Givens, shape: &NeuronShape) -> CubeTensor {
    let flat = |mask: CubeTensor| {
        let len = mask.meta.shape().num_elements();
        CubeBackend::float_reshape(mask, Shape::new([len]))
    };
    let mut parts = Vec::new();
    if shape.memory_mask {
        parts.push(flat(permuted(givens.memory_mask.clone(), &[1, 2, 0])));
    }
    if shape.recurrent_mask {
        parts.push(flat(permuted(givens.recurrent_mask.clone(), &[1, 0])));
    }
    match parts.is_empty() {
        true => flat(givens.memory_mask.clone()),
        false => into_contiguous(CubeBackend::float_cat(parts, 0)),
    }
}

/// Row by row, one per neuron: all parameters but the synapses, as [`NeuronShape`] says.
pub(super) fn parameters(tensors: &LayerTensors<CubeBackend>, spec: &LayerSpec) -> CubeTensor {
    let n = spec.neurons;
    let row = |tensor: &CubeTensor, width: usize| {
        CubeBackend::float_reshape(tensor.clone(), Shape::new([n, width]))
    };
    let mut rows = vec![
        row(&tensors.first_weight, spec.joined() * spec.first()),
        row(&tensors.first_bias, spec.first()),
    ];
    if spec.hidden_layers > 0 {
        rows.push(row(&tensors.packed, spec.packed_len()));
    }
    rows.extend([
        row(&tensors.decay, spec.memory),
        row(&tensors.gate, spec.memory),
        row(&tensors.readout, spec.memory),
        row(&tensors.bias, 1),
    ]);
    into_contiguous(CubeBackend::float_cat(rows, 1))
}

/// `[batch, neuron, width]` as `[neuron, width + more, batch]`, the rows behind it zero.
pub(super) fn neuron_rows(values: CubeTensor, more: usize) -> CubeTensor {
    let [batch, n, _] = values.meta.shape().dims::<3>();
    let rest = zeros([n, more, batch], &values.device);
    let rows = CubeBackend::float_permute(values, &[1, 2, 0]);
    into_contiguous(CubeBackend::float_cat(vec![rows, rest], 1))
}

/// Rows `from..to` of `[neuron, row, batch]`.
pub(super) fn rows(values: &CubeTensor, from: usize, to: usize) -> CubeTensor {
    let [n, _, batch] = values.meta.shape().dims::<3>();
    let all = [
        Slice::from(0..n),
        Slice::from(from..to),
        Slice::from(0..batch),
    ];
    CubeBackend::float_slice(values.clone(), &all)
}
