//! Stacked layers as a Burn module.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::store::ModuleRecord;
use burn::tensor::{DType, Device, Int, Tensor};

use super::config::{ElmNetworkConfig, InputEmbedding, OutputEmbedding};
use crate::ElmError;
use crate::dispatch::ScanPath;
use crate::error::check;
use crate::layer::{
    ElmLayer, ElmLayerConfig, ElmLayerState, LayerOutput, LayerRecording, LayerSource, Monitor,
    Regulariser,
};
use crate::parts::ConfigRecord;
use crate::scan::layer::DropoutMasks;
use crate::sequence::{Recurrent, RecurrentState};
use crate::state_methods;

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
    record: ConfigRecord,
    #[module(skip)]
    config: ElmNetworkConfig,
}

/// State of a network between two steps: one per layer.
#[derive(Debug, Clone)]
pub struct ElmNetworkState {
    /// States of the layers, from the input to the output.
    pub layers: Vec<ElmLayerState>,
}

impl ElmNetworkState {
    /// The state before the first step: all zeros.
    pub fn zeros(config: &ElmNetworkConfig, batch: usize, dtype: DType, device: &Device) -> Self {
        let zeros = |layer: &ElmLayerConfig| ElmLayerState::zeros(layer, batch, dtype, device);
        Self {
            layers: config.layers().iter().map(zeros).collect(),
        }
    }

    /// Number of samples; 0 for a state of no layers.
    pub fn batch(&self) -> usize {
        self.layers.first().map_or(0, ElmLayerState::batch)
    }
}

impl RecurrentState for ElmNetworkState {
    fn tensors(&self) -> Vec<Tensor<2>> {
        self.layers
            .iter()
            .flat_map(ElmLayerState::tensors)
            .collect()
    }

    fn with_tensors(&self, tensors: Vec<Tensor<2>>) -> Self {
        let mut tensors = tensors.into_iter();
        let layers = self.layers.iter().map(|layer| {
            let own = tensors.by_ref().take(layer.tensors().len());
            layer.with_tensors(own.collect())
        });
        Self {
            layers: layers.collect(),
        }
    }
}

state_methods!(ElmNetworkState);

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
                    return Err(ElmError::config(
                        "regularisers.layers",
                        format!("must be below {}, found {index}", self.layers.len()),
                    ));
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
            record: ConfigRecord::new(self, device)?,
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

    /// Output over a sequence, and the state after it; two halves with the state carried over give the whole.
    ///
    /// # Shapes
    /// - `input`: `[batch, time, input]`, or tokens `[batch, time]`
    /// - output: `[batch, time, output]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    #[track_caller]
    pub fn forward(
        &self,
        input: impl Into<LayerSource>,
        state: Option<ElmNetworkState>,
    ) -> (Tensor<3>, ElmNetworkState) {
        check::or_panic(self.try_forward(input, state))
    }

    /// The same as [`forward`](Self::forward), with an error in place of the panic.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn try_forward(
        &self,
        input: impl Into<LayerSource>,
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
        input: impl Into<LayerSource>,
        state: Option<ElmNetworkState>,
    ) -> Result<NetworkOutput, ElmError> {
        let input = input.into();
        let masks = self.draw_masks(input.dims()[0])?;
        self.run_masked(input, state, &masks)
    }

    /// The same with dropout masks that have been drawn, for each layer.
    fn run_masked(
        &self,
        input: LayerSource,
        state: Option<ElmNetworkState>,
        masks: &[DropoutMasks],
    ) -> Result<NetworkOutput, ElmError> {
        self.record.check()?;
        let states = self.states(state)?;
        let mut source = self.source(input)?;
        let mut gain = self.config.input_embedding.scale();
        let mut outputs: Vec<LayerOutput> = Vec::with_capacity(self.layers.len());
        for ((layer, state), masks) in self.layers.iter().zip(states).zip(masks) {
            let output = layer.run_masked(source, gain, state, masks.clone())?;
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
        input: impl Into<LayerSource>,
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

    /// Loads a record of a network with the same configuration.
    ///
    /// # Errors
    /// [`ElmError::Record`] with both values of every option that differs, or with what does not fit.
    pub fn try_load_record(self, record: ModuleRecord) -> Result<Self, ElmError> {
        let loaded = Module::try_load_record(self, record).map_err(|e| ElmError::Record {
            problems: vec![e.to_string()],
        })?;
        loaded.record.check()?;
        loaded.layers.iter().try_for_each(ElmLayer::check_record)?;
        Ok(loaded)
    }

    /// The network that a record is of, with the configuration that the record holds.
    ///
    /// # Errors
    /// [`ElmError::Record`] if it is no record of a network.
    pub fn from_record(record: ModuleRecord, device: &Device) -> Result<Self, ElmError> {
        let config: ElmNetworkConfig = ConfigRecord::of(&record, device)?;
        config.init(device)?.try_load_record(record)
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

    /// The input, if it is of the kind that the embedding reads.
    fn source(&self, input: LayerSource) -> Result<LayerSource, ElmError> {
        let one_hot = matches!(self.config.input_embedding, InputEmbedding::OneHot { .. });
        let (expected, found) = match (&input, one_hot) {
            (LayerSource::OneHot(_), true) | (LayerSource::Dense(_), false) => return Ok(input),
            (LayerSource::Dense(x), true) => (
                "tokens [batch, time] for the one-hot embedding".to_string(),
                x.dims().to_vec(),
            ),
            (LayerSource::OneHot(ids), false) => (
                format!(
                    "[batch, time, {}], tokens need the one-hot embedding",
                    self.config.num_inputs
                ),
                ids.dims().to_vec(),
            ),
        };
        Err(ElmError::Shape {
            what: "input",
            expected,
            found,
        })
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

impl Recurrent for ElmNetwork {
    type Input = LayerSource;
    type State = ElmNetworkState;
    type Masks = Vec<DropoutMasks>;

    fn draw_masks(&self, batch: usize) -> Result<Vec<DropoutMasks>, ElmError> {
        self.layers
            .iter()
            .map(|layer| layer.draw_masks(batch))
            .collect()
    }

    fn select_masks(masks: &Vec<DropoutMasks>, rows: Tensor<1, Int>) -> Vec<DropoutMasks> {
        masks.iter().map(|masks| masks.select(&rows)).collect()
    }

    fn piece(
        &self,
        input: LayerSource,
        state: Option<ElmNetworkState>,
        masks: &Vec<DropoutMasks>,
    ) -> Result<(Tensor<3>, ElmNetworkState), ElmError> {
        let output = self.run_masked(input, state, masks)?;
        let state = output.state();
        Ok((output.output, state))
    }
}
