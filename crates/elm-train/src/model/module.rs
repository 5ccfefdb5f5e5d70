//! A model of any kind as one Burn module.

use burn::module::Module;
use burn::tensor::{DType, Tensor};
use elm_baselines::{ChronoLstm, Lif, Tcn, TransformerEncoder};
use elm_model::layer::Regulariser;
use elm_model::{ElmError, ElmNetwork, ElmNeuron, ScanPath};

use super::config::{ModelConfig, NetworkModel};
use crate::recipe::{Precision, TrainRecipe};

/// A model of any kind: `[batch, time, input]` to `[batch, time, output]`.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // there is one of them, not many
pub enum SequenceToSequence {
    /// One neuron, of any form.
    Elm(ElmNeuron),
    /// A network.
    Network(PenalisedNetwork),
    /// LSTM with chrono initialisation.
    ChronoLstm(ChronoLstm),
    /// Transformer encoder.
    Transformer(TransformerEncoder),
    /// Temporal convolutional network.
    Tcn(Tcn),
    /// Leaky integrate-and-fire neurons.
    Lif(Lif),
}

/// A network and what is penalised while it is trained.
#[derive(Module, Debug)]
pub struct PenalisedNetwork {
    /// The network.
    pub network: ElmNetwork,
    #[module(skip)]
    regularisers: Vec<Regulariser>,
}

impl PenalisedNetwork {
    /// `network` with these penalties.
    pub fn new(network: ElmNetwork, regularisers: Vec<Regulariser>) -> Self {
        Self {
            network,
            regularisers,
        }
    }
}

/// What a model yields over a sequence.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Output, `[batch, time, output]`.
    pub y: Tensor<3>,
    /// What training adds to the loss, `[1]`; none where nothing is penalised.
    pub penalty: Option<Tensor<1>>,
}

/// Memory timescales of a part of a model.
#[derive(Debug, Clone)]
pub struct Timescales {
    /// Which part; empty where the model is one.
    pub part: String,
    /// Timescales in ms.
    pub tau_ms: Tensor<1>,
}

impl SequenceToSequence {
    /// The configuration that this model was made with.
    pub fn config(&self) -> ModelConfig {
        match self {
            Self::Elm(m) => ModelConfig::Elm(m.config().clone()),
            Self::Network(m) => ModelConfig::Network(NetworkModel {
                network: m.network.config().clone(),
                regularisers: m.regularisers.clone(),
            }),
            Self::ChronoLstm(m) => ModelConfig::ChronoLstm(m.config().clone()),
            Self::Transformer(m) => ModelConfig::Transformer(m.config().clone()),
            Self::Tcn(m) => ModelConfig::Tcn(m.config().clone()),
            Self::Lif(m) => ModelConfig::Lif(m.config().clone()),
        }
    }

    /// The same model as a recipe trains it: in its number type and memory.
    pub fn for_training(self, train: &TrainRecipe) -> Self {
        let Self::Elm(neuron) = self else {
            return self;
        };
        let path = match train.memory_budget {
            0 => ScanPath::Auto,
            megabytes => ScanPath::MemoryBudget((megabytes as u64).saturating_mul(1_000_000)),
        };
        let product_type = match train.precision {
            Precision::F32 => None,
            Precision::Bf16 => Some(DType::BF16),
        };
        Self::Elm(neuron.with_path(path).with_product_type(product_type))
    }

    /// How the model's device runs its recurrence over `batch` samples, in words for people: fused, or as plain tensor steps
    /// and why; none for models whose recurrence is nothing but tensor steps.
    pub fn recurrence(&self, batch: usize) -> Option<String> {
        let mut ways = match self {
            Self::Elm(m) => vec![m.describe_path(batch)],
            Self::Network(m) => {
                let layers = m.network.layers.iter();
                layers.map(|l| l.describe_path(batch, 1)).collect()
            }
            Self::ChronoLstm(_) | Self::Transformer(_) | Self::Tcn(_) | Self::Lif(_) => {
                return None;
            }
        };
        ways.dedup();
        Some(ways.join("; "))
    }

    /// Number of trained numbers.
    pub fn num_trained(&self) -> usize {
        self.config().num_trained()
    }

    /// Output and penalty over sequences `x` `[batch, time, input]` that start at rest; `lengths` are the steps of each
    /// sample before its padding, none where no sample is padded.
    ///
    /// Outputs at real steps do not depend on padding; penalties do, as its silence counts as activity of 0.
    ///
    /// # Errors
    /// If the input does not fit the model.
    pub fn run(&self, x: Tensor<3>, lengths: Option<&[usize]>) -> Result<Answer, ElmError> {
        let y = match self {
            Self::Elm(m) => m.try_forward(x, None)?.0,
            Self::Network(m) => return m.run(x),
            Self::ChronoLstm(m) => m.try_forward(x, None)?.0,
            Self::Transformer(m) => m.forward_masked(x, lengths)?,
            Self::Tcn(m) => m.try_forward(x)?,
            Self::Lif(m) => m.try_forward(x, None)?.0,
        };
        Ok(Answer { y, penalty: None })
    }

    /// The same as [`run`](Self::run), for inputs that are known to fit: those that a recipe was checked for.
    ///
    /// # Panics
    /// If the input does not fit the model.
    pub fn answer(&self, x: Tensor<3>, lengths: Option<&[usize]>) -> Answer {
        match self.run(x, lengths) {
            Ok(answer) => answer,
            Err(error) => panic!("{error}"),
        }
    }

    /// Output over sequences without padding, `[batch, time, input]` to `[batch, time, output]`.
    ///
    /// # Panics
    /// If the input does not fit the model; [`run`](Self::run) returns an error.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        self.answer(x, None).y
    }

    /// Memory timescales of the parts that have any: one for a neuron, one for each layer of a network, none for others.
    ///
    /// # Errors
    /// If the device does not hand them out.
    pub fn timescales(&self) -> Result<Vec<Timescales>, ElmError> {
        match self {
            Self::Elm(m) => Ok(vec![Timescales {
                part: String::new(),
                tau_ms: m.timescales_ms()?,
            }]),
            Self::Network(m) => {
                let layers = m.network.layers.iter().enumerate();
                layers
                    .map(|(index, layer)| {
                        Ok(Timescales {
                            part: format!("Layer {}", index + 1),
                            tau_ms: layer.timescales_ms()?.flatten(0, 1),
                        })
                    })
                    .collect()
            }
            Self::ChronoLstm(_) | Self::Transformer(_) | Self::Tcn(_) | Self::Lif(_) => {
                Ok(Vec::new())
            }
        }
    }
}

impl PenalisedNetwork {
    fn run(&self, x: Tensor<3>) -> Result<Answer, ElmError> {
        let output = self.network.run(x, None)?;
        let penalty = match self.regularisers.is_empty() {
            true => None,
            false => Some(output.penalty(&self.regularisers)?),
        };
        Ok(Answer {
            y: output.output,
            penalty,
        })
    }
}
