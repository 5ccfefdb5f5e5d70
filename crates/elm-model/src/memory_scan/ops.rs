//! The operations as a Burn backend extension: what Burn dispatches to a backend's own version.
#![allow(deprecated)] // NdArray is deprecated in Burn 0.22 and still in use

use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

use super::{ScanInputs, ScanSpec};

/// Backends with fused operations. Shapes as in the functions of the same names in the parent module.
///
/// The `*_forward` and `*_backward` methods are the inner halves that the autodiff version calls; they
/// are not differentiable themselves.
#[backend_extension(Flex: cfg(feature = "flex"), NdArray: cfg(feature = "ndarray"), Autodiff)]
pub trait FusedOps: Backend {
    /// The memory after each step.
    fn elm_memory_scan(
        drive: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        start: FloatTensor<Self>,
        spec: ScanSpec,
    ) -> FloatTensor<Self>;

    /// Memory, hidden pre-activations `[batch, time, layers · hidden]` and `tanh` values `[batch, time, memory]`.
    fn elm_memory_scan_forward(
        drive: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        start: FloatTensor<Self>,
        spec: ScanSpec,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of drive, weights, decay, gate and start.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn elm_memory_scan_backward(
        grad: FloatTensor<Self>,
        memory: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
        tanh: FloatTensor<Self>,
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
    fn elm_leaky_trace(
        input: FloatTensor<Self>,
        decay: FloatTensor<Self>,
        start: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// Gradients of input and start.
    fn elm_leaky_trace_backward(
        grad: FloatTensor<Self>,
        decay: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `input · matrix`, skipping zeros of the input.
    fn elm_input_product(input: FloatTensor<Self>, matrix: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient of the matrix: `inputᵀ · grad`, skipping zeros of the input.
    fn elm_input_product_backward(
        input: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

pub(super) fn has_fused(device: &DispatchDevice) -> bool {
    match device {
        DispatchDevice::Autodiff(inner) => has_fused(inner),
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

pub(super) fn memory_scan(x: ScanInputs, spec: &ScanSpec) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::elm_memory_scan(
        x.drive.into_dispatch(),
        x.weights.into_dispatch(),
        x.decay.into_dispatch(),
        x.gate.into_dispatch(),
        x.memory.into_dispatch(),
        *spec,
    ))
}

pub(super) fn leaky_trace(input: Tensor<3>, decay: Tensor<1>, start: Tensor<2>) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::elm_leaky_trace(
        input.into_dispatch(),
        decay.into_dispatch(),
        start.into_dispatch(),
    ))
}

pub(super) fn input_product(input: Tensor<2>, matrix: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::elm_input_product(
        input.into_dispatch(),
        matrix.into_dispatch(),
    ))
}
