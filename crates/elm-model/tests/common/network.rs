//! Golden files of layers and networks.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use elm_model::network::{LayerOverrides, OutputEmbedding};
use elm_model::weights::StateDict;
use elm_model::{
    ElmNetwork, ElmNetworkConfig, FilterTau, HiddenActivation, MemoryGate, NeuronForm,
    NeuronOverrides, OutputActivation, ScanPath, SynapseRectification, Wiring,
};
use serde_json::Value;

/// Every golden file of layers and networks.
pub fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden_network");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no golden files found");
    files
}

/// One golden file: configuration, parameters and everything else by name.
pub struct GoldenNetwork {
    pub config: ElmNetworkConfig,
    pub params: StateDict,
    pub values: StateDict,
}

impl GoldenNetwork {
    pub fn read(path: &Path) -> Self {
        let values = StateDict::read(path).unwrap();
        let config: Value = serde_json::from_str(&values.metadata["config"]).unwrap();
        let mut params = values.clone();
        params.tensors = values
            .tensors
            .iter()
            .filter_map(|(k, v)| Some((k.strip_prefix("param.")?.to_string(), v.clone())))
            .collect();
        Self {
            config: network_config(&config),
            params,
            values,
        }
    }

    pub fn network(&self, path: ScanPath, device: &Device) -> ElmNetwork {
        self.params
            .to_network(&self.config, device)
            .unwrap()
            .with_path(path)
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let t = &self.values.tensors[name];
        let shape: [usize; D] = t.shape.clone().try_into().unwrap();
        Tensor::from_data(TensorData::new(t.values.clone(), shape), device)
    }

    pub fn values(&self, name: &str) -> &[f64] {
        &self.values.tensors[name].values
    }
}

/// The oracle's configuration in this crate's terms.
fn network_config(config: &Value) -> ElmNetworkConfig {
    let sizes: Vec<usize> = config["num_neuron"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap() as usize)
        .collect();
    let neurons = config["neurons"].as_array().unwrap();
    let (last, hidden) = sizes.split_last().unwrap();
    let linear = config["linear"].as_u64().map(|o| o as usize);
    // the first and the last layer may differ in anything, those between them share a form
    let forms: Vec<NeuronForm> = neurons.iter().map(net_form).collect();
    let middle = &forms[1.min(forms.len() - 1)..forms.len().saturating_sub(1).max(1)];
    let shared = middle.first().unwrap_or(&forms[0]);
    assert!(
        middle.iter().all(|form| form == shared),
        "layers between the first and the last share a form"
    );
    ElmNetworkConfig::new(
        config["num_input"].as_u64().unwrap() as usize,
        linear.unwrap_or(*last),
    )
    .with_hidden_neurons(hidden.to_vec())
    .with_last_neurons(Some(*last))
    .with_output_embedding(match linear {
        Some(_) => OutputEmbedding::Linear,
        None => OutputEmbedding::None,
    })
    .with_neuron(shared.clone())
    .with_wiring(Wiring::default())
    .with_first(overrides(&forms[0]))
    .with_last(overrides(&forms[forms.len() - 1]))
}

/// Overrides that make any layer one of this form.
fn overrides(form: &NeuronForm) -> LayerOverrides {
    // what a form leaves out follows from the other sizes, and stays left out
    let changes = serde_json::to_value(form).unwrap();
    LayerOverrides {
        neuron: serde_json::from_value::<NeuronOverrides>(changes).unwrap(),
        ..LayerOverrides::default()
    }
}

fn net_form(neuron: &Value) -> NeuronForm {
    let size = |key: &str| neuron[key].as_u64().map(|v| v as usize);
    let number = |key: &str| neuron[key].as_f64().unwrap();
    let filter = |key: &str| match neuron[key].as_f64() {
        Some(tau) => FilterTau::Ms(tau),
        None => FilterTau::Off,
    };
    NeuronForm {
        num_memory: size("num_memory").unwrap(),
        hidden_layers: size("mlp_layers").unwrap(),
        hidden_size: size("hidden"),
        num_branches: size("num_branch"),
        synapses_per_branch: size("per_branch"),
        activation: match neuron["mlp_act"].as_str().unwrap() {
            "relu" => HiddenActivation::Relu,
            "silu" => HiddenActivation::Silu,
            "relu_squared" => HiddenActivation::SquaredRelu,
            other => panic!("unknown hidden activation {other}"),
        },
        synapse_rectification: match neuron["synapse_rect"].as_str().unwrap() {
            "identity" => SynapseRectification::Identity,
            "relu" => SynapseRectification::Relu,
            "abs" => SynapseRectification::Abs,
            "exp" => SynapseRectification::Exp,
            other => panic!("unknown rectification {other}"),
        },
        input_scale: number("input_scale"),
        branch_tau: filter("branch_tau"),
        lambda: number("lambda_value"),
        gate: match neuron["lambda_as_ratio"].as_bool().unwrap() {
            true => MemoryGate::TimescaleRatio,
            false => MemoryGate::Scaled,
        },
        memory_tau_min: number("tau_min"),
        memory_tau_max: number("tau_max"),
        tau_range_scale: number("tau_range_scale"),
        learn_memory_tau: true,
        high_pass_tau: filter("high_pass_tau"),
        output_activation: match neuron["activation"].as_str().unwrap() {
            "identity" => OutputActivation::Identity,
            "relu" => OutputActivation::Relu,
            "spike" => OutputActivation::Spike,
            other => panic!("unknown output activation {other}"),
        },
        dt: number("dt"),
        ..NeuronForm::network()
    }
}
