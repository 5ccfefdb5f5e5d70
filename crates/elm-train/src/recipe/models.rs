//! The models of a recipe beside the neuron, each in a table of its own, and how they are trained unless told otherwise.
//!
//! The fields are those of the configurations in elm-model, where the formulas stand. Inputs, outputs and the time step
//! are the task's.

use elm_data::Task;
use elm_model::baselines::{
    Adaptation, Attention, ChronoLstmConfig, EmbeddingInit, LifConfig, LraTask, Positions,
    Recurrence, Reset, TcnConfig, TcnNorm, TransformerEncoderConfig,
};
use elm_model::layer::{
    FilterTau, MemoryGate, NetForm, NetNeuronConfig, OutputActivation, Regulariser, SynapseInit,
    Wiring,
};
use elm_model::network::{LayerOverrides, OutputEmbedding};
use elm_model::{ElmNetworkConfig, HiddenActivation, SynapseRectification};
use serde::{Deserialize, Serialize};

use super::{OptimizerChoice, TrainRecipe};
use crate::model::{ModelConfig, ModelKind, NetworkModel};

/// What a model is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    pub(super) task: Task,
    /// Input channels.
    pub(super) inputs: usize,
    /// Time step in ms.
    pub(super) dt: f64,
    /// Longest sequence, in steps.
    pub(super) steps: usize,
    /// Seed of whatever is drawn once for all.
    pub(super) seed: u64,
}

impl Fit {
    /// Outputs of a model with this many features: those of the task, or the features where two vectors are compared.
    pub(super) fn outputs(&self, features: usize) -> usize {
        match (self.task, self.task.inputs()) {
            (Task::Neuronio, _) => 2,
            (task, 1) => task.classes().max(1),
            _ => features.max(1),
        }
    }
}

/// A network of a recipe, see [`ElmNetworkConfig`]. Times are in ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkRecipe {
    /// Neurons of each layer but the last. Empty: the last layer alone, or, for NeuronIO, one neuron with both outputs.
    pub hidden_neurons: Vec<usize>,
    /// Neurons of the last layer; as many as there are outputs unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_neurons: Option<usize>,
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
    pub(super) fn of(task: Task, dt: f64) -> Self {
        let published = NetNeuronConfig::neuronio(20).neuron;
        let form = match task {
            Task::Neuronio => published
                .with_high_pass_tau(FilterTau::Ms(5.0))
                .with_output_activation(OutputActivation::Relu),
            _ => NetForm::new()
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
                    num_memory: Some(3),
                    hidden_layers: Some(0),
                    ..LayerOverrides::default()
                },
            },
            regularisers: Vec::new(),
        }
    }

    /// Is it one neuron and no network?
    pub(super) fn is_single(&self, task: Task) -> bool {
        task == Task::Neuronio && self.hidden_neurons.is_empty()
    }

    /// The model.
    pub(super) fn config(&self, fit: Fit) -> ModelConfig {
        let form = self.form(fit.dt);
        if self.is_single(fit.task) {
            // its readout is that of a last layer
            let form = form
                .with_high_pass_tau(FilterTau::Off)
                .with_output_activation(OutputActivation::Identity);
            let neuron = NetNeuronConfig::neuronio(self.num_memory).with_neuron(form);
            return ModelConfig::NetNeuron(neuron);
        }
        let features = self.hidden_neurons.last().copied().unwrap_or(1);
        let mut network = ElmNetworkConfig::new(fit.inputs, fit.outputs(features))
            .with_hidden_neurons(self.hidden_neurons.clone())
            .with_output_embedding(self.output_embedding)
            .with_neuron(form)
            .with_wiring(self.wiring)
            .with_seed(fit.seed)
            .with_input_dropout(self.input_dropout)
            .with_recurrent_dropout(self.recurrent_dropout)
            .with_memory_dropout(self.memory_dropout)
            .with_first(self.first.clone())
            .with_last(as_readout(&self.last));
        network.last_neurons = self.last_neurons;
        ModelConfig::Network(NetworkModel {
            network,
            regularisers: self.regularisers.clone(),
        })
    }

    fn form(&self, dt: f64) -> NetForm {
        NetForm {
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
            tau_range_scale: NetForm::new().tau_range_scale,
            learn_memory_tau: self.learn_memory_tau,
            high_pass_tau: self.high_pass_tau,
            output_activation: self.output_activation,
            dt,
        }
    }
}

