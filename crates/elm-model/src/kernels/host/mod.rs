//! Backends whose tensors lie in host memory, and how the CPU kernels reach the numbers.

#[cfg(feature = "flex")]
mod flex;
mod memory;
#[cfg(feature = "ndarray")]
mod ndarray;

pub(crate) use memory::memory_bytes;

use burn::backend::{
    Backend,
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::{Element, Shape};
use bytemuck::Pod;

/// A backend whose tensors lie in host memory.
pub(crate) trait HostBackend: Backend {
    /// A contiguous tensor that can be read as a slice.
    type Held;
    /// Makes a tensor readable.
    fn hold(tensor: FloatTensor<Self>) -> Self::Held;
    /// Makes a tensor of whole numbers readable.
    fn hold_int(tensor: IntTensor<Self>) -> Self::Held;
    /// Its numbers, row by row.
    fn slice<R: Element + Pod>(held: &Self::Held) -> &[R];
    /// Its numbers to be overwritten: a copy, if somebody else still holds the tensor.
    fn slice_mut<R: Element + Pod>(held: &mut Self::Held) -> &mut [R];
    /// The tensor again, of the shape it had.
    fn release(held: Self::Held, device: &Self::Device) -> FloatTensor<Self>;
    /// A tensor of these numbers.
    fn make<R: Element + Pod>(
        values: Vec<R>,
        shape: Shape,
        device: &Self::Device,
    ) -> FloatTensor<Self>;
    /// A tensor of these whole numbers.
    fn make_int(values: Vec<i32>, shape: Shape, device: &Self::Device) -> IntTensor<Self>;
}

/// Runs `$call::<Self, R>` for the tensor's number type; the callers only come here with f32 and f64.
macro_rules! by_dtype {
    ($dtype:expr, $call:ident($($arg:expr),* $(,)?)) => {
        match $dtype {
            burn::tensor::DType::F32 => $call::<Self, f32>($($arg),*),
            burn::tensor::DType::F64 => $call::<Self, f64>($($arg),*),
            other => unreachable!("fused ELM operations run in f32 and f64, not {other:?}"),
        }
    };
}
pub(crate) use by_dtype;

/// Calls a macro with each host backend that this build has.
macro_rules! for_each_host {
    ($implement:ident) => {
        #[cfg(feature = "flex")]
        $implement!(burn::backend::Flex);
        #[cfg(feature = "ndarray")]
        $implement!(burn::backend::NdArray);
    };
}
pub(crate) use for_each_host;
