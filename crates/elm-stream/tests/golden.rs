//! Streams of the golden files, read from weight files of every kind.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Golden, Tensors, assert_near, golden_files, singles, write};
use elm_stream::equations::MemoryGate;
use elm_stream::file::{Model, from_safetensors, from_safetensors_with};
use elm_stream::legacy::NeuronConfigFile;
use elm_stream::{LayerState, NeuronForm, NeuronParts, Trace};
use serde_json::{Value, json};

/// The configuration as the first version wrote it.
fn flat_config(golden: &Golden) -> Value {
    let form = golden.neuron_form();
    let version = ["v1", "v2"][usize::from(form.gate == MemoryGate::TimescaleRatio)];
    let elm_stream::equations::FilterTau::Ms(tau) = form.branch_tau else {
        panic!("published neurons have a trace");
    };
    json!({
        "num_inputs": golden.config["num_input"], "num_outputs": golden.config["num_output"],
        "num_memory": form.num_memory, "version": version, "routing": golden.routing(),
        "num_branches": form.num_branches, "synapses_per_branch": form.synapses_per_branch,
        "hidden_layers": form.hidden_layers, "hidden_size": form.hidden_size, "activation": form.activation,
        "synapse_tau": tau, "memory_tau_min": form.memory_tau_min, "memory_tau_max": form.memory_tau_max,
        "learn_memory_tau": false, "synapse_init": 0.5, "lambda": form.lambda, "dt": form.dt,
    })
}

fn new_config(golden: &Golden) -> Value {
    let config = NeuronConfigFile {
        num_inputs: golden.config["num_input"].as_u64().unwrap() as usize,
        num_outputs: golden.config["num_output"].as_u64().unwrap() as usize,
        neuron: golden.neuron_form(),
        routing: golden.routing(),
        spike_bias: 0.0,
    };
    serde_json::to_value(config).unwrap()
}

fn neuron(model: Model) -> NeuronParts {
    match model {
        Model::Neuron(parts) => parts,
        other => panic!("expected a neuron, found {other:?}"),
    }
}

#[test]
fn neurons_give_the_golden_outputs_and_states() {
    for golden in golden_files("golden") {
        let parts =
            neuron(from_safetensors(&write(&golden.params, Some(&new_config(&golden)))).unwrap());
        let mut stream = parts.stream().unwrap();
        let [batch, time] = [golden.values["x"].shape[0], golden.values["x"].shape[1]];
        for b in 0..batch {
            stream.reset();
            for t in 0..time {
                let x = singles(golden.row("x", b, t));
                // turns of dense steps and events
                let events: Vec<(usize, f32)> = x.iter().copied().enumerate().collect();
                let found = match t % 2 {
                    0 => stream.step(&x).unwrap(),
                    _ => stream.step_events(&events).unwrap(),
                };
                let what = format!("{}, step {t}", golden.name);
                assert_near(&what, found, golden.row("y", b, t), 1e-5);
            }
            let what = format!("{}, final memory", golden.name);
            assert_near(
                &what,
                stream.memory(),
                golden.state("final.m", b).unwrap(),
                1e-5,
            );
            if let (Trace::Branch(found), Some(expected)) =
                (stream.state().trace, golden.state("final.b", b))
            {
                assert_near(&format!("{}, trace", golden.name), &found, expected, 1e-5);
            }
        }
    }
}

/// Files of both versions and published ones hold the same neuron.
#[test]
fn neuron_files_of_every_kind_agree() {
    for golden in golden_files("golden") {
        let expected =
            neuron(from_safetensors(&write(&golden.params, Some(&new_config(&golden)))).unwrap());
        let old =
            neuron(from_safetensors(&write(&golden.params, Some(&flat_config(&golden)))).unwrap());
        let published = write(&golden.params, None);
        assert!(
            from_safetensors(&published).is_err(),
            "{}: no configuration",
            golden.name
        );
        // gate and trace are in the tensors, the sizes in the shapes
        let told = NeuronForm {
            gate: MemoryGate::Scaled,
            num_memory: 1,
            ..golden.neuron_form()
        };
        let inferred = neuron(from_safetensors_with(&published, told).unwrap());
        for (what, found) in [("old", old), ("published", inferred)] {
            assert_eq!(
                found.proto_weight, expected.proto_weight,
                "{what} {}",
                golden.name
            );
            assert_eq!(found.mlp, expected.mlp);
            assert_eq!(
                (&found.readout, &found.bias),
                (&expected.readout, &expected.bias)
            );
            assert_eq!(
                (&found.channels, &found.valid),
                (&expected.channels, &expected.valid)
            );
            assert!(found.inputs <= expected.inputs && found.inputs + 9 > expected.inputs);
            assert_eq!(
                found.form.gate, expected.form.gate,
                "{what} {}",
                golden.name
            );
            assert_eq!(
                found.form.hidden(),
                expected.form.hidden(),
                "{what} {}",
                golden.name
            );
            assert_eq!(found.form.branch_tau, expected.form.branch_tau);
            assert_eq!(found.form.tau_bounds(), expected.form.tau_bounds());
        }
    }
}

