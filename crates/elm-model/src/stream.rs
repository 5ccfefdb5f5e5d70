//! From modules to streams that run step by step without Burn, see [`elm_stream`].

use burn::nn::Linear;
use burn::tensor::Tensor;
use elm_stream::{
    ElmStream, LayerParts, LayerStream, LinearParts, NetworkParts, NetworkStream, NeuronParts,
    NeuronState, Trace,
};

use crate::ElmError;
use crate::error::{check, read, read_ints};
use crate::layer::{ElmLayer, ElmLayerState};
use crate::network::{ElmNetwork, ElmNetworkState};
use crate::neuron::{ElmNeuron, ElmState};

impl ElmNeuron {
    /// This neuron as a stream that starts at rest: one time step after another, in f32 on the CPU and without
    /// allocating, for control loops, sound, or spikes as they come in. It holds a copy of the weights.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::Device;
    /// use elm_model::ElmNeuronConfig;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let neuron = ElmNeuronConfig::new(12, 2).init(&Device::flex())?;
    /// let mut stream = neuron.stream()?;
    /// let y = stream.step(&[0.0; 12])?; // dense input
    /// assert_eq!(y.len(), 2);
    /// let y = stream.step_events(&[(3, 1.0)])?; // channel 3 spikes, all others are silent
    /// assert_eq!(y.len(), 2);
    /// # Ok(())
    /// # }
    /// # main().unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ElmError::Read`] if the weights cannot be read back from their device, [`ElmError::NumberType`] if they are
    /// f64, which a stream does not hold, [`ElmError::Stream`] if a record was loaded that does not fit.
    pub fn stream(&self) -> Result<ElmStream, ElmError> {
        check::number_type(
            "weights",
            burn::tensor::DType::F32,
            single(self.bias.val().dtype()),
        )?;
        let channels = match self.synapses.channels() {
            Some(channels) => Some(indices(read_ints("channels", channels)?)),
            None => None,
        };
        let valid = match self.synapses.valid() {
            Some(valid) => Some(
                read_ints("valid", valid.int())?
                    .iter()
                    .map(|v| *v != 0)
                    .collect(),
            ),
            None => None,
        };
        let parts = NeuronParts {
            form: self.config().form(),
            inputs: self.config().num_inputs,
            outputs: self.config().num_outputs,
            channels,
            valid,
            proto_weight: floats(self.synapses.proto_weight.val())?,
            mlp: self
                .mlp
                .layers
                .iter()
                .map(linear)
                .collect::<Result<_, _>>()?,
            proto_tau: narrow(self.timescales.proto()?),
            readout: floats(self.readout.weight.val())?,
            bias: floats(self.bias.val())?,
        };
        Ok(parts.stream()?)
    }

    /// The same, going on from a state of one sample, e.g. after a [`forward`](Self::forward).
    ///
    /// # Errors
    /// As [`stream`](Self::stream), and [`ElmError::Stream`] if the state does not fit.
    pub fn stream_from(&self, state: &ElmState) -> Result<ElmStream, ElmError> {
        one_sample(state.batch())?;
        let mut stream = self.stream()?;
        stream.set_state(&NeuronState {
            trace: match state.branch() {
                Some(branch) => Trace::Branch(floats(branch)?),
                None => Trace::Off,
            },
            memory: floats(state.memory())?,
            readout_mean: state.readout_mean().map(floats).transpose()?,
        })?;
        Ok(stream)
    }
}

impl ElmLayer {
    /// This layer as a stream that starts at rest, as [`ElmNeuron::stream`].
    ///
    /// # Errors
    /// As [`ElmNeuron::stream`].
    pub fn stream(&self) -> Result<LayerStream, ElmError> {
        Ok(self.parts()?.stream()?)
    }

    /// The same, going on from a state of one sample.
    ///
    /// # Errors
    /// As [`ElmNeuron::stream_from`].
    pub fn stream_from(&self, state: &ElmLayerState) -> Result<LayerStream, ElmError> {
        one_sample(state.batch())?;
        let mut stream = self.stream()?;
        stream.set_state(&layer_state(state)?)?;
        Ok(stream)
    }

    fn parts(&self) -> Result<LayerParts, ElmError> {
        check::number_type(
            "weights",
            burn::tensor::DType::F32,
            single(self.bias.val().dtype()),
        )?;
        let map = |map: &crate::layer::StackedLinear| {
            Ok(LinearParts {
                weight: floats(map.weight.val())?,
                bias: floats(map.bias.val())?,
            })
        };
        Ok(LayerParts {
            form: self.config().neuron.clone(),
            inputs: self.config().num_inputs,
            neurons: self.config().num_neurons,
            connectome: indices(read_ints("connectome", self.connectome.sources())?),
            proto_weight: floats(self.proto_weight.val())?,
            mlp: self.mlp.iter().map(map).collect::<Result<_, ElmError>>()?,
            proto_tau: narrow(self.timescales.proto()?),
            readout: floats(self.readout.val())?,
            bias: floats(self.bias.val())?,
        })
    }
}

impl ElmNetwork {
    /// This network as a stream that starts at rest, as [`ElmNeuron::stream`].
    ///
    /// # Errors
    /// As [`ElmNeuron::stream`].
    pub fn stream(&self) -> Result<NetworkStream, ElmError> {
        let parts = NetworkParts {
            input_embedding: self.config().input_embedding,
            layers: self
                .layers
                .iter()
                .map(ElmLayer::parts)
                .collect::<Result<_, _>>()?,
            linear: self.linear.as_ref().map(linear).transpose()?,
        };
        Ok(parts.stream()?)
    }

    /// The same, going on from a state of one sample.
    ///
    /// # Errors
    /// As [`ElmNeuron::stream_from`].
    pub fn stream_from(&self, state: &ElmNetworkState) -> Result<NetworkStream, ElmError> {
        one_sample(state.batch())?;
        let mut stream = self.stream()?;
        stream.set_state(&elm_stream::NetworkState {
            layers: state
                .layers
                .iter()
                .map(layer_state)
                .collect::<Result<_, _>>()?,
        })?;
        Ok(stream)
    }
}

fn layer_state(state: &ElmLayerState) -> Result<elm_stream::LayerState, ElmError> {
    Ok(elm_stream::LayerState {
        memory: floats(state.memory.clone())?,
        branch: state.branch.clone().map(floats).transpose()?,
        readout_mean: state.readout_mean.clone().map(floats).transpose()?,
        activity: floats(state.activity.clone())?,
    })
}

fn linear(layer: &Linear) -> Result<LinearParts, ElmError> {
    Ok(LinearParts {
        weight: floats(layer.weight.val())?,
        bias: match &layer.bias {
            Some(bias) => floats(bias.val())?,
            None => vec![0.0; layer.weight.dims()[1]],
        },
    })
}

fn one_sample(found: usize) -> Result<(), ElmError> {
    match found {
        1 => Ok(()),
        _ => Err(ElmError::Shape {
            what: "state.memory",
            expected: "a state of one sample".into(),
            found: vec![found],
        }),
    }
}

/// The number type, with half precision, which f32 holds exactly, as f32.
fn single(dtype: burn::tensor::DType) -> burn::tensor::DType {
    crate::equations::tensor::wide(dtype)
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ElmError> {
    Ok(narrow(read("weights", tensor)?))
}

fn narrow(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|v| v as f32).collect()
}

/// Indices that a stream checks itself; what is no index becomes one that it refuses.
fn indices(values: Vec<i64>) -> Vec<u32> {
    let index = |v: i64| u32::try_from(v).unwrap_or(u32::MAX);
    values.into_iter().map(index).collect()
}
