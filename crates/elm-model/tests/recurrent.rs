//! Layers and networks over samples of different lengths, and their states in records.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::store::ModuleRecord;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use common::{assert_relative, host, seeded};
use elm_model::network::InputEmbedding;
use elm_model::{
    Bidirectional, ElmError, ElmLayer, ElmLayerConfig, ElmNetwork, ElmNetworkConfig,
    ElmNeuronConfig, FilterTau, LayerSource, NeuronForm, Recurrent, RecurrentState,
};

const LENGTHS: [usize; 5] = [9, 3, 12, 3, 1];

fn form() -> NeuronForm {
    NeuronForm::network()
        .with_num_memory(3)
        .with_branch_tau(FilterTau::Ms(3.0))
}

fn layer(device: &Device, dropout: f64) -> ElmLayer {
    ElmLayerConfig::new(4, 6)
        .with_neuron(form())
        .with_input_dropout(dropout)
        .with_recurrent_dropout(dropout)
        .with_memory_dropout(dropout)
        .init(device)
        .unwrap()
}

fn network(device: &Device, dropout: f64) -> ElmNetwork {
    ElmNetworkConfig::new(4, 2)
        .with_hidden_neurons(vec![5])
        .with_neuron(form())
        .with_input_embedding(InputEmbedding::OneHot { scale: 2.0 })
        .with_recurrent_dropout(dropout)
        .with_memory_dropout(dropout)
        .init(device)
        .unwrap()
}

fn dense(device: &Device) -> LayerSource {
    let values: Vec<f64> = (0..5 * 12 * 4).map(|i| ((i as f64) * 0.37).sin()).collect();
    Tensor::<3>::from_data(TensorData::new(values, [5, 12, 4]), device).into()
}

fn tokens(device: &Device) -> LayerSource {
    let ids: Vec<i64> = (0..5 * 12).map(|i| i * 7 % 4).collect();
    Tensor::<2, Int>::from_data(TensorData::new(ids, [5, 12]), device).into()
}

fn numbers(state: &impl RecurrentState) -> Vec<f64> {
    state.tensors().into_iter().flat_map(host).collect()
}

/// Outputs and final states of a batch equal those of each sample alone, with the same masks.
fn check_lengths<M: Recurrent>(model: &M, input: &M::Input, device: &Device)
where
    M::Input: Clone,
{
    use elm_model::sequence::SequenceInput;
    device.seed(7);
    let (y, state) = model
        .forward_lengths(input.clone(), &LENGTHS, None)
        .unwrap();
    device.seed(7);
    let masks = model.draw_masks(LENGTHS.len()).unwrap();
    for (index, length) in LENGTHS.into_iter().enumerate() {
        let row = Tensor::<1, Int>::from_data([index as i64], device);
        let own = input.clone().select_samples(row.clone()).part(1, 0, length);
        let masks = M::select_masks(&masks, row.clone());
        let (expected, last) = model.piece(own, None, &masks).unwrap();
        let found = y.clone().narrow(0, index, 1);
        let real = host(found.clone().narrow(1, 0, length));
        assert_relative("output", &real, &host(expected), 1e-5);
        let width = found.dims()[2];
        assert!(host(found)[length * width..].iter().all(|v| *v == 0.0));
        let state = state.clone().select(row);
        assert_relative("state", &numbers(&state), &numbers(&last), 1e-5);
    }
}

#[test]
fn each_sample_ends_at_its_own_last_step() {
    // dropout acts on autodiff devices
    for device in [Device::flex(), Device::flex().autodiff()] {
        let _turn = seeded(&device);
        for dropout in [0.0, 0.4] {
            check_lengths(&layer(&device, dropout), &dense(&device), &device);
            check_lengths(&layer(&device, dropout), &tokens(&device), &device);
            check_lengths(&network(&device, dropout), &tokens(&device), &device);
        }
    }
}

