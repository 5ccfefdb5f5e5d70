//! NdArray: one copy in and one copy out through Burn's tensor data.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{
    DType, NdArray, TensorData, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor,
};
use burn::tensor::Shape;

use super::host::{self, HostBackend, by_dtype, impl_fused_ops};
use super::real::Real;
use crate::memory_scan::{
    ScanSpec,
    ops::{FusedOps, Keep, Kept},
};

type F = FloatTensor<NdArray>;

impl HostBackend for NdArray {
    type Held = TensorData;

    fn hold(tensor: F) -> TensorData {
        match burn::tensor::try_read_sync(Self::float_into_data(tensor)) {
            Some(Ok(data)) => data,
            // host memory is always there to read
            _ => unreachable!("an NdArray tensor could not be read"),
        }
    }

    fn slice<R: Real>(held: &TensorData) -> &[R] {
        match held.as_slice::<R>() {
            Ok(values) => values,
            Err(error) => unreachable!("the number type was matched before: {error:?}"),
        }
    }

    fn slice_mut<R: Real>(held: &mut TensorData) -> &mut [R] {
        match held.as_mut_slice::<R>() {
            Ok(values) => values,
            Err(error) => unreachable!("the number type was matched before: {error:?}"),
        }
    }

    fn release(held: TensorData, device: &Self::Device) -> F {
        Self::float_from_data(held, device)
    }

    fn make<R: Real>(values: Vec<R>, shape: Shape, device: &Self::Device) -> F {
        Self::float_from_data(TensorData::new(values, shape), device)
    }
}

impl_fused_ops!(NdArray);
