//! Batches of windows as tensors.

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use elm_data::neuronio::{NUM_CHANNELS, SparseWindows};

use crate::device::is_cpu;
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

impl OnDevice<SparseWindows> for NeuronIoTensors {
    fn on_device(batch: SparseWindows, device: &Device) -> Self {
        let shape = [batch.batch, batch.time];
        // a card is sent the spikes, a hundredth of the values; a CPU has them written into place
        let inputs = match is_cpu(device) {
            true => filled(&batch, device),
            false => scattered(&batch, device),
        };
        Self {
            inputs: inputs.reshape([batch.batch, batch.time, NUM_CHANNELS]),
            spikes: Tensor::from_data(TensorData::new(batch.spikes, shape), device),
            soma: Tensor::from_data(TensorData::new(batch.soma, shape), device),
        }
    }
}

/// The inputs `[batch · time · 1278]`, filled on the host.
fn filled(batch: &SparseWindows, device: &Device) -> Tensor<1> {
    let mut inputs = vec![0.0; batch.dense_len()];
    batch.fill(&mut inputs);
    let shape = [inputs.len()];
    Tensor::from_data(TensorData::new(inputs, shape), device)
}

/// The inputs `[batch · time · 1278]`, filled on the device.
fn scattered(batch: &SparseWindows, device: &Device) -> Tensor<1> {
    let zeros = Tensor::zeros([batch.dense_len()], device);
    if batch.places.is_empty() {
        return zeros;
    }
    let count = [batch.places.len()];
    let places: Vec<i32> = batch.places.iter().map(|place| *place as i32).collect();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, count), device);
    let values = Tensor::from_data(TensorData::new(batch.values.clone(), count), device);
    // each place comes once
    zeros.select_assign(0, places, values, IndexingUpdateOp::Add)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use elm_data::neuronio::{Split, WindowConfig, WindowSampler, shipped};

    use super::*;

    #[test]
    fn spikes_come_to_the_same_places_on_every_device() {
        let config = WindowConfig {
            batch_size: 2,
            window_ms: 40,
            ignore_first_ms: 500,
        };
        let sampler = WindowSampler::new(shipped(Split::Valid).unwrap().into(), config, 3).unwrap();
        let batch = sampler.sparse(7).unwrap();
        let device = Device::flex();
        let values = |x: Tensor<1>| x.into_data().try_into_vec_as::<f32>().unwrap();
        let expected = sampler.batch(7).unwrap().inputs;
        assert!(expected.iter().any(|v| *v != 0.0));
        assert_eq!(values(filled(&batch, &device)), expected);
        assert_eq!(values(scattered(&batch, &device)), expected);
    }
}
