//! The published configuration files.

use serde::{Deserialize, Serialize};

use crate::equations::{
    FilterTau, HiddenActivation, MemoryGate, NeuronForm, OutputActivation, SynapseInit,
    SynapseRectification,
};
use crate::neuron::{ElmNeuronConfig, Routing};

/// A configuration with the names of the published code; what is left out takes that code's defaults.
///
/// Which of the two published forms it is of is not part of it, because the code exists once for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedConfig {
    /// Input channels.
    pub num_input: usize,
    /// Outputs.
    pub num_output: usize,
    /// Memory units.
    #[serde(default)]
    pub num_memory: Option<usize>,
    /// Scale λ of the memory update (no unit).
    #[serde(default)]
    pub lambda_value: Option<f64>,
    /// Hidden layers of the MLP.
    #[serde(default)]
    pub mlp_num_layers: Option<usize>,
    /// Units in each hidden layer; twice the memory units where it is left out.
    #[serde(default)]
    pub mlp_hidden_size: Option<usize>,
    /// Activation of the hidden layers.
    #[serde(default)]
    pub mlp_activation: Option<PublishedActivation>,
    /// Timescale of the synaptic traces in ms (first form).
    #[serde(default)]
    pub tau_s_value: Option<f64>,
    /// Timescale of the branch traces in ms (second form).
    #[serde(default)]
    pub tau_b_value: Option<f64>,
    /// Shortest memory timescale in ms.
    #[serde(default)]
    pub memory_tau_min: Option<f64>,
    /// Longest memory timescale in ms.
    #[serde(default)]
    pub memory_tau_max: Option<f64>,
    /// Are the memory timescales trained?
    #[serde(default)]
    pub learn_memory_tau: Option<bool>,
    /// Synapse weights at the start.
    #[serde(default)]
    pub w_s_value: Option<f64>,
    /// Dendritic branches; none: one with one synapse for each channel.
    #[serde(default)]
    pub num_branch: Option<usize>,
    /// Synapses on each branch.
    #[serde(default)]
    pub num_synapse_per_branch: Option<usize>,
    /// Which channel each synapse listens to.
    #[serde(default)]
    pub input_to_synapse_routing: Option<PublishedRouting>,
    /// Length of a time step in ms.
    #[serde(default)]
    pub delta_t: Option<f64>,
}

/// Names of the activations in published files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedActivation {
    /// `relu`: max(0, a).
    Relu,
    /// `silu`: a / (1 + exp(−a)).
    Silu,
}

/// Names of the routings in published files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishedRouting {
    /// `random_routing`: each synapse a channel drawn at random.
    RandomRouting,
    /// `neuronio_routing`: neighbouring channels of the NeuronIO neuron on each branch.
    NeuronioRouting,
}

impl PublishedConfig {
    /// The same neuron in this crate's terms; `form` is [`NeuronForm::v1`] or [`NeuronForm::v2`], whose values stand
    /// where the file is silent.
    pub fn to_config(&self, form: NeuronForm) -> ElmNeuronConfig {
        let tau = self.tau_s_value.or(self.tau_b_value);
        let neuron = NeuronForm {
            num_memory: self.num_memory.unwrap_or(form.num_memory),
            num_branches: self.num_branch,
            synapses_per_branch: self.num_synapse_per_branch,
            hidden_layers: self.mlp_num_layers.unwrap_or(form.hidden_layers),
            hidden_size: self.mlp_hidden_size,
            activation: match self.mlp_activation {
                Some(PublishedActivation::Silu) => HiddenActivation::Silu,
                Some(PublishedActivation::Relu) | None => HiddenActivation::Relu,
            },
            branch_tau: tau.map_or(form.branch_tau, FilterTau::Ms),
            memory_tau_min: self.memory_tau_min.unwrap_or(form.memory_tau_min),
            memory_tau_max: self.memory_tau_max.unwrap_or(form.memory_tau_max),
            learn_memory_tau: self.learn_memory_tau.unwrap_or(form.learn_memory_tau),
            synapse_init: self
                .w_s_value
                .map_or(form.synapse_init, |value| SynapseInit::Unscaled { value }),
            lambda: self.lambda_value.unwrap_or(form.lambda),
            dt: self.delta_t.unwrap_or(form.dt),
            ..form
        };
        ElmNeuronConfig::new(self.num_input, self.num_output)
            .with_routing(match self.input_to_synapse_routing {
                None => Routing::None,
                // a checkpoint brings its draw; the seed only matters for a fresh neuron
                Some(PublishedRouting::RandomRouting) => Routing::Random { seed: 0 },
                Some(PublishedRouting::NeuronioRouting) => Routing::Neuronio,
            })
            .with_neuron(neuron)
    }

    /// The published configuration of a neuron, everything said; none where the published code has no such neuron.
    pub fn of(config: &ElmNeuronConfig) -> Option<Self> {
        let form = config.form();
        let plain = form.synapse_rectification == SynapseRectification::Relu
            && form.high_pass_tau == FilterTau::Off
            && form.output_activation == OutputActivation::Identity
            && (form.input_scale, form.tau_range_scale) == (1.0, 1.0);
        let (FilterTau::Ms(tau), SynapseInit::Unscaled { value }, true) =
            (form.branch_tau, form.synapse_init, plain)
        else {
            return None;
        };
        let first = form.gate == MemoryGate::Scaled;
        Some(Self {
            num_input: config.num_inputs,
            num_output: config.num_outputs,
            num_memory: Some(form.num_memory),
            lambda_value: Some(form.lambda),
            mlp_num_layers: Some(form.hidden_layers),
            mlp_hidden_size: Some(form.hidden()),
            mlp_activation: Some(match form.activation {
                HiddenActivation::Relu => PublishedActivation::Relu,
                HiddenActivation::Silu => PublishedActivation::Silu,
                HiddenActivation::SquaredRelu => return None,
            }),
            tau_s_value: first.then_some(tau),
            tau_b_value: (!first).then_some(tau),
            memory_tau_min: Some(form.memory_tau_min),
            memory_tau_max: Some(form.memory_tau_max),
            learn_memory_tau: Some(form.learn_memory_tau),
            w_s_value: Some(value),
            num_branch: Some(form.branches()),
            num_synapse_per_branch: Some(form.per_branch()),
            input_to_synapse_routing: match config.routing {
                Routing::None => None,
                Routing::Random { .. } => Some(PublishedRouting::RandomRouting),
                Routing::Neuronio => Some(PublishedRouting::NeuronioRouting),
            },
            delta_t: Some(form.dt),
        })
    }
}
