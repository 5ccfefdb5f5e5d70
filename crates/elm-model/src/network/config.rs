//! The sizes of a network, and what makes them valid.

use burn::config::Config;
use serde::{Deserialize, Serialize};

use crate::ElmError;
use crate::layer::{
    ElmLayerConfig, FilterTau, MemoryGate, NetForm, OutputActivation, SynapseInit, Wiring, fail,
};
use crate::neuron::{HiddenActivation, SynapseRectification};

/// How the input of a network becomes that of its first layer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputEmbedding {
    /// Numbers per channel, as they come.
    #[default]
    None,
    /// Numbers per channel, times a factor.
    Scaled {
        /// The factor.
        scale: f64,
    },
    /// Tokens: the channel that a token names is `scale`, all others are 0. Only the index is ever stored.
    OneHot {
        /// The factor.
        scale: f64,
    },
}

impl InputEmbedding {
    /// Factor on the input.
    pub fn scale(self) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Scaled { scale } | Self::OneHot { scale } => scale,
        }
    }
}

/// How the activity of the last layer becomes the output of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputEmbedding {
    /// It is the output.
    #[default]
    None,
    /// A linear map with bias.
    Linear,
}

/// What a layer of a network has different from the network's layers in general; what is left out stays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)] // each is the field of the same name of `NetForm` or `ElmLayerConfig`
pub struct LayerOverrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_memory: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_layers: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_branches: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapses_per_branch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<HiddenActivation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapse_rectification: Option<SynapseRectification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapse_init: Option<SynapseInit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_tau: Option<FilterTau>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<MemoryGate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_tau_min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_tau_max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tau_range_scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learn_memory_tau: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_pass_tau: Option<FilterTau>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_activation: Option<OutputActivation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wiring: Option<Wiring>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_dropout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrent_dropout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_dropout: Option<f64>,
}

impl LayerOverrides {
    /// What the last layer of a network has different (Spieler et al. 2026): identity output, no high-pass, no recurrent
    /// synapses.
    pub fn readout() -> Self {
        Self {
            output_activation: Some(OutputActivation::Identity),
            high_pass_tau: Some(FilterTau::Off),
            wiring: Some(Wiring::Random {
                recurrent_connect: Some(0.0),
            }),
            ..Self::default()
        }
    }

    /// The layer with these differences; sizes that are set nowhere follow from the others, as in [`NetForm`].
    pub fn apply(&self, mut layer: ElmLayerConfig) -> ElmLayerConfig {
        fn set<T: Clone>(field: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                *field = value.clone();
            }
        }
        let neuron = &mut layer.neuron;
        set(&mut neuron.num_memory, &self.num_memory);
        set(&mut neuron.hidden_layers, &self.hidden_layers);
        set(&mut neuron.activation, &self.activation);
        set(
            &mut neuron.synapse_rectification,
            &self.synapse_rectification,
        );
        set(&mut neuron.synapse_init, &self.synapse_init);
        set(&mut neuron.input_scale, &self.input_scale);
        set(&mut neuron.branch_tau, &self.branch_tau);
        set(&mut neuron.lambda, &self.lambda);
        set(&mut neuron.gate, &self.gate);
        set(&mut neuron.memory_tau_min, &self.memory_tau_min);
        set(&mut neuron.memory_tau_max, &self.memory_tau_max);
        set(&mut neuron.tau_range_scale, &self.tau_range_scale);
        set(&mut neuron.learn_memory_tau, &self.learn_memory_tau);
        set(&mut neuron.high_pass_tau, &self.high_pass_tau);
        set(&mut neuron.output_activation, &self.output_activation);
        // these are optional themselves: left out, they follow from the other sizes
        for (field, value) in [
            (&mut neuron.hidden_size, self.hidden_size),
            (&mut neuron.num_branches, self.num_branches),
            (&mut neuron.synapses_per_branch, self.synapses_per_branch),
        ] {
            *field = value.or(*field);
        }
        set(&mut layer.wiring, &self.wiring);
        set(&mut layer.input_dropout, &self.input_dropout);
        set(&mut layer.recurrent_dropout, &self.recurrent_dropout);
        set(&mut layer.memory_dropout, &self.memory_dropout);
        layer
    }
}

/// Configuration of an [`ElmNetwork`](crate::ElmNetwork): stacked layers that step together.
///
/// Layer l reads the activity of layer l − 1 at the same step. The layers share `neuron`, `wiring` and the dropouts;
/// `first` and `last` say what those two have different. In a network of one layer that layer is the last.
#[derive(Config, Debug, PartialEq)]
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
    #[config(default = "NetForm::new()")]
    pub neuron: NetForm,
    /// Which sources the synapses read.
    #[config(default = "Wiring::default()")]
    pub wiring: Wiring,
    /// Seed of the connectomes; each layer draws its own.
    #[config(default = 0)]
    pub seed: u64,
    /// Dropout of input channels, see [`ElmLayerConfig::input_dropout`].
    #[config(default = 0.0)]
    pub input_dropout: f64,
    /// Dropout of recurrent activity, see [`ElmLayerConfig::recurrent_dropout`].
    #[config(default = 0.0)]
    pub recurrent_dropout: f64,
    /// Dropout of memory updates, see [`ElmLayerConfig::memory_dropout`].
    #[config(default = 0.0)]
    pub memory_dropout: f64,
    /// What the first of several layers has different.
    #[config(default = "LayerOverrides::default()")]
    pub first: LayerOverrides,
    /// What the last layer has different.
    #[config(default = "LayerOverrides::readout()")]
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
                    _ if index == last => self.last.apply(layer),
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
            OutputEmbedding::Linear => (self.last_layer_neurons() + 1) * self.num_outputs,
        };
        let layers = self.layers();
        output
            + layers
                .iter()
                .map(ElmLayerConfig::num_trained)
                .sum::<usize>()
    }

    /// Checks that the sizes and constants describe a network.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        if self.num_outputs == 0 {
            return fail("num_outputs", "must be at least 1, found 0".into());
        }
        if self.output_embedding == OutputEmbedding::None
            && self.last_layer_neurons() != self.num_outputs
        {
            return fail(
                "last_neurons",
                format!(
                    "must equal num_outputs = {} where no output embedding follows, found {}",
                    self.num_outputs,
                    self.last_layer_neurons()
                ),
            );
        }
        let scale = self.input_embedding.scale();
        if !scale.is_finite() {
            return fail(
                "input_embedding",
                format!("needs a finite scale, found {scale}"),
            );
        }
        self.layers().iter().try_for_each(ElmLayerConfig::validate)
    }
}
