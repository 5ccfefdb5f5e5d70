//! The models of a recipe: what they are unless it says otherwise, and their configurations for its data.
//!
//! The sizes are those of the configurations in elm-model and elm-baselines, where the formulas stand. Inputs, outputs and
//! the time step are the task's.

use elm_baselines::{
    Attention, EmbeddingInit, LifConfig, LraTask, TcnConfig, TcnNorm, TransformerEncoderConfig,
};
use elm_data::Task;
use elm_model::network::{InputEmbedding, LayerOverrides, OutputEmbedding};
use elm_model::{
    ElmNetworkConfig, ElmNeuronConfig, FilterTau, NeuronForm, NeuronOverrides, OutputActivation,
    Routing, Wiring,
};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

use super::{OptimizerChoice, Recipe, TrainRecipe};
use crate::model::{ModelConfig, ModelKind, NetworkModel};

/// For NeuronIO one neuron of 20 memory units, elsewhere the sizes published for SHD-Adding; `dt` ms a step.
pub(super) fn network(task: Task, dt: f64) -> NetworkModel {
    let single = task.is_neuronio();
    let form = match single {
        true => ElmNeuronConfig::neuronio_network_form(20)
            .neuron
            .with_high_pass_tau(FilterTau::Ms(5.0))
            .with_output_activation(OutputActivation::Relu),
        false => NeuronForm::network()
            .with_num_memory(5)
            .with_num_branches(Some(30))
            .with_synapses_per_branch(Some(10))
            .with_input_scale(10.0)
            .with_memory_tau_max(500.0)
            .with_high_pass_tau(FilterTau::Ms(2.5 * dt)),
    };
    let mut network = ElmNetworkConfig::new(1, 1)
        .with_neuron(form)
        .with_wiring(Wiring::Random {
            recurrent_connect: Some(0.25),
        });
    if task.is_language() {
        network.input_embedding = InputEmbedding::OneHot { scale: 1.0 };
    }
    if !single {
        network.hidden_neurons = vec![96];
        network.output_embedding = OutputEmbedding::Linear;
        network.last = LayerOverrides {
            neuron: NeuronOverrides {
                num_memory: Some(3),
                hidden_layers: Some(0),
                ..NeuronOverrides::default()
            },
            ..LayerOverrides::default()
        };
    }
    NetworkModel {
        network,
        regularisers: Vec::new(),
    }
}

/// The published sizes for the tasks of the Long Range Arena, small ones of our own for others.
pub(super) fn transformer(task: Task) -> TransformerEncoderConfig {
    match arena(task) {
        Some(task) => TransformerEncoderConfig::lra(task, 1, 1),
        None => TransformerEncoderConfig::new(1, 1)
            .with_embedding(64)
            .with_num_layers(2)
            .with_mlp_size(128),
    }
}

/// The task of the Long Range Arena that it is.
fn arena(task: Task) -> Option<LraTask> {
    let name: StrDeserializer<'_, ValueError> = task.info().arena?.into_deserializer();
    LraTask::deserialize(name).ok()
}

/// The published sizes for NeuronIO, small ones of our own for others; there the normalisation is that of each step,
/// as batches are padded.
pub(super) fn tcn(task: Task) -> TcnConfig {
    match task.is_neuronio() {
        true => TcnConfig::new(1, 1),
        false => TcnConfig::new(1, 1)
            .with_depth(4)
            .with_width(64)
            .with_first_kernel(8)
            .with_kernel(8)
            .with_norm(TcnNorm::Layer),
    }
}

