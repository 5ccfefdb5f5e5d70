//! What layers and networks compute, and what they refuse.

use super::*;

fn small(device: &Device) -> ElmNetwork {
    let form = NeuronForm::network()
        .with_num_memory(3)
        .with_branch_tau(FilterTau::Ms(4.0));
    ElmNetworkConfig::new(6, 2)
        .with_hidden_neurons(vec![5, 4])
        .with_neuron(form)
        .with_wiring(Wiring::SmallWorld {
            recurrent_connect: Some(0.5),
            rewire: 0.1,
        })
        .with_output_embedding(OutputEmbedding::Linear)
        .with_last_neurons(Some(3))
        .init(device)
        .unwrap()
}

fn noise(shape: [usize; 3], device: &Device) -> Tensor<3> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device)
}

/// The connectome is part of what is saved: another network takes it over, and its own plan with it.
#[test]
fn records_and_files_hold_the_connectome() {
    let device = Device::flex();
    let network = small(&device);
    let mut other = network
        .config()
        .clone()
        .with_seed(77)
        .init(&device)
        .unwrap();
    let x = noise([2, 9, 6], &device);
    let y = host(network.forward(x.clone(), None).0);
    assert_ne!(y, host(other.forward(x.clone(), None).0));
    other = other.load_record(network.clone().into_record());
    assert_absolute("record", &host(other.forward(x.clone(), None).0), &y, 0.0);

    let folder = std::env::temp_dir().join(format!("elm-network-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("network.safetensors");
    save_network(&network, &path).unwrap();
    let loaded = load_network(&path, &device).unwrap();
    assert_eq!(loaded.config(), network.config());
    assert_absolute("file", &host(loaded.forward(x, None).0), &y, 0.0);
    let missing = load_network(folder.join("none.safetensors"), &device).unwrap_err();
    assert!(
        missing.to_string().contains("none.safetensors"),
        "{missing}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let device = Device::flex();
    let network = small(&device);
    let folder = std::env::temp_dir().join(format!("elm-network-bad-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("network.safetensors");
    save_network(&network, &path).unwrap();
    let mut dict = elm_model::weights::StateDict::read(&path).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    dict.tensors.get_mut("layers.0.connectome").unwrap().values[3] = 11.0;
    dict.tensors.remove("layers.1.w_y");
    let b = dict.tensors["layers.0.b"].clone();
    dict.tensors.insert("stray".into(), b);
    let error = dict
        .to_network(network.config(), &device)
        .unwrap_err()
        .to_string();
    for part in [
        "layers.0.connectome",
        "11",
        "layers.1.w_y",
        "missing",
        "stray",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn configurations_are_serde() {
    let config = shd_adding(96, 5);
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(
        serde_json::from_str::<ElmNetworkConfig>(&text).unwrap(),
        config
    );
    let wiring: Wiring = serde_json::from_str(r#"{"random": {}}"#).unwrap();
    assert_eq!(wiring, Wiring::default());
    let last: LayerOverrides =
        serde_json::from_str(r#"{"num_memory": 3, "high_pass_tau": {"ms": 2.0}}"#).unwrap();
    assert_eq!(
        (last.neuron.num_memory, last.neuron.high_pass_tau),
        (Some(3), Some(FilterTau::Ms(2.0)))
    );
    assert!(serde_json::from_str::<LayerOverrides>(r#"{"num_memories": 3}"#).is_err());
}

#[test]
fn tokens_are_one_hot_channels() {
    for (name, device) in common::devices() {
        let config = ElmNetworkConfig::new(7, 3)
            .with_hidden_neurons(vec![5])
            .with_neuron(NeuronForm::network().with_num_memory(2))
            .with_input_embedding(InputEmbedding::OneHot { scale: 3.0 });
        let network = config.init(&device).unwrap();
        let ids: Vec<i64> = (0..22).map(|i| (i * 5) % 7).collect();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids.clone(), [2, 11]), &device);
        let mut x = vec![0.0; 22 * 7];
        for (row, id) in ids.iter().enumerate() {
            x[row * 7 + *id as usize] = 3.0;
        }
        let x = Tensor::<3>::from_data(TensorData::new(x, [2, 11, 7]), &device);
        let (dense, _) = network.layers[0].forward(x, None);
        let found = network.run(tokens.clone(), None).unwrap();
        assert_absolute(
            name,
            &host(found.layers[0].activity.clone()),
            &host(dense),
            1e-6,
        );
        let reference = network.clone().with_path(ScanPath::Reference);
        assert_absolute(
            name,
            &host(found.output),
            &host(reference.forward(tokens, None).0),
            1e-6,
        );
        // a token that stands for no channel, and an input of the wrong kind
        for bad in [7i64, -1] {
            let tokens =
                Tensor::<2, Int>::from_data(TensorData::new(vec![0, bad], [1, 2]), &device);
            let error = network.run(tokens, None).unwrap_err().to_string();
            assert!(
                error.contains(&bad.to_string()) && error.contains("step 1"),
                "{error}"
            );
        }
        assert!(network.run(noise([1, 2, 7], &device), None).is_err());
    }
}

#[test]
fn inputs_and_states_of_another_size_are_errors() {
    let device = Device::flex();
    let network = small(&device);
    let error = network
        .run(noise([1, 5, 7], &device), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("[1, 5, 7]") && error.contains("[batch, time, 6]"),
        "{error}"
    );
    assert!(
        network
            .run(Tensor::<3>::zeros([1, 0, 6], &device), None)
            .is_err()
    );
    let tokens = Tensor::<2, Int>::zeros([1, 5], &device);
    assert!(
        network.run(tokens, None).is_err(),
        "tokens need the one-hot embedding"
    );
    let (_, state) = network
        .try_forward(noise([2, 5, 6], &device), None)
        .unwrap();
    let error = network
        .try_forward(noise([1, 5, 6], &device), Some(state.clone()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("state.memory"), "{error}");
    let mut short = state.clone();
    short.layers.pop();
    assert!(
        network
            .try_forward(noise([2, 5, 6], &device), Some(short))
            .is_err()
    );
    let mut without = state;
    without.layers[0].branch = None;
    assert!(
        network
            .try_forward(noise([2, 5, 6], &device), Some(without))
            .is_err()
    );
}

/// Dropout acts on an autodiff device alone, scales what it keeps, and is off in a frozen layer.
#[test]
fn dropout_acts_in_training_only() {
    for (name, device) in common::devices() {
        let config = ElmLayerConfig::new(6, 4)
            .with_neuron(NeuronForm::network().with_num_memory(2))
            .with_input_dropout(0.5)
            .with_recurrent_dropout(0.5)
            .with_memory_dropout(0.5);
        let training = device.clone().autodiff();
        training.seed(3);
        let layer = config.init(&training).unwrap();
        let x = noise([3, 8, 6], &device);
        let train = |layer: &elm_model::ElmLayer| host(layer.forward(x.clone().autodiff(), None).0);
        let valid = host(layer.valid().forward(x.clone(), None).0);
        assert_eq!(
            valid,
            host(layer.valid().forward(x.clone(), None).0),
            "{name}"
        );
        let first = train(&layer);
        assert_ne!(first, train(&layer), "{name}: a new mask for each pass");
        assert_ne!(first, valid, "{name}");
        assert_eq!(train(&layer.clone().freeze()), valid, "{name}: frozen");
        // the memory of a unit whose updates are dropped stays at rest
        let output = layer
            .run(LayerSource::Dense(x.clone().autodiff()), None)
            .unwrap();
        let memory = host(output.state.memory);
        let silent = memory.iter().filter(|m| **m == 0.0).count();
        assert!(
            (3..=21).contains(&silent),
            "{name}: {silent} of {} units",
            memory.len()
        );
    }
}

#[test]
fn monitors_record_what_the_layer_computes() {
    for (name, device) in common::devices() {
        let network = small(&device);
        let x = noise([2, 9, 6], &device);
        let output = network.run(x.clone(), None).unwrap();
        let recordings = network.record(x, None, &Monitor::ALL).unwrap();
        for (layer, recording) in output.layers.iter().zip(&recordings) {
            let get = |m: Monitor| recording.get(m).unwrap().clone();
            assert_absolute(
                name,
                &host(recording.activity.clone()),
                &host(layer.activity.clone()),
                1e-5,
            );
            let memory = get(Monitor::Memory);
            let [batch, time, neurons, units] = memory.dims();
            let last = memory
                .narrow(1, time - 1, 1)
                .reshape([batch, neurons, units]);
            assert_absolute(name, &host(last), &host(layer.state.memory.clone()), 1e-5);
            let size = get(Monitor::Mlp).abs().mean_dim(3).mean_dim(1);
            assert_absolute(name, &host(size), &host(layer.magnitude.clone()), 1e-5);
            assert_eq!(get(Monitor::Branch).dims()[..3], [batch, time, neurons]);
            assert_eq!(get(Monitor::Readout).dims(), [batch, time, neurons, 1]);
            assert_eq!(
                get(Monitor::PreActivation).dims(),
                [batch, time, neurons, 1]
            );
        }
        let none = network.layers[0]
            .record(
                LayerSource::Dense(noise([1, 3, 6], &device)),
                None,
                &[Monitor::Memory, Monitor::Memory],
            )
            .unwrap();
        assert!(none.get(Monitor::Memory).is_some() && none.get(Monitor::Branch).is_none());
    }
}

#[test]
fn penalties_are_weighted_sums() {
    let device = Device::flex();
    let output = small(&device).run(noise([2, 9, 6], &device), None).unwrap();
    let term = |target, scaling| Regulariser {
        target,
        layers: vec![0, 1],
        strength: 0.5,
        scaling,
    };
    let penalty = |r: Regulariser| host(output.penalty(&[r]).unwrap())[0];
    let magnitude = |l: usize| host(output.layers[l].neuron_mlp_magnitude())[0];
    let activity = |l: usize| host(output.layers[l].population_activity())[0];
    let (mlp, population) = (
        RegulariserTarget::NeuronMlpMagnitude,
        RegulariserTarget::PopulationActivity,
    );
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6 && b > 0.0, "{a} and {b}");
    close(
        penalty(term(mlp, RegulariserScaling::Mean)),
        0.5 * (magnitude(0) + magnitude(1)),
    );
    close(
        penalty(term(population, RegulariserScaling::Sum)),
        0.5 * (5.0 * activity(0) + 4.0 * activity(1)),
    );
    let beyond = Regulariser {
        layers: vec![3],
        ..term(mlp, RegulariserScaling::Mean)
    };
    assert!(
        output
            .penalty(&[beyond])
            .unwrap_err()
            .to_string()
            .contains("found 3")
    );
    assert_eq!(host(output.penalty(&[]).unwrap()), [0.0]);
}

/// A single neuron is a layer of one without recurrent synapses, but for its number of outputs.
#[test]
fn a_single_neuron_is_a_layer_of_one() {
    for (name, device) in common::devices() {
        let form = NeuronForm::network()
            .with_num_memory(4)
            .with_num_branches(Some(3))
            .with_synapses_per_branch(Some(5))
            .with_input_scale(2.0)
            .with_branch_tau(FilterTau::Ms(3.0))
            .with_synapse_rectification(SynapseRectification::Abs);
        let neuron = ElmNeuronConfig::new(8, 1)
            .with_neuron(form.clone())
            .with_routing(Routing::Random { seed: 4 })
            .with_spike_bias(-0.3)
            .init(&device)
            .unwrap();
        let mut layer = ElmLayerConfig::new(8, 1)
            .with_neuron(form)
            .init(&device)
            .unwrap();
        let set = |param: &mut burn::module::Param<Tensor<2>>, value: Tensor<2>| {
            *param = param.clone().map(|_| value);
        };
        layer.connectome = Connectome::new(neuron.synapses.channels().unwrap().unsqueeze());
        set(
            &mut layer.proto_weight,
            neuron.synapses.proto_weight.val().unsqueeze(),
        );
        set(&mut layer.readout, neuron.readout.weight.val().transpose());
        layer.bias = layer.bias.map(|_| neuron.bias.val());
        for (map, linear) in layer.mlp.iter_mut().zip(&neuron.mlp.layers) {
            map.weight = map.weight.clone().map(|_| linear.weight.val().unsqueeze());
            map.bias = map
                .bias
                .clone()
                .map(|_| linear.bias.as_ref().unwrap().val().unsqueeze());
        }
        let x = noise([3, 20, 8], &device);
        let expected = host(layer.forward(x.clone(), None).0);
        assert_relative(
            name,
            &host(neuron.forward(x.clone(), None).0),
            &expected,
            1e-5,
        );
        let (first, state) = neuron.try_forward(x.clone().narrow(1, 0, 7), None).unwrap();
        let (second, _) = neuron
            .try_forward(x.clone().narrow(1, 7, 13), Some(state.detach()))
            .unwrap();
        assert_relative(
            name,
            &host(Tensor::cat(vec![first, second], 1)),
            &expected,
            1e-5,
        );
        let reference = neuron.clone().with_path(ScanPath::Reference);
        assert_relative(name, &host(reference.forward(x, None).0), &expected, 1e-5);
        assert!(neuron.try_forward(noise([1, 2, 7], &device), None).is_err());
    }
}

#[test]
fn start_values_are_the_published_ones() {
    let device = Device::flex();
    let neuron = ElmNeuronConfig::neuronio_network_form(10)
        .init(&device)
        .unwrap();
    assert_eq!(host(neuron.bias.val()), [-5.0, 0.0]);
    assert!(
        host(neuron.synapses.proto_weight.val())
            .iter()
            .all(|w| (w - 0.05).abs() < 1e-7)
    );
    let tau = host(neuron.timescales_ms().unwrap());
    assert!(
        (tau[0] - 1.0).abs() < 1e-4 && (tau[9] - 150.0).abs() < 1e-2,
        "{tau:?}"
    );
    let layer = shd_adding(20, 5).layers()[0].clone().init(&device).unwrap();
    let bound = 1.0 / 10f64.sqrt();
    let weights = host(layer.proto_weight.val());
    let largest = weights.iter().fold(0.0f64, |m, w| m.max(w.abs()));
    assert!(largest <= bound + 1e-6 && largest > 0.95 * bound);
    assert!(host(layer.bias.val()).iter().all(|b| *b == 0.0));
}

#[test]
fn modules_print_their_sizes() {
    let device = Device::flex();
    let shown = format!("{}", small(&device));
    for part in [
        "inputs: 6",
        "neurons: 5",
        "neurons: 3",
        "outputs: 2",
        "trained:",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let neuron = ElmNeuronConfig::neuronio_network_form(10)
        .init(&device)
        .unwrap();
    assert!(format!("{neuron}").contains("branches: 45"));
}
