//! Batches of windows as tensors.

use burn::tensor::{Device, Tensor, TensorData};
use elm_data::neuronio::{NUM_CHANNELS, NeuronIoBatch};

use crate::task::OnDevice;

/// One batch on a device.
#[derive(Debug, Clone)]
pub struct NeuronIoTensors {
    /// Input spikes, `[batch, time, 1278]`.
    pub inputs: Tensor<3>,
    /// Spike targets, `[batch, time]`.
    pub spikes: Tensor<2>,
    /// Scaled soma targets, `[batch, time]`.
    pub soma: Tensor<2>,
}

impl OnDevice<NeuronIoBatch> for NeuronIoTensors {
    fn on_device(batch: NeuronIoBatch, device: &Device) -> Self {
        let shape = [batch.batch, batch.time];
        Self {
            inputs: Tensor::from_data(
                TensorData::new(batch.inputs, [batch.batch, batch.time, NUM_CHANNELS]),
                device,
            ),
            spikes: Tensor::from_data(TensorData::new(batch.spikes, shape), device),
            soma: Tensor::from_data(TensorData::new(batch.soma, shape), device),
        }
    }
}
