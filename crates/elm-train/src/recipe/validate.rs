//! The ranges of a recipe's values.

use elm_data::Task;
use elm_model::ElmError;
use elm_model::baselines::Positions;

use super::{DataSource, Recipe, RecipeError};
use crate::model::ModelKind;

/// Length of a NeuronIO simulation in ms.
const SIMULATION_MS: usize = 6000;

/// Most time steps in a batch: their inputs take about 5 KB each.
const MAX_BATCH_STEPS: usize = 1 << 22;
/// Tensors of the size of its weights that attention keeps for the backward pass, about.
const ATTENTION_COPIES: usize = 4;
/// Most numbers in all of them together: 32 GB.
const MAX_ATTENTION: usize = 8 << 30;
/// Most gradient steps of a training.
const MAX_STEPS: usize = 1 << 40;

impl Recipe {
    /// Checks the range of every value, and that the data is named.
    ///
    /// # Errors
    /// [`RecipeError::Value`] for the first key at fault, with what was expected and found.
    pub fn validate(&self) -> Result<(), RecipeError> {
        if i64::try_from(self.seed).is_err() {
            return fail("seed", format!("must be below 2^63, found {}", self.seed));
        }
        if self.task == Task::Enwik8 {
            return fail(
                "task",
                "names enwik8, which can be read but not trained on yet".into(),
            );
        }
        self.validate_model()?;
        self.validate_train()?;
        if self.task != Task::Neuronio {
            return self.validate_classification();
        }
        for (key, source) in [
            ("data.train", &self.data.train),
            ("data.valid", &self.data.valid),
            ("data.test", &self.data.test),
        ] {
            validate_source(key, source)?;
        }
        Ok(())
    }

    fn validate_model(&self) -> Result<(), RecipeError> {
        if self.model.kind == ModelKind::Elm {
            at_least_one("model.num_memory", self.model.num_memory)?;
            at_least_one("model.mlp_hidden", self.model.mlp_hidden.unwrap_or(1))?;
            if self.task == Task::Neuronio {
                at_least_one("model.branches", self.model.branches)?;
            }
            at_least_one("model.synapses_per_branch", self.model.synapses_per_branch)?;
        }
        let section = self.model.kind.section();
        match self.model_config().validate() {
            Ok(()) => {}
            Err(ElmError::Config { field, problem }) => {
                let key = match (self.model.kind, field) {
                    (_, "dt") => "model.dt".to_string(),
                    (ModelKind::Elm, "num_branches") => "model.branches".to_string(),
                    (ModelKind::Elm, "hidden_size") => "model.mlp_hidden".to_string(),
                    (ModelKind::Elm, "hidden_layers") => "model.mlp_layers".to_string(),
                    (_, same) => format!("{section}.{same}"),
                };
                return fail(&key, problem);
            }
            Err(other) => return fail(section, format!("describes no model: {other}")),
        }
        match self.model.kind {
            ModelKind::Network if self.network.is_single(self.task) => self.validate_single(),
            ModelKind::Transformer => self.validate_attention(),
            _ => Ok(()),
        }
    }

