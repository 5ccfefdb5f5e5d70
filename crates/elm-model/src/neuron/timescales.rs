//! Timescales, and the decays and gates that follow from them.

use burn::tensor::{Tensor, activation};

use super::config::ElmNeuronConfig;
use crate::layer::MemoryGate;

/// Smallest timescale that a decay is computed from, in ms.
const TAU_FLOOR: f64 = 1e-6;

/// `bounded(p, lo, hi) = lo + (hi − lo)·sigmoid(p)`.
pub fn bounded<const D: usize>(proto: Tensor<D>, lo: f64, hi: f64) -> Tensor<D> {
    activation::sigmoid(proto) * (hi - lo) + lo
}

/// Inverse of [`bounded`]; the value is kept `1e-6` away from both bounds first.
pub fn bounded_inverse(value: f64, lo: f64, hi: f64) -> f64 {
    let value = value.clamp(lo + 1e-6, hi - 1e-6);
    ((value - lo) / (hi - value)).ln()
}

/// Start values of the timescales before bounding: log-spaced between the bounds, `[memory]`.
///
/// Computed in f64, so that the last one is large but finite where the published f32 code gets infinity
/// (quirks.md 1); both give the upper bound.
pub fn initial_proto_tau(config: &ElmNeuronConfig) -> Vec<f64> {
    let (lo, hi, n) = (config.memory_tau_min, config.tau_upper(), config.num_memory);
    let (first, last) = ((lo + 1e-6).ln(), (hi - 1e-6).ln());
    (0..n)
        .map(|i| {
            let part = if n > 1 {
                i as f64 / (n - 1) as f64
            } else {
                0.0
            };
            bounded_inverse((first + (last - first) * part).exp(), lo, hi)
        })
        .collect()
}

/// Decay per step of a fixed timescale, `exp(−dt / max(τ, 1e-6))`.
pub fn decay(tau: f64, dt: f64) -> f64 {
    (-dt / tau.max(TAU_FLOOR)).exp()
}

/// Decay `κ_m` and gate `g` of memory units with timescales `tau` in ms, both of `tau`'s shape.
pub fn decay_and_gate<const D: usize>(
    tau: Tensor<D>,
    gate: MemoryGate,
    lambda: f64,
    dt: f64,
) -> (Tensor<D>, Tensor<D>) {
    let rate = tau.clamp_min(TAU_FLOOR).recip() * -dt;
    let decay = rate.clone().exp();
    let gate = match gate {
        MemoryGate::Scaled => (-decay.clone() + 1.0) * lambda,
        MemoryGate::TimescaleRatio => -(rate * lambda).exp() + 1.0,
    };
    (decay, gate)
}
