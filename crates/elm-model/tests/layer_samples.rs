//! Layers on few samples, which are computed one by one, and on many, which are computed side by side.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/layer.rs"]
mod layer;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor};
use common::{assert_relative, host};
use elm_model::layer::Wiring;
use elm_model::scan::layer::LayerSpec;
use elm_model::{
    ElmLayer, ElmLayerConfig, FilterTau, HiddenActivation, NeuronForm, OutputActivation, ScanPath,
};
use layer::{Case, Choices, numbers};

/// Widths below, at and above those of a register, and every option of a neuron.
fn specs() -> [LayerSpec; 4] {
    let small = LayerSpec {
        inputs: 5,
        neurons: 4,
        branches: 3,
        per_branch: 2,
        memory: 2,
        hidden_layers: 1,
        hidden: 5,
        activation: HiddenActivation::SquaredRelu,
        branch_decay: None,
        high_pass_decay: Some(0.7),
        output: OutputActivation::Relu,
    };
    [
        LayerSpec {
            memory: 9,
            hidden_layers: 0,
            branch_decay: Some(0.6),
            output: OutputActivation::Identity,
            ..small
        },
        small,
        LayerSpec {
            memory: 8,
            hidden_layers: 2,
            hidden: 30,
            activation: HiddenActivation::Silu,
            high_pass_decay: None,
            output: OutputActivation::Identity,
            ..small
        },
        LayerSpec {
            memory: 15,
            hidden: 100,
            activation: HiddenActivation::Relu,
            branch_decay: Some(0.9),
            ..small
        },
    ]
}

#[test]
fn every_number_of_samples_equals_the_reference() {
    let device = Device::flex();
    for (k, spec) in specs().into_iter().enumerate() {
        for (recurrent, tokens, masks) in [
            (0.0, false, false),
            (0.0, true, true),
            (0.5, false, true),
            (0.5, true, false),
            (1.0, false, false),
        ] {
            let choices = Choices {
                recurrent,
                tokens,
                masks,
            };
            for batch in 1..=9 {
                for time in [1, 4] {
                    let case = Case::random(spec, batch, time, choices);
                    for (dtype, tolerance) in [(DType::F64, 1e-9), (DType::F32, 2e-4)] {
                        let run = |path| {
                            let inputs = case.inputs((&device, dtype), false);
                            host(case.run(inputs, path))
                        };
                        let what = format!(
                            "spec {k}, {batch} sample(s), {time} step(s), {choices:?}, {dtype:?}"
                        );
                        let (found, expected) = (run(ScanPath::Auto), run(ScanPath::Reference));
                        assert_relative(&what, &found, &expected, tolerance);
                    }
                }
            }
        }
    }
}

struct Cast(DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}

const BATCH: usize = 9;
const TIME: usize = 6;

fn modules(dtype: DType) -> Vec<(ElmLayer, Tensor<3>)> {
    let device = Device::flex();
    let trace = FilterTau::Ms(3.0);
    let forms = [
        NeuronForm::v1(),
        NeuronForm::v2(),
        NeuronForm::network().with_branch_tau(trace),
    ];
    let mut all = Vec::new();
    for form in forms {
        let form = form
            .with_num_memory(5)
            .with_num_branches(Some(4))
            .with_synapses_per_branch(Some(3));
        for recurrent in [0.0, 0.6] {
            let config = ElmLayerConfig::new(6, 7)
                .with_neuron(form.clone())
                .with_wiring(Wiring::Random {
                    recurrent_connect: Some(recurrent),
                });
            let x = numbers(BATCH * TIME * 6, -1.0, 1.0);
            let x = Tensor::<1>::from_data(x.as_slice(), &device).reshape([BATCH, TIME, 6]);
            let layer = config.init(&device).unwrap().map(&mut Cast(dtype));
            all.push((layer, x.cast(dtype)));
        }
    }
    all
}

/// Who else is in a batch changes no number, in any number type, and neither do steps in calls of their own.
#[test]
fn a_sample_yields_the_same_in_any_company_and_step_by_step() {
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        for (layer, x) in modules(dtype) {
            let (y, end) = layer.forward(x.clone(), None);
            for sample in 0..BATCH {
                let x = x.clone().narrow(0, sample, 1);
                let expected = host(y.clone().narrow(0, sample, 1));
                let memory = host(end.memory.clone().narrow(0, sample, 1));
                let (alone, state) = layer.forward(x.clone(), None);
                assert_eq!(host(alone), expected, "{dtype:?}, sample {sample}");
                assert_eq!(host(state.memory), memory, "{dtype:?}, sample {sample}");
                let (mut steps, mut state) = (Vec::new(), None);
                for t in 0..TIME {
                    let (y, next) = layer.forward(x.clone().narrow(1, t, 1), state);
                    steps.extend(host(y));
                    state = Some(next);
                }
                assert_eq!(steps, expected, "{dtype:?}, sample {sample} step by step");
                assert_eq!(host(state.unwrap().memory), memory);
            }
        }
    }
}

/// What is not a number, or infinite, comes out of a single sample where it does in plain tensor steps.
#[test]
fn not_a_number_comes_out_of_single_samples() {
    for (layer, x) in modules(DType::F64) {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let x = x.clone().narrow(0, 0, 1);
            let mask = x.zeros_like().bool().slice_fill([0..1, 2..3, 1..2], true);
            let x = x.mask_fill(mask, odd);
            let reference = layer.clone().with_path(ScanPath::Reference);
            let found = host(layer.forward(x.clone(), None).0);
            let expected = host(reference.forward(x, None).0);
            let nan = |y: &[f64]| y.iter().map(|v| v.is_nan()).collect::<Vec<_>>();
            assert_eq!(nan(&found), nan(&expected), "{odd}");
        }
    }
}

/// The tests above once more without vector registers, in a process of its own.
#[test]
fn lesser_instruction_sets_pass_the_same_tests() {
    let tests = [
        "every_number_of_samples_equals_the_reference",
        "a_sample_yields_the_same_in_any_company_and_step_by_step",
        "not_a_number_comes_out_of_single_samples",
    ];
    common::run_with_isa("base", &tests);
}
