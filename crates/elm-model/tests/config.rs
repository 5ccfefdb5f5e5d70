//! Parameter counts, and what makes a configuration invalid.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use elm_model::{ElmError, ElmNeuronConfig, FilterTau, NeuronForm, Routing, SynapseInit};

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
        assert_eq!(neuron.config().num_trained(), count, "M = {memory}");
        assert_eq!(neuron.num_params(), count, "M = {memory}");
    }
}

#[test]
fn invalid_configurations_name_the_field() {
    let ok = ElmNeuronConfig::new(8, 2);
    let with = |change: fn(&mut ElmNeuronConfig)| {
        let mut config = ok.clone();
        change(&mut config);
        config
    };
    let cases = [
        ("num_inputs", with(|c| c.num_inputs = 0)),
        ("num_outputs", with(|c| c.num_outputs = 0)),
        ("num_memory", with(|c| c.neuron.num_memory = 0)),
        ("num_branches", with(|c| c.neuron.num_branches = Some(0))),
        (
            "synapses_per_branch",
            with(|c| c.neuron.synapses_per_branch = Some(0)),
        ),
        ("dt", with(|c| c.neuron.dt = 0.0)),
        ("lambda", with(|c| c.neuron.lambda = f64::NAN)),
        (
            "branch_tau",
            with(|c| c.neuron.branch_tau = FilterTau::Ms(-5.0)),
        ),
        ("memory_tau_min", with(|c| c.neuron.memory_tau_min = 0.0)),
        ("memory_tau_max", with(|c| c.neuron.memory_tau_max = 0.5)),
        (
            "synapse_init",
            with(|c| {
                c.neuron.synapse_init = SynapseInit::Unscaled {
                    value: f64::INFINITY,
                }
            }),
        ),
        ("spike_bias", with(|c| c.spike_bias = f64::NAN)),
        ("routing", with(|c| c.neuron.num_branches = Some(3))),
        (
            "synapses_per_branch",
            with(|c| {
                c.neuron.num_branches = Some(2);
                c.neuron.synapses_per_branch = Some(3);
                c.routing = Routing::Neuronio;
            }),
        ),
    ];
    for (expected, config) in cases {
        match config.init(&Device::flex()) {
            Err(ElmError::Config { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {:?}", other.map(|_| "a neuron")),
        }
    }
    // equal bounds are room enough, where the published first form gives not a number
    let equal = with(|c| c.neuron.memory_tau_max = 1.0);
    assert!(equal.init(&Device::flex()).is_ok());
}

#[test]
fn inputs_and_states_of_another_size_are_errors() {
    let device = Device::flex();
    let neuron = ElmNeuronConfig::new(8, 2)
        .with_neuron(NeuronForm::v1().with_num_memory(4))
        .init(&device)
        .unwrap();
    let error = neuron
        .try_forward(Tensor::zeros([1, 5, 7], &device), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("[1, 5, 7]") && error.contains("[batch, time, 8"),
        "{error}"
    );
    assert!(
        neuron
            .try_forward(Tensor::zeros([1, 0, 8], &device), None)
            .is_err()
    );
    let (_, state) = neuron
        .try_forward(Tensor::zeros([2, 5, 8], &device), None)
        .unwrap();
    assert!(
        neuron
            .try_forward(Tensor::zeros([1, 5, 8], &device), Some(state))
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
        ("num_branches", |c| c.neuron.num_branches = Some(MANY)),
        ("synapses_per_branch", |c| {
            c.neuron.synapses_per_branch = Some(usize::MAX)
        }),
        ("num_memory", |c| c.neuron.num_memory = usize::MAX),
        ("num_memory", |c| {
            (c.neuron.num_memory, c.neuron.hidden_layers) = (MANY, 0)
        }),
        ("num_outputs", |c| c.num_outputs = MANY),
        ("hidden_layers", |c| c.neuron.hidden_layers = MANY),
        ("hidden_size", |c| c.neuron.hidden_size = Some(MANY)),
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
        let config = ElmNeuronConfig::new(8, 2).with_neuron(NeuronForm::v1().with_lambda(value));
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("`lambda`"), "{error}");
    }
}
