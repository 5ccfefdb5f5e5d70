//! The network of a recipe, or its single neuron of the networks' form.

use elm_data::Task;
use elm_model::layer::Regulariser;
use elm_model::network::{InputEmbedding, LayerOverrides, OutputEmbedding};
use elm_model::{
    ElmNetworkConfig, ElmNeuronConfig, FilterTau, HiddenActivation, MemoryGate, NeuronForm,
    NeuronOverrides, OutputActivation, SynapseInit, SynapseRectification, Wiring,
};
use serde::{Deserialize, Serialize};

use super::Fit;
use crate::model::{ModelConfig, NetworkModel};

/// A network of a recipe, see [`ElmNetworkConfig`]. Times are in ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkRecipe {
    /// Neurons of each layer but the last. Empty: the last layer alone, or, for NeuronIO, one neuron with both outputs.
    pub hidden_neurons: Vec<usize>,
    /// Neurons of the last layer; as many as there are outputs unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_neurons: Option<usize>,
    /// How the input is read: as it comes, scaled, or as tokens (texts only).
    pub input_embedding: InputEmbedding,
    /// What follows the last layer.
    pub output_embedding: OutputEmbedding,
    /// Memory units M of each neuron.
    pub num_memory: usize,
    /// Hidden layers of the MLP.
    pub hidden_layers: usize,
    /// Units in each hidden layer; `2·num_memory` unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_size: Option<usize>,
    /// Branches; they follow from the other sizes unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_branches: Option<usize>,
    /// Synapses on each branch; as many as there are branches unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synapses_per_branch: Option<usize>,
    /// Activation of the hidden layers.
    pub activation: HiddenActivation,
    /// How synapse weights follow from their parameters.
    pub synapse_rectification: SynapseRectification,
    /// Start values of the synapses.
    pub synapse_init: SynapseInit,
    /// Factor on the branch sums.
    pub input_scale: f64,
    /// Timescale of the branch trace.
    pub branch_tau: FilterTau,
    /// Scale λ of the memory update.
    pub lambda: f64,
    /// How λ sets the gate.
    pub gate: MemoryGate,
    /// Shortest memory timescale at the start.
    pub memory_tau_min: f64,
    /// Longest memory timescale at the start.
    pub memory_tau_max: f64,
    /// Are the memory timescales trained?
    pub learn_memory_tau: bool,
    /// Timescale of the high-pass on the readout.
    pub high_pass_tau: FilterTau,
    /// Activation of the neurons' outputs.
    pub output_activation: OutputActivation,
    /// Which sources the synapses read.
    pub wiring: Wiring,
    /// Probability that a channel is silent for a whole training sequence.
    pub input_dropout: f64,
    /// The same for activity as recurrent synapses see it.
    pub recurrent_dropout: f64,
    /// Probability that a memory unit gets no update for a whole training sequence.
    pub memory_dropout: f64,
    /// What the first of several layers has different.
    pub first: LayerOverrides,
    /// What the last layer has different; its output activation, high-pass and wiring are those of a readout unless set.
    pub last: LayerOverrides,
    /// Penalties in the training loss.
    pub regularisers: Vec<Regulariser>,
}

