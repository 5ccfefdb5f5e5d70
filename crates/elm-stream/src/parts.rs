//! What streams are made from: options and trained numbers, in plain vectors.

use alloc::{format, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::error::{check_indices, check_len};
use crate::lanes::{WIDTH, lanes};
use crate::{ElmStream, InputEmbedding, LayerStream, NetworkStream, NeuronForm, StreamError, fits};

/// A linear map, or one of each neuron of a layer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LinearParts {
    /// Weights `[in, out]`, row by row; in a layer `[neuron, in, out]`.
    pub weight: Vec<f32>,
    /// Biases `[out]`; in a layer `[neuron, out]`.
    pub bias: Vec<f32>,
}

/// A single neuron of any form, with any number of outputs.
///
/// Sizes: I channels, S synapses on D branches ([`NeuronForm::branches`]), M memory units, O outputs. A form that leaves
/// branches or synapses open has one branch for each channel and one synapse on each, see [`NeuronForm::sized_for`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeuronParts {
    /// Options of the neuron.
    pub form: NeuronForm,
    /// Input channels I.
    pub inputs: usize,
    /// Outputs O.
    pub outputs: usize,
    /// Channel of each synapse, `[synapse]`; `None` where synapse i reads channel i, which needs S = I.
    pub channels: Option<Vec<u32>>,
    /// Does the synapse count? `[synapse]`; `None` where all do.
    pub valid: Option<Vec<bool>>,
    /// Parameter of each synapse, its weight before it is rectified, `[synapse]`; consecutive synapses share a branch.
    pub proto_weight: Vec<f32>,
    /// The MLP's linear maps in order; the first one's rows are the D branches, then the M memory units.
    pub mlp: Vec<LinearParts>,
    /// Memory timescales before bounding, `[memory]`.
    pub proto_tau: Vec<f32>,
    /// Readout, `[memory, output]` row by row.
    pub readout: Vec<f32>,
    /// Bias of the output, `[output]`.
    pub bias: Vec<f32>,
}

/// A layer of N neurons of one output each, with synapses among them (Spieler, Martius, Levina 2026).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerParts {
    /// Options of the neurons.
    pub form: NeuronForm,
    /// Input channels I.
    pub inputs: usize,
    /// Neurons N.
    pub neurons: usize,
    /// Source of each synapse, `[neuron, synapse]`: below I a channel, from I on the neuron I less, one step earlier.
    pub connectome: Vec<u32>,
    /// Parameter of each synapse, its weight before it is rectified and scaled, `[neuron, synapse]`.
    pub proto_weight: Vec<f32>,
    /// The MLPs' linear maps in order; the first one's rows are the D branches, then the M memory units.
    pub mlp: Vec<LinearParts>,
    /// Memory timescales before bounding, `[neuron, memory]`.
    pub proto_tau: Vec<f32>,
    /// Readout, `[neuron, memory]`.
    pub readout: Vec<f32>,
    /// Bias of the output, `[neuron]`.
    pub bias: Vec<f32>,
}

/// Stacked layers that step together (Spieler, Martius, Levina 2026).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkParts {
    /// How the input is read.
    pub input_embedding: InputEmbedding,
    /// The layers from the input on, at least one; each reads the activity of the one before it.
    pub layers: Vec<LayerParts>,
    /// Linear map behind the last layer, `[neuron, output]`; without it the activity of the last layer is the output.
    pub linear: Option<LinearParts>,
}

impl NeuronParts {
    /// A stream that starts at rest.
    ///
    /// # Errors
    /// As [`ElmStream::try_new`].
    pub fn stream(&self) -> Result<ElmStream, StreamError> {
        ElmStream::try_new(self)
    }

    /// Checks every length and index; the options with the sizes that follow from the inputs.
    pub(crate) fn checked_form(&self) -> Result<NeuronForm, StreamError> {
        check_sizes(self.inputs, "outputs", self.outputs)?;
        let form = self.form.clone().sized_for(self.inputs);
        form.validate(1)?;
        let synapses = form.synapses();
        fits("inputs", &[self.inputs, form.branches().min(form.first())])?;
        match &self.channels {
            Some(channels) => {
                check_len("channels", channels.len(), synapses)?;
                let channels = channels.iter().map(|c| *c as usize);
                check_indices("channels", channels, self.inputs)?;
            }
            // synapse i reads channel i
            None => check_len("channels", self.inputs, synapses)?,
        }
        if let Some(valid) = &self.valid {
            check_len("valid", valid.len(), synapses)?;
        }
        check_len("proto_weight", self.proto_weight.len(), synapses)?;
        self.bank().check(&form)?;
        Ok(form)
    }

