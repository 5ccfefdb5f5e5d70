//! The models of a recipe beside the neuron, each in a table of its own, and how they are trained unless told otherwise.
//!
//! The fields are those of the configurations in elm-model and elm-baselines, where the formulas stand. Inputs, outputs and the time step
//! are the task's.

mod baselines;
mod network;

use elm_data::Task;

pub use baselines::{ChronoLstmRecipe, LifRecipe, TcnRecipe, TransformerRecipe};
pub use network::NetworkRecipe;

use super::{DataForm, OptimizerChoice, TrainRecipe};
use crate::model::ModelKind;

/// What a model is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::recipe) struct Fit {
    pub(in crate::recipe) task: Task,
    /// What the data ask for.
    pub(in crate::recipe) form: DataForm,
    /// Time step in ms.
    pub(in crate::recipe) dt: f64,
    /// Seed of whatever is drawn once for all.
    pub(in crate::recipe) seed: u64,
}

impl Fit {
    /// Outputs of a model with this many features: those of the task, or the features where two vectors are compared.
    pub(in crate::recipe) fn outputs(&self, features: usize) -> usize {
        self.form.outputs.unwrap_or(features).max(1)
    }
}

/// How a kind is trained unless told otherwise; the neuron and its networks keep what the recipe says.
pub(in crate::recipe) fn train_as(kind: ModelKind, train: &mut TrainRecipe) {
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
    use elm_baselines::{Attention, LraTask, TcnConfig, TransformerEncoderConfig};
    use elm_model::{ElmNeuronConfig, FilterTau, OutputActivation, Wiring};

    use super::*;
    use crate::model::ModelConfig;
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