    /// One neuron has no use for what makes a network.
    fn validate_single(&self) -> Result<(), RecipeError> {
        let (own, plain) = (&self.network, &Self::of(self.task).network);
        for (key, set) in [
            ("last_neurons", own.last_neurons != plain.last_neurons),
            (
                "output_embedding",
                own.output_embedding != plain.output_embedding,
            ),
            ("high_pass_tau", own.high_pass_tau != plain.high_pass_tau),
            (
                "output_activation",
                own.output_activation != plain.output_activation,
            ),
            ("wiring", own.wiring != plain.wiring),
            ("input_dropout", own.input_dropout != plain.input_dropout),
            (
                "recurrent_dropout",
                own.recurrent_dropout != plain.recurrent_dropout,
            ),
            ("memory_dropout", own.memory_dropout != plain.memory_dropout),
            ("first", own.first != plain.first),
            ("last", own.last != plain.last),
            ("regularisers", own.regularisers != plain.regularisers),
        ] {
            if set {
                return fail(
                    &format!("network.{key}"),
                    "has no use in a single neuron: set network.hidden_neurons as well".into(),
                );
            }
        }
        Ok(())
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
        let shorter = match self.task {
            Task::ListOps | Task::Text | Task::Retrieval => {
                ", or shorten sequences with data.max_length"
            }
            _ => "",
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

    fn validate_train(&self) -> Result<(), RecipeError> {
        let train = &self.train;
        at_least_one("train.epochs", train.epochs)?;
        if self.task == Task::Neuronio {
            at_least_one("train.batches_per_epoch", train.batches_per_epoch)?;
        }
        at_least_one("train.batch_size", train.batch_size)?;
        if !(1..=SIMULATION_MS).contains(&train.window_ms) {
            return fail(
                "train.window_ms",
                format!(
                    "must be 1 to {SIMULATION_MS} ms, a simulation's length, found {}",
                    train.window_ms
                ),
            );
        }
        // the longest sequence of a task is one sample's
        let (what, steps) = match self.task {
            Task::Neuronio => (
                format!("windows of {} ms", train.window_ms),
                train.window_ms,
            ),
            _ => {
                let steps = self.steps();
                (format!("sequences of {steps} steps"), steps)
            }
        };
        if train.batch_size.saturating_mul(steps) > MAX_BATCH_STEPS {
            return fail(
                "train.batch_size",
                format!(
                    "must be at most {} for {what}, found {}",
                    MAX_BATCH_STEPS / steps.max(1),
                    train.batch_size
                ),
            );
        }
        if train.epochs.saturating_mul(train.batches_per_epoch.max(1)) > MAX_STEPS {
            return fail(
                "train.epochs",
                format!(
                    "must make at most {MAX_STEPS} batches in all, found {} epochs of {}",
                    train.epochs, train.batches_per_epoch
                ),
            );
        }
        // Burn's schedulers take no more than 1
        if !(train.learning_rate > 0.0 && train.learning_rate <= 1.0) {
            return fail(
                "train.learning_rate",
                format!(
                    "must be above 0 and at most 1, found {}",
                    train.learning_rate
                ),
            );
        }
        for (key, value) in [
            ("train.final_learning_rate", train.final_learning_rate),
            ("train.clip_norm", train.clip_norm),
            ("train.spike_weight", train.spike_weight),
            ("train.soma_weight", train.soma_weight),
        ] {
            if !((value as f32).is_finite() && value >= 0.0) {
                return fail(
                    key,
                    format!("must be a number of at least 0, found {value:?}"),
                );
            }
        }
        if train.final_learning_rate > train.learning_rate {
            return fail(
                "train.final_learning_rate",
                format!(
                    "must be at most train.learning_rate = {}, found {}",
                    train.learning_rate, train.final_learning_rate
                ),
            );
        }
        if train.spike_weight + train.soma_weight == 0.0 {
            return fail(
                "train.spike_weight",
                "must be above 0 when train.soma_weight is 0: nothing would be learnt".into(),
            );
        }
        Ok(())
    }
}

impl Recipe {
    fn validate_classification(&self) -> Result<(), RecipeError> {
        for (key, value) in [
            ("train.label_smoothing", self.train.label_smoothing),
            ("train.input_dropout", self.train.input_dropout),
        ] {
            if !(0.0..1.0).contains(&value) {
                return fail(
                    key,
                    format!("must be at least 0 and below 1, found {value}"),
                );
            }
        }
        let data = &self.data;
        for (key, value) in [
            ("data.max_length", data.max_length),
            ("data.make_train", data.make_train),
            ("data.make_test", data.make_test),
            ("data.valid_samples", data.valid_samples),
            ("data.test_samples", data.test_samples),
        ] {
            at_least_one(key, value.unwrap_or(1))?;
        }
        if let Err(error) = self.task_options().binning.steps() {
            return fail("data.bin_ms", format!("does not fit: {error}"));
        }
        if data
            .dir
            .as_ref()
            .is_none_or(|dir| dir.as_os_str().is_empty())
        {
            let info = self.task.info();
            return fail(
                "data.dir",
                format!(
                    "names no folder: give that of {} with --set data.dir=FOLDER (source: {})",
                    info.files, info.source
                ),
            );
        }
        Ok(())
    }
}

fn at_least_one(key: &str, value: usize) -> Result<(), RecipeError> {
    match value {
        0 => fail(key, "must be at least 1, found 0".into()),
        _ => Ok(()),
    }
}

fn validate_source(key: &str, source: &DataSource) -> Result<(), RecipeError> {
    if source.is_empty() {
        return fail(
            key,
            format!(
                "names no simulations: give NeuronIO files or a folder with --set {key}='[\"folder\"]'"
            ),
        );
    }
    match source {
        DataSource::Paths(paths) if paths.iter().any(|path| path.as_os_str().is_empty()) => {
            fail(key, "has an empty path".into())
        }
        _ => Ok(()),
    }
}

fn fail(key: &str, problem: String) -> Result<(), RecipeError> {
    Err(RecipeError::Value {
        origin: "recipe".into(),
        key: key.into(),
        problem,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_range_error_names_its_key() {
        for (assignment, key, words) in [
            ("train.epochs=0", "train.epochs", "at least 1"),
            ("train.batch_size=0", "train.batch_size", "at least 1"),
            (
                "train.batches_per_epoch=0",
                "train.batches_per_epoch",
                "at least 1",
            ),
            ("train.window_ms=7000", "train.window_ms", "1 to 6000 ms"),
            ("train.learning_rate=0", "train.learning_rate", "above 0"),
            ("train.learning_rate=nan", "train.learning_rate", "above 0"),
            ("train.learning_rate=5", "train.learning_rate", "at most 1"),
            (
                "train.batch_size=9223372036854775807",
                "train.batch_size",
                "at most 8388",
            ),
            (
                "train.epochs=9223372036854775807",
                "train.epochs",
                "at most",
            ),
            ("train.spike_weight=1e300", "train.spike_weight", "number"),
            (
                "model.num_memory=100000000",
                "model.num_memory",
                "too large",
            ),
            (
                "model.mlp_hidden=100000000",
                "model.mlp_hidden",
                "too large",
            ),
            ("model.mlp_layers=1000000000", "model.mlp_layers", "at most"),
            ("model.branches=99999999", "model.branches", "too large"),
            (
                "model.synapses_per_branch=9223372036854775807",
                "model.synapses_per_branch",
                "too large",
            ),
            (
                "model.memory_tau_max=1e300",
                "model.memory_tau_max",
                "positive",
            ),
            (
                "train.final_learning_rate=1",
                "train.final_learning_rate",
                "at most train.learning_rate",
            ),
            ("train.clip_norm=-1", "train.clip_norm", "at least 0"),
            ("train.soma_weight=inf", "train.soma_weight", "at least 0"),
            ("model.num_memory=0", "model.num_memory", "at least 1"),
            ("model.mlp_hidden=0", "model.mlp_hidden", "at least 1"),
            ("model.branches=0", "model.branches", "at least 1"),
            (
                "model.synapses_per_branch=3",
                "model.synapses_per_branch",
                "at least",
            ),
            (
                "model.memory_tau_max=0.5",
                "model.memory_tau_max",
                "above memory_tau_min",
            ),
            ("model.lambda=-5", "model.lambda", "positive"),
            ("data.valid=[]", "data.valid", "names no simulations"),
            ("data.valid=['']", "data.valid", "empty path"),
        ] {
            let mut recipe = Recipe::builtin("quick").unwrap();
            recipe.validate().unwrap();
            recipe.set(assignment).unwrap();
            let error = recipe.validate().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{key}`")) && error.contains(words),
                "{error}"
            );
        }
    }

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
    fn sizes_of_other_models_are_checked_by_their_keys() {
        for (name, kind, assignment, key) in [
            (
                "spikes",
                ModelKind::Network,
                "network.hidden_neurons=[0]",
                "network.num_neurons",
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
            recipe.set(assignment).unwrap();
            let error = recipe.validate().unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{assignment}: {error}");
        }
    }

    #[test]
    fn a_recipe_that_learns_nothing_is_refused() {
        let mut recipe = Recipe::builtin("quick").unwrap();
        recipe.set("train.spike_weight=0").unwrap();
        recipe.validate().unwrap();
        recipe.set("train.soma_weight=0").unwrap();
        assert!(
            recipe
                .validate()
                .unwrap_err()
                .to_string()
                .contains("nothing would be learnt")
        );
    }
}
