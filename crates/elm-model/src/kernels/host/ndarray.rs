//! NdArray: one copy in and one copy out through Burn's tensor data.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{
    ExecutionError, NdArray, TensorData,
    ops::{FloatTensorOps, IntTensorOps},
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::{Element, Shape};
use bytemuck::Pod;

use super::HostBackend;

/// The numbers of a tensor; host memory is always there to read.
fn read(data: impl Future<Output = Result<TensorData, ExecutionError>>) -> TensorData {
    match burn::tensor::try_read_sync(data) {
        Some(Ok(data)) => data,
        _ => unreachable!("an NdArray tensor could not be read"),
    }
}

impl HostBackend for NdArray {
    type Held = TensorData;

    fn hold(tensor: FloatTensor<Self>) -> TensorData {
        read(Self::float_into_data(tensor))
    }

    fn hold_int(tensor: IntTensor<Self>) -> TensorData {
        read(Self::int_into_data(tensor))
    }

    fn slice<R: Element + Pod>(held: &TensorData) -> &[R] {
        match held.as_slice::<R>() {
            Ok(values) => values,
            Err(error) => unreachable!("the number type was matched before: {error:?}"),
        }
    }

    fn slice_mut<R: Element + Pod>(held: &mut TensorData) -> &mut [R] {
        match held.as_mut_slice::<R>() {
            Ok(values) => values,
            Err(error) => unreachable!("the number type was matched before: {error:?}"),
        }
    }

    fn release(held: TensorData, device: &Self::Device) -> FloatTensor<Self> {
        Self::float_from_data(held, device)
    }

    fn make<R: Element + Pod>(
        values: Vec<R>,
        shape: Shape,
        device: &Self::Device,
    ) -> FloatTensor<Self> {
        Self::float_from_data(TensorData::new(values, shape), device)
    }

    fn make_int(values: Vec<i32>, shape: Shape, device: &Self::Device) -> IntTensor<Self> {
        Self::int_from_data(TensorData::new(values, shape), device)
    }
}
