//! A model from a weight file and the options that fill in what its shapes do not tell.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use elm_data::neuronio::NUM_CHANNELS;
use elm_model::weights::{PublishedConfig, StateDict, network_config, read_json};
use elm_model::{ElmError, ElmNeuronConfig, HiddenActivation, MemoryGate, NeuronForm, Routing};
use serde_json::Value;

use crate::error::{Result, TrainError};
use crate::model::{self, ModelCard, ModelConfig, ModelFile, NetworkModel};
use crate::run;
use crate::shipped;
use crate::tell;

/// What a weight file alone does not say, as options of the command line.
#[derive(Debug, Clone, PartialEq, Default, clap::Args)]
pub struct WeightOptions {
    /// Configuration (JSON) of weights that carry none; unless given, `configs/<name>.json` or `model_config.json` beside them
    #[arg(long, value_name = "JSON")]
    pub config: Option<PathBuf>,
    /// Longest memory timescale in ms
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub tau_max: Option<f64>,
    /// Activation of the hidden layer
    #[arg(long, value_name = "relu|silu|squared_relu")]
    pub activation: Option<String>,
}

/// A model, and what nothing told about it.
#[derive(Debug)]
pub struct Loaded {
    /// The model.
    pub file: ModelFile,
    /// What was assumed, a phrase each, with the option that says otherwise.
    pub assumed: Vec<String>,
}

impl Loaded {
    /// A sentence on what was assumed; none where nothing was.
    pub fn note(&self) -> Option<String> {
        let assumed = (!self.assumed.is_empty()).then(|| self.assumed.join(" and "))?;
        Some(format!(
            "not in the weights, and no configuration beside them; assuming {assumed}"
        ))
    }
}

impl WeightOptions {
    /// The model in a file, or one that ships by its name: any that `elm train` wrote, a published neuron, or a network with
    /// its configuration.
    ///
    /// # Errors
    /// If there is none, it cannot be read, holds numbers that are none, or does not fit what the options say.
    pub fn open(&self, weights: &Path, device: &Device) -> Result<Loaded> {
        if model::is_record(weights) {
            return self.record(weights, device);
        }
        let dict = shipped::read(weights)?;
        let card = model::card_of(&dict)?;
        let (mut card, assumed) = match card {
            Some(card) if !matches!(card.config, ModelConfig::Elm(_)) => {
                self.check_unused(weights, &card.config)?;
                (card, Vec::new())
            }
            None if dict.shape("layers.0.connectome").is_some() => {
                (foreign(self.network(weights)?), Vec::new())
            }
            card => {
                let (config, assumed) = self.neuron(&dict)?;
                let config = ModelConfig::Elm(config);
                let card = match card {
                    Some(card) => ModelCard { config, ..card },
                    None => foreign(config),
                };
                (card, assumed)
            }
        };
        says_its_task(&mut card);
        let file = model::from_state_dict(dict, card, device).map_err(|error| match error {
            TrainError::Model(error @ ElmError::Config { .. }) => TrainError::file(weights, error),
            other => other,
        })?;
        Ok(Loaded { file, assumed })
    }

    /// The model of a file that Burn wrote, which carries its configuration and nothing else.
    fn record(&self, weights: &Path, device: &Device) -> Result<Loaded> {
        let model = model::read_record(weights, device)?;
        let mut card = foreign(model.config());
        self.check_unused(weights, &card.config)?;
        says_its_task(&mut card);
        Ok(Loaded {
            file: ModelFile {
                card,
                model,
                head: None,
            },
            assumed: Vec::new(),
        })
    }

    /// The same, and tells what was assumed.
    pub(crate) fn load(&self, weights: &Path, device: &Device) -> Result<Loaded> {
        let loaded = self.open(weights, device)?;
        if let Some(note) = loaded.note() {
            tell!("note: {}: {note}", weights.display());
        }
        Ok(loaded)
    }

