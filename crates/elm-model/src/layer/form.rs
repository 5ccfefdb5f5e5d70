//! The third form of the neuron (Spieler et al. 2026): its sizes, its constants and what follows from them.

use burn::config::Config;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::ElmError;
use crate::neuron::{HiddenActivation, SynapseRectification, timescales};

/// A filter with a fixed timescale that may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterTau {
    /// No filter.
    #[default]
    Off,
    /// A filter of this timescale in ms.
    Ms(f64),
}

impl FilterTau {
    /// Decay per step of `dt` ms, `exp(−dt / max(τ, 1e-6))`; `None` without a filter.
    pub fn decay(self, dt: f64) -> Option<f64> {
        match self {
            Self::Off => None,
            Self::Ms(tau) => Some(timescales::decay(tau, dt)),
        }
    }
}

/// The gate `g` on the memory update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryGate {
    /// `g = 1 − exp(−dt·λ / τ_m)`: λ is the ratio of the timescales of forgetting and of taking in.
    #[default]
    TimescaleRatio,
    /// `g = λ·(1 − κ_m)`.
    Scaled,
}

/// Activation of a neuron's output, `y = act(o + b)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
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
    /// The activation as plain tensor operations.
    pub fn apply<const D: usize>(self, v: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => v,
            Self::Relu => activation::relu(v),
            Self::Spike => {
                let step = v.clone().greater_elem(0.0).float().cast(v.dtype()).detach();
                // zero in value, and the fast sigmoid's slope as its gradient
                let smooth = v.clone() / (v.abs() * SPIKE_STEEPNESS + 1.0);
                smooth.clone() - smooth.detach() + step
            }
        }
    }
}

/// Start values of the synapses before they are rectified; P is the number of synapses per branch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SynapseInit {
    /// Uniform in `±1/√P`.
    #[default]
    Uniform,
    /// The same everywhere, `value/√P` (published for NeuronIO, with rectification relu).
    Constant {
        /// The value before it is scaled.
        value: f64,
    },
}

/// Sizes and constants of one neuron of the third form. Times are in ms.
///
/// ```text
/// b_t = input_scale · Σ_branch rectify(p_s) ⊙ z_t (+ κ_b ⊙ b_{t−1})   branch activation, trace if branch_tau is set
/// u_t = κ_m ⊙ m_{t−1}                                                  decayed memory
/// m_t = u_t + g ⊙ squash(MLP([b_t, u_t]))                              memory
/// o_t = W_y m_t                                                        readout, no bias
/// r_t = κ_r r_{t−1} + (1 − κ_r) o_t,  o_t ← o_t − r_t                  high-pass, if high_pass_tau is set
/// y_t = act(o_t + b)
/// ```
#[derive(Config, Debug, PartialEq)]
pub struct NetForm {
    /// Memory units M.
    #[config(default = 10)]
    pub num_memory: usize,
    /// Hidden layers of the MLP (0, 1 or more).
    #[config(default = 1)]
    pub hidden_layers: usize,
    /// Units H in each hidden layer; `2·num_memory` unless set.
    pub hidden_size: Option<usize>,
    /// Branches D; `2·H` unless set, `4·num_memory` where the MLP has no hidden layer.
    pub num_branches: Option<usize>,
    /// Synapses P on each branch; as many as there are branches unless set.
    pub synapses_per_branch: Option<usize>,
    /// Activation of the hidden layers.
    #[config(default = "HiddenActivation::SquaredRelu")]
    pub activation: HiddenActivation,
    /// How synapse weights follow from their parameters.
    #[config(default = "SynapseRectification::Identity")]
    pub synapse_rectification: SynapseRectification,
    /// Start values of the synapses.
    #[config(default = "SynapseInit::Uniform")]
    pub synapse_init: SynapseInit,
    /// Factor on the branch sums.
    #[config(default = 1.0)]
    pub input_scale: f64,
    /// Timescale of the branch trace.
    #[config(default = "FilterTau::Off")]
    pub branch_tau: FilterTau,
    /// Scale λ of the memory update.
    #[config(default = 5.0)]
    pub lambda: f64,
    /// How λ sets the gate.
    #[config(default = "MemoryGate::TimescaleRatio")]
    pub gate: MemoryGate,
    /// Shortest memory timescale at the start, in ms.
    #[config(default = 1.0)]
    pub memory_tau_min: f64,
    /// Longest memory timescale at the start, in ms.
    #[config(default = 1000.0)]
    pub memory_tau_max: f64,
    /// How far trained timescales may leave that range: down to `memory_tau_min / r`, up to `memory_tau_max · √r`.
    #[config(default = 10.0)]
    pub tau_range_scale: f64,
    /// Are the memory timescales trained?
    #[config(default = false)]
    pub learn_memory_tau: bool,
    /// Timescale of the high-pass on the readout.
    #[config(default = "FilterTau::Ms(5.0)")]
    pub high_pass_tau: FilterTau,
    /// Activation of the output.
    #[config(default = "OutputActivation::Relu")]
    pub output_activation: OutputActivation,
    /// Time step in ms.
    #[config(default = 1.0)]
    pub dt: f64,
}

