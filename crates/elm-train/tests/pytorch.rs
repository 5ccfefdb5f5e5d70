//! Weights to PyTorch and back, compared in Python with the published classes.
//!
//! Needs a Python with torch and numpy (`ELM_PYTHON`, or `python3`) and the classes beside the project; without them the test
//! says so and ends, or fails where `ELM_REQUIRE_TORCH` is set.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use burn::tensor::Device;
use common::{failure, shared, stdout};
use elm_model::network::OutputEmbedding;
use elm_model::weights::StateDict;
use elm_model::{
    ElmNetworkConfig, ElmNeuronConfig, FilterTau, HiddenActivation, MemoryGate, NeuronForm,
    OutputActivation, Routing, SynapseRectification,
};
use elm_train::model::{self, ModelCard, ModelConfig, NetworkModel};
use serde_json::{Value, json};

fn python() -> Option<(String, PathBuf)> {
    let python = std::env::var("ELM_PYTHON").unwrap_or_else(|_| "python3".into());
    let torch = Command::new(&python)
        .args(["-c", "import numpy, torch"])
        .output();
    let why = match torch {
        Ok(output) if output.status.success() => match shared("reference") {
            Some(reference) => return Some((python, reference)),
            None => "the published classes are not here".to_string(),
        },
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(
        std::env::var_os("ELM_REQUIRE_TORCH").is_none(),
        "weights cannot be compared in PyTorch: {why}"
    );
    eprintln!("NOT RUN: weights in PyTorch; {python} cannot: {why}");
    None
}

fn run(python: &str, reference: &Path, task: &str, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch/check.py");
    let output = Command::new(python)
        .arg(script)
        .args([reference, Path::new(task), folder])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{task}: {error}");
    println!("{}", String::from_utf8_lossy(&output.stdout));
}

/// Writes a model, converts it, and predicts with it; its configuration for Python beside it.
fn export(folder: &Path, name: &str, config: ModelConfig, python: &dyn Fn() -> Value, x: &str) {
    let device = Device::flex();
    device.seed(3);
    let model = config.init(&device).unwrap();
    let card = ModelCard::new(config, None);
    let path = |ending: &str| folder.join(format!("ours_{name}.{ending}"));
    let text = |path: PathBuf| path.to_str().unwrap().to_string();
    model::save(&model, None, &card, &path("safetensors")).unwrap();
    let (st, pt) = (text(path("safetensors")), text(path("pt")));
    stdout(&["weights", "convert", &st, &pt]);
    // what went to PyTorch comes back as it was
    let back = text(folder.join(format!("back_{name}.safetensors")));
    stdout(&["weights", "convert", &pt, &back]);
    let (before, after) = (
        StateDict::read(&st).unwrap(),
        StateDict::read(&back).unwrap(),
    );
    assert_eq!(before.tensors, after.tensors, "{name}");
    assert_eq!(before.metadata, after.metadata, "{name}");
    let (input, out) = (text(folder.join(x)), text(path("npz")));
    stdout(&[
        "predict", &pt, "--data", &input, "--out", &out, "--device", "cpu",
    ]);
    let mut config = match card.config {
        ModelConfig::Elm(_) => {
            let info: Value = serde_json::from_str(&stdout(&["info", &st, "--json"])).unwrap();
            info["published_config"].clone()
        }
        _ => python(),
    };
    config["x"] = json!(x);
    std::fs::write(path("json"), config.to_string()).unwrap();
}

/// A layer's form in the words of the published network's code.
fn layer(form: &NeuronForm) -> Value {
    let filter = |tau| match tau {
        FilterTau::Ms(tau) => json!(tau),
        FilterTau::Off => Value::Null,
    };
    json!({
        "num_memory": form.num_memory,
        "hidden": form.hidden(),
        "mlp_layers": form.hidden_layers,
        "num_branch": form.branches(),
        "per_branch": form.per_branch(),
        "mlp_act": match form.activation {
            HiddenActivation::Relu => "relu",
            HiddenActivation::Silu => "silu",
            HiddenActivation::SquaredRelu => "relu_squared",
        },
        "synapse_rect": match form.synapse_rectification {
            SynapseRectification::Identity => "identity",
            SynapseRectification::Relu => "relu",
            SynapseRectification::Abs => "abs",
            SynapseRectification::Exp => "exp",
        },
        "input_scale": form.input_scale,
        "branch_tau": filter(form.branch_tau),
        "lambda_value": form.lambda,
        "lambda_as_ratio": form.gate == MemoryGate::TimescaleRatio,
        "tau_min": form.memory_tau_min,
        "tau_max": form.memory_tau_max,
        "tau_range_scale": form.tau_range_scale,
        "high_pass_tau": filter(form.high_pass_tau),
        "activation": match form.output_activation {
            OutputActivation::Identity => "identity",
            OutputActivation::Relu => "relu",
            OutputActivation::Spike => "spike",
        },
        "dt": form.dt,
    })
}

#[test]
fn weights_go_to_pytorch_and_back() {
    let Some((python, reference)) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(&python, &reference, "make", folder);
    let none = || Value::Null;
    let form = |form: NeuronForm| form.with_num_memory(4).with_memory_tau_max(100.0);
    let routed = |f: NeuronForm| {
        form(f)
            .with_num_branches(Some(3))
            .with_synapses_per_branch(Some(5))
    };
    let neurons = [
        (
            "v1",
            ElmNeuronConfig::new(12, 2).with_neuron(form(NeuronForm::v1())),
        ),
        (
            "v2_silu",
            ElmNeuronConfig::new(12, 1).with_neuron(form(
                NeuronForm::v2()
                    .with_activation(HiddenActivation::Silu)
                    .with_dt(2.0),
            )),
        ),
        (
            "v1_routed",
            ElmNeuronConfig::new(12, 2)
                .with_routing(Routing::Neuronio)
                .with_neuron(routed(NeuronForm::v1()).with_hidden_layers(2)),
        ),
        (
            "v2_random",
            ElmNeuronConfig::new(12, 2)
                .with_routing(Routing::Random { seed: 5 })
                .with_neuron(routed(NeuronForm::v2()).with_learn_memory_tau(true)),
        ),
    ];
    for (name, config) in neurons {
        export(folder, name, ModelConfig::Elm(config), &none, "x12.npy");
    }
    for (name, linear) in [("network", false), ("network_linear", true)] {
        let mut network = ElmNetworkConfig::new(6, 2)
            .with_hidden_neurons(vec![4])
            .with_neuron(NeuronForm::network().with_num_memory(3));
        if linear {
            network = network
                .with_last_neurons(Some(5))
                .with_output_embedding(OutputEmbedding::Linear);
        }
        let describe = || {
            let layers = network.layers();
            let layers: Vec<Value> = layers.iter().map(|l| layer(&l.neuron)).collect();
            json!({"layers": layers, "linear": linear})
        };
        let model = ModelConfig::Network(NetworkModel {
            network: network.clone(),
            regularisers: Vec::new(),
        });
        export(folder, name, model, &describe, "x6.npy");
    }
    // what Python wrote
    for version in ["v1", "v2"] {
        for wrap in ["plain", "trainer"] {
            let file = |ending: &str| {
                let path = folder.join(format!("theirs_{wrap}_{version}{ending}"));
                path.to_str().unwrap().to_string()
            };
            let model = file(".safetensors");
            stdout(&["weights", "convert", &file(".pt"), &model]);
            let (x, out) = (file(".x.npy"), file(".out.npz"));
            stdout(&[
                "predict", &model, "--data", &x, "--out", &out, "--device", "cpu",
            ]);
        }
    }
    let script = folder.join("script.pt");
    let (code, error) = failure(&["info", script.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(
        error.contains("TorchScript") && error.contains("script.pt"),
        "{error}"
    );
    run(&python, &reference, "check", folder);
}
