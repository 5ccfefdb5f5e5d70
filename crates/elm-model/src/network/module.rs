//! Stacked layers as a Burn module.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};

use super::config::{ElmNetworkConfig, InputEmbedding, OutputEmbedding};
use crate::ElmError;
use crate::layer::{
    ElmLayer, ElmLayerState, LayerOutput, LayerRecording, LayerSource, Monitor, Regulariser, fail,
};
use crate::memory_scan::ScanPath;

/// A network of stacked [layers](ElmLayer) of Expressive Leaky Memory neurons (Spieler et al. 2026).
///
/// ```text
/// x or tokens -> input embedding -> layer 0 -> … -> last layer -> output embedding -> y
/// ```
///
/// All layers step together: layer l at step t reads layer l − 1 at step t. Nothing leads back to a lower layer, so
/// each runs over its whole sequence as one operation. Made with [`ElmNetworkConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct ElmNetwork {
    /// The layers, from the input to the output.
    pub layers: Vec<ElmLayer>,
    /// Linear map `[last layer's neurons, outputs]` behind the last layer.
    pub linear: Option<Linear>,
    #[module(skip)]
    config: ElmNetworkConfig,
}

/// What a network reads.
#[derive(Debug, Clone)]
pub enum NetworkInput {
    /// Numbers per channel, `[batch, time, input]`.
    Channels(Tensor<3>),
    /// Tokens below the number of inputs, `[batch, time]`.
    Tokens(Tensor<2, Int>),
}

impl From<Tensor<3>> for NetworkInput {
    fn from(x: Tensor<3>) -> Self {
        Self::Channels(x)
    }
}

impl From<Tensor<2, Int>> for NetworkInput {
    fn from(tokens: Tensor<2, Int>) -> Self {
        Self::Tokens(tokens)
    }
}

/// State of a network between two steps: one per layer.
#[derive(Debug, Clone)]
pub struct ElmNetworkState {
    /// States of the layers, from the input to the output.
    pub layers: Vec<ElmLayerState>,
}

impl ElmNetworkState {
    /// The same state without its history, for truncated backpropagation.
    pub fn detach(self) -> Self {
        Self {
            layers: self.layers.into_iter().map(ElmLayerState::detach).collect(),
        }
    }
}

/// What a network yields over a sequence.
#[derive(Debug, Clone)]
pub struct NetworkOutput {
    /// Output, `[batch, time, output]`.
    pub output: Tensor<3>,
    /// What each layer yields, from the input to the output; their states are the network's.
    pub layers: Vec<LayerOutput>,
}

impl NetworkOutput {
    /// State of the network after the last step.
    pub fn state(&self) -> ElmNetworkState {
        ElmNetworkState {
            layers: self.layers.iter().map(|l| l.state.clone()).collect(),
        }
    }

    /// Sum of the penalties, `[1]`; 0 without any.
    ///
    /// # Errors
    /// [`ElmError::Config`] if one names a layer that the network does not have.
    pub fn penalty(&self, regularisers: &[Regulariser]) -> Result<Tensor<1>, ElmError> {
        let mut sum = Tensor::zeros([1], (&self.output.device(), self.output.dtype()));
        for regulariser in regularisers {
            for &index in &regulariser.layers {
                let Some(layer) = self.layers.get(index) else {
                    return fail(
                        "regularisers.layers",
                        format!("must be below {}, found {index}", self.layers.len()),
                    );
                };
                sum = sum + regulariser.penalty(layer);
            }
        }
        Ok(sum)
    }
}

impl ElmNetworkConfig {
    /// A network with the published start values.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<ElmNetwork, ElmError> {
        self.validate()?;
        let layers = self.layers();
        Ok(ElmNetwork {
            layers: layers
                .iter()
                .map(|layer| layer.init(device))
                .collect::<Result<_, _>>()?,
            linear: match self.output_embedding {
                OutputEmbedding::None => None,
                OutputEmbedding::Linear => Some(
                    LinearConfig::new(self.last_layer_neurons(), self.num_outputs).init(device),
                ),
            },
            config: self.clone(),
        })
    }
}

impl ElmNetwork {
    /// The configuration that this network was made with.
    pub fn config(&self) -> &ElmNetworkConfig {
        &self.config
    }

    /// The same network with another choice of implementation, e.g. to compare with the reference.
    pub fn with_path(mut self, path: ScanPath) -> Self {
        self.layers = self.layers.into_iter().map(|l| l.with_path(path)).collect();
        self
    }

    /// Number of trained numbers over all layers and the output embedding.
    pub fn num_trained(&self) -> usize {
        self.config.num_trained()
    }

