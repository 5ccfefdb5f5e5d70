//! A network of layers, step by step.

use alloc::{borrow::Cow, vec, vec::Vec};

use super::layer::{LayerStream, Source};
use super::state::NetworkState;
use crate::error::{check_indices, check_len};
use crate::lanes::{Isa, Lane, Level, Matrix, by_level, copy_to_lanes, flat, lanes, to_lanes};
use crate::{InputEmbedding, LinearParts, NetworkParts, StreamError};

/// Stacked layers that take one time step after another, in f32 and without allocating.
///
/// ```text
/// x or token -> input embedding -> layer 0 -> … -> last layer -> linear map, if there is one -> y
/// ```
///
/// All layers step together: layer l reads layer l − 1 at the same step (Spieler, Martius, Levina 2026).
#[derive(Debug, Clone)]
pub struct NetworkStream {
    level: Level,
    embedding: InputEmbedding,
    gain: f32,
    layers: Vec<LayerStream>,
    linear: Option<Linear>,
}

/// The linear map behind the last layer.
#[derive(Debug, Clone)]
struct Linear {
    outputs: usize,
    weight: Matrix,
    bias: Vec<Lane>,
    input: Vec<Lane>,
    output: Vec<Lane>,
}

impl Linear {
    fn new(parts: &LinearParts, inputs: usize) -> Self {
        let outputs = parts.bias.len();
        let bias = to_lanes(&parts.bias);
        Self {
            outputs,
            weight: Matrix::new(&parts.weight, inputs, outputs),
            input: vec![Lane::ZERO; lanes(inputs)],
            output: bias.clone(),
            bias,
        }
    }
}

impl NetworkStream {
    /// A stream that starts at rest.
    ///
    /// # Errors
    /// [`StreamError`] if there is no layer, the layers do not belong together, or one of them does not fit.
    pub fn try_new(parts: &NetworkParts) -> Result<Self, StreamError> {
        parts.check()?;
        let mut layers = Vec::with_capacity(parts.layers.len());
        for (l, layer) in parts.layers.iter().enumerate() {
            layers.push(LayerStream::try_new(layer).map_err(|e| e.in_layer(l))?);
        }
        let last = layers.last().map_or(0, LayerStream::neurons);
        Ok(Self {
            level: Level::detect(),
            embedding: parts.input_embedding,
            gain: parts.input_embedding.scale() as f32,
            layers,
            linear: parts
                .linear
                .as_ref()
                .map(|linear| Linear::new(linear, last)),
        })
    }

    /// Input channels, or the size of the vocabulary.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// Outputs.
    pub fn outputs(&self) -> usize {
        self.output().len()
    }

    /// How the input is read.
    pub fn input_embedding(&self) -> InputEmbedding {
        self.embedding
    }

    /// The layers, from the input on.
    pub fn layers(&self) -> &[LayerStream] {
        &self.layers
    }

    /// One time step: the value of every channel, `[input]`, to the outputs, `[output]`.
    ///
    /// # Errors
    /// [`StreamError::Length`] if the number of channels is another, [`StreamError::Kind`] if the network reads tokens.
    pub fn step(&mut self, x: &[f32]) -> Result<&[f32], StreamError> {
        self.check_channels()?;
        check_len("x", x.len(), self.inputs())?;
        Ok(self.run(Source::Dense(x)))
    }

    /// One time step with few active channels: channel and value of each that is not zero, in any order; a channel that
    /// occurs twice adds up.
    ///
    /// # Errors
    /// [`StreamError::Index`] if a channel is out of range, [`StreamError::Kind`] if the network reads tokens.
    pub fn step_events(&mut self, events: &[(usize, f32)]) -> Result<&[f32], StreamError> {
        self.check_channels()?;
        check_indices(
            "channel of an event",
            events.iter().map(|e| e.0),
            self.inputs(),
        )?;
        Ok(self.run(Source::Events(events)))
    }

    /// One time step of a network that reads tokens.
    ///
    /// # Errors
    /// [`StreamError::Index`] if the token is not below [`inputs`](Self::inputs), [`StreamError::Kind`] if the network
    /// reads numbers.
    pub fn step_token(&mut self, token: usize) -> Result<&[f32], StreamError> {
        if !matches!(self.embedding, InputEmbedding::OneHot { .. }) {
            return Err(refused(
                "numbers for the channels, as its input embedding is not one-hot",
                "a token",
            ));
        }
        check_indices("token", core::iter::once(token), self.inputs())?;
        Ok(self.run(Source::Events(&[(token, 1.0)])))
    }

    fn check_channels(&self) -> Result<(), StreamError> {
        match self.embedding {
            InputEmbedding::OneHot { .. } => Err(refused(
                "a token, as its input embedding is one-hot",
                "numbers for the channels",
            )),
            _ => Ok(()),
        }
    }

    /// A step on an input that was checked.
    fn run(&mut self, source: Source<'_>) -> &[f32] {
        let (first, others) = match self.layers.split_first_mut() {
            Some(layers) => layers,
            None => return &[],
        };
        let mut activity = first.run(source, self.gain);
        for layer in others {
            activity = layer.run(Source::Dense(activity), 1.0);
        }
        match &mut self.linear {
            None => activity,
            Some(linear) => {
                linear_map(self.level, linear, activity);
                &flat(&linear.output)[..linear.outputs]
            }
        }
    }

    /// Outputs of the last step, `[output]`.
    pub fn output(&self) -> &[f32] {
        match &self.linear {
            Some(linear) => &flat(&linear.output)[..linear.outputs],
            None => self.layers.last().map_or(&[], LayerStream::activity),
        }
    }

    /// Memory of a neuron of a layer after the last step, `[memory]`; `None` if there is no such neuron.
    pub fn memory(&self, layer: usize, neuron: usize) -> Option<&[f32]> {
        self.layers.get(layer)?.memory(neuron)
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.layers.iter_mut().for_each(LayerStream::reset);
    }

    /// What the next step depends on, to go on from later or elsewhere.
    pub fn state(&self) -> NetworkState {
        NetworkState {
            layers: self.layers.iter().map(LayerStream::state).collect(),
        }
    }

    /// Goes on from a state of this network.
    ///
    /// # Errors
    /// [`StreamError`] if the state is none of this network; nothing has changed then.
    pub fn set_state(&mut self, state: &NetworkState) -> Result<(), StreamError> {
        check_len("state.layers", state.layers.len(), self.layers.len())?;
        for (l, (layer, state)) in self.layers.iter().zip(&state.layers).enumerate() {
            layer.check_state(state).map_err(|e| e.in_layer(l))?;
        }
        for (l, (layer, state)) in self.layers.iter_mut().zip(&state.layers).enumerate() {
            layer.set_state(state).map_err(|e| e.in_layer(l))?;
        }
        Ok(())
    }
}

fn refused(expected: &'static str, found: &'static str) -> StreamError {
    StreamError::Kind {
        what: Cow::Borrowed("input"),
        expected,
        found,
    }
}

by_level!(fn linear_map(linear: &mut Linear, activity: &[f32]) => linear_step);
#[inline(always)]
fn linear_step(isa: impl Isa, linear: &mut Linear, activity: &[f32]) {
    copy_to_lanes(activity, &mut linear.input);
    linear.output.copy_from_slice(&linear.bias);
    linear
        .weight
        .multiply_add(isa, 0, &linear.input, &mut linear.output);
}
