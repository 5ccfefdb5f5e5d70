//! Which model a recipe trains, and the sizes of the neuron.

use elm_model::{ElmNeuronConfig, FilterTau, HiddenActivation, NeuronForm};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::ModelKind;

/// The published forms of the neuron (Spieler et al. 2024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeuronVersion {
    /// The first, [`NeuronForm::v1`].
    V1,
    /// The second, [`NeuronForm::v2`].
    V2,
}

/// Which model a recipe trains, and its sizes where that is the neuron; see [`ElmNeuronConfig`] for the formulas. Times
/// are in ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelRecipe {
    /// Which model.
    #[schemars(extend("x-models" = []))]
    pub kind: ModelKind,
    /// Published form of the neuron.
    pub version: NeuronVersion,
    /// Memory units M.
    #[schemars(range(min = 1))]
    pub num_memory: usize,
    /// Units in each hidden layer of the MLP; 2·num_memory unless set.
    #[schemars(range(min = 1))]
    pub mlp_hidden: Option<usize>,
    /// Hidden layers of the MLP; 0 is a linear map.
    pub mlp_layers: usize,
    /// Activation of the hidden layers.
    pub activation: HiddenActivation,
    /// Dendritic branches D; 0 (not for neuronio): one with one synapse for each channel.
    ///
    /// NeuronIO routes its channels to them, other tasks do so at random.
    pub branches: usize,
    /// Synapses on each branch.
    #[schemars(range(min = 1))]
    pub synapses_per_branch: usize,
    /// Factor on the branch sums, above 0: 1 in published neurons, 10 in published networks.
    ///
    /// Symbols, of which one in a hundred channels is 1 at a time, need some 10 to be heard at the start.
    pub input_scale: f64,
    /// Timescale of the synaptic (v1) or branch (v2) trace in ms.
    pub synapse_tau: f64,
    /// Shortest memory timescale in ms.
    pub memory_tau_min: f64,
    /// Longest memory timescale in ms.
    pub memory_tau_max: f64,
    /// Are the memory timescales trained?
    pub learn_memory_tau: bool,
    /// Scale λ of the memory update (no unit).
    pub lambda: f64,
    /// Length of a time step in ms; that of the bins unless set, 1 where there are none.
    #[schemars(extend("x-needs" = "time step", "x-models" = ["elm", "network", "lif"]))]
    pub dt: Option<f64>,
}

impl Default for ModelRecipe {
    fn default() -> Self {
        let published = ElmNeuronConfig::neuronio(100).form();
        Self {
            kind: ModelKind::Elm,
            version: NeuronVersion::V1,
            num_memory: published.num_memory,
            mlp_hidden: published.hidden_size,
            mlp_layers: published.hidden_layers,
            activation: published.activation,
            branches: published.branches(),
            synapses_per_branch: published.per_branch(),
            input_scale: published.input_scale,
            synapse_tau: match published.branch_tau {
                FilterTau::Ms(tau) => tau,
                FilterTau::Off => unreachable!("the published neuron has a trace"),
            },
            memory_tau_min: published.memory_tau_min,
            memory_tau_max: published.memory_tau_max,
            learn_memory_tau: published.learn_memory_tau,
            lambda: published.lambda,
            dt: None,
        }
    }
}

impl ModelRecipe {
    /// The neuron's configuration for NeuronIO: 1278 inputs, two outputs, steps of 1 ms.
    pub fn config(&self) -> ElmNeuronConfig {
        ElmNeuronConfig::neuronio(self.num_memory).with_neuron(self.on_branches())
    }

    /// The neuron's options, with its branches.
    pub(super) fn on_branches(&self) -> NeuronForm {
        self.form()
            .with_num_branches(Some(self.branches))
            .with_synapses_per_branch(Some(self.synapses_per_branch))
    }

    /// The sizes and constants of a neuron; `open` if each channel has a branch, however many there are.
    pub(super) fn like(&self, form: &NeuronForm, open: bool) -> Self {
        let of = |version| Self {
            kind: ModelKind::Elm,
            version,
            num_memory: form.num_memory,
            mlp_hidden: form.hidden_size,
            mlp_layers: form.hidden_layers,
            activation: form.activation,
            branches: if open { 0 } else { form.branches() },
            synapses_per_branch: if open { 1 } else { form.per_branch() },
            input_scale: form.input_scale,
            synapse_tau: match form.branch_tau {
                FilterTau::Ms(tau) => tau,
                FilterTau::Off => self.synapse_tau,
            },
            memory_tau_min: form.memory_tau_min,
            memory_tau_max: form.memory_tau_max,
            learn_memory_tau: self.learn_memory_tau,
            lambda: form.lambda,
            dt: self.dt,
        };
        let first = of(NeuronVersion::V1);
        let trained = |form: NeuronForm| form.with_learn_memory_tau(false);
        let published = trained(first.form());
        let same = NeuronForm {
            num_branches: published.num_branches,
            synapses_per_branch: published.synapses_per_branch,
            dt: published.dt,
            ..trained(form.clone())
        };
        match same == published {
            true => first,
            false => of(NeuronVersion::V2),
        }
    }

    /// What is the same for every task.
    pub(super) fn form(&self) -> NeuronForm {
        let published = match self.version {
            NeuronVersion::V1 => NeuronForm::v1(),
            NeuronVersion::V2 => NeuronForm::v2(),
        };
        published
            .with_num_memory(self.num_memory)
            .with_hidden_size(self.mlp_hidden)
            .with_hidden_layers(self.mlp_layers)
            .with_activation(self.activation)
            .with_input_scale(self.input_scale)
            .with_branch_tau(FilterTau::Ms(self.synapse_tau))
            .with_memory_tau_min(self.memory_tau_min)
            .with_memory_tau_max(self.memory_tau_max)
            .with_learn_memory_tau(self.learn_memory_tau)
            .with_lambda(self.lambda)
    }
}