/// What a last layer has different, with a readout's ways where nothing else is said.
fn as_readout(last: &LayerOverrides) -> LayerOverrides {
    let readout = LayerOverrides::readout();
    LayerOverrides {
        output_activation: last.output_activation.or(readout.output_activation),
        high_pass_tau: last.high_pass_tau.or(readout.high_pass_tau),
        wiring: last.wiring.or(readout.wiring),
        ..last.clone()
    }
}

/// An LSTM of a recipe, see [`ChronoLstmConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChronoLstmRecipe {
    /// Units.
    pub hidden_size: usize,
    /// Longest memory T_max at the start, in steps; the task's longest sequence unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_max: Option<usize>,
}

impl Default for ChronoLstmRecipe {
    fn default() -> Self {
        Self {
            hidden_size: 128,
            t_max: None,
        }
    }
}

impl ChronoLstmRecipe {
    pub(super) fn config(&self, fit: Fit) -> ModelConfig {
        let outputs = fit.outputs(self.hidden_size);
        ModelConfig::ChronoLstm(
            ChronoLstmConfig::new(fit.inputs, outputs)
                .with_hidden_size(self.hidden_size)
                .with_t_max(self.t_max.unwrap_or(fit.steps.max(3))),
        )
    }
}

/// A Transformer encoder of a recipe, see [`TransformerEncoderConfig`]. Its attention is causal for NeuronIO, whose
/// outputs are due in every step, and full for sequences to classify.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransformerRecipe {
    /// Features of each step.
    pub embedding: usize,
    /// Attention heads.
    pub num_heads: usize,
    /// Layers of attention and MLP.
    pub num_layers: usize,
    /// Hidden units of the MLPs.
    pub mlp_size: usize,
    /// How a step tells its position.
    pub positions: Positions,
    /// Dropout of features while training.
    pub dropout: f64,
    /// Dropout of attention weights while training.
    pub attention_dropout: f64,
}

impl TransformerRecipe {
    /// The published sizes for the tasks of the Long Range Arena, small ones of our own for others.
    pub(super) fn of(task: Task) -> Self {
        let config = match arena(task) {
            Some(task) => TransformerEncoderConfig::lra(task, 1, 1),
            None => TransformerEncoderConfig::new(1, 1)
                .with_embedding(64)
                .with_num_layers(2)
                .with_mlp_size(128),
        };
        Self {
            embedding: config.embedding,
            num_heads: config.num_heads,
            num_layers: config.num_layers,
            mlp_size: config.mlp_size,
            positions: config.positions,
            dropout: config.dropout,
            attention_dropout: config.attention_dropout,
        }
    }

    pub(super) fn config(&self, fit: Fit) -> ModelConfig {
        let outputs = fit.outputs(self.embedding);
        ModelConfig::Transformer(
            TransformerEncoderConfig::new(fit.inputs, outputs)
                .with_embedding(self.embedding)
                .with_num_heads(self.num_heads)
                .with_num_layers(self.num_layers)
                .with_mlp_size(self.mlp_size)
                .with_attention(match fit.task {
                    Task::Neuronio => Attention::Causal,
                    _ => Attention::Full,
                })
                .with_positions(self.positions)
                .with_embedding_init(match arena(fit.task) {
                    Some(_) => EmbeddingInit::Normal { std: 1.0 },
                    None => EmbeddingInit::Uniform,
                })
                .with_dropout(self.dropout)
                .with_attention_dropout(self.attention_dropout),
        )
    }
}

fn arena(task: Task) -> Option<LraTask> {
    match task {
        Task::ListOps => Some(LraTask::ListOps),
        Task::Text => Some(LraTask::Text),
        Task::Retrieval => Some(LraTask::Retrieval),
        Task::Image => Some(LraTask::Image),
        Task::Pathfinder => Some(LraTask::Pathfinder),
        Task::PathX => Some(LraTask::PathX),
        _ => None,
    }
}

