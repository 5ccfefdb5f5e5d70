//! The layer's kernels for graphics cards through Burn's tensors, as a user runs them: lazily (fusion), under autodiff,
//! against the plain-tensor reference in f64 on the CPU, and against the reference on the card itself.
//!
//! Runs on the first graphics card, in CI a software one; without any the tests say so and pass.
#![cfg(all(feature = "cube", feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/layer.rs"]
mod layer;

use burn::module::Module;
use burn::tensor::{DType, Device, Int, Tensor};
use common::{assert_relative, card, host};
use elm_model::ScanPath;
use elm_model::dispatch::describe_layer;
use elm_model::layer::{LayerSource, Wiring};
use elm_model::scan::layer::LayerSpec;
use elm_model::{ElmLayerConfig, FilterTau, HiddenActivation, NeuronForm, OutputActivation};
use layer::{Case, Choices, NAMES, numbers};

use HiddenActivation::{Relu, Silu, SquaredRelu};
use OutputActivation::{Identity, Spike};

/// `[inputs, neurons, branches, synapses per branch, memory, hidden layers, hidden]`.
fn spec(sizes: [usize; 7], activation: HiddenActivation, output: OutputActivation) -> LayerSpec {
    let [
        inputs,
        neurons,
        branches,
        per_branch,
        memory,
        hidden_layers,
        hidden,
    ] = sizes;
    LayerSpec {
        inputs,
        neurons,
        branches,
        per_branch,
        memory,
        hidden_layers,
        hidden,
        activation,
        output,
        branch_decay: None,
        high_pass_decay: None,
    }
}

fn filtered(spec: LayerSpec, branch: Option<f64>, high_pass: Option<f64>) -> LayerSpec {
    LayerSpec {
        branch_decay: branch,
        high_pass_decay: high_pass,
        ..spec
    }
}

type Found = (Vec<f64>, Vec<Option<Vec<f64>>>);

fn compare(what: &str, case: &Case, found: &Found, expected: &Found, tolerance: f64) {
    let what = format!(
        "{what}: {:?} batch {} time {}",
        case.spec, case.batch, case.time
    );
    assert_relative(&format!("{what}: result"), &found.0, &expected.0, tolerance);
    let mut compared = 0;
    for ((name, found), expected) in NAMES.iter().zip(&found.1).zip(&expected.1) {
        if let (Some(found), Some(expected)) = (found, expected) {
            assert_relative(&format!("{what}: {name}"), found, expected, tolerance);
            compared += 1;
        }
    }
    assert!(compared >= 9, "{what}: {compared} gradients compared");
}

fn on(device: &Device, dtype: DType, path: ScanPath, case: &Case) -> Found {
    case.gradients((&device.clone().autodiff(), dtype), path)
}

fn choices(recurrent: f64, tokens: bool, masks: bool) -> Choices {
    Choices {
        recurrent,
        tokens,
        masks,
    }
}

/// Outputs, final states and all gradients: every activation and filter, none to three hidden layers, numbers and
/// tokens, with and without masks and recurrent synapses, odd sizes.
#[test]
fn random_layers_equal_the_reference() {
    let Some(device) = card() else { return };
    let relu = OutputActivation::Relu;
    let cases = [
        (
            spec([1, 1, 1, 1, 1, 0, 1], Relu, Identity),
            1,
            1,
            0.0,
            false,
            false,
        ),
        (
            spec([1, 1, 1, 1, 1, 1, 1], SquaredRelu, relu),
            1,
            1,
            1.0,
            false,
            false,
        ),
        (
            spec([5, 7, 3, 4, 2, 1, 5], SquaredRelu, relu),
            3,
            6,
            0.5,
            false,
            false,
        ),
        (
            filtered(
                spec([5, 7, 3, 4, 2, 1, 5], Silu, relu),
                Some(0.6),
                Some(0.7),
            ),
            9,
            7,
            0.5,
            false,
            true,
        ),
        (
            filtered(spec([9, 4, 5, 3, 3, 2, 7], Relu, Identity), Some(0.8), None),
            2,
            11,
            0.3,
            true,
            true,
        ),
        (
            filtered(spec([4, 6, 7, 2, 5, 0, 1], Relu, relu), None, Some(0.5)),
            33,
            5,
            0.6,
            false,
            false,
        ),
        (
            filtered(
                spec([6, 11, 9, 5, 7, 3, 13], Silu, Identity),
                Some(0.4),
                Some(0.9),
            ),
            8,
            9,
            0.4,
            true,
            false,
        ),
        (
            spec([3, 5, 4, 3, 2, 1, 6], SquaredRelu, relu),
            4,
            60,
            1.0,
            false,
            true,
        ),
        (
            filtered(
                spec([8, 3, 6, 4, 3, 1, 10], SquaredRelu, relu),
                Some(0.7),
                Some(0.7),
            ),
            17,
            31,
            0.0,
            false,
            true,
        ),
        (
            filtered(
                spec([12, 5, 5, 4, 4, 1, 9], SquaredRelu, Spike),
                None,
                Some(0.6),
            ),
            5,
            8,
            0.5,
            false,
            false,
        ),
        (
            spec([700, 6, 30, 10, 5, 1, 10], SquaredRelu, relu),
            8,
            12,
            0.25,
            false,
            false,
        ),
    ];
    for (spec, batch, time, recurrent, tokens, masks) in cases {
        let case = Case::random(spec, batch, time, choices(recurrent, tokens, masks));
        let found = on(&device, DType::F32, ScanPath::Auto, &case);
        let expected = on(&Device::flex(), DType::F64, ScanPath::Reference, &case);
        let what = format!("recurrent {recurrent} tokens {tokens} masks {masks}");
        compare(&what, &case, &found, &expected, 1e-3);
    }
}

