//! From the parameter of a synapse to its weight.

use serde::{Deserialize, Serialize};

/// How the weight of a synapse follows from its parameter, `w = rectify(p)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SynapseRectification {
    /// `p`: excitatory or inhibitory.
    Identity,
    /// `max(p, 0)`; a synapse whose parameter falls below zero stays silent.
    #[default]
    Relu,
    /// `|p|`.
    Abs,
    /// `exp(p)`.
    Exp,
}

impl SynapseRectification {
    /// The weight that follows from the parameter `p`; NaN of NaN.
    pub fn weight(self, p: f64) -> f64 {
        match self {
            Self::Identity => p,
            Self::Relu if p < 0.0 => 0.0,
            Self::Abs if p < 0.0 => -p,
            Self::Relu | Self::Abs => p,
            Self::Exp => libm::exp(p),
        }
    }
}

/// Start values of the synapses' parameters; P is the number of synapses per branch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SynapseInit {
    /// Uniform in `±1/√P` (Spieler et al. 2026).
    #[default]
    Uniform,
    /// The same everywhere, `value/√P` (Spieler et al. 2026 for NeuronIO, with rectification relu).
    Constant {
        /// The value before it is scaled.
        value: f64,
    },
    /// The same everywhere, whatever P is (Spieler et al. 2024: 0.5).
    Unscaled {
        /// The value.
        value: f64,
    },
}
