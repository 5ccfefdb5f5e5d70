//! The operations as a Burn backend extension: what Burn dispatches to a backend's own version.
#![allow(deprecated)] // NdArray is deprecated in Burn 0.22 and still in use

#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::{Backend, Dispatch, ExtensionType, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

use super::{ScanInputs, ScanSpec};

/// What the forward pass keeps for the backward pass besides the memory.
#[derive(ExtensionType, Clone, Debug)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub enum KeptHidden<B: Backend> {
    /// Hidden pre-activations `[batch, time, layers · hidden]` and `tanh` values `[batch, time, memory]`.
    HiddenAndTanh(FloatTensor<B>, FloatTensor<B>),
    /// Hidden pre-activations only, or the drive where there is no hidden layer; the backend computes the `tanh` again.
    #[cfg_attr(
        not(feature = "cube"),
        expect(dead_code, reason = "graphics cards alone keep so little")
    )]
    Hidden(FloatTensor<B>),
}

/// How much the differentiable scan keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepHidden {
    /// All that the backward pass needs.
    All,
    /// The drive and the memory; the backward pass computes the rest again, this many steps at a time.
    Segments(usize),
}

/// Backends with fused operations. Shapes as in the functions of the same names in the parent module.
///
/// The `*_forward` and `*_backward` methods are the inner halves that the autodiff version calls; they
/// are not differentiable themselves. `fusion(meta)` names the results' shapes for Burn's lazy execution.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(feature = "cube"),
    Fusion: cfg(feature = "fusion"),
    Remote: cfg(all(feature = "remote", not(feature = "fusion"))),
    Autodiff
)]
pub trait FusedOps: Backend {
    /// The memory after each step; `keep` matters to the differentiable version only.
    #[fusion(meta = |drive, _weights, _decay, _gate, _start, spec, _keep| with_width(drive, spec.memory))]
    fn elm_memory_scan(
        drive: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        start: FloatTensor<Self>,
        spec: ScanSpec,
        keep: KeepHidden,
    ) -> FloatTensor<Self>;

    /// The memory after each step, and what the backward pass needs.
    #[fusion(meta = |drive, _weights, _decay, _gate, _start, spec| (
        with_width(drive, spec.memory),
        KeptHiddenMetadata::Hidden(with_width(drive, spec.hidden_total().max(spec.first()))),
    ))]
    fn elm_memory_scan_forward(
        drive: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        start: FloatTensor<Self>,
        spec: ScanSpec,
    ) -> (FloatTensor<Self>, KeptHidden<Self>);

    /// Gradients of drive, weights, decay, gate and start.
    #[fusion(meta = |grad, _memory, _kept, weights, decay, gate, start, spec| (
        with_width(grad, spec.first()), weights.clone(), decay.clone(), gate.clone(), start.clone()
    ))]
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn elm_memory_scan_backward(
        grad: FloatTensor<Self>,
        memory: FloatTensor<Self>,
        #[extension_type] kept: KeptHidden<Self>,
        weights: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        start: FloatTensor<Self>,
        spec: ScanSpec,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );

    /// The leaky sum over time.
    #[fusion(dtype = input, shape = input)]
    fn elm_leaky_trace(
        input: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        start: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradients of input and start.
    #[fusion(meta = |grad, _decay| (grad.clone(), without_time(grad)))]
    fn elm_leaky_trace_backward(
        grad: FloatTensor<Self>,
        decay: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `input · matrix`, cheap where the input is mostly zero.
    #[fusion(dtype = input, shape = burn::tensor::Shape::new([input[0], matrix[1]]))]
    fn elm_input_product(input: FloatTensor<Self>, matrix: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient of the matrix: `inputᵀ · grad`.
    #[fusion(dtype = input, shape = burn::tensor::Shape::new([input[1], grad[1]]))]
    fn elm_input_product_backward(
        input: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// `[batch, time, width]` for a given `[batch, time, ·]`.
#[cfg(feature = "fusion")]
fn with_width(like: &TensorSpec, width: usize) -> TensorSpec {
    TensorSpec::new([like.shape[0], like.shape[1], width].into(), like.dtype)
}

/// `[batch, width]` for a given `[batch, time, width]`.
#[cfg(feature = "fusion")]
fn without_time(like: &TensorSpec) -> TensorSpec {
    TensorSpec::new([like.shape[0], like.shape[2]].into(), like.dtype)
}

pub(crate) fn memory_scan(x: ScanInputs, spec: &ScanSpec, keep: KeepHidden) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::elm_memory_scan(
        x.drive.into_dispatch(),
        x.weights.into_dispatch(),
        x.decay.into_dispatch(),
        x.gate.into_dispatch(),
        x.memory.into_dispatch(),
        *spec,
        keep,
    ))
}

pub(crate) fn leaky_trace(input: Tensor<3>, decay: Tensor<1>, start: Tensor<2>) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::elm_leaky_trace(
        input.into_dispatch(),
        decay.into_dispatch(),
        start.into_dispatch(),
    ))
}

pub(crate) fn input_product(input: Tensor<2>, matrix: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::elm_input_product(
        input.into_dispatch(),
        matrix.into_dispatch(),
    ))
}
