//! A model from a weight file and the options that fill in what its shapes do not tell.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elm_model::weights::{PublishedConfig, carried_config, infer_config, load_neuron};
use elm_model::{
    ElmError, ElmNeuron, ElmNeuronConfig, HiddenActivation, MemoryGate, NeuronForm, Routing,
};

use crate::error::{Result, TrainError};
use crate::model::{self, SequenceToSequence};
use crate::tell;

/// What a weight file alone does not say.
#[derive(Debug, clap::Args)]
pub(super) struct WeightArgs {
    /// Configuration of the published kind (JSON) [default: configs/<name>.json beside the weights]
    #[arg(long, value_name = "JSON")]
    config: Option<PathBuf>,
    /// Longest memory timescale in ms
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    tau_max: Option<f64>,
    /// Activation of the hidden layer
    #[arg(long, value_name = "relu|silu|squared_relu")]
    activation: Option<String>,
}

impl WeightArgs {
    /// The model in a file: any that `elm train` wrote, or a published neuron.
    pub(super) fn load_model(&self, weights: &Path, device: &Device) -> Result<SequenceToSequence> {
        let Some(config) = model::stored_beside_neurons(weights)? else {
            return Ok(SequenceToSequence::Elm(self.load(weights, device)?));
        };
        let given = [
            ("--config", self.config.is_some()),
            ("--tau-max", self.tau_max.is_some()),
            ("--activation", self.activation.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(TrainError::file(
                weights,
                format!(
                    "{option} is for neurons whose file does not say all of them; this one holds a whole model: {}",
                    config.title()
                ),
            )),
            None => model::load(weights, device),
        }
    }

    /// The neuron, and its configuration: from the file itself where it holds one, from its shapes and the
    /// published configuration beside it, and from the options, which win.
    fn load(&self, weights: &Path, device: &Device) -> Result<ElmNeuron> {
        let (config, assumed) = self.resolve(weights)?;
        let neuron = load_neuron(weights, &config, device).map_err(|error| match error {
            ElmError::Config { .. } => TrainError::file(weights, error),
            other => other.into(),
        })?;
        if !assumed.is_empty() {
            tell!(
                "note: {}: not in the weights, and no configuration beside them; assuming {}",
                weights.display(),
                assumed.join(" and ")
            );
        }
        Ok(neuron)
    }

    /// The configuration, and what of it nothing tells.
    fn resolve(&self, weights: &Path) -> Result<(ElmNeuronConfig, Vec<String>)> {
        let carried = carried_config(weights)?;
        let file = self.config.clone().or_else(|| match carried {
            Some(_) => None,
            None => beside(weights),
        });
        let mut assumed = Vec::new();
        let mut config = match (file, carried) {
            (Some(path), carried) => {
                let neuron = match carried {
                    Some(config) => config.neuron,
                    None => infer_config(weights)?.neuron,
                };
                // the published configuration does not say which form it is of; its gate tells
                let form = match neuron.gate {
                    MemoryGate::Scaled => NeuronForm::v1(),
                    MemoryGate::TimescaleRatio => NeuronForm::v2(),
                };
                read_published(&path)?.to_config(form)
            }
            (None, Some(config)) => config,
            (None, None) => {
                let mut config = infer_config(weights)?;
                // every published NeuronIO neuron has this bound
                if config.routing == Routing::Neuronio {
                    config.neuron.memory_tau_max = 150.0;
                }
                assumed = self.assumed(&config);
                config
            }
        };
        if let Some(tau) = self.tau_max {
            config.neuron.memory_tau_max = tau;
        }
        if let Some(name) = &self.activation {
            config.neuron.activation = parse_activation(name)?;
        }
        Ok((config, assumed))
    }

    /// What neither shapes nor options tell of a configuration from shapes.
    fn assumed(&self, config: &ElmNeuronConfig) -> Vec<String> {
        let mut assumed = Vec::new();
        if self.activation.is_none() && config.neuron.hidden_layers > 0 {
            assumed.push("relu (--activation)".to_string());
        }
        if self.tau_max.is_none() {
            assumed.push(format!(
                "timescales up to {} ms (--tau-max)",
                config.neuron.memory_tau_max
            ));
        }
        assumed
    }
}

fn read_published(path: &Path) -> Result<PublishedConfig> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| TrainError::file(path, format!("cannot read the configuration: {e}")))?;
    serde_json::from_str(&text)
        .map_err(|e| TrainError::file(path, format!("expected a published configuration: {e}")))
}

/// `configs/<name>.json` beside the weights, where the published ones lie.
fn beside(weights: &Path) -> Option<PathBuf> {
    let folder = weights.parent()?.join("configs");
    let stem = weights.file_stem()?.to_string_lossy().into_owned();
    let path = folder.join(format!("{stem}.json"));
    path.is_file().then_some(path)
}

fn parse_activation(name: &str) -> Result<HiddenActivation> {
    match name {
        "relu" => Ok(HiddenActivation::Relu),
        "silu" => Ok(HiddenActivation::Silu),
        "squared_relu" => Ok(HiddenActivation::SquaredRelu),
        _ => Err(TrainError::Usage(format!(
            "--activation {name}: expected relu, silu or squared_relu"
        ))),
    }
}
