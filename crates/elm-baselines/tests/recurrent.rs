//! Recurrent baselines over samples of different lengths, and their states in records.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor, TensorData};
use elm_baselines::{ChronoLstmConfig, LifConfig};
use elm_model::{Recurrent, RecurrentState};

const LENGTHS: [usize; 4] = [9, 3, 12, 3];

fn host(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn check<M: Recurrent<Input = Tensor<3>, Masks = ()>>(model: &M, device: &Device) {
    let values: Vec<f32> = (0..4 * 12 * 3).map(|i| (i as f32 * 0.37).sin()).collect();
    let x = Tensor::<3>::from_data(TensorData::new(values, [4, 12, 3]), device);
    let (y, state) = model.forward_lengths(x.clone(), &LENGTHS, None).unwrap();
    for (index, length) in LENGTHS.into_iter().enumerate() {
        let own = x.clone().narrow(0, index, 1).narrow(1, 0, length);
        let (expected, last) = model.piece(own, None, &()).unwrap();
        let found = y.clone().narrow(0, index, 1).narrow(1, 0, length);
        let worst = (found - expected).abs().max().into_scalar::<f32>();
        assert!(worst < 1e-5, "{worst}");
        let own = state
            .clone()
            .select(Tensor::from_data([index as i64], device));
        for (found, expected) in own.tensors().into_iter().zip(last.tensors()) {
            for (a, b) in host(found).into_iter().zip(host(expected)) {
                assert!((a - b).abs() < 1e-5, "{a} instead of {b}");
            }
        }
    }
    let record = state.clone().into_record();
    let loaded = state.clone().try_load_record(record).unwrap();
    for (a, b) in loaded.tensors().into_iter().zip(state.tensors()) {
        assert_eq!(host(a), host(b));
    }
}

#[test]
fn each_sample_ends_at_its_own_last_step() {
    let device = Device::flex();
    let lstm = ChronoLstmConfig::new(3, 2).with_hidden_size(5);
    check(&lstm.init(&device).unwrap(), &device);
    let lif = LifConfig::new(3, 2).with_num_neurons(6);
    check(&lif.init(&device).unwrap(), &device);
}
