//! What the integration tests share: golden files, a writer of safetensors files, comparisons.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its own part

pub mod oracle;
pub mod random;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use elm_stream::equations::{
    FilterTau, HiddenActivation, MemoryGate, OutputActivation, SynapseRectification,
};
use elm_stream::file::{Container, Dtype};
use elm_stream::{NeuronForm, Routing};
use serde_json::{Value, json};

/// A tensor with its numbers as f64.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Tensor {
    pub fn floats(shape: &[usize], values: &[f32]) -> Self {
        let values = values.iter().map(|x| f64::from(*x)).collect();
        Self {
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            values,
        }
    }

    pub fn integers(shape: &[usize], values: &[u32]) -> Self {
        let values = values.iter().map(|x| f64::from(*x)).collect();
        Self {
            dtype: Dtype::I64,
            shape: shape.to_vec(),
            values,
        }
    }

    fn bytes(&self) -> (&'static str, Vec<u8>) {
        let each = self.values.iter();
        match self.dtype {
            Dtype::I64 => (
                "I64",
                each.flat_map(|x| (*x as i64).to_le_bytes()).collect(),
            ),
            Dtype::Bool => ("BOOL", each.map(|x| u8::from(*x != 0.0)).collect()),
            Dtype::F32 => (
                "F32",
                each.flat_map(|x| (*x as f32).to_le_bytes()).collect(),
            ),
            other => panic!("not written here: {other:?}"),
        }
    }
}

pub type Tensors = BTreeMap<String, Tensor>;

/// A safetensors file.
pub fn write(tensors: &Tensors, config: Option<&Value>) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    if let Some(config) = config {
        header.insert(
            "__metadata__".into(),
            json!({"elm_config": config.to_string()}),
        );
    }
    for (name, tensor) in tensors {
        let (dtype, bytes) = tensor.bytes();
        let offsets = [data.len(), data.len() + bytes.len()];
        data.extend(bytes);
        let info = json!({"dtype": dtype, "shape": tensor.shape, "data_offsets": offsets});
        header.insert(name.clone(), info);
    }
    let header = Value::Object(header).to_string().into_bytes();
    [(header.len() as u64).to_le_bytes().to_vec(), header, data].concat()
}

/// A golden file: configuration, parameters (their names without the prefix) and everything else by name.
pub struct Golden {
    pub name: String,
    pub config: Value,
    pub version: Option<String>,
    pub params: Tensors,
    pub values: Tensors,
}

/// Every golden file in this folder of elm-model's tests.
pub fn golden_files(folder: &str) -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../elm-model/tests")
        .join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no golden files in {}", folder.display());
    files.iter().map(|path| golden(path)).collect()
}

fn golden(path: &Path) -> Golden {
    let bytes = std::fs::read(path).unwrap();
    let file = Container::parse(&bytes).unwrap();
    let (mut params, mut values) = (Tensors::new(), Tensors::new());
    for (name, tensor) in &file.tensors {
        let owned = Tensor {
            dtype: tensor.dtype(),
            shape: tensor.shape().to_vec(),
            values: tensor.to_f64(),
        };
        match name.strip_prefix("param.") {
            Some(name) => params.insert(name.into(), owned),
            None => values.insert(name.clone(), owned),
        };
    }
    Golden {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        config: serde_json::from_str(&file.metadata["config"]).unwrap(),
        version: file.metadata.get("version").cloned(),
        params,
        values,
    }
}

impl Golden {
    /// The form of a single neuron, from the names of the published code.
    pub fn neuron_form(&self) -> NeuronForm {
        let c = &self.config;
        let number = |name: &str, default: f64| c[name].as_f64().unwrap_or(default);
        let size = |name: &str| c[name].as_u64().map(|n| n as usize);
        let form = match self.version.as_deref() {
            Some("1") => NeuronForm::v1(),
            _ => NeuronForm::v2(),
        };
        let tau = c["tau_s_value"]
            .as_f64()
            .unwrap_or(number("tau_b_value", 5.0));
        form.with_num_memory(size("num_memory").unwrap_or(100))
            .with_lambda(number("lambda_value", 5.0))
            .with_hidden_layers(size("mlp_num_layers").unwrap_or(1))
            .with_hidden_size(size("mlp_hidden_size"))
            .with_activation(match c["mlp_activation"].as_str() {
                Some("silu") => HiddenActivation::Silu,
                _ => HiddenActivation::Relu,
            })
            .with_branch_tau(FilterTau::Ms(tau))
            .with_memory_tau_min(number("memory_tau_min", 1.0))
            .with_memory_tau_max(number("memory_tau_max", 1000.0))
            .with_num_branches(size("num_branch"))
            .with_synapses_per_branch(Some(size("num_synapse_per_branch").unwrap_or(1)))
            .with_dt(number("delta_t", 1.0))
    }