/// A temporal convolutional network of a recipe, see [`TcnConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcnRecipe {
    /// Number of convolutions.
    pub depth: usize,
    /// Channels of each convolution.
    pub width: usize,
    /// Taps of the first convolution's kernel.
    pub first_kernel: usize,
    /// Taps of the other convolutions' kernels.
    pub kernel: usize,
    /// Steps between two taps; unless set 1 for NeuronIO, and elsewhere as many as let the last output see the first step
    /// of the longest sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dilation: Option<usize>,
    /// What follows each rectified convolution.
    pub norm: TcnNorm,
}

impl TcnRecipe {
    /// The published sizes for NeuronIO, small ones of our own for others; there the normalisation is that of each step,
    /// as batches are padded.
    pub(super) fn of(task: Task) -> Self {
        let config = match task {
            Task::Neuronio => TcnConfig::new(1, 1),
            _ => TcnConfig::new(1, 1)
                .with_depth(4)
                .with_width(64)
                .with_first_kernel(8)
                .with_kernel(8)
                .with_norm(TcnNorm::Layer),
        };
        Self {
            depth: config.depth,
            width: config.width,
            first_kernel: config.first_kernel,
            kernel: config.kernel,
            dilation: None,
            norm: config.norm,
        }
    }

    pub(super) fn config(&self, fit: Fit) -> ModelConfig {
        let outputs = fit.outputs(self.width);
        let config = TcnConfig::new(fit.inputs, outputs)
            .with_depth(self.depth)
            .with_width(self.width)
            .with_first_kernel(self.first_kernel)
            .with_kernel(self.kernel)
            .with_norm(self.norm);
        let dilation = self.dilation.unwrap_or_else(|| match fit.task {
            Task::Neuronio => 1,
            _ => self.reach(fit.steps),
        });
        ModelConfig::Tcn(config.with_dilation(dilation))
    }
}

impl TcnRecipe {
    /// Smallest dilation at which an output sees `steps` steps.
    fn reach(&self, steps: usize) -> usize {
        let later = self
            .kernel
            .saturating_sub(1)
            .saturating_mul(self.depth.saturating_sub(1));
        let taps = self.first_kernel.saturating_sub(1).saturating_add(later);
        steps.saturating_sub(1).div_ceil(taps.max(1)).max(1)
    }
}

/// Leaky integrate-and-fire neurons of a recipe, see [`LifConfig`]. Times are in ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LifRecipe {
    /// Neurons.
    pub num_neurons: usize,
    /// Do they listen to each other?
    pub recurrence: Recurrence,
    /// Timescale of the membrane potential.
    pub membrane_tau: f64,
    /// Threshold without adaptation.
    pub threshold: f64,
    /// What spikes do to the threshold.
    pub adaptation: Adaptation,
    /// What a spike does to the potential.
    pub reset: Reset,
    /// How long a neuron stays silent after a spike.
    pub refractory: f64,
    /// Steepness of the surrogate gradient.
    pub surrogate_steepness: f64,
    /// Timescale of the leaky readout.
    pub readout_tau: FilterTau,
}

impl LifRecipe {
    /// Neurons whose membrane and readout remember at least two steps of `dt` ms; half of them adapt, but for NeuronIO.
    pub(super) fn of(task: Task, dt: f64) -> Self {
        let config = match task {
            Task::Neuronio => LifConfig::new(1, 1),
            _ => LifConfig::lsnn(1, 1),
        };
        Self {
            num_neurons: config.num_neurons,
            recurrence: config.recurrence,
            membrane_tau: config.membrane_tau.max(2.0 * dt),
            threshold: config.threshold,
            adaptation: config.adaptation,
            reset: config.reset,
            refractory: config.refractory,
            surrogate_steepness: config.surrogate_steepness,
            readout_tau: FilterTau::Ms(20f64.max(2.0 * dt)),
        }
    }

    pub(super) fn config(&self, fit: Fit) -> ModelConfig {
        let outputs = fit.outputs(self.num_neurons);
        ModelConfig::Lif(
            LifConfig::new(fit.inputs, outputs)
                .with_num_neurons(self.num_neurons)
                .with_recurrence(self.recurrence)
                .with_membrane_tau(self.membrane_tau)
                .with_threshold(self.threshold)
                .with_adaptation(self.adaptation)
                .with_reset(self.reset)
                .with_refractory(self.refractory)
                .with_surrogate_steepness(self.surrogate_steepness)
                .with_readout_tau(self.readout_tau)
                .with_dt(fit.dt),
        )
    }
}