#[test]
fn in_both_directions_each_sample_starts_at_its_own_end() {
    let device = Device::flex();
    let _turn = seeded(&device);
    let both = Bidirectional::new(layer(&device, 0.0), layer(&device, 0.0));
    let LayerSource::Dense(x) = dense(&device) else {
        unreachable!()
    };
    let (y, _) = both.forward_lengths(x.clone(), &LENGTHS, None).unwrap();
    let sample = x.narrow(0, 1, 1).narrow(1, 0, LENGTHS[1]);
    let (alone, _) = both.forward(sample, None);
    let found = y.narrow(0, 1, 1).narrow(1, 0, LENGTHS[1]);
    assert_relative("both", &host(found), &host(alone), 1e-5);
}

/// A state goes through a file, and the rest of the sequence comes out as if nothing had happened.
fn check_record<M: Recurrent>(model: &M, input: &M::Input, rest: M::State) {
    use elm_model::sequence::SequenceInput;
    let masks = model.draw_masks(5).unwrap();
    let (whole, last) = model.piece(input.clone(), None, &masks).unwrap();
    let (_, middle) = model.piece(input.part(5, 0, 7), None, &masks).unwrap();
    let bytes = middle.into_record().into_bytes().unwrap();
    let record = ModuleRecord::from_bytes(bytes).unwrap();
    let state = rest.clone().try_load_record(record.clone()).unwrap();
    let (second, end) = model
        .piece(input.part(5, 7, 5), Some(state), &masks)
        .unwrap();
    let expected = host(whole.narrow(1, 7, 5));
    assert_relative("second half", &host(second), &expected, 1e-5);
    assert_relative("state", &numbers(&end), &numbers(&last), 1e-5);
    // a state of another number of samples is another state
    let rows = Tensor::from_data([0i64, 1], &input.device());
    let error = rest.select(rows).try_load_record(record);
    assert!(matches!(error, Err(ElmError::Record { .. })));
}

#[test]
fn a_state_is_continued_from_a_record() {
    use burn::tensor::DType::F32;
    use elm_model::{ElmLayerState, ElmNetworkState, ElmState};
    let device = Device::flex();
    let _turn = seeded(&device);
    let model = layer(&device, 0.0);
    let rest = ElmLayerState::zeros(model.config(), 5, F32, &device);
    check_record(&model, &dense(&device), rest);
    let model = network(&device, 0.0);
    let rest = ElmNetworkState::zeros(model.config(), 5, F32, &device);
    check_record(&model, &tokens(&device), rest);
    let LayerSource::Dense(x) = dense(&device) else {
        unreachable!()
    };
    for form in [NeuronForm::v1(), NeuronForm::v2(), form()] {
        let model = ElmNeuronConfig::new(4, 3)
            .with_neuron(form)
            .init(&device)
            .unwrap();
        let rest = ElmState::zeros(model.config(), 5, F32, &device);
        check_record(&model, &x, rest);
    }
}

/// A neuron with more branches than hidden units takes its trace through the first layer; at rest there is nothing to take.
#[test]
fn many_branches_start_at_rest_and_go_on() {
    use elm_model::ElmState;
    let device = Device::flex();
    let _turn = seeded(&device);
    let form = NeuronForm::v1().with_num_memory(4);
    let model = ElmNeuronConfig::new(60, 3)
        .with_neuron(form)
        .init(&device)
        .unwrap();
    let x = Tensor::<3>::random([2, 20, 60], Distribution::Normal(0.0, 1.0), &device);
    let numbers = |y: Tensor<3>| y.into_data().try_into_vec_as::<f32>().unwrap();
    let (whole, _) = model.forward(x.clone(), None);
    let zeros = |width: usize| Tensor::<2>::zeros([2, width], &device);
    let rest = ElmState::new(Some(zeros(60)), zeros(4), None);
    let (from_zeros, _) = model.forward(x.clone(), Some(rest));
    assert_eq!(numbers(from_zeros), numbers(whole.clone()));
    let (first, state) = model.forward(x.clone().narrow(1, 0, 9), None);
    let (rest, _) = model.forward(x.narrow(1, 9, 11), Some(state));
    let halves = numbers(Tensor::cat(vec![first, rest], 1));
    for (found, expected) in halves.into_iter().zip(numbers(whole)) {
        assert!(
            (found - expected).abs() < 1e-5,
            "{found}, expected {expected}"
        );
    }
}