    /// What follows the branches.
    pub(crate) fn bank(&self) -> BankParts<'_> {
        BankParts {
            neurons: 1,
            outputs: self.outputs,
            mlp: &self.mlp,
            proto_tau: &self.proto_tau,
            readout: &self.readout,
            bias: &self.bias,
        }
    }
}

impl LayerParts {
    /// A stream that starts at rest.
    ///
    /// # Errors
    /// As [`LayerStream::try_new`].
    pub fn stream(&self) -> Result<LayerStream, StreamError> {
        LayerStream::try_new(self)
    }

    /// Checks every length and index.
    pub(crate) fn check(&self) -> Result<(), StreamError> {
        check_sizes(self.inputs, "neurons", self.neurons)?;
        let (form, n) = (&self.form, self.neurons);
        form.validate(n)?;
        fits("inputs", &[self.inputs])?;
        // the branches stand in whole lanes
        fits("neurons", &[n, lanes(form.branches()), WIDTH])?;
        let synapses = n * form.synapses();
        check_len("connectome", self.connectome.len(), synapses)?;
        let sources = self.connectome.iter().map(|s| *s as usize);
        check_indices("connectome", sources, self.inputs + n)?;
        check_len("proto_weight", self.proto_weight.len(), synapses)?;
        self.bank().check(form)
    }

    /// What follows the branches.
    pub(crate) fn bank(&self) -> BankParts<'_> {
        BankParts {
            neurons: self.neurons,
            outputs: 1,
            mlp: &self.mlp,
            proto_tau: &self.proto_tau,
            readout: &self.readout,
            bias: &self.bias,
        }
    }
}

impl NetworkParts {
    /// A stream that starts at rest.
    ///
    /// # Errors
    /// As [`NetworkStream::try_new`].
    pub fn stream(&self) -> Result<NetworkStream, StreamError> {
        NetworkStream::try_new(self)
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        match &self.linear {
            Some(linear) => linear.bias.len(),
            None => self.layers.last().map_or(0, |layer| layer.neurons),
        }
    }

    /// Checks that the layers belong together; each layer is checked where its stream is made.
    pub(crate) fn check(&self) -> Result<(), StreamError> {
        let Some(last) = self.layers.last() else {
            return Err(StreamError::Kind {
                what: "layers".into(),
                expected: "at least one layer",
                found: "none",
            });
        };
        for (l, pair) in self.layers.windows(2).enumerate() {
            check_len("inputs", pair[1].inputs, pair[0].neurons).map_err(|e| e.in_layer(l + 1))?;
        }
        if !self.input_embedding.scale().is_finite() {
            return Err(StreamError::Kind {
                what: "input_embedding".into(),
                expected: "a finite scale",
                found: "one that is not",
            });
        }
        let Some(linear) = &self.linear else {
            return Ok(());
        };
        check_sizes(last.neurons, "linear.bias", linear.bias.len())?;
        let expected = last.neurons.saturating_mul(linear.bias.len());
        check_len("linear.weight", linear.weight.len(), expected)
    }
}

/// There must be something to read and something to yield.
fn check_sizes(inputs: usize, what: &'static str, outputs: usize) -> Result<(), StreamError> {
    for (what, found) in [("inputs", inputs), (what, outputs)] {
        if found == 0 {
            return Err(StreamError::Kind {
                what: what.into(),
                expected: "at least 1",
                found: "0",
            });
        }
    }
    Ok(())
}

/// What follows the branches in a neuron, or in each neuron of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BankParts<'a> {
    pub neurons: usize,
    /// Outputs of each neuron.
    pub outputs: usize,
    pub mlp: &'a [LinearParts],
    /// `[neuron, memory]`.
    pub proto_tau: &'a [f32],
    /// `[neuron, memory, output]`.
    pub readout: &'a [f32],
    /// `[neuron, output]`.
    pub bias: &'a [f32],
}

impl BankParts<'_> {
    fn check(&self, form: &NeuronForm) -> Result<(), StreamError> {
        let (n, m) = (self.neurons, form.num_memory);
        fits("outputs", &[n, m, self.outputs])?;
        let widths = form.mlp_widths();
        check_len("mlp", self.mlp.len(), form.hidden_layers + 1)?;
        for (k, (map, (inputs, outputs))) in self
            .mlp
            .iter()
            .zip(widths.clone().zip(widths.skip(1)))
            .enumerate()
        {
            let (weight, bias) = (map.weight.len(), map.bias.len());
            check_len(format!("mlp[{k}].weight"), weight, n * inputs * outputs)?;
            check_len(format!("mlp[{k}].bias"), bias, n * outputs)?;
        }
        check_len("proto_tau", self.proto_tau.len(), n * m)?;
        check_len("readout", self.readout.len(), n * m * self.outputs)?;
        check_len("bias", self.bias.len(), n * self.outputs)
    }
}
