//! Sizes, counts and what makes a configuration valid.

use super::*;

/// Enwik8 as published: 1024 neurons on one-hot tokens.
fn enwik8() -> ElmNetworkConfig {
    let form = NeuronForm::network()
        .with_num_memory(15)
        .with_num_branches(Some(50))
        .with_synapses_per_branch(Some(15))
        .with_memory_tau_min(0.1)
        .with_memory_tau_max(100.0)
        .with_high_pass_tau(FilterTau::Ms(2.0))
        .with_input_scale(10.0);
    ElmNetworkConfig::new(204, 204)
        .with_hidden_neurons(vec![1024])
        .with_neuron(form)
        .with_wiring(Wiring::Random {
            recurrent_connect: Some(0.8),
        })
        .with_input_embedding(InputEmbedding::OneHot { scale: 3.0 })
        .with_output_embedding(OutputEmbedding::Linear)
        .with_last(last())
}

#[test]
fn published_parameter_counts_of_networks() {
    assert_eq!(shd_adding(96, 5).num_trained(), 77_310);
    assert_eq!(enwik8().num_trained(), 3_516_748);
}

/// What is counted is what is there: trained parameters of the modules.
#[test]
fn counted_parameters_are_those_of_the_module() {
    let config = shd_adding(7, 5);
    let network = config.init(&Device::flex()).unwrap();
    assert_eq!(network.num_params(), config.num_trained());
    // nothing that is not trained is a float parameter, with a routing and without
    for config in [
        ElmNeuronConfig::neuronio(20),
        ElmNeuronConfig::neuronio_network_form(20),
        ElmNeuronConfig::new(5, 3),
    ] {
        let neuron = config.init(&Device::flex()).unwrap();
        assert_eq!(neuron.num_params(), config.num_trained());
    }
}

#[test]
fn sizes_that_follow_from_others() {
    let form = NeuronForm::network();
    assert_eq!(
        (form.hidden(), form.branches(), form.per_branch()),
        (20, 40, 40)
    );
    assert_eq!(form.clone().with_hidden_layers(0).branches(), 40);
    let wide = form.with_hidden_size(Some(7));
    assert_eq!((wide.branches(), wide.per_branch()), (14, 14));
    // what is set for all layers stays, what is not follows
    let layers = shd_adding(96, 5).layers();
    assert_eq!(layers[1].num_inputs, 96);
    assert_eq!(
        (layers[1].neuron.branches(), layers[1].neuron.per_branch()),
        (30, 10)
    );
    let deduced = ElmNetworkConfig::new(4, 3)
        .with_last(LayerOverrides {
            neuron: NeuronOverrides {
                num_memory: Some(3),
                ..NeuronOverrides::default()
            },
            ..LayerOverrides::default()
        })
        .layers();
    assert_eq!(
        (deduced[0].neuron.branches(), deduced[0].neuron.per_branch()),
        (12, 12)
    );
    assert_eq!(
        layers[1].neuron.output_activation,
        OutputActivation::Identity
    );
    assert_eq!(layers[1].neuron.high_pass_tau, FilterTau::Off);
    assert_ne!(layers[0].seed, layers[1].seed);
}

#[test]
fn invalid_configurations_name_the_field() {
    let ok = ElmLayerConfig::new(4, 3);
    let with = |change: fn(&mut ElmLayerConfig)| {
        let mut config = ok.clone();
        change(&mut config);
        config
    };
    let cases = [
        ("num_inputs", with(|c| c.num_inputs = 0)),
        ("num_neurons", with(|c| c.num_neurons = 0)),
        ("num_memory", with(|c| c.neuron.num_memory = 0)),
        ("num_branches", with(|c| c.neuron.num_branches = Some(0))),
        (
            "synapses_per_branch",
            with(|c| c.neuron.synapses_per_branch = Some(0)),
        ),
        ("input_scale", with(|c| c.neuron.input_scale = 0.0)),
        (
            "branch_tau",
            with(|c| c.neuron.branch_tau = FilterTau::Ms(-1.0)),
        ),
        (
            "high_pass_tau",
            with(|c| c.neuron.high_pass_tau = FilterTau::Ms(f64::NAN)),
        ),
        ("lambda", with(|c| c.neuron.lambda = f64::INFINITY)),
        ("memory_tau_min", with(|c| c.neuron.memory_tau_min = 0.0)),
        ("memory_tau_max", with(|c| c.neuron.memory_tau_max = 0.5)),
        ("tau_range_scale", with(|c| c.neuron.tau_range_scale = 0.9)),
        ("dt", with(|c| c.neuron.dt = 0.0)),
        (
            "synapse_init",
            with(|c| c.neuron.synapse_init = SynapseInit::Constant { value: f64::NAN }),
        ),
        ("input_dropout", with(|c| c.input_dropout = 1.0)),
        ("recurrent_dropout", with(|c| c.recurrent_dropout = -0.1)),
        ("memory_dropout", with(|c| c.memory_dropout = f64::NAN)),
        ("wiring", with(|c| c.wiring = Wiring::FullyConnected)),
    ];
    for (expected, config) in cases {
        match config.init(&Device::flex()) {
            Err(ElmError::Config { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {:?}", other.map(|_| "a layer")),
        }
    }
    let network = ElmNetworkConfig::new(4, 3).with_last_neurons(Some(5));
    match network.init(&Device::flex()) {
        Err(ElmError::Config { field, .. }) => assert_eq!(field, "last_neurons"),
        other => panic!("{:?}", other.map(|_| "a network")),
    }
    // the layer at fault is named
    let mut network = shd_adding(96, 5);
    network.last.neuron.num_memory = Some(1 << 20);
    let error = network.init(&Device::flex()).unwrap_err().to_string();
    assert!(
        error.contains("layer 1") && error.contains("`num_memory`"),
        "{error}"
    );
}