    /// The routing of a single neuron.
    pub fn routing(&self) -> Routing {
        match self.config["input_to_synapse_routing"].as_str() {
            None => Routing::None,
            Some("random_routing") => Routing::Random { seed: 0 },
            Some(_) => Routing::Neuronio,
        }
    }

    /// The forms of a network's layers.
    pub fn layer_forms(&self) -> Vec<NeuronForm> {
        self.config["neurons"]
            .as_array()
            .unwrap()
            .iter()
            .map(layer_form)
            .collect()
    }

    /// Numbers of row `t` of sample `b` of a tensor `[batch, time, …]`.
    pub fn row(&self, name: &str, b: usize, t: usize) -> &[f64] {
        let tensor = &self.values[name];
        let width: usize = tensor.shape[2..].iter().product();
        &tensor.values[(b * tensor.shape[1] + t) * width..][..width]
    }

    /// The same of a state, `[batch, …]`.
    pub fn state(&self, name: &str, b: usize) -> Option<&[f64]> {
        let tensor = self.values.get(name)?;
        let width: usize = tensor.shape[1..].iter().product();
        Some(&tensor.values[b * width..][..width])
    }
}

fn layer_form(c: &Value) -> NeuronForm {
    let size = |key: &str| c[key].as_u64().map(|v| v as usize);
    let number = |key: &str| c[key].as_f64().unwrap();
    let filter = |key: &str| c[key].as_f64().map_or(FilterTau::Off, FilterTau::Ms);
    NeuronForm::network()
        .with_num_memory(size("num_memory").unwrap())
        .with_hidden_layers(size("mlp_layers").unwrap())
        .with_hidden_size(size("hidden"))
        .with_num_branches(size("num_branch"))
        .with_synapses_per_branch(size("per_branch"))
        .with_activation(match c["mlp_act"].as_str().unwrap() {
            "relu" => HiddenActivation::Relu,
            "silu" => HiddenActivation::Silu,
            "relu_squared" => HiddenActivation::SquaredRelu,
            other => panic!("unknown hidden activation {other}"),
        })
        .with_synapse_rectification(match c["synapse_rect"].as_str().unwrap() {
            "identity" => SynapseRectification::Identity,
            "relu" => SynapseRectification::Relu,
            "abs" => SynapseRectification::Abs,
            "exp" => SynapseRectification::Exp,
            other => panic!("unknown rectification {other}"),
        })
        .with_input_scale(number("input_scale"))
        .with_branch_tau(filter("branch_tau"))
        .with_lambda(number("lambda_value"))
        .with_gate(match c["lambda_as_ratio"].as_bool().unwrap() {
            true => MemoryGate::TimescaleRatio,
            false => MemoryGate::Scaled,
        })
        .with_memory_tau_min(number("tau_min"))
        .with_memory_tau_max(number("tau_max"))
        .with_tau_range_scale(number("tau_range_scale"))
        .with_high_pass_tau(filter("high_pass_tau"))
        .with_output_activation(match c["activation"].as_str().unwrap() {
            "identity" => OutputActivation::Identity,
            "relu" => OutputActivation::Relu,
            "spike" => OutputActivation::Spike,
            other => panic!("unknown output activation {other}"),
        })
        .with_dt(number("dt"))
}

/// f64 to f32.
pub fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|x| *x as f32).collect()
}

/// Asserts that all numbers are within a tolerance.
pub fn assert_near(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*found) - expected).abs();
        assert!(
            off <= tolerance,
            "{what}: number {i} is {found}, expected {expected}"
        );
    }
}