impl NetworkRecipe {
    /// For NeuronIO one neuron of 20 memory units, elsewhere the sizes published for SHD-Adding; `dt` ms a step.
    pub(in crate::recipe) fn of(task: Task, dt: f64) -> Self {
        let published = ElmNeuronConfig::neuronio_network_form(20).neuron;
        let form = match task {
            Task::Neuronio => published
                .with_high_pass_tau(FilterTau::Ms(5.0))
                .with_output_activation(OutputActivation::Relu),
            _ => NeuronForm::network()
                .with_num_memory(5)
                .with_num_branches(Some(30))
                .with_synapses_per_branch(Some(10))
                .with_input_scale(10.0)
                .with_memory_tau_max(500.0)
                .with_high_pass_tau(FilterTau::Ms(2.5 * dt)),
        };
        let single = task == Task::Neuronio;
        Self {
            hidden_neurons: if single { vec![] } else { vec![96] },
            last_neurons: None,
            input_embedding: match task.is_language() {
                true => InputEmbedding::OneHot { scale: 1.0 },
                false => InputEmbedding::None,
            },
            output_embedding: match single {
                true => OutputEmbedding::None,
                false => OutputEmbedding::Linear,
            },
            num_memory: form.num_memory,
            hidden_layers: form.hidden_layers,
            hidden_size: form.hidden_size,
            num_branches: form.num_branches,
            synapses_per_branch: form.synapses_per_branch,
            activation: form.activation,
            synapse_rectification: form.synapse_rectification,
            synapse_init: form.synapse_init,
            input_scale: form.input_scale,
            branch_tau: form.branch_tau,
            lambda: form.lambda,
            gate: form.gate,
            memory_tau_min: form.memory_tau_min,
            memory_tau_max: form.memory_tau_max,
            learn_memory_tau: form.learn_memory_tau,
            high_pass_tau: form.high_pass_tau,
            output_activation: form.output_activation,
            wiring: Wiring::Random {
                recurrent_connect: Some(0.25),
            },
            input_dropout: 0.0,
            recurrent_dropout: 0.0,
            memory_dropout: 0.0,
            first: LayerOverrides::default(),
            last: match single {
                true => LayerOverrides::default(),
                false => LayerOverrides {
                    neuron: NeuronOverrides {
                        num_memory: Some(3),
                        hidden_layers: Some(0),
                        ..NeuronOverrides::default()
                    },
                    ..LayerOverrides::default()
                },
            },
            regularisers: Vec::new(),
        }
    }

    /// Is it one neuron and no network?
    pub(in crate::recipe) fn is_single(&self, task: Task) -> bool {
        task == Task::Neuronio && self.hidden_neurons.is_empty()
    }

    /// The model.
    pub(in crate::recipe) fn config(&self, fit: Fit) -> ModelConfig {
        let form = self.form(fit.dt);
        if self.is_single(fit.task) {
            // its readout is that of a last layer
            let form = form
                .with_high_pass_tau(FilterTau::Off)
                .with_output_activation(OutputActivation::Identity);
            let neuron = ElmNeuronConfig::neuronio_network_form(self.num_memory);
            return ModelConfig::Elm(neuron.with_neuron(form));
        }
        let features = self.hidden_neurons.last().copied().unwrap_or(1);
        let mut network = ElmNetworkConfig::new(fit.form.inputs, fit.outputs(features))
            .with_hidden_neurons(self.hidden_neurons.clone())
            .with_input_embedding(self.input_embedding)
            .with_output_embedding(self.output_embedding)
            .with_neuron(form)
            .with_wiring(self.wiring)
            .with_seed(fit.seed)
            .with_input_dropout(self.input_dropout)
            .with_recurrent_dropout(self.recurrent_dropout)
            .with_memory_dropout(self.memory_dropout)
            .with_first(self.first.clone())
            .with_last(self.last.clone());
        network.last_neurons = self.last_neurons;
        ModelConfig::Network(NetworkModel {
            network,
            regularisers: self.regularisers.clone(),
        })
    }

    fn form(&self, dt: f64) -> NeuronForm {
        NeuronForm {
            num_memory: self.num_memory,
            hidden_layers: self.hidden_layers,
            hidden_size: self.hidden_size,
            num_branches: self.num_branches,
            synapses_per_branch: self.synapses_per_branch,
            activation: self.activation,
            synapse_rectification: self.synapse_rectification,
            synapse_init: self.synapse_init,
            input_scale: self.input_scale,
            branch_tau: self.branch_tau,
            lambda: self.lambda,
            gate: self.gate,
            memory_tau_min: self.memory_tau_min,
            memory_tau_max: self.memory_tau_max,
            learn_memory_tau: self.learn_memory_tau,
            high_pass_tau: self.high_pass_tau,
            output_activation: self.output_activation,
            dt,
            ..NeuronForm::network()
        }
    }
}
