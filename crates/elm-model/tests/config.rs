//! Parameter counts, and what makes a configuration invalid.
#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor};
use elm_model::{ElmError, ElmNeuronConfig, NeuronVersion, Routing};

#[test]
fn published_parameter_counts() {
    let published = [
        (1, 4601),
        (2, 4708),
        (3, 4823),
        (5, 5077),
        (7, 5363),
        (10, 5852),
        (15, 6827),
        (20, 8002),
        (25, 9377),
        (30, 10952),
        (40, 14702),
        (50, 19252),
        (75, 34127),
        (100, 54002),
    ];
    for (memory, count) in published {
        let neuron = ElmNeuronConfig::neuronio(memory)
            .init(&Device::flex())
            .unwrap();
        assert_eq!(neuron.num_trained(), count, "M = {memory}");
    }
}

#[test]
fn invalid_configurations_name_the_field() {
    let ok = ElmNeuronConfig::new(8, 2);
    let cases = [
        (
            "num_inputs",
            ElmNeuronConfig {
                num_inputs: 0,
                ..ok.clone()
            },
        ),
        (
            "num_outputs",
            ElmNeuronConfig {
                num_outputs: 0,
                ..ok.clone()
            },
        ),
        (
            "num_memory",
            ElmNeuronConfig {
                num_memory: 0,
                ..ok.clone()
            },
        ),
        (
            "num_branches",
            ElmNeuronConfig {
                num_branches: Some(0),
                ..ok.clone()
            },
        ),
        (
            "synapses_per_branch",
            ElmNeuronConfig {
                synapses_per_branch: 0,
                ..ok.clone()
            },
        ),
        (
            "dt",
            ElmNeuronConfig {
                dt: 0.0,
                ..ok.clone()
            },
        ),
        (
            "lambda",
            ElmNeuronConfig {
                lambda: f64::NAN,
                ..ok.clone()
            },
        ),
        (
            "synapse_tau",
            ElmNeuronConfig {
                synapse_tau: -5.0,
                ..ok.clone()
            },
        ),
        (
            "memory_tau_min",
            ElmNeuronConfig {
                memory_tau_min: 0.0,
                ..ok.clone()
            },
        ),
        (
            "memory_tau_max",
            ElmNeuronConfig {
                memory_tau_max: 1.0,
                ..ok.clone()
            },
        ),
        (
            "synapse_init",
            ElmNeuronConfig {
                synapse_init: f64::INFINITY,
                ..ok.clone()
            },
        ),
        (
            "routing",
            ElmNeuronConfig {
                num_branches: Some(3),
                ..ok.clone()
            },
        ),
        (
            "synapses_per_branch",
            ElmNeuronConfig {
                num_branches: Some(2),
                synapses_per_branch: 3,
                routing: Routing::Neuronio,
                ..ok.clone()
            },
        ),
    ];
    for (expected, config) in cases {
        match config.init(&Device::flex()) {
            Err(ElmError::Config { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {:?}", other.map(|_| "a neuron")),
        }
    }
    // v2 accepts equal bounds, as published
    let v2 = ElmNeuronConfig {
        memory_tau_max: 1.0,
        version: NeuronVersion::V2,
        ..ok
    };
    assert!(v2.init(&Device::flex()).is_ok());
}

#[test]
fn inputs_and_states_of_another_size_are_errors() {
    let device = Device::flex();
    let neuron = ElmNeuronConfig::new(8, 2)
        .with_num_memory(4)
        .init(&device)
        .unwrap();
    let error = neuron
        .forward_with_state(Tensor::zeros([1, 5, 7], &device), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("[1, 5, 7]") && error.contains("[batch, time, 8"),
        "{error}"
    );
    assert!(
        neuron
            .forward_with_state(Tensor::zeros([1, 0, 8], &device), None)
            .is_err()
    );
    let (_, state) = neuron
        .forward_with_state(Tensor::zeros([2, 5, 8], &device), None)
        .unwrap();
    assert!(
        neuron
            .forward_with_state(Tensor::zeros([1, 5, 8], &device), Some(state))
            .is_err()
    );
}

/// A mistyped size is an error that names its field, not an exhausted memory.
#[test]
fn sizes_beyond_all_memory_name_the_field() {
    type Change = fn(&mut ElmNeuronConfig);
    const MANY: usize = 1 << 40;
    let changes: [(&str, Change); 8] = [
        ("num_branches", |c| c.num_inputs = MANY),
        ("num_branches", |c| c.num_branches = Some(MANY)),
        ("synapses_per_branch", |c| {
            c.synapses_per_branch = usize::MAX
        }),
        ("num_memory", |c| c.num_memory = usize::MAX),
        ("num_memory", |c| {
            (c.num_memory, c.hidden_layers) = (MANY, 0)
        }),
        ("num_outputs", |c| c.num_outputs = MANY),
        ("hidden_layers", |c| c.hidden_layers = MANY),
        ("hidden_size", |c| c.hidden_size = Some(MANY)),
    ];
    for (expected, change) in changes {
        let mut config = ElmNeuronConfig::neuronio(20);
        config.validate().unwrap();
        change(&mut config);
        match config.init(&Device::flex()) {
            Err(ElmError::Config { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    for value in [1e300, 1e-300] {
        let config = ElmNeuronConfig::new(8, 2).with_lambda(value);
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("`lambda`"), "{error}");
    }
}
