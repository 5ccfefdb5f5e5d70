//! The sizes of a network, and what makes them valid.

use std::collections::BTreeMap;

use burn::config::Config;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::ElmError;
use crate::equations::{NeuronForm, NeuronOverrides};
use crate::error::check;
use crate::layer::{ElmLayerConfig, Wiring};

pub use elm_stream::{InputEmbedding, OutputEmbedding};

/// What a layer of a network has different from the network's layers in general; what is left out stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(!try_from, deny_unknown_fields))]
#[serde(try_from = "AnyOverrides")]
pub struct LayerOverrides {
    /// Options of its neurons.
    #[serde(flatten)]
    pub neuron: NeuronOverrides,
    /// Which sources its synapses read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wiring: Option<Wiring>,
    /// Another [`ElmLayerConfig::input_dropout`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_dropout: Option<f64>,
    /// Another [`ElmLayerConfig::recurrent_dropout`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrent_dropout: Option<f64>,
    /// Another [`ElmLayerConfig::memory_dropout`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_dropout: Option<f64>,
}

/// The same as it stands in a file, with whatever else stands there.
#[derive(Deserialize)]
struct AnyOverrides {
    #[serde(flatten)]
    neuron: NeuronOverrides,
    wiring: Option<Wiring>,
    input_dropout: Option<f64>,
    recurrent_dropout: Option<f64>,
    memory_dropout: Option<f64>,
    #[serde(flatten)]
    rest: BTreeMap<String, IgnoredAny>,
}

impl TryFrom<AnyOverrides> for LayerOverrides {
    type Error = String;

    fn try_from(any: AnyOverrides) -> Result<Self, String> {
        let known = serde_json::to_value(NeuronForm::network()).map_err(|e| e.to_string())?;
        // `flatten` shows everything to the map as well, taken or not
        if let Some(name) = any
            .rest
            .keys()
            .find(|name| known.get(name.as_str()).is_none())
        {
            return Err(format!("unknown field `{name}` of a layer"));
        }
        Ok(Self {
            neuron: any.neuron,
            wiring: any.wiring,
            input_dropout: any.input_dropout,
            recurrent_dropout: any.recurrent_dropout,
            memory_dropout: any.memory_dropout,
        })
    }
}

impl LayerOverrides {
    /// What the last layer of a network has different before anything else is said (Spieler et al. 2026): linear
    /// output, no high-pass, no recurrent synapses.
    pub fn readout() -> Self {
        Self {
            neuron: NeuronOverrides::readout(),
            wiring: Some(Wiring::Random {
                recurrent_connect: Some(0.0),
            }),
            ..Self::default()
        }
    }

    /// The layer with these differences; sizes that are set nowhere follow from the others, as in [`NeuronForm`].
    pub fn apply(&self, mut layer: ElmLayerConfig) -> ElmLayerConfig {
        self.neuron.apply(&mut layer.neuron);
        layer.wiring = self.wiring.unwrap_or(layer.wiring);
        layer.input_dropout = self.input_dropout.unwrap_or(layer.input_dropout);
        layer.recurrent_dropout = self.recurrent_dropout.unwrap_or(layer.recurrent_dropout);
        layer.memory_dropout = self.memory_dropout.unwrap_or(layer.memory_dropout);
        layer
    }
}

