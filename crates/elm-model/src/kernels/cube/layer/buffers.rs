//! From a call's tensors to the buffers that the kernels read, and back.
//!
//! All buffers put neurons first and samples last, with time, if they have it, between: what one launch reads of a
//! source is a row of samples, and what a whole block reads is one row of columns.

use burn::backend::{DType, TensorData, ops::FloatTensorOps};
use burn::tensor::{Shape, Slice};
use burn_cubecl::{CubeBackend, CubeDevice, kernel::into_contiguous, tensor::CubeTensor};

use super::drive::InputKind;
use super::form::Form;
use super::wires::upload;
use crate::scan::layer::ops::LayerTensors;
use crate::scan::layer::{LayerCall, LayerSpec, Tokens};

/// Numbers on a device.
pub(super) fn numbers(values: Vec<f32>, device: &CubeDevice) -> CubeTensor {
    let len = values.len();
    CubeBackend::float_from_data(TensorData::new(values, [len]), device)
}

/// Zeros on a device.
pub(super) fn zeros(shape: impl Into<Shape>, device: &CubeDevice) -> CubeTensor {
    CubeBackend::float_zeros(shape.into(), device, DType::F32.into())
}

/// `values`, `[outer, inner]`, as `[inner, outer]` times `factor`.
fn transposed(values: &[f64], inner: usize, factor: f64) -> Vec<f32> {
    let outer = values.len() / inner.max(1);
    (0..inner)
        .flat_map(|i| (0..outer).map(move |o| (factor * values[o * inner + i]) as f32))
        .collect()
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
    /// Reads the input of a call, `[batch, time, input]` or tokens.
    pub fn new(x: &CubeTensor, call: &LayerCall) -> Self {
        let device = &x.device;
        let inputs = call.spec.inputs;
        match &call.tokens {
            Tokens::Dense => Self {
                kind: InputKind::Dense,
                x: into_contiguous(CubeBackend::float_permute(
                    scaled(x.clone(), call),
                    &[2, 1, 0],
                )),
                tokens: upload(vec![0], device),
                gain: 1.0,
            },
            Tokens::OneHot(ids) => {
                let by_time = (0..call.time)
                    .flat_map(|t| (0..call.batch).map(move |b| ids[b * call.time + t]))
                    .collect();
                let (kind, factors) = match &call.masks.input {
                    None => (InputKind::Tokens, vec![0.0]),
                    Some(mask) => (InputKind::MaskedTokens, transposed(mask, inputs, call.gain)),
                };
                Self {
                    kind,
                    x: numbers(factors, device),
                    tokens: upload(by_time, device),
                    gain: call.gain as f32,
                }
            }
        }
    }
}

/// `x` or its gradient, `[batch, time, input]`, times gain and mask.
pub(super) fn scaled(x: CubeTensor, call: &LayerCall) -> CubeTensor {
    match &call.masks.input {
        None if call.gain == 1.0 => x,
        None => CubeBackend::float_mul_scalar(x, call.gain.into()),
        Some(mask) => {
            let factors = mask.iter().map(|v| (v * call.gain) as f32).collect();
            let factors = CubeBackend::float_reshape(
                numbers(factors, &x.device),
                Shape::new([call.batch, 1, call.spec.inputs]),
            );
            CubeBackend::float_mul(x, factors)
        }
    }
}

/// Factors on the MLP's output `[neuron, memory, batch]`, then on the recurrent activity `[neuron, batch]`; one number
/// where there are none.
pub(super) fn masks(call: &LayerCall, form: &Form, device: &CubeDevice) -> CubeTensor {
    let (n, m) = (call.spec.neurons, call.spec.memory);
    let mut values = Vec::new();
    if form.memory_mask
        && let Some(mask) = &call.masks.memory
    {
        values.extend(transposed(mask, n * m, 1.0));
    }
    if form.recurrent_mask
        && let Some(mask) = &call.masks.recurrent
    {
        values.extend(transposed(mask, n, 1.0));
    }
    if values.is_empty() {
        values.push(1.0);
    }
    numbers(values, device)
}

/// Row by row, one per neuron: all parameters but the synapses, as [`Form`] says.
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
