//! NdArray: one copy in and one copy out through Burn's tensor data.
#![allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it

use burn::backend::{
    DType, NdArray, TensorData, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor,
};
use burn::tensor::Shape;

use super::super::{
    LayerCall,
    ops::{LayerOps, LayerTensors, Wanted},
};
use super::host::{self, HostBackend, impl_layer_ops};
use super::lanes::LayerReal;

impl HostBackend for NdArray {
    type Held = TensorData;

    fn hold(tensor: FloatTensor<Self>) -> TensorData {
        match burn::tensor::try_read_sync(Self::float_into_data(tensor)) {
            Some(Ok(data)) => data,
            // host memory is always there to read
            _ => unreachable!("an NdArray tensor could not be read"),
        }
    }

    fn slice<R: LayerReal>(held: &TensorData) -> &[R] {
        match held.as_slice::<R>() {
            Ok(values) => values,
            Err(error) => unreachable!("the number type was matched before: {error:?}"),
        }
    }

    fn make<R: LayerReal>(
        values: Vec<R>,
        shape: Shape,
        device: &Self::Device,
    ) -> FloatTensor<Self> {
        Self::float_from_data(TensorData::new(values, shape), device)
    }
}

impl_layer_ops!(NdArray);
