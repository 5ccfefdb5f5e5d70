//! The memory recurrence of the ELM neuron as one operation.
//!
//! Per time step, with `κ` the decay of each memory unit and `g` the gate on its update:
//!
//! ```text
//! u_t = κ ⊙ m_{t−1}
//! a_t = drive_t + W₁ᵐ u_t              first layer; the drive holds its share of the branches and its bias
//! z_t = … W₂ act(a_t) + b₂             0, 1 or more hidden layers
//! m_t = u_t + g ⊙ 1.7159 · tanh(2/3 · z_t)
//! ```
//!
//! Two more operations belong to it: the leaky sum `v_t = κ ⊙ v_{t−1} + u_t`, which is the branch trace, and the
//! product `x · R` for inputs that are mostly zero (spikes). `spec` holds sizes and the packed weights, `reference` the
//! operations in plain tensor steps, `ops` what Burn dispatches to a backend's own version, `autodiff` their gradient,
//! `segments` the same in little memory.

#[cfg(feature = "fused")]
mod autodiff;
#[cfg(feature = "fused")]
pub(crate) mod ops;
pub mod reference;
#[cfg(feature = "fused")]
mod segments;
mod spec;

pub use spec::{LinearMap, ScanSpec};

use burn::tensor::Tensor;

/// Inputs of the memory scan.
#[derive(Debug, Clone)]
pub struct ScanInputs {
    /// Additive input of the first layer, `[batch, time, first]`, bias included.
    pub drive: Tensor<3>,
    /// All other weights of the MLP in one row, see [`ScanSpec`].
    pub weights: Tensor<1>,
    /// Decay of each memory unit per step, `[memory]`, in (0, 1).
    pub decay: Tensor<1>,
    /// Gate on the memory update, `[memory]`.
    pub gate: Tensor<1>,
    /// Memory before the first step, `[batch, memory]`.
    pub memory: Tensor<2>,
}
