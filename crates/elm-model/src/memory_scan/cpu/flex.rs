//! Flex: tensors are read in place.

use burn::backend::{DType, Flex, TensorData, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_flex::FlexTensor;

use super::host::{self, HostBackend, by_dtype, impl_fused_ops};
use super::real::Real;
use crate::memory_scan::{
    ScanSpec,
    ops::{FusedOps, Keep, Kept},
};

type F = FloatTensor<Flex>;

impl HostBackend for Flex {
    type Held = FlexTensor;

    fn hold(tensor: F) -> FlexTensor {
        if tensor.is_contiguous() && tensor.layout().start_offset() == 0 {
            tensor
        } else {
            tensor.to_contiguous()
        }
    }

    fn slice<R: Real>(held: &FlexTensor) -> &[R] {
        // a contiguous view may sit at the front of a larger buffer
        &held.storage::<R>()[..held.layout().num_elements()]
    }

    fn slice_mut<R: Real>(held: &mut FlexTensor) -> &mut [R] {
        let len = held.layout().num_elements();
        &mut held.storage_mut::<R>()[..len]
    }

    fn release(held: FlexTensor, _: &Self::Device) -> F {
        held
    }

    fn make<R: Real>(values: Vec<R>, shape: Shape, _: &Self::Device) -> F {
        FlexTensor::from_data(TensorData::new(values, shape))
    }
}

impl_fused_ops!(Flex);