/// The published NeuronIO neurons, where this machine has them.
#[test]
fn published_checkpoints_give_the_published_outputs() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let Ok(bytes) = std::fs::read(folder.join("golden/pretrained_io.safetensors")) else {
        return eprintln!("skipped: the published checkpoints are not on this machine");
    };
    let golden = elm_stream::file::Container::parse(&bytes).unwrap();
    let x = &golden.tensors["x"];
    let (time, inputs, x) = (x.shape()[1], x.shape()[2], x.to_f32());
    let mut checked = 0;
    for (name, y) in &golden.tensors {
        let Some(stem) = name.strip_prefix("y.") else {
            continue;
        };
        let Ok(bytes) = std::fs::read(folder.join(format!("pretrained/{stem}.safetensors"))) else {
            continue;
        };
        let activation = match stem {
            "best_elm_neuron" => elm_stream::equations::HiddenActivation::Silu,
            _ => elm_stream::equations::HiddenActivation::Relu,
        };
        let form = NeuronForm::v1()
            .with_memory_tau_max(150.0)
            .with_activation(activation);
        let parts = neuron(from_safetensors_with(&bytes, form).unwrap());
        assert_eq!((parts.inputs, parts.outputs), (1278, 2));
        let (mut stream, y) = (parts.stream().unwrap(), y.to_f64());
        for t in 0..time {
            let found = stream.step(&x[t * inputs..][..inputs]).unwrap();
            assert_near(&format!("{stem}, step {t}"), found, &y[2 * t..][..2], 1e-4);
        }
        checked += 1;
    }
    assert!(checked >= 15, "{checked} checkpoints");
}

/// A network's configuration in this version's words, or in those of the one before.
fn network_config(golden: &Golden, old: bool) -> Value {
    let forms: Vec<Value> = golden
        .layer_forms()
        .iter()
        .map(|form| serde_json::to_value(form).unwrap())
        .collect();
    let sizes = golden.config["num_neuron"].as_array().unwrap();
    let (last, hidden) = sizes.split_last().unwrap();
    let linear = &golden.config["linear"];
    let mut shared = forms[1.min(forms.len() - 1)].clone();
    if old {
        shared.as_object_mut().unwrap().remove("bias_init");
    }
    json!({
        "num_inputs": golden.config["num_input"],
        "num_outputs": if linear.is_null() { last } else { linear },
        "hidden_neurons": hidden, "last_neurons": last,
        "input_embedding": "none", "output_embedding": if linear.is_null() { "none" } else { "linear" },
        "neuron": shared, "wiring": {"random": {"recurrent_connect": null}}, "seed": 0,
        "input_dropout": 0.0, "recurrent_dropout": 0.0, "memory_dropout": 0.0,
        "first": forms[0], "last": forms[forms.len() - 1],
    })
}

fn check_state(golden: &Golden, b: usize, l: usize, state: &LayerState) {
    let check = |name: &str, found: &[f32]| {
        let expected = golden
            .state(&format!("final.layers.{l}.{name}"), b)
            .unwrap();
        assert_near(
            &format!("{}, layer {l}, final {name}", golden.name),
            found,
            expected,
            1e-5,
        );
    };
    check("m", &state.memory);
    check("a", &state.activity);
    if let Some(branch) = &state.branch {
        check("branch", branch);
    }
    if let Some(mean) = &state.readout_mean {
        check("r", mean);
    }
}

#[test]
fn networks_give_the_golden_outputs_and_states() {
    for golden in golden_files("golden_network") {
        let file = write(&golden.params, Some(&network_config(&golden, false)));
        let model = from_safetensors(&file).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        let old =
            from_safetensors(&write(&golden.params, Some(&network_config(&golden, true)))).unwrap();
        let Model::Network(parts) = &model else {
            panic!("{}: expected a network", golden.name);
        };
        let mut old = old.stream().unwrap();
        let mut stream = parts.stream().unwrap();
        for b in 0..golden.values["x"].shape[0] {
            stream.reset();
            old.reset();
            for t in 0..golden.values["x"].shape[1] {
                let x = singles(golden.row("x", b, t));
                let events: Vec<(usize, f32)> = x.iter().copied().enumerate().collect();
                let found = stream.step(&x).unwrap();
                assert_near(
                    &format!("{}, step {t}", golden.name),
                    found,
                    golden.row("y", b, t),
                    1e-5,
                );
                assert_eq!(
                    old.step_events(&events).unwrap(),
                    found,
                    "{}, step {t}",
                    golden.name
                );
            }
            for (l, state) in stream.state().layers.iter().enumerate() {
                check_state(&golden, b, l, state);
            }
        }
    }
}

#[test]
fn layer_files_give_the_golden_outputs() {
    let mut checked = 0;
    for golden in golden_files("golden_network") {
        if golden.layer_forms().len() > 1 || !golden.config["linear"].is_null() {
            continue;
        }
        let name = |name: &String| name.strip_prefix("layers.0.").unwrap().to_string();
        let tensors: Tensors = golden
            .params
            .iter()
            .map(|(k, v)| (name(k), v.clone()))
            .collect();
        let config = json!({
            "num_inputs": golden.config["num_input"], "num_neurons": golden.config["num_neuron"][0],
            "neuron": golden.layer_forms()[0], "wiring": {"random": {"recurrent_connect": null}}, "seed": 0,
            "input_dropout": 0.0, "recurrent_dropout": 0.0, "memory_dropout": 0.0,
        });
        let Model::Layer(parts) = from_safetensors(&write(&tensors, Some(&config))).unwrap() else {
            panic!("{}: expected a layer", golden.name);
        };
        let mut stream = parts.stream().unwrap();
        for t in 0..golden.values["x"].shape[1] {
            let found = stream.step(&singles(golden.row("x", 0, t))).unwrap();
            assert_near(
                &format!("{}, step {t}", golden.name),
                found,
                golden.row("y", 0, t),
                1e-5,
            );
        }
        check_state(&golden, 0, 0, &stream.state());
        checked += 1;
    }
    assert!(checked > 3, "{checked} layers");
}
