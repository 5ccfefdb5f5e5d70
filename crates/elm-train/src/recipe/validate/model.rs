//! The ranges of a model's sizes, and whether it fits its task.

use elm_baselines::Positions;
use elm_model::ElmError;
use elm_model::network::InputEmbedding;

use super::fail;
use crate::model::ModelKind;
use crate::recipe::{Recipe, RecipeError};

/// Most trained parameters of a model: with gradient and optimizer they take four times as many numbers, 4 GB.
const MAX_TRAINED: usize = 1 << 28;
/// Tensors of the size of its weights that attention keeps for the backward pass, about.
const ATTENTION_COPIES: usize = 4;
/// Most numbers in all of them together: 32 GB.
const MAX_ATTENTION: usize = 8 << 30;

impl Recipe {
    pub(super) fn validate_model(&self) -> Result<(), RecipeError> {
        if self.model.kind == ModelKind::Elm && self.task.is_neuronio() && self.model.branches == 0
        {
            return fail("model.branches", "must be at least 1, found 0".into());
        }
        if self.task.is_open() && self.form.is_none() {
            return Ok(()); // the files decide; asked again when they have been opened
        }
        let section = self.model.kind.section();
        if self.model.kind == ModelKind::Network
            && matches!(
                self.network.network.input_embedding,
                InputEmbedding::OneHot { .. }
            )
            && !self.task.is_language()
        {
            return fail(
                "network.input_embedding",
                format!(
                    "cannot be one_hot: the inputs of {} are no tokens",
                    self.task
                ),
            );
        }
        match self.model_config().validate() {
            Ok(()) => {}
            Err(ElmError::Config {
                layer,
                field,
                problem,
            }) => {
                let key = match (self.model.kind, field) {
                    (_, "dt") => "model.dt".to_string(),
                    (ModelKind::Elm, "num_branches") => "model.branches".to_string(),
                    (ModelKind::Elm, "hidden_size") => "model.mlp_hidden".to_string(),
                    (ModelKind::Elm, "hidden_layers") => "model.mlp_layers".to_string(),
                    (ModelKind::Elm, "branch_tau") => "model.synapse_tau".to_string(),
                    (ModelKind::Network, "num_neurons")
                        if layer == Some(self.network.network.hidden_neurons.len()) =>
                    {
                        "network.last_neurons".to_string()
                    }
                    (ModelKind::Network, "num_neurons") => "network.hidden_neurons".to_string(),
                    (_, same) => format!("{section}.{same}"),
                };
                let place = layer.map_or(String::new(), |layer| format!(" (layer {layer})"));
                return fail(&key, format!("{problem}{place}"));
            }
            Err(other) => return fail(section, format!("describes no model: {other}")),
        }
        let count = self.num_trained();
        if count > MAX_TRAINED {
            return fail(
                section,
                format!(
                    "has sizes that make {:.2e} trained parameters, {:.1} GB with what training keeps of them; at most {MAX_TRAINED} are possible",
                    count as f64,
                    16e-9 * count as f64
                ),
            );
        }
        match self.model.kind {
            ModelKind::Network if self.is_single() => self.validate_single(),
            ModelKind::Transformer => self.validate_attention(),
            _ => Ok(()),
        }
    }

    /// One neuron has no use for what makes a network.
    fn validate_single(&self) -> Result<(), RecipeError> {
        const OF_NETWORKS: [&str; 12] = [
            "last_neurons",
            "input_embedding",
            "output_embedding",
            "high_pass_tau",
            "output_activation",
            "wiring",
            "input_dropout",
            "recurrent_dropout",
            "memory_dropout",
            "first",
            "last",
            "regularisers",
        ];
        let plain = Self {
            model: self.model.clone(),
            ..Self::of(self.task)
        };
        let set = self.differences(&plain).into_keys().find(|key| {
            let name = key.strip_prefix("network.");
            name.is_some_and(|name| OF_NETWORKS.contains(&name))
        });
        match set {
            Some(key) => fail(
                &key,
                "has no use in a single neuron: set network.hidden_neurons as well".into(),
            ),
            None => Ok(()),
        }
    }

