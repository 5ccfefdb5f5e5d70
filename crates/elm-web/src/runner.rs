//! A model with room for what goes in and what comes out.

use elm_stream::NeuronForm;
use elm_stream::equations::HiddenActivation;
use elm_stream::file::{CONFIG_KEY, Container, ModelStream, from_safetensors_with};
use serde_json::Value;

use crate::facts::facts;

/// Longest memory timescale of the published NeuronIO neurons, in ms; their weights do not tell it.
const PUBLISHED_TAU_MAX: f64 = 150.0;

/// A model that runs, with its input and what is to be shown of it.
#[derive(Debug)]
pub struct Runner {
    stream: ModelStream,
    /// Value of each channel, `[input]`.
    pub input: Vec<f32>,
    /// What the last step yielded, `[output]`.
    pub output: Vec<f32>,
    /// Memory of a neuron, `[memory]`; of a layer or network the activity of all neurons, from the input on.
    pub view: Vec<f32>,
    /// What is known of the model, as JSON.
    pub facts: String,
}

impl Runner {
    /// From the bytes of a weight file. A file without `elm_config` is taken for a published neuron of NeuronIO; what its
    /// weights do not tell is taken from the metadata entry `config`, where there is one.
    ///
    /// # Errors
    /// A sentence that says what was expected and what was found.
    pub fn load(bytes: &[u8]) -> Result<Self, String> {
        let refused =
            |e: &dyn std::fmt::Display| format!("This file cannot be used as a model: {e}.");
        let file = Container::parse(bytes).map_err(|e| refused(&e))?;
        check_kind(&file).map_err(|e| refused(&e))?;
        let model = from_safetensors_with(bytes, published_form(&file)).map_err(|e| refused(&e))?;
        let stream = model.stream().map_err(|e| refused(&e))?;
        let mut runner = Self {
            input: vec![0.0; stream.inputs()],
            output: vec![0.0; stream.outputs()],
            view: Vec::new(),
            facts: facts(&file, &model, &stream),
            stream,
        };
        runner.look();
        Ok(runner)
    }

    /// One time step on [`input`](Self::input).
    ///
    /// # Errors
    /// If the model reads tokens.
    pub fn step(&mut self) -> Result<(), String> {
        let y = self.stream.step(&self.input).map_err(|e| format!("{e}."))?;
        self.output.copy_from_slice(y);
        self.look();
        Ok(())
    }

    /// One time step of a model that reads tokens.
    ///
    /// # Errors
    /// If the model reads numbers, or there is no such token.
    pub fn step_token(&mut self, token: usize) -> Result<(), String> {
        let y = self.stream.step_token(token).map_err(|e| format!("{e}."))?;
        self.output.copy_from_slice(y);
        self.look();
        Ok(())
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.stream.reset();
        self.output.fill(0.0);
        self.look();
    }

    /// Takes over what is to be shown; it has the same length each time, and so stays in its place.
    fn look(&mut self) {
        self.view.clear();
        match &self.stream {
            ModelStream::Neuron(neuron) => self.view.extend_from_slice(neuron.memory()),
            ModelStream::Layer(layer) => self.view.extend_from_slice(layer.activity()),
            ModelStream::Network(network) => {
                let layers = network.layers().iter();
                layers.for_each(|layer| self.view.extend_from_slice(layer.activity()));
            }
        }
    }
}

/// Refuses what `elm` trained and no stream runs, such as an LSTM: it says its kind and carries no `elm_config`.
fn check_kind(file: &Container<'_>) -> Result<(), String> {
    let card = file
        .metadata
        .get("elm_model_card")
        .map_or("{}", String::as_str);
    let card: Value = serde_json::from_str(card).unwrap_or_default();
    match card["kind"].as_str() {
        Some(kind) if !file.metadata.contains_key(CONFIG_KEY) => Err(format!(
            "it holds a model of the kind `{kind}`, expected a neuron, or a layer or network of neurons"
        )),
        _ => Ok(()),
    }
}

/// What the weights of a published neuron do not tell.
fn published_form(file: &Container<'_>) -> NeuronForm {
    let config = file.metadata.get("config").map_or("{}", String::as_str);
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    let number = |name: &str, otherwise: f64| config[name].as_f64().unwrap_or(otherwise);
    NeuronForm::v1()
        .with_activation(match config["mlp_activation"].as_str() {
            Some("silu") => HiddenActivation::Silu,
            _ => HiddenActivation::Relu,
        })
        .with_lambda(number("lambda_value", 5.0))
        .with_memory_tau_min(number("memory_tau_min", 1.0))
        .with_memory_tau_max(number("memory_tau_max", PUBLISHED_TAU_MAX))
}
