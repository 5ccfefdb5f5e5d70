//! Penalties on what a layer does (Spieler et al. 2026).

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use super::module::LayerOutput;

/// What is penalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RegulariserTarget {
    /// Large MLP outputs, `mean over samples and neurons of (mean over time and memory of |mlp|)²`: keeps the
    /// squashing function in its linear range.
    NeuronMlpMagnitude,
    /// Activity, `mean over samples, time and neurons of relu(a)`: keeps the layer sparse.
    PopulationActivity,
}

/// How a penalty depends on the size of the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RegulariserScaling {
    /// The mean over neurons.
    #[default]
    Mean,
    /// The sum over neurons: the mean times N.
    Sum,
}

/// One penalty on some layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Regulariser {
    /// What is penalised.
    pub target: RegulariserTarget,
    /// Indices of the layers, from 0.
    pub layers: Vec<usize>,
    /// Weight in the loss.
    pub strength: f64,
    /// How it depends on the number of neurons.
    #[serde(default)]
    pub scaling: RegulariserScaling,
}

impl Regulariser {
    /// The weighted penalty on one layer, `[1]`.
    pub fn penalty(&self, output: &LayerOutput) -> Tensor<1> {
        let value = match self.target {
            RegulariserTarget::NeuronMlpMagnitude => output.neuron_mlp_magnitude(),
            RegulariserTarget::PopulationActivity => output.population_activity(),
        };
        let neurons = output.activity.dims()[2];
        let factor = match self.scaling {
            RegulariserScaling::Mean => 1.0,
            RegulariserScaling::Sum => neurons as f64,
        };
        value * (self.strength * factor)
    }
}

impl LayerOutput {
    /// `mean over samples and neurons of (mean over time and memory of |mlp|)²`, `[1]`.
    pub fn neuron_mlp_magnitude(&self) -> Tensor<1> {
        (self.magnitude.clone() * self.magnitude.clone()).mean()
    }

    /// `mean over samples, time and neurons of relu(a)`, `[1]`.
    pub fn population_activity(&self) -> Tensor<1> {
        activation::relu(self.activity.clone()).mean()
    }
}
