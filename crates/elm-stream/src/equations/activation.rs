//! Squashing function and activations.

use serde::{Deserialize, Serialize};

/// Gain of the squashing function.
pub const SQUASH_GAIN: f64 = 1.7159;
/// Slope inside the squashing function.
pub const SQUASH_SLOPE: f64 = 2.0 / 3.0;

/// `squash(z) = 1.7159 · tanh(2/3 · z)`.
pub fn squash(z: f64) -> f64 {
    SQUASH_GAIN * libm::tanh(SQUASH_SLOPE * z)
}

/// Slope of [`squash`] at `z`: `1.7159 · 2/3 · (1 − tanh²(2/3 · z))`.
pub fn squash_slope(z: f64) -> f64 {
    let tanh = libm::tanh(SQUASH_SLOPE * z);
    SQUASH_GAIN * SQUASH_SLOPE * (1.0 - tanh * tanh)
}

/// The logistic function `1 / (1 + exp(−x))`.
pub fn sigmoid(x: f64) -> f64 {
    // in the form that does not overflow on the side of `x`
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

/// Activation of the hidden layers of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HiddenActivation {
    /// `max(a, 0)`.
    #[default]
    Relu,
    /// `a · sigmoid(a)`.
    Silu,
    /// `max(a, 0)²`.
    SquaredRelu,
}

impl HiddenActivation {
    /// Every activation.
    pub const ALL: [Self; 3] = [Self::Relu, Self::Silu, Self::SquaredRelu];

    /// The activation of `a`; NaN of NaN.
    pub fn value(self, a: f64) -> f64 {
        let relu = if a < 0.0 { 0.0 } else { a };
        match self {
            Self::Relu => relu,
            Self::Silu => a * sigmoid(a),
            Self::SquaredRelu => relu * relu,
        }
    }

    /// Its slope at `a`; 0 at the kink of the rectifiers, NaN of NaN.
    pub fn slope(self, a: f64) -> f64 {
        match self {
            _ if a.is_nan() => a,
            Self::Relu => f64::from(u8::from(a > 0.0)),
            Self::SquaredRelu => 2.0 * if a > 0.0 { a } else { 0.0 },
            Self::Silu => {
                let s = sigmoid(a);
                s * (1.0 + a * (1.0 - s))
            }
        }
    }
}

/// Activation of a neuron's output, `y = act(o + b)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputActivation {
    /// `v`.
    Identity,
    /// `max(v, 0)`.
    #[default]
    Relu,
    /// 1 where `v > 0`, else 0; backward the slope of the fast sigmoid, `1 / (100·|v| + 1)²`.
    Spike,
}

/// Steepness of the fast sigmoid whose slope stands in for that of [`OutputActivation::Spike`].
pub const SPIKE_STEEPNESS: f64 = 100.0;

impl OutputActivation {
    /// Every activation.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Relu, Self::Spike];

    /// The activation of `v`; NaN of NaN.
    pub fn value(self, v: f64) -> f64 {
        match self {
            Self::Identity => v,
            Self::Relu => {
                if v < 0.0 {
                    0.0
                } else {
                    v
                }
            }
            Self::Spike if v.is_nan() => v,
            Self::Spike => f64::from(u8::from(v > 0.0)),
        }
    }

    /// Its slope at `v` as training uses it; 0 at the kink of the rectifier, NaN of NaN.
    pub fn slope(self, v: f64) -> f64 {
        match self {
            Self::Identity => 1.0,
            _ if v.is_nan() => v,
            Self::Relu => f64::from(u8::from(v > 0.0)),
            Self::Spike => {
                let width = SPIKE_STEEPNESS * if v < 0.0 { -v } else { v } + 1.0;
                1.0 / (width * width)
            }
        }
    }
}
