//! NdArray: one copy in and one copy out through Burn's tensor data.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{NdArray, TensorData, ops::FloatTensorOps, tensor::FloatTensor};
use burn::tensor::{Element, Shape};
use bytemuck::Pod;

use super::HostBackend;

impl HostBackend for NdArray {
    type Held = TensorData;

    fn hold(tensor: FloatTensor<Self>) -> TensorData {
        match burn::tensor::try_read_sync(Self::float_into_data(tensor)) {
            Some(Ok(data)) => data,
            // host memory is always there to read
            _ => unreachable!("an NdArray tensor could not be read"),
        }
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
}