/// More synapses than one axis of a launch has room for, as layers of a thousand neurons have.
#[test]
fn more_cubes_than_one_axis_holds() {
    let Some(device) = card() else { return };
    let spec = spec([5, 33, 4, 4000, 2, 0, 1], Relu, OutputActivation::Relu);
    assert!(spec.neurons * spec.synapses() > 16 << 15);
    let case = Case::random(spec, 2, 2, choices(0.5, false, false));
    let found = on(&device, DType::F32, ScanPath::Auto, &case);
    let expected = on(&Device::flex(), DType::F64, ScanPath::Auto, &case);
    compare("many synapses", &case, &found, &expected, 1e-3);
}

/// Against plain tensor steps on the same device, and against the kernels of the CPU.
#[test]
fn kernels_equal_the_reference_of_the_same_device_and_flex() {
    let Some(device) = card() else { return };
    let spec = filtered(
        spec([5, 4, 3, 3, 2, 1, 4], SquaredRelu, OutputActivation::Relu),
        Some(0.6),
        Some(0.7),
    );
    let case = Case::random(spec, 3, 4, choices(0.5, false, true));
    let found = on(&device, DType::F32, ScanPath::Auto, &case);
    let flex = on(&Device::flex(), DType::F32, ScanPath::Auto, &case);
    let plain = on(&device, DType::F32, ScanPath::Reference, &case);
    compare("Flex", &case, &found, &flex, 1e-4);
    compare("the card's reference", &case, &found, &plain, 1e-4);
}

/// Two halves with the state carried over give the whole, forward and backward, and a layer moves between devices.
#[test]
fn a_layer_in_two_halves() {
    let Some(device) = card() else { return };
    let form = NeuronForm::network()
        .with_num_memory(3)
        .with_num_branches(Some(5))
        .with_synapses_per_branch(Some(4))
        .with_branch_tau(FilterTau::Ms(4.0));
    let config = ElmLayerConfig::new(6, 5)
        .with_neuron(form)
        .with_wiring(Wiring::Random {
            recurrent_connect: Some(0.5),
        });
    let flex = config.init(&Device::flex().autodiff()).unwrap();
    let (batch, time) = (3, 21);
    let x = numbers(batch * time * 6, -1.0, 1.0);
    let gradients = |device: &Device, cut: usize| {
        let device = device.clone().autodiff();
        let layer = flex.clone().fork(&device);
        let x = Tensor::<1>::from_data(x.as_slice(), (&device, DType::F32)).require_grad();
        let whole = x.clone().reshape([batch, time, 6]);
        let mut outputs = Vec::new();
        let mut state = None;
        for (from, to) in [(0, cut), (cut, time)] {
            if from < to {
                let part = whole.clone().narrow(1, from, to - from);
                let (y, next) = layer.try_forward(part, state).unwrap();
                outputs.push(y);
                state = Some(next);
            }
        }
        let y = Tensor::cat(outputs, 1);
        let grads = (y.clone() * y.clone()).sum().backward();
        [
            host(y),
            host(x.grad(&grads).unwrap()),
            host(layer.proto_weight.grad(&grads).unwrap()),
            host(layer.mlp[0].weight.grad(&grads).unwrap()),
        ]
    };
    let expected = gradients(&Device::flex(), time);
    for cut in [time, 8, 1] {
        for ((name, found), expected) in ["y", "x", "synapses", "first map"]
            .iter()
            .zip(gradients(&device, cut))
            .zip(&expected)
        {
            assert_relative(&format!("cut at {cut}: {name}"), &found, expected, 2e-4);
        }
    }
}