    /// Output over a sequence that starts at rest, `[batch, time, output]`.
    ///
    /// # Shapes
    /// - `input`: `[batch, time, input]`, or tokens `[batch, time]`
    /// - output: `[batch, time, output]`
    ///
    /// # Panics
    /// If the input does not fit; [`run`](Self::run) returns an error.
    pub fn forward(&self, input: impl Into<NetworkInput>) -> Tensor<3> {
        match self.run(input, None) {
            Ok(output) => output.output,
            Err(error) => panic!("{error}"),
        }
    }

    /// Output and final state over a sequence; two halves with the state carried over give the whole.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn forward_with_state(
        &self,
        input: impl Into<NetworkInput>,
        state: Option<ElmNetworkState>,
    ) -> Result<(Tensor<3>, ElmNetworkState), ElmError> {
        let output = self.run(input, state)?;
        let state = output.state();
        Ok((output.output, state))
    }

    /// Everything that a network yields over a sequence.
    ///
    /// Dropout acts on an autodiff device, unless the network is frozen.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if input or state do not fit, [`ElmError::Token`] for a token out of range,
    /// [`ElmError::Connectome`] if a record was loaded whose connectome does not fit.
    pub fn run(
        &self,
        input: impl Into<NetworkInput>,
        state: Option<ElmNetworkState>,
    ) -> Result<NetworkOutput, ElmError> {
        let states = self.states(state)?;
        let mut source = self.source(input.into())?;
        let mut gain = self.config.input_embedding.scale();
        let mut outputs: Vec<LayerOutput> = Vec::with_capacity(self.layers.len());
        for (layer, state) in self.layers.iter().zip(states) {
            let output = layer.run_scaled(source, gain, state)?;
            source = LayerSource::Dense(output.activity.clone());
            gain = 1.0;
            outputs.push(output);
        }
        Ok(NetworkOutput {
            output: self.output(source),
            layers: outputs,
        })
    }

    /// Records what the monitors see in every layer, from the input to the output.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn record(
        &self,
        input: impl Into<NetworkInput>,
        state: Option<ElmNetworkState>,
        monitors: &[Monitor],
    ) -> Result<Vec<LayerRecording>, ElmError> {
        let states = self.states(state)?;
        let mut source = self.source(input.into())?;
        let mut gain = self.config.input_embedding.scale();
        let mut recordings: Vec<LayerRecording> = Vec::with_capacity(self.layers.len());
        for (layer, state) in self.layers.iter().zip(states) {
            let recording = layer.record_scaled(source, gain, state, monitors)?;
            source = LayerSource::Dense(recording.activity.clone());
            gain = 1.0;
            recordings.push(recording);
        }
        Ok(recordings)
    }

    fn output(&self, last: LayerSource) -> Tensor<3> {
        let LayerSource::Dense(activity) = last else {
            unreachable!("a network has at least one layer, and its activity is dense");
        };
        match &self.linear {
            Some(linear) => linear.forward(activity),
            None => activity,
        }
    }

    fn source(&self, input: NetworkInput) -> Result<LayerSource, ElmError> {
        let expected = match (&input, self.config.input_embedding) {
            (NetworkInput::Tokens(_), InputEmbedding::OneHot { .. }) => None,
            (NetworkInput::Channels(_), InputEmbedding::OneHot { .. }) => {
                Some("tokens [batch, time] for the one-hot embedding".to_string())
            }
            (NetworkInput::Channels(_), _) => None,
            (NetworkInput::Tokens(_), _) => Some(format!(
                "[batch, time, {}], tokens need the one-hot embedding",
                self.config.num_inputs
            )),
        };
        let (source, found) = match input {
            NetworkInput::Channels(x) => (LayerSource::Dense(x.clone()), x.dims().to_vec()),
            NetworkInput::Tokens(ids) => (LayerSource::OneHot(ids.clone()), ids.dims().to_vec()),
        };
        match expected {
            None => Ok(source),
            Some(expected) => Err(ElmError::Shape {
                what: "input",
                expected,
                found,
            }),
        }
    }

    fn states(
        &self,
        state: Option<ElmNetworkState>,
    ) -> Result<Vec<Option<ElmLayerState>>, ElmError> {
        match state {
            None => Ok(vec![None; self.layers.len()]),
            Some(state) if state.layers.len() == self.layers.len() => {
                Ok(state.layers.into_iter().map(Some).collect())
            }
            Some(state) => Err(ElmError::Shape {
                what: "state.layers",
                expected: format!("one state for each of {} layers", self.layers.len()),
                found: vec![state.layers.len()],
            }),
        }
    }
}
