//! The sizes of a layer, and what makes them valid.

use burn::config::Config;

use super::wiring::{Wiring, WiringSizes};
use crate::ElmError;
use crate::equations::NeuronForm;
use crate::error::check;

/// Configuration of an [`ElmLayer`](crate::ElmLayer).
#[derive(Config, Debug, PartialEq)]
pub struct ElmLayerConfig {
    /// Input channels I.
    pub num_inputs: usize,
    /// Neurons N, one output each.
    pub num_neurons: usize,
    /// Sizes and constants of the neurons.
    #[config(default = "NeuronForm::network()")]
    pub neuron: NeuronForm,
    /// Which sources the synapses read.
    #[config(default = "Wiring::default()")]
    pub wiring: Wiring,
    /// Seed of the connectome.
    #[config(default = 0)]
    pub seed: u64,
    /// Probability that a channel is silent for a whole training sequence; the others are scaled by `1/(1−p)`.
    #[config(default = 0.0)]
    pub input_dropout: f64,
    /// The same for a neuron's activity as the layer's own recurrent synapses see it.
    #[config(default = 0.0)]
    pub recurrent_dropout: f64,
    /// Probability that a memory unit gets no update for a whole training sequence; the MLP's other outputs are
    /// scaled by `1/√(1−p)`, which keeps their variance.
    #[config(default = 0.0)]
    pub memory_dropout: f64,
}

impl ElmLayerConfig {
    /// What the wiring is drawn for.
    pub fn wiring_sizes(&self) -> WiringSizes {
        WiringSizes {
            inputs: self.num_inputs,
            neurons: self.num_neurons,
            synapses: self.neuron.synapses(),
        }
    }

    /// Number of trained numbers: `N · (S + MLP + M + 1)`, and `N · M` more where timescales are trained.
    pub fn num_trained(&self) -> usize {
        self.num_neurons.saturating_mul(self.neuron.num_trained(1))
    }

    /// Checks that the sizes and constants describe a layer.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        check::at_least_one(&[
            ("num_inputs", self.num_inputs),
            ("num_neurons", self.num_neurons),
        ])?;
        self.neuron.validate(self.num_neurons)?;
        check::fits("num_inputs", &[self.num_inputs])?;
        check::dropout_rates(&[
            ("input_dropout", self.input_dropout),
            ("recurrent_dropout", self.recurrent_dropout),
            ("memory_dropout", self.memory_dropout),
        ])?;
        self.wiring.validate(self.wiring_sizes())
    }
}
