//! The equations of the ELM neuron, one documented function each.
//!
//! ```text
//! w_s  = rectify(p_s)                                                 [`SynapseRectification::weight`]
//! b_t  = κ_b b_{t−1} + input_scale · Σ_branch w ⊙ x_t                 branch activation; κ_b from [`decay`]
//! τ_m  = lo + (hi − lo) · sigmoid(p_τ)                                [`bounded`]
//! κ_m  = exp(−dt / τ_m)                                               [`decay`]
//! g    = 1 − exp(−dt·λ / τ_m), or λ·(1 − κ_m)                         [`MemoryGate::value`]
//! u_t  = κ_m ⊙ m_{t−1}                                                decayed memory
//! Δm_t = squash(MLP([b_t, u_t]))                                      [`squash`], [`HiddenActivation::value`]
//! m_t  = u_t + g ⊙ Δm_t                                               memory
//! o_t  = W_y m_t;  r_t = κ_r r_{t−1} + (1 − κ_r) o_t                  readout, and its running mean
//! y_t  = act(o_t − r_t + b)                                           [`OutputActivation::value`]
//! ```
//!
//! Sources: Spieler et al., ICLR 2024 (arXiv 2306.16922), section 2, for the neuron; Spieler, Martius, Levina 2026
//! (arXiv 2605.12049) for rectification, input scale, high-pass and output activation.
//!
//! The functions here are the definition, in f64. Kernels have their own versions of them for speed, which are tested
//! against these.

mod activation;
pub mod fast;
mod synapse;
mod timescale;

pub use activation::{HiddenActivation, OutputActivation, SPIKE_STEEPNESS};
pub use activation::{SQUASH_GAIN, SQUASH_SLOPE, sigmoid, squash, squash_slope};
pub use synapse::{SynapseInit, SynapseRectification};
pub use timescale::{BiasInit, FilterTau, MemoryGate, TAU_FLOOR, bounded, bounded_inverse, decay};
