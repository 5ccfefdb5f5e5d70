//! Timescales, and the decays and gates that follow from them. Times are in ms.

use serde::{Deserialize, Serialize};

use super::sigmoid;

/// Smallest timescale that a decay is computed from, in ms.
pub const TAU_FLOOR: f64 = 1e-6;

/// `bounded(p, lo, hi) = lo + (hi − lo)·sigmoid(p)`: a timescale between its bounds from its parameter.
pub fn bounded(p: f64, lo: f64, hi: f64) -> f64 {
    lo + (hi - lo) * sigmoid(p)
}

/// Inverse of [`bounded`]; the value is kept `1e-6` away from both bounds first.
pub fn bounded_inverse(value: f64, lo: f64, hi: f64) -> f64 {
    let value = value.max(lo + 1e-6).min(hi - 1e-6);
    libm::log((value - lo) / (hi - value))
}

/// Decay over a step of `dt` ms with timescale `tau`, `exp(−dt / max(τ, 1e-6))`.
pub fn decay(tau: f64, dt: f64) -> f64 {
    libm::exp(-dt / tau.max(TAU_FLOOR))
}

/// A filter with a fixed timescale that may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FilterTau {
    /// No filter.
    #[default]
    Off,
    /// A filter of this timescale in ms.
    Ms(f64),
}

impl FilterTau {
    /// [`decay`] over a step of `dt` ms; `None` without a filter.
    pub fn decay(self, dt: f64) -> Option<f64> {
        match self {
            Self::Off => None,
            Self::Ms(tau) => Some(decay(tau, dt)),
        }
    }
}

/// The gate `g` on the memory update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MemoryGate {
    /// `g = 1 − exp(−dt·λ / τ_m)`: λ is the ratio of the timescales of forgetting and of taking in. Below 1.
    #[default]
    TimescaleRatio,
    /// `g = λ·(1 − κ_m)`; above 1 for timescales that are short against `λ·dt`.
    Scaled,
}

impl MemoryGate {
    /// The gate of a memory unit with timescale `tau`.
    pub fn value(self, tau: f64, lambda: f64, dt: f64) -> f64 {
        // 1 − exp(x) without cancellation for the long timescales
        let leak = |x: f64| -libm::expm1(x);
        let rate = -dt / tau.max(TAU_FLOOR);
        match self {
            Self::TimescaleRatio => leak(rate * lambda),
            Self::Scaled => lambda * leak(rate),
        }
    }
}

/// Start values of the output biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BiasInit {
    /// 0 (Spieler et al. 2026).
    #[default]
    Zero,
    /// Uniform in `±1/√M`, as PyTorch's linear maps start (Spieler et al. 2024).
    Uniform,
}
