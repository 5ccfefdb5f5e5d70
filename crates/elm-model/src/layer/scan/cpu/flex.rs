//! Flex: tensors are read in place.

use burn::backend::{DType, Flex, TensorData, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_flex::FlexTensor;

use super::super::{
    LayerCall,
    ops::{LayerOps, LayerTensors, Wanted},
};
use super::host::{self, HostBackend, impl_layer_ops};
use super::lanes::LayerReal;

impl HostBackend for Flex {
    type Held = FlexTensor;

    fn hold(tensor: FloatTensor<Self>) -> FlexTensor {
        if tensor.is_contiguous() && tensor.layout().start_offset() == 0 {
            tensor
        } else {
            tensor.to_contiguous()
        }
    }

    fn slice<R: LayerReal>(held: &FlexTensor) -> &[R] {
        // a contiguous view may sit at the front of a larger buffer
        &held.storage::<R>()[..held.layout().num_elements()]
    }

    fn make<R: LayerReal>(values: Vec<R>, shape: Shape, _: &Self::Device) -> FloatTensor<Self> {
        FlexTensor::from_data(TensorData::new(values, shape))
    }
}

impl_layer_ops!(Flex);