/// Configuration of an [`ElmNetwork`](crate::ElmNetwork): stacked layers that step together.
///
/// Layer l reads the activity of layer l − 1 at the same step. The layers share `neuron`, `wiring` and the dropouts;
/// `first` and `last` say what those two have different. In a network of one layer that layer is the last.
#[derive(Config, Debug, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ElmNetworkConfig {
    /// Input channels, or the size of the vocabulary with one-hot tokens.
    pub num_inputs: usize,
    /// Outputs.
    pub num_outputs: usize,
    /// Neurons of each layer but the last, from the first on; none for a network of one layer.
    #[config(default = "Vec::new()")]
    pub hidden_neurons: Vec<usize>,
    /// Neurons of the last layer; as many as there are outputs unless set.
    pub last_neurons: Option<usize>,
    /// How the input is read.
    #[config(default = "InputEmbedding::None")]
    pub input_embedding: InputEmbedding,
    /// What follows the last layer.
    #[config(default = "OutputEmbedding::None")]
    pub output_embedding: OutputEmbedding,
    /// Sizes and constants of the neurons.
    #[config(default = "NeuronForm::network()")]
    pub neuron: NeuronForm,
    /// Which sources the synapses read.
    #[config(default = "Wiring::default()")]
    pub wiring: Wiring,
    /// Seed of the connectomes; each layer draws its own.
    #[config(default = 0)]
    pub seed: u64,
    /// Probability that a channel is silent for a whole training sequence.
    ///
    /// See [`ElmLayerConfig::input_dropout`].
    #[config(default = 0.0)]
    pub input_dropout: f64,
    /// The same for activity as recurrent synapses see it.
    ///
    /// See [`ElmLayerConfig::recurrent_dropout`].
    #[config(default = 0.0)]
    pub recurrent_dropout: f64,
    /// Probability that a memory unit gets no update for a whole training sequence.
    ///
    /// See [`ElmLayerConfig::memory_dropout`].
    #[config(default = 0.0)]
    pub memory_dropout: f64,
    /// What the first of several layers has different.
    #[config(default = "LayerOverrides::default()")]
    pub first: LayerOverrides,
    /// What the last layer has different, beyond being a readout.
    ///
    /// See [`LayerOverrides::readout`].
    #[config(default = "LayerOverrides::default()")]
    pub last: LayerOverrides,
}

impl ElmNetworkConfig {
    /// Number of layers.
    pub fn num_layers(&self) -> usize {
        self.hidden_neurons.len() + 1
    }

    /// Neurons of the last layer.
    pub fn last_layer_neurons(&self) -> usize {
        self.last_neurons.unwrap_or(self.num_outputs)
    }

    /// The configuration of each layer.
    pub fn layers(&self) -> Vec<ElmLayerConfig> {
        let last = self.hidden_neurons.len();
        let neurons = self.hidden_neurons.iter().copied();
        let mut inputs = self.num_inputs;
        neurons
            .chain([self.last_layer_neurons()])
            .enumerate()
            .map(|(index, neurons)| {
                let layer = ElmLayerConfig {
                    num_inputs: inputs,
                    num_neurons: neurons,
                    neuron: self.neuron.clone(),
                    wiring: self.wiring,
                    seed: self.seed.wrapping_add(index as u64),
                    input_dropout: self.input_dropout,
                    recurrent_dropout: self.recurrent_dropout,
                    memory_dropout: self.memory_dropout,
                };
                inputs = neurons;
                match index {
                    _ if index == last => self.last.apply(LayerOverrides::readout().apply(layer)),
                    0 => self.first.apply(layer),
                    _ => layer,
                }
            })
            .collect()
    }

    /// Number of trained numbers over all layers and the output embedding.
    pub fn num_trained(&self) -> usize {
        let output = match self.output_embedding {
            OutputEmbedding::None => 0,
            OutputEmbedding::Linear => self
                .last_layer_neurons()
                .saturating_add(1)
                .saturating_mul(self.num_outputs),
        };
        self.layers()
            .iter()
            .map(ElmLayerConfig::num_trained)
            .fold(output, usize::saturating_add)
    }

    /// Checks that the sizes and constants describe a network.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        check::at_least_one(&[("num_outputs", self.num_outputs)])?;
        let (last, outputs) = (self.last_layer_neurons(), self.num_outputs);
        if self.output_embedding == OutputEmbedding::None && last != outputs {
            return Err(ElmError::config(
                "last_neurons",
                format!(
                    "must equal num_outputs = {outputs} where no output embedding follows, found {last}"
                ),
            ));
        }
        check::fits("num_outputs", &[last, outputs])?;
        check::finite(&[("input_embedding", self.input_embedding.scale())])?;
        for (index, layer) in self.layers().iter().enumerate() {
            layer.validate().map_err(|error| error.of_layer(index))?;
        }
        Ok(())
    }
}
