//! What is not a number, infinite, zero of either sign or subnormal comes out of every implementation as it comes out of
//! plain tensor steps.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use common::{devices_and_card, host};
use elm_model::{
    ElmLayer, ElmLayerConfig, ElmNeuron, ElmNeuronConfig, HiddenActivation, NeuronForm,
    OutputActivation, ScanPath,
};

const SIZES: [usize; 3] = [16, 9, 5];

/// Values that kernels tend to lose, and 32-bit ones that vanish when they are flushed to zero.
const ODD: [f64; 7] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    1e-40,
    f64::MAX,
];

fn forms() -> Vec<NeuronForm> {
    let mut forms = vec![NeuronForm::v1(), NeuronForm::v2()];
    for activation in HiddenActivation::ALL {
        for output in OutputActivation::ALL {
            let form = NeuronForm::network().with_activation(activation);
            forms.push(form.with_output_activation(output));
        }
    }
    forms
        .into_iter()
        .map(|form| form.with_num_memory(3))
        .collect()
}

/// Numbers that look random, and in the second sample one odd value.
fn input(odd: f64, device: &Device) -> Tensor<3> {
    let [_, time, channels] = SIZES;
    let len = SIZES.iter().product::<usize>();
    let mut values: Vec<f64> = (0..len).map(|i| ((i as f64) * 0.7311).sin()).collect();
    values[(time + 3) * channels + 2] = odd;
    Tensor::from_data(TensorData::new(values, SIZES), device)
}

/// Output, then the gradients of the input.
fn neuron(model: &ElmNeuron, x: Tensor<3>) -> Vec<f64> {
    let x = x.require_grad();
    let y = model.forward(x.clone(), None).0;
    let grads = y.clone().square().sum().backward();
    [host(y), host(x.grad(&grads).unwrap())].concat()
}

fn layer(model: &ElmLayer, x: Tensor<3>) -> Vec<f64> {
    let x = x.require_grad();
    let y = model.forward(x.clone(), None).0;
    let grads = y.clone().square().sum().backward();
    [host(y), host(x.grad(&grads).unwrap())].concat()
}

/// The same numbers, up to rounding; not a number where the other is not.
fn assert_same(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let sizes = expected.iter().filter(|v| v.is_finite()).map(|v| v.abs());
    let largest = sizes.fold(1e-3, f64::max);
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-4 * largest;
        assert!(same, "{what}: entry {i} is {a:e}, expected {b:e}");
    }
}

#[test]
fn of_single_neurons() {
    for (name, device) in devices_and_card() {
        let device = device.autodiff();
        for form in forms() {
            let config = ElmNeuronConfig::new(SIZES[2], 2).with_neuron(form.clone());
            let fused = config.init(&device).unwrap();
            let reference = fused.clone().with_path(ScanPath::Reference);
            for odd in ODD {
                let expected = neuron(&reference, input(odd, &device));
                let found = neuron(&fused, input(odd, &device));
                let finite = !odd.is_nan() || expected.iter().any(|v| v.is_nan());
                assert!(finite, "{form:?}: the reference loses {odd}");
                assert_same(&format!("{name} {form:?} {odd:e}"), &found, &expected);
            }
        }
    }
}

#[test]
fn of_layers() {
    for (name, device) in devices_and_card() {
        let device = device.autodiff();
        for form in forms() {
            let config = ElmLayerConfig::new(SIZES[2], 6).with_neuron(form.clone());
            let fused = config.init(&device).unwrap();
            let reference = fused.clone().with_path(ScanPath::Reference);
            for odd in ODD {
                let expected = layer(&reference, input(odd, &device));
                let found = layer(&fused, input(odd, &device));
                assert_same(&format!("{name} {form:?} {odd:e}"), &found, &expected);
            }
        }
    }
}

/// The same input with a channel that never says anything.
fn silent(channel: usize, device: &Device) -> Tensor<3> {
    let sizes = [2, 12, 20];
    let len = sizes.iter().product::<usize>();
    let value = |i: usize| {
        if i % 20 == channel {
            0.0
        } else {
            (i as f64 * 0.7311).sin()
        }
    };
    Tensor::from_data(
        TensorData::new((0..len).map(value).collect::<Vec<f64>>(), sizes),
        device,
    )
}

/// A weight that is no number is heard of, though its channel is silent: at rest and with a state, with fewer branches than
/// hidden units and with more.
#[test]
fn of_weights_of_silent_channels() {
    let device = Device::flex();
    for (branches, hidden) in [(20, 6), (4, 9)] {
        for odd in [f32::NAN, f32::INFINITY, 1.0] {
            let form = NeuronForm::v1()
                .with_num_memory(3)
                .with_hidden_size(Some(hidden));
            let form = form
                .with_num_branches(Some(branches))
                .with_synapses_per_branch(Some(20 / branches));
            let mut fused = ElmNeuronConfig::new(20, 2)
                .with_neuron(form)
                .init(&device)
                .unwrap();
            let weights = fused.synapses.proto_weight.val().into_data();
            let mut weights = weights.try_into_vec_as::<f32>().unwrap();
            weights[7] = odd;
            fused.synapses.proto_weight = Param::from_data(TensorData::new(weights, [20]), &device);
            let reference = fused.clone().with_path(ScanPath::Reference);
            let x = silent(7, &device);
            let run = |model: &ElmNeuron| {
                let (y, state) = model.forward(x.clone(), None);
                [host(y), host(model.forward(x.clone(), Some(state)).0)].concat()
            };
            let expected = run(&reference);
            assert_eq!(
                expected.iter().any(|y| y.is_nan()),
                !odd.is_finite(),
                "{odd}"
            );
            assert_same(
                &format!("{branches} branches, {odd}"),
                &run(&fused),
                &expected,
            );
        }
    }
}