/// Tokens are channels that are 1, without a gradient of their own.
#[test]
fn tokens_are_channels() {
    let Some(device) = card() else { return };
    let config = ElmLayerConfig::new(9, 4).with_neuron(NeuronForm::network().with_num_memory(2));
    let layer = config.init(&device).unwrap();
    let ids: Vec<i64> = numbers(2 * 6, 0.0, 9.0)
        .into_iter()
        .map(|v| v as i64)
        .collect();
    let mut dense = vec![0.0f32; 2 * 6 * 9];
    for (at, id) in ids.iter().enumerate() {
        dense[at * 9 + *id as usize] = 1.0;
    }
    let ids = Tensor::<1, Int>::from_data(ids.as_slice(), &device).reshape([2, 6]);
    let dense = Tensor::<1>::from_data(dense.as_slice(), &device).reshape([2, 6, 9]);
    let tokens = layer.run(LayerSource::OneHot(ids), None).unwrap();
    assert_relative(
        "activity",
        &host(tokens.activity),
        &host(layer.forward(dense, None).0),
        1e-6,
    );
}

/// Tokens are not read back from a card, so that one that names no channel cannot be an error there: nothing that comes
/// out is a number.
#[test]
fn tokens_out_of_range_spoil_the_result() {
    let Some(device) = card() else { return };
    let config = ElmLayerConfig::new(9, 4).with_neuron(NeuronForm::network().with_num_memory(2));
    let layer = config.init(&device).unwrap();
    for path in [ScanPath::Auto, ScanPath::Reference] {
        for wrong in [9i64, -1, i64::from(i32::MAX)] {
            let ids = [0i64, 1, 2, 3, wrong, 5];
            let ids = Tensor::<1, Int>::from_data(ids.as_slice(), &device).reshape([2, 3]);
            let layer = layer.clone().with_path(path);
            let y = layer.run(LayerSource::OneHot(ids), None).unwrap().activity;
            assert!(host(y).iter().all(|v| v.is_nan()), "{path:?} {wrong}");
        }
    }
}

/// What the kernels cannot do runs as plain tensor steps, with a reason, and is right.
#[test]
fn what_has_no_kernel_falls_back_with_a_reason() {
    let Some(device) = card() else { return };
    let small = spec([5, 4, 3, 3, 2, 1, 4], SquaredRelu, OutputActivation::Relu);
    let describe =
        |spec: &LayerSpec, sizes| describe_layer(ScanPath::Auto, &device, DType::F32, spec, sizes);
    let path = describe(&small, [3, 10]);
    assert!(path.starts_with("fused: "), "{path}");
    // no workgroup's shared memory holds a step of this neuron
    let wide = LayerSpec {
        branches: 2_000_000,
        ..small
    };
    let path = describe(&wide, [3, 10]);
    assert!(
        path.starts_with("plain tensor steps: one neuron's step"),
        "{path}"
    );
    // no buffer holds what such a sequence leaves behind
    let path = describe(&small, [1 << 20, 1 << 24]);
    assert!(path.contains("buffer"), "{path}");
    let layer = ElmLayerConfig::new(5, 4).init(&device).unwrap();
    assert!(layer.describe_path(3, 10).starts_with("fused: "));
    assert_eq!(
        ElmLayerConfig::new(5, 4)
            .init(&Device::flex())
            .unwrap()
            .describe_path(3, 10),
        "fused"
    );
    // another number type
    if device.supports_dtype(DType::F16) {
        let case = Case::random(small, 2, 3, choices(0.5, false, false));
        let (found, _) = on(&device, DType::F16, ScanPath::Auto, &case);
        let (expected, _) = on(&Device::flex(), DType::F64, ScanPath::Reference, &case);
        assert_relative("f16", &found, &expected, 3e-2);
    } else {
        eprintln!("skipped: this device has no f16");
    }
}