/// Neurons whose membrane and readout remember at least two steps of `dt` ms; half of them adapt, but for NeuronIO.
pub(super) fn lif(task: Task, dt: f64) -> LifConfig {
    let config = match task.is_neuronio() {
        true => LifConfig::new(1, 1),
        false => LifConfig::lsnn(1, 1),
    };
    let longest = |tau: f64| tau.max(2.0 * dt);
    let membrane = longest(config.membrane_tau);
    config
        .with_membrane_tau(membrane)
        .with_readout_tau(FilterTau::Ms(longest(20.0)))
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

impl Recipe {
    /// The configuration of the model: inputs and outputs are the task's.
    pub fn model_config(&self) -> ModelConfig {
        let (form, dt) = (self.data_form(), self.dt());
        // those of the task, or the features where two vectors are compared
        let outputs = |features: usize| form.outputs.unwrap_or(features).max(1);
        match self.model.kind {
            ModelKind::Elm => ModelConfig::Elm(self.neuron()),
            ModelKind::Network if self.is_single() => ModelConfig::Elm(self.single_neuron()),
            ModelKind::Network => {
                let mut model = self.network.clone();
                let network = &mut model.network;
                let features = network.hidden_neurons.last().copied().unwrap_or(1);
                (network.num_inputs, network.num_outputs) = (form.inputs, outputs(features));
                (network.seed, network.neuron.dt) = (self.seed, dt);
                ModelConfig::Network(model)
            }
            ModelKind::ChronoLstm => {
                let mut config = self.chrono_lstm.clone();
                config.t_max.get_or_insert(form.steps.max(3));
                (config.num_inputs, config.num_outputs) =
                    (form.inputs, outputs(config.hidden_size));
                ModelConfig::ChronoLstm(config)
            }
            ModelKind::Transformer => {
                let mut config = self.transformer.clone();
                (config.num_inputs, config.num_outputs) = (form.inputs, outputs(config.embedding));
                config.attention = match form.causal {
                    true => Attention::Causal,
                    false => Attention::Full,
                };
                if arena(self.task).is_none() {
                    config.embedding_init = EmbeddingInit::Uniform;
                }
                ModelConfig::Transformer(config)
            }
            ModelKind::Tcn => {
                let mut config = self.tcn.clone();
                (config.num_inputs, config.num_outputs) = (form.inputs, outputs(config.width));
                let reach = match self.task.is_neuronio() {
                    true => 1,
                    false => reach(&config, form.steps),
                };
                config.dilation.get_or_insert(reach);
                ModelConfig::Tcn(config)
            }
            ModelKind::Lif => {
                let mut config = self.lif.clone();
                (config.num_inputs, config.num_outputs) =
                    (form.inputs, outputs(config.num_neurons));
                config.dt = dt;
                ModelConfig::Lif(config)
            }
        }
    }

    /// The recipe with the model of a configuration in place of its own, as far as its keys can say it: what is trained
    /// further keeps its sizes. Inputs, outputs, the time step, and whether timescales are trained stay the recipe's.
    pub fn like(self, config: &ModelConfig) -> Self {
        let mut recipe = match (config, self.model.kind) {
            // one neuron is either's
            (ModelConfig::Elm(_), ModelKind::Network) if self.is_single() => self,
            _ => self.with_model(config.kind()),
        };
        match config {
            ModelConfig::Elm(neuron) if recipe.model.kind == ModelKind::Network => {
                recipe.network.network.neuron = neuron.neuron.clone();
            }
            ModelConfig::Elm(neuron) => {
                let open = neuron.routing == Routing::None && !recipe.task.is_neuronio();
                recipe.model = recipe.model.like(&neuron.form(), open);
            }
            ModelConfig::Network(model) => recipe.network = model.clone(),
            ModelConfig::ChronoLstm(config) => recipe.chrono_lstm = config.clone(),
            ModelConfig::Transformer(config) => recipe.transformer = config.clone(),
            ModelConfig::Tcn(config) => recipe.tcn = config.clone(),
            ModelConfig::Lif(config) => recipe.lif = config.clone(),
        }
        recipe
    }

    /// Is the network one neuron and no network?
    pub(super) fn is_single(&self) -> bool {
        self.task.is_neuronio() && self.network.network.hidden_neurons.is_empty()
    }

    /// One neuron of the networks' form; its readout is that of a last layer.
    fn single_neuron(&self) -> ElmNeuronConfig {
        let form = &self.network.network.neuron;
        let neuron = ElmNeuronConfig::neuronio_network_form(form.num_memory);
        neuron.with_neuron(
            form.clone()
                .with_dt(self.dt())
                .with_high_pass_tau(FilterTau::Off)
                .with_output_activation(OutputActivation::Identity),
        )
    }
}

/// Smallest dilation at which an output sees `steps` steps.
fn reach(config: &TcnConfig, steps: usize) -> usize {
    let later = config
        .kernel
        .saturating_sub(1)
        .saturating_mul(config.depth.saturating_sub(1));
    let taps = config.first_kernel.saturating_sub(1).saturating_add(later);
    steps.saturating_sub(1).div_ceil(taps.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
            let narrower = tcn.clone().with_dilation(Some(tcn.dilation() - 1));
            assert!(narrower.receptive_field() < steps, "{name}");
        }
        let published = config("quick", ModelKind::Tcn, &[]);
        assert_eq!(
            published,
            ModelConfig::Tcn(TcnConfig::new(1278, 2).with_dilation(Some(1)))
        );
    }

    #[test]
    fn a_recipe_takes_the_sizes_of_a_model() {
        let set = |kind| match kind {
            ModelKind::Elm => vec![
                "model.num_memory=7",
                "model.version=v2",
                "model.mlp_hidden=9",
                "model.mlp_layers=2",
                "model.activation=silu",
                "model.synapse_tau=3.5",
                "model.memory_tau_min=2",
                "model.memory_tau_max=77",
                "model.lambda=4",
            ],
            ModelKind::Network => vec!["network.hidden_neurons=[3,5]", "network.num_memory=2"],
            ModelKind::ChronoLstm => vec!["chrono_lstm.hidden_size=11"],
            ModelKind::Transformer => vec!["transformer.mlp_size=48"],
            ModelKind::Tcn => vec!["tcn.width=12"],
            ModelKind::Lif => vec!["lif.num_neurons=13"],
        };
        for name in ["quick", "spikes", "listops", "arrays"] {
            for kind in ModelKind::ALL {
                let known = config(name, kind, &set(kind));
                let plain = Recipe::builtin(name).unwrap();
                assert_ne!(plain.model_config(), known, "{name} {kind}");
                assert_eq!(plain.like(&known).model_config(), known, "{name} {kind}");
            }
        }
        let branches = ["model.branches=8", "model.synapses_per_branch=4"];
        for version in ["model.version=v1", "model.version=v2"] {
            let known = config(
                "spikes",
                ModelKind::Elm,
                &[&branches[..], &[version]].concat(),
            );
            let fitted = Recipe::builtin("spikes").unwrap().like(&known);
            assert_eq!(fitted.model_config(), known, "{version}");
        }
        // one neuron of the networks' form stays that of a network
        let single = config("quick", ModelKind::Network, &["network.num_memory=9"]);
        let recipe = Recipe::builtin("quick")
            .unwrap()
            .with_model(ModelKind::Network);
        assert_eq!(recipe.like(&single).model_config(), single);
    }

    #[test]
    fn a_last_layer_reads_out_unless_told_otherwise() {
        let last = |set: &[&str]| match config("spikes", ModelKind::Network, set) {
            ModelConfig::Network(model) => model.network.layers().remove(1),
            other => panic!("{other:?}"),
        };
        let no_recurrence = Wiring::Random {
            recurrent_connect: Some(0.0),
        };
        let layer = last(&["network.last={num_memory=7}"]);
        let (form, wiring) = (layer.neuron, layer.wiring);
        assert_eq!((form.num_memory, wiring), (7, no_recurrence));
        assert_eq!(form.output_activation, OutputActivation::Identity);
        assert_eq!(form.high_pass_tau, FilterTau::Off);
        let form = last(&["network.last={output_activation='relu'}"]).neuron;
        assert_eq!(form.output_activation, OutputActivation::Relu);
        assert_eq!(form.high_pass_tau, FilterTau::Off);
    }

    #[test]
    fn models_are_made_for_their_task() {
        let single = config("quick", ModelKind::Network, &[]);
        assert_eq!(
            single,
            ModelConfig::Elm(ElmNeuronConfig::neuronio_network_form(20))
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
            ModelConfig::ChronoLstm(config) => config.longest_memory(),
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