/// How a kind is trained unless told otherwise; the neuron and its networks keep what the recipe says.
pub(super) fn train_as(kind: ModelKind, train: &mut TrainRecipe) {
    let learning_rate = match kind {
        ModelKind::Elm | ModelKind::Network => return,
        ModelKind::ChronoLstm | ModelKind::Lif => 2e-3,
        ModelKind::Transformer => 5e-4,
        ModelKind::Tcn => 1e-3,
    };
    train.optimizer = OptimizerChoice::Adam;
    train.learning_rate = learning_rate;
    train.final_learning_rate = train.final_learning_rate.min(learning_rate);
    train.clip_norm = 1.0;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::recipe::Recipe;

    fn config(name: &str, kind: ModelKind, set: &[&str]) -> ModelConfig {
        let mut recipe = Recipe::builtin(name).unwrap().with_model(kind);
        for assignment in set {
            recipe.set(assignment).unwrap();
        }
        recipe.model_config()
    }

    #[test]
    fn a_convolutional_network_sees_the_whole_sequence() {
        for (name, steps) in [("spikes", 100), ("spikes-adding", 200), ("pathx", 16_384)] {
            let ModelConfig::Tcn(tcn) = config(name, ModelKind::Tcn, &[]) else {
                panic!("no TCN");
            };
            assert!(tcn.receptive_field() >= steps, "{name}");
            let narrower = tcn.clone().with_dilation(tcn.dilation - 1);
            assert!(narrower.receptive_field() < steps, "{name}");
        }
        let published = config("quick", ModelKind::Tcn, &[]);
        assert_eq!(published, ModelConfig::Tcn(TcnConfig::new(1278, 2)));
    }

    #[test]
    fn a_last_layer_reads_out_unless_told_otherwise() {
        let network = |set: &[&str]| match config("spikes", ModelKind::Network, set) {
            ModelConfig::Network(model) => model.network,
            other => panic!("{other:?}"),
        };
        let last = network(&["network.last={num_memory=7}"]).last;
        let expected = LayerOverrides {
            num_memory: Some(7),
            ..LayerOverrides::readout()
        };
        assert_eq!(last, expected);
        let last = network(&["network.last={output_activation='relu'}"]).last;
        assert_eq!(last.output_activation, Some(OutputActivation::Relu));
        assert_eq!(last.high_pass_tau, Some(FilterTau::Off));
    }

    #[test]
    fn models_are_made_for_their_task() {
        let single = config("quick", ModelKind::Network, &[]);
        assert_eq!(
            single,
            ModelConfig::NetNeuron(NetNeuronConfig::neuronio(20))
        );
        let network = config("quick", ModelKind::Network, &["network.hidden_neurons=[3]"]);
        assert!(matches!(network, ModelConfig::Network(_)));
        assert_eq!(network.sizes(), (1278, 2));
        let attention = |name| match config(name, ModelKind::Transformer, &[]) {
            ModelConfig::Transformer(config) => config.attention,
            other => panic!("{other:?}"),
        };
        assert_eq!(attention("quick"), Attention::Causal);
        assert_eq!(attention("image"), Attention::Full);
        let lra = config("listops", ModelKind::Transformer, &[]);
        let published = TransformerEncoderConfig::lra(LraTask::ListOps, 15, 10);
        assert_eq!(lra, ModelConfig::Transformer(published));
        // memories as long as the sequences
        let t_max = |set: &[&str]| match config("listops", ModelKind::ChronoLstm, set) {
            ModelConfig::ChronoLstm(config) => config.t_max,
            other => panic!("{other:?}"),
        };
        assert_eq!(t_max(&[]), 2000);
        assert_eq!(t_max(&["data.max_length=150"]), 150);
        assert_eq!(t_max(&["chrono_lstm.t_max=30"]), 30);
        // the vectors that a pair is compared by are as long as the features
        for kind in ModelKind::ALL {
            let (_, features) = config("retrieval", kind, &[]).sizes();
            assert!(features > 2, "{kind}");
        }
    }
}
