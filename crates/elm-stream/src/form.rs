//! Every option of the neuron, declared once, and what follows from them.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::equations::{
    BiasInit, FilterTau, HiddenActivation, MemoryGate, OutputActivation, SynapseInit,
    SynapseRectification, bounded, bounded_inverse, decay,
};

/// Most numbers in one tensor of a model, so that a mistyped size is an error and not an exhausted memory.
pub const MAX_NUMBERS: usize = 1 << 30;
/// Most hidden layers of an MLP.
const MAX_HIDDEN_LAYERS: usize = 1000;

/// An option that describes no neuron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormError {
    /// The option at fault.
    pub field: &'static str,
    /// What was expected and what was found.
    pub problem: String,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.problem)
    }
}

impl core::error::Error for FormError {}

/// Declares the options once: as a struct with a setter for each, and as a struct of changes to them.
macro_rules! options {
    (
        $(#[$form_meta:meta])* $form:ident;
        $(#[$changes_meta:meta])* $changes:ident;
        $($(#[$meta:meta])* $name:ident / $with:ident: $type:ty,)*
    ) => {
        $(#[$form_meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $form {
            $($(#[$meta])* pub $name: $type,)*
        }

        impl $form {
            $(
                #[doc = concat!("The same form with another [`", stringify!($name), "`](Self::", stringify!($name), ").")]
                pub fn $with(mut self, $name: $type) -> Self {
                    self.$name = $name;
                    self
                }
            )*
        }

        $(#[$changes_meta])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(default)]
        pub struct $changes {
            $(
                #[doc = concat!("Another [`", stringify!($name), "`](", stringify!($form), "::", stringify!($name), ").")]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )*
        }

        impl $changes {
            /// The form with these changes; sizes that are set nowhere follow from the others.
            pub fn apply(&self, form: &mut $form) {
                $(if let Some(value) = &self.$name {
                    form.$name = value.clone();
                })*
            }
        }
    };
}

options! {
    /// Every option of the neuron; the formulas stand in [`equations`](crate::equations). Times are in ms.
    ///
    /// Three forms are published: [`v1`](Self::v1) and [`v2`](Self::v2) (Spieler et al., ICLR 2024) and
    /// [`network`](Self::network) (Spieler, Martius, Levina 2026). They are one equation with other options.
    NeuronForm;
    /// Changes to a [`NeuronForm`]; what is left out stays.
    NeuronOverrides;

    /// Memory units M, at least 1.
    num_memory / with_num_memory: usize,
    /// Hidden layers of the MLP (0, 1 or more).
    hidden_layers / with_hidden_layers: usize,
    /// Units H in each hidden layer; `2·num_memory` unless set, or set to 0.
    hidden_size / with_hidden_size: Option<usize>,
    /// Branches D. Unless set: in a layer `2·H`, or `4·num_memory` where the MLP has no hidden layer; in a single neuron
    /// one for each input channel.
    num_branches / with_num_branches: Option<usize>,
    /// Synapses P on each branch. Unless set: in a layer as many as there are branches, in a single neuron 1.
    synapses_per_branch / with_synapses_per_branch: Option<usize>,
    /// Activation of the hidden layers.
    activation / with_activation: HiddenActivation,
    /// How synapse weights follow from their parameters.
    synapse_rectification / with_synapse_rectification: SynapseRectification,
    /// Start values of the synapses' parameters.
    synapse_init / with_synapse_init: SynapseInit,
    /// Factor on the branch sums, above 0.
    input_scale / with_input_scale: f64,
    /// Timescale of the trace, in ms; not trained.
    ///
    /// Published v1 has one trace per synapse and sums them, which is the
    /// same function as one trace of the sum.
    branch_tau / with_branch_tau: FilterTau,
    /// Scale λ of the memory update, above 0.
    lambda / with_lambda: f64,
    /// How λ sets the gate.
    gate / with_gate: MemoryGate,
    /// Shortest memory timescale at the start, in ms.
    memory_tau_min / with_memory_tau_min: f64,
    /// Longest memory timescale at the start, in ms.
    memory_tau_max / with_memory_tau_max: f64,
    /// How far trained timescales may leave that range: down to `memory_tau_min / r`, up to `memory_tau_max · √r`; at
    /// least 1, which keeps them in it.
    tau_range_scale / with_tau_range_scale: f64,
    /// Are the memory timescales trained?
    learn_memory_tau / with_learn_memory_tau: bool,
    /// Timescale of the high-pass on the readout, in ms; not trained.
    high_pass_tau / with_high_pass_tau: FilterTau,
    /// Activation of the output.
    output_activation / with_output_activation: OutputActivation,
    /// Start values of the output biases.
    #[serde(default)]
    bias_init / with_bias_init: BiasInit,
    /// Time step, in ms.
    dt / with_dt: f64,
}

impl NeuronOverrides {
    /// What the neurons of a network's last layer have different (Spieler, Martius, Levina 2026): a linear output
    /// without high-pass.
    pub fn readout() -> Self {
        Self {
            output_activation: Some(OutputActivation::Identity),
            high_pass_tau: Some(FilterTau::Off),
            ..Self::default()
        }
    }
}

impl NeuronForm {
    /// The first published form (Spieler et al. 2024): M 100, rectified synapses of 0.5, a trace of 5 ms, gate
    /// `λ·(1 − κ_m)` with λ 5, timescales 1 to 1000 ms, linear output.
    pub fn v1() -> Self {
        Self {
            num_memory: 100,
            hidden_layers: 1,
            hidden_size: None,
            num_branches: None,
            synapses_per_branch: None,
            activation: HiddenActivation::Relu,
            synapse_rectification: SynapseRectification::Relu,
            synapse_init: SynapseInit::Unscaled { value: 0.5 },
            input_scale: 1.0,
            branch_tau: FilterTau::Ms(5.0),
            lambda: 5.0,
            gate: MemoryGate::Scaled,
            memory_tau_min: 1.0,
            memory_tau_max: 1000.0,
            tau_range_scale: 1.0,
            learn_memory_tau: false,
            high_pass_tau: FilterTau::Off,
            output_activation: OutputActivation::Identity,
            bias_init: BiasInit::Uniform,
            dt: 1.0,
        }
    }

    /// The second published form (Spieler et al. 2024): [`v1`](Self::v1) with the gate `1 − exp(−dt·λ/τ_m)`.
    pub fn v2() -> Self {
        Self {
            gate: MemoryGate::TimescaleRatio,
            ..Self::v1()
        }
    }

    /// The form of the networks (Spieler, Martius, Levina 2026): M 10, squared rectifiers, synapses of either sign, no
    /// trace, a high-pass of 5 ms on the readout, a rectified output.
    pub fn network() -> Self {
        Self {
            num_memory: 10,
            activation: HiddenActivation::SquaredRelu,
            synapse_rectification: SynapseRectification::Identity,
            synapse_init: SynapseInit::Uniform,
            branch_tau: FilterTau::Off,
            tau_range_scale: 10.0,
            high_pass_tau: FilterTau::Ms(5.0),
            output_activation: OutputActivation::Relu,
            bias_init: BiasInit::Zero,
            ..Self::v2()
        }
    }

    /// The same form as a single neuron of `inputs` channels has it: branches and synapses set.
    pub fn sized_for(mut self, inputs: usize) -> Self {
        self.num_branches.get_or_insert(inputs);
        self.synapses_per_branch.get_or_insert(1);
        self
    }

    /// Units H in each hidden layer.
    pub fn hidden(&self) -> usize {
        match self.hidden_size {
            Some(h) if h > 0 => h,
            _ => self.num_memory.saturating_mul(2),
        }
    }

    /// Width of the MLP's first map: H, or M where there is no hidden layer.
    pub fn first(&self) -> usize {
        match self.hidden_layers {
            0 => self.num_memory,
            _ => self.hidden(),
        }
    }

    /// Branches D.
    pub fn branches(&self) -> usize {
        self.num_branches.unwrap_or(match self.hidden_layers {
            0 => self.num_memory.saturating_mul(4),
            _ => self.hidden().saturating_mul(2),
        })
    }

    /// Synapses P on each branch.
    pub fn per_branch(&self) -> usize {
        self.synapses_per_branch.unwrap_or_else(|| self.branches())
    }

    /// Synapses S over all branches.
    pub fn synapses(&self) -> usize {
        self.branches().saturating_mul(self.per_branch())
    }

    /// Widths from map to map of the MLP: D + M, H for each hidden layer, M.
    pub fn mlp_widths(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        core::iter::once(self.branches().saturating_add(self.num_memory))
            .chain(core::iter::repeat_n(self.hidden(), self.hidden_layers))
            .chain([self.num_memory])
    }

    /// Trained numbers of a neuron with so many outputs: synapses, MLP, readout and biases, and timescales where they
    /// are trained.
    pub fn num_trained(&self, outputs: usize) -> usize {
        let linear =
            |inputs: usize, outputs: usize| inputs.saturating_add(1).saturating_mul(outputs);
        let (d, m, h) = (self.branches(), self.num_memory, self.hidden());
        let joined = d.saturating_add(m);
        let mlp = match self.hidden_layers {
            0 => linear(joined, m),
            n => linear(joined, h)
                .saturating_add((n - 1).saturating_mul(linear(h, h)))
                .saturating_add(linear(h, m)),
        };
        let tau = if self.learn_memory_tau { m } else { 0 };
        self.synapses()
            .saturating_add(mlp)
            .saturating_add(linear(m, outputs))
            .saturating_add(tau)
    }

    /// Lower and upper bound of the memory timescales, in ms; the upper one stays above the lower one.
    pub fn tau_bounds(&self) -> (f64, f64) {
        let lo = self.memory_tau_min / self.tau_range_scale;
        let hi = self.memory_tau_max * libm::sqrt(self.tau_range_scale);
        (lo, hi.max(lo + 3e-6))
    }

    /// Start values of the timescales before bounding, `[memory]`: log-spaced over
    /// `memory_tau_min..=memory_tau_max`, `1e-6` ms inside the bounds; the shortest alone where there is one unit.
    ///
    /// In f64, so that the last one is large but finite where the published f32 code gets infinity for many
    /// `memory_tau_max`; both give the upper bound.
    pub fn initial_proto_tau(&self) -> Vec<f64> {
        let (lo, hi) = self.tau_bounds();
        let first = libm::log(self.memory_tau_min.max(lo + 1e-6));
        let last = libm::log(self.memory_tau_max.min(hi - 1e-6).max(lo + 1e-6));
        let steps = self.num_memory.saturating_sub(1).max(1) as f64;
        (0..self.num_memory)
            .map(|i| libm::exp(first + (last - first) * (i as f64 / steps)))
            .map(|tau| self.proto_tau(tau))
            .collect()
    }

    /// Parameter of a memory unit with a timescale in ms, kept `1e-6` ms inside the bounds: the inverse of
    /// [`tau`](Self::tau).
    pub fn proto_tau(&self, tau: f64) -> f64 {
        let (lo, hi) = self.tau_bounds();
        bounded_inverse(tau, lo, hi)
    }

    /// Timescale of a memory unit in ms, from its parameter.
    pub fn tau(&self, proto: f64) -> f64 {
        let (lo, hi) = self.tau_bounds();
        bounded(proto, lo, hi)
    }

    /// Decay `κ_m` and gate `g` of a memory unit, from its parameter.
    pub fn decay_and_gate(&self, proto: f64) -> (f64, f64) {
        let tau = self.tau(proto);
        (
            decay(tau, self.dt),
            self.gate.value(tau, self.lambda, self.dt),
        )
    }

    /// Checks that the options describe a neuron, or `neurons` of them in a layer.
    ///
    /// # Errors
    /// [`FormError`] that names the first option at fault, what was expected and what was found.
    pub fn validate(&self, neurons: usize) -> Result<(), FormError> {
        self.validate_numbers()?;
        self.validate_sizes(neurons)
    }

    fn validate_numbers(&self) -> Result<(), FormError> {
        let filter = |tau: FilterTau| match tau {
            FilterTau::Off => 1.0,
            FilterTau::Ms(tau) => tau,
        };
        for (field, value) in [
            ("input_scale", self.input_scale),
            ("branch_tau", filter(self.branch_tau)),
            ("memory_tau_min", self.memory_tau_min),
            ("memory_tau_max", self.memory_tau_max),
            ("high_pass_tau", filter(self.high_pass_tau)),
            ("lambda", self.lambda),
            ("dt", self.dt),
        ] {
            // as f32, in which most neurons compute: 1e300 is infinite there
            let single = value as f32;
            if !(single.is_finite() && single > 0.0) {
                return fail(
                    field,
                    format!("must be a positive number (of 32 bits), found {value:?}"),
                );
            }
        }
        let (lo, hi) = (self.memory_tau_min, self.memory_tau_max);
        if hi < lo {
            return fail(
                "memory_tau_max",
                format!("must be at least memory_tau_min = {lo} ms, found {hi} ms"),
            );
        }
        let scale = self.tau_range_scale;
        let widened = self.tau_bounds();
        if !(scale >= 1.0 && widened.0 as f32 > 0.0 && (widened.1 as f32).is_finite()) {
            return fail(
                "tau_range_scale",
                format!(
                    "must be a number of at least 1 that leaves the bounds finite, found {scale:?}"
                ),
            );
        }
        match self.synapse_init {
            SynapseInit::Constant { value } | SynapseInit::Unscaled { value }
                if !(value as f32).is_finite() =>
            {
                fail(
                    "synapse_init",
                    format!("must be a finite number, found {value:?}"),
                )
            }
            _ => Ok(()),
        }
    }

    /// Sizes must be at least 1 and must not ask for more memory than there can be.
    fn validate_sizes(&self, neurons: usize) -> Result<(), FormError> {
        let (branches, per_branch, memory) = (self.branches(), self.per_branch(), self.num_memory);
        for (field, value) in [
            ("num_memory", memory),
            ("num_branches", branches),
            ("synapses_per_branch", per_branch),
        ] {
            if value == 0 {
                return fail(field, "must be at least 1, found 0".into());
            }
        }
        if self.hidden_layers > MAX_HIDDEN_LAYERS {
            let found = self.hidden_layers;
            return fail(
                "hidden_layers",
                format!("must be at most {MAX_HIDDEN_LAYERS}, found {found}"),
            );
        }
        // the option to blame for a size that follows from others
        let hidden = match self.hidden_size {
            Some(h) if h > 0 && self.hidden_layers > 0 => "hidden_size",
            _ => "num_memory",
        };
        let branch = match self.num_branches {
            Some(_) => "num_branches",
            None => hidden,
        };
        let synapse = match self.synapses_per_branch {
            Some(_) => "synapses_per_branch",
            None => branch,
        };
        let widest = self.first().max(memory);
        for (field, sizes) in [
            (branch, [neurons, branches, 1]),
            (synapse, [neurons, branches, per_branch]),
            (
                hidden,
                [neurons, branches.saturating_add(memory), self.first()],
            ),
            (hidden, [neurons, self.first(), widest]),
        ] {
            fits(field, &sizes)?;
        }
        Ok(())
    }
}

/// Checks that a tensor of these sizes can be held; the field is the one to blame.
///
/// # Errors
/// [`FormError`] if it has more than [`MAX_NUMBERS`] numbers.
pub fn fits(field: &'static str, sizes: &[usize]) -> Result<(), FormError> {
    let count = sizes
        .iter()
        .try_fold(1usize, |n, &size| n.checked_mul(size));
    if count.is_some_and(|count| count <= MAX_NUMBERS) {
        return Ok(());
    }
    fail(
        field,
        format!(
            "is too large: it makes a tensor of {sizes:?} numbers, at most {MAX_NUMBERS} are possible"
        ),
    )
}

fn fail(field: &'static str, problem: String) -> Result<(), FormError> {
    Err(FormError { field, problem })
}

#[cfg(test)]
mod tests;
