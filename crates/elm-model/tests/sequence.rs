//! Samples of different lengths, reversed and in both directions, against one sample at a time.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_relative, host};
use elm_model::{
    Bidirectional, ElmError, ElmNeuron, ElmNeuronConfig, NeuronForm, OutputActivation, Recurrent,
};

const LENGTHS: [usize; 5] = [9, 3, 12, 3, 1];

fn neurons(device: &Device) -> Vec<ElmNeuron> {
    [NeuronForm::v1(), NeuronForm::v2(), NeuronForm::network()]
        .map(|form| {
            let form = form
                .with_num_memory(3)
                .with_output_activation(OutputActivation::Identity);
            let config = ElmNeuronConfig::new(4, 2).with_neuron(form);
            config.init(device).unwrap()
        })
        .into()
}

fn input(device: &Device) -> Tensor<3> {
    let values: Vec<f64> = (0..5 * 12 * 4).map(|i| ((i as f64) * 0.37).sin()).collect();
    Tensor::from_data(TensorData::new(values, [5, 12, 4]), device)
}

/// A sample's own steps.
fn sample(x: &Tensor<3>, index: usize) -> Tensor<3> {
    x.clone().narrow(0, index, 1).narrow(1, 0, LENGTHS[index])
}

#[test]
fn each_sample_ends_at_its_own_last_step() {
    let device = Device::flex();
    for neuron in neurons(&device) {
        let x = input(&device);
        // what comes after a sample must not matter, not even if it is not a number
        let mut values = host(x.clone());
        for (index, length) in LENGTHS.iter().enumerate() {
            values[index * 48 + length * 4..(index + 1) * 48].fill(f64::NAN);
        }
        let padded = Tensor::from_data(TensorData::new(values, [5, 12, 4]), &device);
        let (_, start) = neuron.forward(x.clone(), None);
        let (y, state) = neuron
            .forward_lengths(padded, &LENGTHS, Some(start.clone()))
            .unwrap();
        for (index, length) in LENGTHS.into_iter().enumerate() {
            let rows = Tensor::from_data([index as i64], &device);
            let alone = start.clone().select(rows.clone());
            let (expected, last) = neuron.forward(sample(&x, index), Some(alone));
            let found = y.clone().narrow(0, index, 1);
            let real = host(found.clone().narrow(1, 0, length));
            assert_relative("output", &real, &host(expected), 1e-5);
            assert!(host(found)[length * 2..].iter().all(|v| *v == 0.0));
            let own = state.clone().select(rows);
            assert_relative("memory", &host(own.memory()), &host(last.memory()), 1e-5);
            if let (Some(found), Some(expected)) = (own.branch(), last.branch()) {
                assert_relative("branch", &host(found), &host(expected), 1e-5);
            }
            if let (Some(found), Some(expected)) = (own.readout_mean(), last.readout_mean()) {
                assert_relative("mean", &host(found), &host(expected), 1e-5);
            }
        }
    }
}

#[test]
fn gradients_flow_to_real_steps_alone() {
    let device = Device::flex().autodiff();
    for neuron in neurons(&device) {
        let x = input(&device).require_grad();
        let (y, state) = neuron.forward_lengths(x.clone(), &LENGTHS, None).unwrap();
        let grads = (y.square().sum() + state.memory().sum()).backward();
        let found = host(x.grad(&grads).unwrap());
        for (index, length) in LENGTHS.into_iter().enumerate() {
            let alone = sample(&x, index).detach().require_grad();
            let (y, state) = neuron.forward(alone.clone(), None);
            let grads = (y.square().sum() + state.memory().sum()).backward();
            let expected = host(alone.grad(&grads).unwrap());
            let own = &found[index * 48..][..48];
            assert_relative("x", &own[..length * 4], &expected, 1e-5);
            assert!(own[length * 4..].iter().all(|v| *v == 0.0));
        }
    }
}

#[test]
fn reversed_is_the_flipped_sequence_flipped_back() {
    let device = Device::flex();
    for neuron in neurons(&device) {
        let x = input(&device);
        let (y, state) = neuron.forward_reversed(x.clone(), None, None).unwrap();
        let (expected, last) = neuron.forward(x.clone().flip([1]), None);
        assert_relative("output", &host(y), &host(expected.flip([1])), 1e-6);
        assert_relative("memory", &host(state.memory()), &host(last.memory()), 1e-6);
        let (y, _) = neuron
            .forward_reversed(x.clone(), Some(&LENGTHS), None)
            .unwrap();
        for (index, length) in LENGTHS.into_iter().enumerate() {
            let (expected, _) = neuron.forward(sample(&x, index).flip([1]), None);
            let found = y.clone().narrow(0, index, 1).narrow(1, 0, length);
            assert_relative("ragged", &host(found), &host(expected.flip([1])), 1e-5);
        }
    }
}

#[test]
fn both_directions_stand_side_by_side() {
    let device = Device::flex();
    let (ahead, back) = (neurons(&device).remove(0), neurons(&device).remove(0));
    let x = input(&device);
    let both = Bidirectional::new(ahead.clone(), back.clone());
    let (y, (first, _)) = both.forward(x.clone(), None);
    assert_eq!(y.dims(), [5, 12, 4]);
    let (expected, state) = ahead.forward(x.clone(), None);
    assert_eq!(host(y.clone().narrow(2, 0, 2)), host(expected));
    assert_eq!(host(first.memory()), host(state.memory()));
    let (expected, _) = back.forward_reversed(x, None, None).unwrap();
    assert_eq!(host(y.narrow(2, 2, 2)), host(expected));
}

#[test]
fn lengths_that_do_not_fit_are_told() {
    let device = Device::flex();
    let neuron = neurons(&device).remove(0);
    for (lengths, part) in [
        (vec![1, 2, 3], "one for each of 5 samples, found 3"),
        (vec![1, 2, 0, 4, 5], "found 0 for sample 2"),
        (vec![1, 2, 3, 4, 13], "found 13 for sample 4"),
    ] {
        let error = neuron
            .forward_lengths(input(&device), &lengths, None)
            .unwrap_err();
        assert!(matches!(error, ElmError::Lengths { .. }));
        assert!(error.to_string().contains(part), "{error}");
    }
}
