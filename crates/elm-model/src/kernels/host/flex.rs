//! Flex: tensors are read in place.

use burn::backend::{
    Flex, TensorData,
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::{Element, Shape};
use burn_flex::FlexTensor;
use bytemuck::Pod;

use super::HostBackend;

impl HostBackend for Flex {
    type Held = FlexTensor;

    fn hold(tensor: FloatTensor<Self>) -> FlexTensor {
        if tensor.is_contiguous() && tensor.layout().start_offset() == 0 {
            tensor
        } else {
            tensor.to_contiguous()
        }
    }

    fn hold_int(tensor: IntTensor<Self>) -> FlexTensor {
        Self::hold(tensor)
    }

    fn slice<R: Element + Pod>(held: &FlexTensor) -> &[R] {
        // a contiguous view may sit at the front of a larger buffer
        &held.storage::<R>()[..held.layout().num_elements()]
    }

    fn slice_mut<R: Element + Pod>(held: &mut FlexTensor) -> &mut [R] {
        let len = held.layout().num_elements();
        &mut held.storage_mut::<R>()[..len]
    }

    fn release(held: FlexTensor, _: &Self::Device) -> FloatTensor<Self> {
        held
    }

    fn make<R: Element + Pod>(values: Vec<R>, shape: Shape, _: &Self::Device) -> FloatTensor<Self> {
        FlexTensor::from_data(TensorData::new(values, shape))
    }

    fn make_int(values: Vec<i32>, shape: Shape, _: &Self::Device) -> IntTensor<Self> {
        FlexTensor::from_data(TensorData::new(values, shape))
    }
}
