//! Whatever a weight file holds.

use alloc::format;

use serde_json::Value;

use super::layer::{LayerConfigFile, NetworkConfigFile, read_layer, read_network};
use super::neuron::{self, FileOptions};
use super::{Container, FileError};
use crate::legacy::neuron_config;
use crate::{
    ElmStream, InputEmbedding, LayerParts, LayerStream, NetworkParts, NetworkStream, NeuronParts,
    StreamError,
};

/// Name under which files of elm-model carry their configuration.
pub const CONFIG_KEY: &str = "elm_config";

/// What a weight file holds, as the parts of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// A single neuron.
    Neuron(NeuronParts),
    /// A layer of neurons.
    Layer(LayerParts),
    /// A network of layers.
    Network(NetworkParts),
}

/// A stream of whatever a file holds.
#[derive(Debug, Clone)]
pub enum ModelStream {
    /// A single neuron.
    Neuron(ElmStream),
    /// A layer of neurons.
    Layer(LayerStream),
    /// A network of layers.
    Network(NetworkStream),
}

/// Reads a file of elm-model, which carries its configuration.
///
/// # Errors
/// [`FileError::Container`] if it is no safetensors file, [`FileError::NoConfig`] if it carries no configuration,
/// [`FileError::Config`] or [`FileError::Form`] if that is not valid, [`FileError::Tensors`] if the tensors do not fit it.
pub fn from_safetensors(bytes: &[u8]) -> Result<Model, FileError> {
    let file = Container::parse(bytes)?;
    match file.metadata.get(CONFIG_KEY) {
        Some(config) => of_config(&file, config),
        None => Err(FileError::NoConfig),
    }
}

/// Reads a file of elm-model or a published checkpoint, which does not carry the neuron's form: a [`NeuronForm`]
/// (or [`FileOptions`]) says what its shapes do not tell. Where the file carries a configuration, that one counts.
///
/// The published NeuronIO neurons are `NeuronForm::v1().with_memory_tau_max(150.0)`.
///
/// [`NeuronForm`]: crate::NeuronForm
///
/// # Errors
/// As [`from_safetensors`]; a configuration may be missing.
pub fn from_safetensors_with(
    bytes: &[u8],
    options: impl Into<FileOptions>,
) -> Result<Model, FileError> {
    let file = Container::parse(bytes)?;
    match file.metadata.get(CONFIG_KEY) {
        Some(config) => of_config(&file, config),
        None => {
            let config = neuron::infer(&file, options.into())?;
            neuron::read(&file, config).map(Model::Neuron)
        }
    }
}

fn of_config(file: &Container<'_>, json: &str) -> Result<Model, FileError> {
    let value: Value = serde_json::from_str(json).map_err(FileError::config)?;
    // each kind has a field that the others do not have
    if value.get("num_neurons").is_some() {
        let config: LayerConfigFile = serde_json::from_value(value)
            .map_err(|e| FileError::config(format!("no layer's: {e}")))?;
        return read_layer(file, &config).map(Model::Layer);
    }
    if value.get("hidden_neurons").is_some() || value.get("output_embedding").is_some() {
        return read_network(file, &NetworkConfigFile::of_json(value)?).map(Model::Network);
    }
    neuron::read(file, neuron_config(json)?).map(Model::Neuron)
}

impl Model {
    /// A stream that starts at rest.
    ///
    /// # Errors
    /// [`StreamError`] if the parts do not belong together, which those of a file do, or memory does not suffice.
    pub fn stream(&self) -> Result<ModelStream, StreamError> {
        Ok(match self {
            Self::Neuron(parts) => ModelStream::Neuron(parts.stream()?),
            Self::Layer(parts) => ModelStream::Layer(parts.stream()?),
            Self::Network(parts) => ModelStream::Network(parts.stream()?),
        })
    }
}

impl ModelStream {
    /// Input channels, or the size of the vocabulary.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Neuron(stream) => stream.inputs(),
            Self::Layer(stream) => stream.inputs(),
            Self::Network(stream) => stream.inputs(),
        }
    }

    /// Outputs; of a layer its neurons.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Neuron(stream) => stream.outputs(),
            Self::Layer(stream) => stream.neurons(),
            Self::Network(stream) => stream.outputs(),
        }
    }

    /// Does it read tokens, with [`step_token`](Self::step_token), instead of numbers for its channels?
    pub fn reads_tokens(&self) -> bool {
        match self {
            Self::Network(stream) => {
                matches!(stream.input_embedding(), InputEmbedding::OneHot { .. })
            }
            _ => false,
        }
    }

    /// One time step: the value of every channel to the outputs.
    ///
    /// # Errors
    /// As [`NetworkStream::step`].
    pub fn step(&mut self, x: &[f32]) -> Result<&[f32], StreamError> {
        match self {
            Self::Neuron(stream) => stream.step(x),
            Self::Layer(stream) => stream.step(x),
            Self::Network(stream) => stream.step(x),
        }
    }

    /// One time step with few active channels: channel and value of each that is not zero.
    ///
    /// # Errors
    /// As [`NetworkStream::step_events`].
    pub fn step_events(&mut self, events: &[(usize, f32)]) -> Result<&[f32], StreamError> {
        match self {
            Self::Neuron(stream) => stream.step_events(events),
            Self::Layer(stream) => stream.step_events(events),
            Self::Network(stream) => stream.step_events(events),
        }
    }

    /// One time step of a network that reads tokens.
    ///
    /// # Errors
    /// As [`NetworkStream::step_token`]; [`StreamError::Kind`] for a neuron or a layer.
    pub fn step_token(&mut self, token: usize) -> Result<&[f32], StreamError> {
        match self {
            Self::Network(stream) => stream.step_token(token),
            _ => Err(StreamError::Kind {
                what: "input".into(),
                expected: "numbers for the channels",
                found: "a token",
            }),
        }
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        match self {
            Self::Neuron(stream) => stream.reset(),
            Self::Layer(stream) => stream.reset(),
            Self::Network(stream) => stream.reset(),
        }
    }
}
