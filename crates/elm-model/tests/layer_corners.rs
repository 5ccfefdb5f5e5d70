//! Layers where numbers are none, on fewer instructions, and over several thread pools.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use common::{assert_relative, host};
use elm_model::{
    ElmError, ElmLayer, ElmLayerConfig, ElmNeuronConfig, HiddenActivation, NeuronForm,
    OutputActivation, ScanPath,
};

struct Double;

impl ModuleMapper for Double {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(DType::F64))
    }
}

fn layer(activation: HiddenActivation, output: OutputActivation, device: &Device) -> ElmLayer {
    let form = NeuronForm::network()
        .with_num_memory(3)
        .with_activation(activation)
        .with_output_activation(output);
    let config = ElmLayerConfig::new(5, 6).with_neuron(form);
    config.init(device).unwrap().map(&mut Double)
}

fn input(time: usize) -> Vec<f64> {
    (0..16 * time * 5)
        .map(|i| ((i as f64) * 0.7311).sin())
        .collect()
}

fn tensor(values: Vec<f64>, time: usize, device: &Device) -> Tensor<3> {
    Tensor::from_data(TensorData::new(values, [16, time, 5]), (device, DType::F64))
}

/// What is not a number comes out where it does in plain tensor steps, for every activation.
#[test]
fn not_a_number_comes_out_of_layers() {
    let device = Device::flex();
    for activation in HiddenActivation::ALL {
        for output in OutputActivation::ALL {
            let layer = layer(activation, output, &device);
            let reference = layer.clone().with_path(ScanPath::Reference);
            let mut values = input(6);
            values[3] = f64::NAN;
            values[5 * 6 * 5 + 7] = f64::NAN;
            let x = tensor(values, 6, &device);
            let found = host(layer.forward(x.clone(), None).0);
            let expected = host(reference.forward(x, None).0);
            let nan = |y: &[f64]| y.iter().map(|v| v.is_nan()).collect::<Vec<_>>();
            assert!(nan(&expected).contains(&true), "{activation:?} {output:?}");
            assert_eq!(nan(&found), nan(&expected), "{activation:?} {output:?}");
        }
    }
}

/// Nothing that the backward pass needs follows from the thread pool that it happens to run in.
#[test]
fn forward_and_backward_may_run_in_different_pools() {
    let device = Device::flex().autodiff();
    let plain = Device::flex();
    let layer = layer(HiddenActivation::Silu, OutputActivation::Identity, &plain).train();
    let time = 150;
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let gradients = |layer: &ElmLayer, ahead: usize, back: usize| {
        let x = tensor(input(time), time, &device).require_grad();
        let loss = pool(ahead).install(|| layer.forward(x.clone(), None).0.square().mean());
        let grads = pool(back).install(|| loss.backward());
        [
            host(x.grad(&grads).unwrap()),
            host(layer.proto_weight.grad(&grads).unwrap()),
            host(layer.readout.grad(&grads).unwrap()),
        ]
    };
    let reference = layer.clone().with_path(ScanPath::Reference);
    let expected = gradients(&reference, 1, 1);
    for ahead in [1, 2, 4, 8] {
        for back in [1, 2, 4, 8] {
            for (found, expected) in gradients(&layer, ahead, back).iter().zip(&expected) {
                let what = format!("forward on {ahead} thread(s), backward on {back}");
                assert_relative(&what, found, expected, 1e-9);
            }
        }
    }
}

/// The tests above once more without vector registers, in a process of its own.
#[test]
fn lesser_instruction_sets_pass_the_same_tests() {
    let tests = [
        "not_a_number_comes_out_of_layers",
        "forward_and_backward_may_run_in_different_pools",
    ];
    common::run_with_isa("base", &tests);
}

/// Neurons and layers say what they expect of the environment; run in a process of its own by the test below.
#[test]
#[ignore = "needs a variable that other tests must not see"]
fn a_mistyped_instruction_set_is_an_error() {
    let device = Device::flex();
    let layer = layer(HiddenActivation::Relu, OutputActivation::Relu, &device);
    let neuron = ElmNeuronConfig::new(4, 1).init(&device).unwrap();
    let errors = [
        layer.try_forward(tensor(input(2), 2, &device), None).err(),
        neuron
            .try_forward(Tensor::zeros([1, 2, 4], &device), None)
            .err(),
    ];
    for error in errors {
        let error = error.unwrap();
        assert!(matches!(error, ElmError::Environment { .. }), "{error:?}");
        let text = error.to_string();
        for part in ["ELM_ISA", "avx3", "base", "avx2", "avx512"] {
            assert!(text.contains(part), "`{part}` is missing in: {text}");
        }
    }
}

#[test]
fn a_mistyped_instruction_set_is_told_and_no_panic() {
    common::run_with_isa("avx3", &["a_mistyped_instruction_set_is_an_error"]);
}

/// What layers do not have is refused, not ignored.
#[test]
fn paths_of_single_neurons_are_refused() {
    let device = Device::flex();
    for path in [ScanPath::MemoryBudget(1), ScanPath::CheckpointEvery(4)] {
        let layer = layer(HiddenActivation::Relu, OutputActivation::Relu, &device).with_path(path);
        let x = tensor(input(2), 2, &device);
        let error = layer.try_forward(x, None).unwrap_err();
        assert!(matches!(error, ElmError::Path { .. }), "{error:?}");
        assert!(layer.describe_path(16, 2).contains("single neurons"));
    }
}
