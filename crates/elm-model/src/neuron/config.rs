//! The sizes and constants of a neuron, and what makes them valid.

use burn::config::Config;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::ElmError;

/// Which of the two published forms of the neuron.
///
/// They differ in the branch activation and in the gate on the memory update; see the fields' formulas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeuronVersion {
    /// A trace per synapse, then the sum over the branch; gate `λ·(1 − κ_m)`.
    #[default]
    V1,
    /// The sum over the branch first, then one trace per branch; gate `1 − exp(−dt·λ/τ_m)`.
    V2,
}

/// How input channels reach synapses: `x [batch, time, input]` to `[batch, time, synapse]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Synapse `i` reads channel `i`.
    #[default]
    None,
    /// Each synapse draws its channel uniformly, with replacement.
    Random {
        /// Seed of the draw.
        seed: u64,
    },
    /// Neighbouring branches read overlapping windows of the interlocked excitatory and inhibitory channels.
    Neuronio,
}

/// Activation of the hidden layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// How the weight of a synapse follows from its parameter, `w = rectify(p)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// The weights that follow from these parameters.
    pub fn apply<const D: usize>(self, proto: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => proto,
            Self::Relu => activation::relu(proto),
            Self::Abs => proto.abs(),
            Self::Exp => proto.exp(),
        }
    }
}

/// Configuration of an [`ElmNeuron`](crate::ElmNeuron). Times are in ms.
#[derive(Config, Debug, PartialEq)]
pub struct ElmNeuronConfig {
    /// Input channels I.
    pub num_inputs: usize,
    /// Outputs O.
    pub num_outputs: usize,
    /// Memory units M.
    #[config(default = 100)]
    pub num_memory: usize,
    /// Form of the neuron.
    #[config(default = "NeuronVersion::V1")]
    pub version: NeuronVersion,
    /// How channels reach synapses.
    #[config(default = "Routing::None")]
    pub routing: Routing,
    /// Branches D; the number of inputs unless set.
    pub num_branches: Option<usize>,
    /// Synapses on each branch.
    #[config(default = 1)]
    pub synapses_per_branch: usize,
    /// Hidden layers of the MLP (0, 1 or more).
    #[config(default = 1)]
    pub hidden_layers: usize,
    /// Units H in each hidden layer; `2·num_memory` unless set.
    pub hidden_size: Option<usize>,
    /// Activation of the hidden layers.
    #[config(default = "HiddenActivation::Relu")]
    pub activation: HiddenActivation,
    /// Timescale of the synaptic (v1) or branch (v2) trace in ms, not trained.
    #[config(default = 5.0)]
    pub synapse_tau: f64,
    /// Lower bound of the memory timescales in ms.
    #[config(default = 1.0)]
    pub memory_tau_min: f64,
    /// Upper bound of the memory timescales in ms.
    #[config(default = 1000.0)]
    pub memory_tau_max: f64,
    /// Are the memory timescales trained?
    #[config(default = false)]
    pub learn_memory_tau: bool,
    /// Start value of every synapse weight, before it is rectified.
    #[config(default = 0.5)]
    pub synapse_init: f64,
    /// Scale λ of the memory update.
    #[config(default = 5.0)]
    pub lambda: f64,
    /// Time step in ms.
    #[config(default = 1.0)]
    pub dt: f64,
}

impl ElmNeuronConfig {
    /// The published NeuronIO neuron: 1278 channels, 45 branches of 100 synapses, timescales 1 to 150 ms,
    /// two outputs (spike logit, scaled soma voltage).
    pub fn neuronio(num_memory: usize) -> Self {
        Self::new(1278, 2)
            .with_num_memory(num_memory)
            .with_routing(Routing::Neuronio)
            .with_num_branches(Some(45))
            .with_synapses_per_branch(100)
            .with_memory_tau_max(150.0)
    }

    /// Branches D.
    pub fn branches(&self) -> usize {
        self.num_branches.unwrap_or(self.num_inputs)
    }

    /// Synapses S over all branches.
    pub fn synapses(&self) -> usize {
        self.branches() * self.synapses_per_branch
    }

    /// Units H in each hidden layer.
    pub fn hidden(&self) -> usize {
        match self.hidden_size {
            Some(h) if h > 0 => h,
            _ => 2 * self.num_memory,
        }
    }

    /// Upper bound of the timescales as the neuron uses it: v2 keeps it above the lower one.
    pub fn tau_upper(&self) -> f64 {
        match self.version {
            NeuronVersion::V1 => self.memory_tau_max,
            NeuronVersion::V2 => self.memory_tau_max.max(self.memory_tau_min + 3e-6),
        }
    }

    /// Checks that the sizes and constants describe a neuron.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        for (field, value) in [
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
            ("num_memory", self.num_memory),
            ("num_branches", self.branches()),
            ("synapses_per_branch", self.synapses_per_branch),
        ] {
            if value == 0 {
                return fail(field, "must be at least 1, found 0".into());
            }
        }
        for (field, value) in [
            ("synapse_tau", self.synapse_tau),
            ("memory_tau_min", self.memory_tau_min),
            ("memory_tau_max", self.memory_tau_max),
            ("lambda", self.lambda),
            ("dt", self.dt),
        ] {
            if !(value.is_finite() && value > 0.0) {
                return fail(field, format!("must be a positive number, found {value}"));
            }
        }
        if !self.synapse_init.is_finite() {
            return fail(
                "synapse_init",
                format!("must be a finite number, found {}", self.synapse_init),
            );
        }
        let (lo, hi) = (self.memory_tau_min, self.memory_tau_max);
        let too_low = match self.version {
            // v1 divides by `hi − lo`: equal bounds are NaN everywhere
            NeuronVersion::V1 => hi < lo + 3e-6,
            NeuronVersion::V2 => hi < lo,
        };
        if too_low {
            return fail(
                "memory_tau_max",
                format!("must be above memory_tau_min = {lo} ms, found {hi} ms"),
            );
        }
        self.routing
            .validate(self.num_inputs, self.branches(), self.synapses_per_branch)
    }
}

impl Routing {
    /// Checks that this routing fits a neuron with so many channels, branches, and synapses on each branch.
    pub(crate) fn validate(
        self,
        inputs: usize,
        branches: usize,
        per_branch: usize,
    ) -> Result<(), ElmError> {
        let synapses = branches * per_branch;
        match self {
            Self::None if synapses != inputs => fail(
                "routing",
                format!(
                    "none needs one synapse per input, found {synapses} synapses ({branches} branches of {per_branch}) for {inputs} inputs"
                ),
            ),
            Self::Neuronio if inputs.div_ceil(branches) > per_branch => fail(
                "synapses_per_branch",
                format!(
                    "must be at least {} so that neuronio routing reaches all {inputs} inputs from {branches} branches, found {per_branch}",
                    inputs.div_ceil(branches),
                ),
            ),
            _ => Ok(()),
        }
    }
}

fn fail(field: &'static str, problem: String) -> Result<(), ElmError> {
    Err(ElmError::Config { field, problem })
}