    /// A file that says all of its model leaves nothing to be said.
    fn check_unused(&self, weights: &Path, config: &ModelConfig) -> Result<()> {
        let given = [
            ("--config", self.config.is_some()),
            ("--tau-max", self.tau_max.is_some()),
            ("--activation", self.activation.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((option, _)) => Err(TrainError::file(
                weights,
                format!(
                    "{option} is for neurons whose file does not say all of them; this one holds a whole model: {}",
                    config.title()
                ),
            )),
        }
    }

    /// The configuration of a network whose weights carry none.
    fn network(&self, weights: &Path) -> Result<ModelConfig> {
        let path = match self.config.clone().or_else(|| beside(weights)) {
            Some(path) => path,
            None => {
                return Err(TrainError::file(
                    weights,
                    "holds a network, whose shapes do not tell all of it: pass --config JSON, with the fields of elm's \
                     network configuration (`elm info --json` of a network shows them)",
                ));
            }
        };
        let value: Value = read_json(&path, "the configuration of a network")?;
        let network = network_config(&value.to_string()).map_err(|e| {
            TrainError::file(
                &path,
                format!("expected the configuration of a network: {e}"),
            )
        })?;
        Ok(ModelConfig::Network(NetworkModel {
            network,
            regularisers: Vec::new(),
        }))
    }

    /// The configuration of a neuron, from the file itself where it holds one, from its shapes and the published
    /// configuration beside it, and from the options, which win; and what of it nothing tells.
    fn neuron(&self, dict: &StateDict) -> Result<(ElmNeuronConfig, Vec<String>)> {
        let carried = match model::card_of(dict)?.map(|card| card.config) {
            Some(ModelConfig::Elm(config)) => Some(config),
            _ => None,
        };
        let file = self.config.clone().or_else(|| match carried {
            Some(_) => None,
            None => beside(&dict.path),
        });
        let mut assumed = Vec::new();
        let mut config = match (file, carried) {
            (Some(path), carried) => {
                let known = match carried {
                    Some(config) => config,
                    None => dict.infer_config()?,
                };
                let form = match known.neuron.gate {
                    MemoryGate::Scaled => NeuronForm::v1(),
                    MemoryGate::TimescaleRatio => NeuronForm::v2(),
                };
                read_json::<PublishedConfig>(&path, "a published configuration")?.to_config(form)
            }
            (None, Some(config)) => config,
            (None, None) => {
                let mut config = dict.infer_config()?;
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

/// A model of the size of NeuronIO's that does not say its task is one of NeuronIO's.
fn says_its_task(card: &mut ModelCard) {
    if card.task.is_none() && card.config.sizes() == (NUM_CHANNELS, 2) {
        card.task = Some(run::card::neuronio());
    }
}

/// The card of weights that carry none.
fn foreign(config: ModelConfig) -> ModelCard {
    ModelCard {
        format: 0,
        elm: String::new(),
        ..ModelCard::new(config, None)
    }
}

/// The configuration beside weights: under their name in `configs` or beside them, or under the name that goes with the
/// published `neuronio_best_model_state.pt`.
fn beside(weights: &Path) -> Option<PathBuf> {
    let folder = weights.parent()?;
    let name = weights.file_name()?.to_string_lossy().into_owned();
    // model.pth.tar is `model`, too
    let mut names = vec![name.clone()];
    let mut rest = &name[..];
    while let Some((stem, _)) = rest.rsplit_once('.') {
        names.push(stem.to_string());
        rest = stem;
    }
    let in_configs = names
        .iter()
        .map(|name| folder.join("configs").join(format!("{name}.json")))
        .find(|path| path.is_file());
    in_configs.or_else(|| {
        let mut near: Vec<PathBuf> = names
            .iter()
            .map(|name| folder.join(format!("{name}.json")))
            .collect();
        near.push(folder.join("model_config.json"));
        near.into_iter().find(|path| describes_a_model(path))
    })
}

/// Is it the configuration of a model, and no other JSON file of that name?
fn describes_a_model(path: &Path) -> bool {
    path.is_file()
        && read_json::<Value>(path, "JSON")
            .is_ok_and(|v| v.get("num_input").is_some() || v.get("num_inputs").is_some())
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
