//! Layers and networks from their tensors.

use alloc::{format, vec::Vec};

use serde::Deserialize;
use serde_json::Value;

use super::dict::Dict;
use super::{Container, FileError};
use crate::{
    InputEmbedding, LayerParts, NetworkParts, NeuronForm, NeuronOverrides, OutputEmbedding,
};

/// What the configuration of a layer says of its tensors.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LayerConfigFile {
    num_inputs: usize,
    num_neurons: usize,
    neuron: NeuronForm,
}

/// What the configuration of a network says of its tensors.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct NetworkConfigFile {
    num_inputs: usize,
    num_outputs: usize,
    #[serde(default)]
    hidden_neurons: Vec<usize>,
    last_neurons: Option<usize>,
    #[serde(default)]
    input_embedding: InputEmbedding,
    #[serde(default)]
    output_embedding: OutputEmbedding,
    neuron: NeuronForm,
    #[serde(default)]
    first: NeuronOverrides,
    #[serde(default)]
    last: NeuronOverrides,
    /// Written by a version whose `last` said everything that a last layer has different.
    #[serde(skip)]
    last_is_complete: bool,
}

impl NetworkConfigFile {
    /// From the JSON that a file carries, of this version or an earlier one.
    pub fn of_json(value: Value) -> Result<Self, FileError> {
        // the earlier one knew no start value of the biases
        let last_is_complete = value["neuron"].get("bias_init").is_none();
        let config: Self = serde_json::from_value(value)
            .map_err(|e| FileError::config(format!("no network's: {e}")))?;
        Ok(Self {
            last_is_complete,
            ..config
        })
    }

    fn last_neurons(&self) -> usize {
        self.last_neurons.unwrap_or(self.num_outputs)
    }

    /// The configuration of each layer.
    fn layers(&self) -> Vec<LayerConfigFile> {
        let mut num_inputs = self.num_inputs;
        let last = self.hidden_neurons.len();
        let neurons = self
            .hidden_neurons
            .iter()
            .copied()
            .chain([self.last_neurons()]);
        let layer = |(index, num_neurons): (usize, usize)| {
            let mut neuron = self.neuron.clone();
            if index == last {
                if !self.last_is_complete {
                    NeuronOverrides::readout().apply(&mut neuron);
                }
                self.last.apply(&mut neuron);
            } else if index == 0 {
                self.first.apply(&mut neuron);
            }
            let layer = LayerConfigFile {
                num_inputs,
                num_neurons,
                neuron,
            };
            num_inputs = num_neurons;
            layer
        };
        neurons.enumerate().map(layer).collect()
    }
}

/// The parts of a layer whose file carries this configuration.
pub(super) fn read_layer(
    file: &Container<'_>,
    config: &LayerConfigFile,
) -> Result<LayerParts, FileError> {
    file.check_inputs(config.num_inputs)?;
    let mut dict = Dict::new(file);
    let layer = layer(&mut dict, "", config)?;
    dict.finish().map(|()| layer)
}

/// The parts of a network whose file carries this configuration.
pub(super) fn read_network(
    file: &Container<'_>,
    config: &NetworkConfigFile,
) -> Result<NetworkParts, FileError> {
    file.check_inputs(config.num_inputs)?;
    let outputs = config.num_outputs;
    let last = config.last_neurons();
    if config.output_embedding == OutputEmbedding::None && last != outputs {
        return Err(FileError::config(format!(
            "last_neurons must equal num_outputs = {outputs} where no output embedding follows, found {last}"
        )));
    }
    // more layers than tensors cannot be meant
    if config.hidden_neurons.len() >= file.tensors.len().max(1) {
        let found = config.hidden_neurons.len() + 1;
        return Err(FileError::config(format!(
            "{found} layers, but {} tensors",
            file.tensors.len()
        )));
    }
    let mut dict = Dict::new(file);
    let mut layers = Vec::new();
    for (l, config) in config.layers().iter().enumerate() {
        layers.push(layer(&mut dict, &format!("layers.{l}."), config)?);
        dict.check_not_hopeless()?;
    }
    let linear = match config.output_embedding {
        OutputEmbedding::None => None,
        OutputEmbedding::Linear => Some(dict.linear("linear", None, last, outputs)),
    };
    dict.finish()?;
    Ok(NetworkParts {
        input_embedding: config.input_embedding,
        layers,
        linear,
    })
}

/// A layer whose tensors have this prefix.
fn layer(
    dict: &mut Dict<'_>,
    prefix: &str,
    config: &LayerConfigFile,
) -> Result<LayerParts, FileError> {
    let (n, form) = (config.num_neurons, &config.neuron);
    form.validate(n)?;
    let (synapses, m) = (form.synapses(), form.num_memory);
    let name = |part: &str| format!("{prefix}{part}");
    let sources = config.num_inputs.saturating_add(n);
    let widths: Vec<usize> = form.mlp_widths().collect();
    let mlp = widths
        .windows(2)
        .enumerate()
        .map(|(k, w)| dict.linear(&name(&format!("mlp.{k}")), Some(n), w[0], w[1]))
        .collect();
    Ok(LayerParts {
        form: form.clone(),
        inputs: config.num_inputs,
        neurons: n,
        connectome: dict.indices(&name("connectome"), &[n, synapses], sources),
        proto_weight: dict.floats(&name("w_s"), &[n, synapses]),
        mlp,
        proto_tau: dict.timescales(&name("tau_m_proto"), &[n, m]),
        readout: dict.floats(&name("w_y"), &[n, m]),
        bias: dict.floats(&name("b"), &[n]),
    })
}