impl Default for NetForm {
    fn default() -> Self {
        Self::new()
    }
}

impl NetForm {
    /// Units H in each hidden layer.
    pub fn hidden(&self) -> usize {
        match self.hidden_size {
            Some(h) if h > 0 => h,
            _ => 2 * self.num_memory,
        }
    }

    /// Branches D.
    pub fn branches(&self) -> usize {
        self.num_branches.unwrap_or(match self.hidden_layers {
            0 => 4 * self.num_memory,
            _ => 2 * self.hidden(),
        })
    }

    /// Synapses P on each branch.
    pub fn per_branch(&self) -> usize {
        self.synapses_per_branch.unwrap_or_else(|| self.branches())
    }

    /// Synapses S over all branches.
    pub fn synapses(&self) -> usize {
        self.branches() * self.per_branch()
    }

    /// Trained numbers of the MLP.
    pub fn mlp_parameters(&self) -> usize {
        let (d, m, h) = (self.branches(), self.num_memory, self.hidden());
        match self.hidden_layers {
            0 => m * (d + m + 1),
            n => h * (d + m + 1) + (n - 1) * h * (h + 1) + m * (h + 1),
        }
    }

    /// Lower and upper bound of the memory timescales in ms.
    pub fn tau_bounds(&self) -> (f64, f64) {
        (
            self.memory_tau_min / self.tau_range_scale,
            self.memory_tau_max * self.tau_range_scale.sqrt(),
        )
    }

    /// Start values of the timescales before bounding, `[memory]`: log-spaced over
    /// `memory_tau_min..=memory_tau_max`, the shortest alone where there is one unit.
    pub fn initial_proto_tau(&self) -> Vec<f64> {
        let (lo, hi) = self.tau_bounds();
        let (first, last) = (self.memory_tau_min.ln(), self.memory_tau_max.ln());
        let steps = self.num_memory.saturating_sub(1).max(1) as f64;
        (0..self.num_memory)
            .map(|i| (first + (last - first) * i as f64 / steps).exp())
            .map(|tau| timescales::bounded_inverse(tau, lo, hi))
            .collect()
    }

    /// Memory timescales in ms from their parameters.
    pub fn bounded_tau<const D: usize>(&self, proto: Tensor<D>) -> Tensor<D> {
        let (lo, hi) = self.tau_bounds();
        timescales::bounded(proto, lo, hi)
    }

    /// Decay `κ_m` and gate `g` of memory units with these timescales in ms.
    pub fn decay_and_gate<const D: usize>(&self, tau: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
        timescales::decay_and_gate(tau, self.gate, self.lambda, self.dt)
    }

    /// Checks that the sizes and constants describe a neuron.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        for (field, value) in [
            ("num_memory", self.num_memory),
            ("num_branches", self.branches()),
            ("synapses_per_branch", self.per_branch()),
        ] {
            if value == 0 {
                return fail(field, "must be at least 1, found 0".into());
            }
        }
        let filter = |tau: FilterTau| match tau {
            FilterTau::Off => 1.0,
            FilterTau::Ms(tau) => tau,
        };
        for (field, value) in [
            ("input_scale", self.input_scale),
            ("branch_tau", filter(self.branch_tau)),
            ("lambda", self.lambda),
            ("memory_tau_min", self.memory_tau_min),
            ("memory_tau_max", self.memory_tau_max),
            ("high_pass_tau", filter(self.high_pass_tau)),
            ("dt", self.dt),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return fail(field, format!("must be a positive number, found {value}"));
            }
        }
        if self.memory_tau_max < self.memory_tau_min {
            let (lo, hi) = (self.memory_tau_min, self.memory_tau_max);
            return fail(
                "memory_tau_max",
                format!("must be at least memory_tau_min = {lo} ms, found {hi} ms"),
            );
        }
        let scale = self.tau_range_scale;
        if !(scale.is_finite() && scale >= 1.0) {
            return fail(
                "tau_range_scale",
                format!("must be a number of at least 1, found {scale}"),
            );
        }
        let (lo, hi) = self.tau_bounds();
        if hi - lo < 3e-6 {
            return fail(
                "tau_range_scale",
                format!("must leave room between the bounds, found {lo} to {hi} ms"),
            );
        }
        match self.synapse_init {
            SynapseInit::Constant { value } if !value.is_finite() => fail(
                "synapse_init",
                format!("must be a finite number, found {value}"),
            ),
            _ => Ok(()),
        }
    }
}

/// A configuration error of this field.
pub(crate) fn fail<T>(field: &'static str, problem: String) -> Result<T, ElmError> {
    Err(ElmError::Config { field, problem })
}