    /// Attention takes memory with the square of the length.
    fn validate_attention(&self) -> Result<(), RecipeError> {
        let (own, steps) = (&self.transformer, self.steps());
        if let Positions::Learned { max_length } = own.positions
            && max_length < steps
        {
            return fail(
                "transformer.positions",
                format!("must be learned for at least {steps} steps, found {max_length}"),
            );
        }
        let per_sample = steps
            .saturating_mul(steps)
            .saturating_mul(own.num_heads)
            .saturating_mul(own.num_layers)
            .saturating_mul(ATTENTION_COPIES);
        if per_sample.saturating_mul(self.train.batch_size) <= MAX_ATTENTION {
            return Ok(());
        }
        let most = MAX_ATTENTION / per_sample.max(1);
        let what = format!(
            "attention over {steps} steps ({} layers of {} heads) takes {:.0} GB for each sample",
            own.num_layers,
            own.num_heads,
            4e-9 * per_sample as f64
        );
        let shorter = match self.task.uses("lengths") {
            true => ", or shorten sequences with data.max_length",
            false => "",
        };
        match most {
            0 => fail(
                "model.kind",
                format!("cannot be transformer here: {what}{shorter}"),
            ),
            most => fail(
                "train.batch_size",
                format!(
                    "must be at most {most}, found {}: {what}{shorter}",
                    self.train.batch_size
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_model_fits_its_tasks_or_says_why() {
        for name in [
            "quick",
            "spikes-adding",
            "listops",
            "text",
            "retrieval",
            "image",
            "pathx",
        ] {
            for kind in ModelKind::ALL {
                let mut recipe = Recipe::builtin(name).unwrap().with_model(kind);
                if name != "quick" && name != "spikes-adding" {
                    recipe.set("data.dir=folder").unwrap();
                }
                match recipe.validate() {
                    Ok(()) => {}
                    Err(error) => {
                        let error = error.to_string();
                        assert_eq!(kind, ModelKind::Transformer, "{name}: {error}");
                        let long = ["listops", "text", "retrieval", "pathx"].contains(&name);
                        assert!(long && error.contains("attention over"), "{name}: {error}");
                        assert!(error.contains("`train.batch_size`"), "{name}: {error}");
                    }
                }
            }
        }
        let mut recipe = Recipe::builtin("pathx")
            .unwrap()
            .with_model(ModelKind::Transformer);
        recipe.set("data.dir=folder").unwrap();
        recipe.set("transformer.num_layers=9").unwrap();
        let error = recipe.validate().unwrap_err().to_string();
        assert!(
            error.contains("`model.kind` cannot be transformer"),
            "{error}"
        );
        let mut recipe = Recipe::builtin("listops")
            .unwrap()
            .with_model(ModelKind::Transformer);
        recipe.set("data.dir=folder").unwrap();
        recipe.set("data.max_length=200").unwrap();
        recipe.validate().unwrap();
        recipe
            .set("transformer.positions={learned={max_length=100}}")
            .unwrap();
        let error = recipe.validate().unwrap_err().to_string();
        assert!(error.contains("at least 200 steps, found 100"), "{error}");
    }

    #[test]
    fn no_size_asks_for_more_memory_than_there_is() {
        for key in [
            "network.num_memory",
            "network.last_neurons",
            "network.hidden_layers",
            "network.hidden_size",
            "network.num_branches",
            "network.synapses_per_branch",
            "network.hidden_neurons",
            "chrono_lstm.hidden_size",
            "transformer.embedding",
            "transformer.num_layers",
            "transformer.mlp_size",
            "tcn.width",
            "tcn.depth",
            "lif.num_neurons",
        ] {
            let kind = match key.split('.').next().unwrap() {
                "chrono_lstm" => ModelKind::ChronoLstm,
                section => ModelKind::from_name(section).unwrap(),
            };
            for size in ["9007199254740993", "1000000000", "67108864"] {
                let mut recipe = Recipe::builtin("spikes").unwrap().with_model(kind);
                let value = match key {
                    "network.hidden_neurons" => format!("[{size}]"),
                    _ => size.into(),
                };
                let wrong = recipe.set(&format!("{key}={value}"));
                let wrong = wrong.and_then(|()| recipe.validate());
                let error = wrong.unwrap_err().to_string();
                assert!(
                    error.contains("at most") || error.contains("too large"),
                    "{key} {error}"
                );
            }
        }
    }

    #[test]
    fn sizes_of_other_models_are_checked_by_their_keys() {
        for (name, kind, assignment, key) in [
            (
                "spikes",
                ModelKind::Network,
                "network.hidden_neurons=[0]",
                "network.hidden_neurons",
            ),
            (
                "spikes",
                ModelKind::Network,
                "network.input_dropout=1",
                "network.input_dropout",
            ),
            (
                "spikes",
                ModelKind::Network,
                "network.regularisers=[{target='population_activity', layers=[2], strength=1}]",
                "network.regularisers",
            ),
            (
                "quick",
                ModelKind::Network,
                "network.input_dropout=0.1",
                "network.input_dropout",
            ),
            (
                "spikes",
                ModelKind::ChronoLstm,
                "chrono_lstm.t_max=1",
                "chrono_lstm.t_max",
            ),
            (
                "spikes",
                ModelKind::ChronoLstm,
                "chrono_lstm.hidden_size=0",
                "chrono_lstm.hidden_size",
            ),
            (
                "spikes",
                ModelKind::Transformer,
                "transformer.num_heads=3",
                "transformer.num_heads",
            ),
            (
                "spikes",
                ModelKind::Transformer,
                "transformer.num_layers=0",
                "transformer.num_layers",
            ),
            ("quick", ModelKind::Tcn, "tcn.width=0", "tcn.width"),
            ("spikes", ModelKind::Lif, "lif.threshold=0", "lif.threshold"),
            ("spikes", ModelKind::Lif, "model.dt=0", "model.dt"),
        ] {
            let mut recipe = Recipe::builtin(name).unwrap().with_model(kind);
            recipe.validate().unwrap();
            let wrong = recipe.set(assignment).and_then(|()| recipe.validate());
            let error = wrong.unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{assignment}: {error}");
        }
    }
}
