//! What a recipe's values must be: each in its range, and all of them together.

mod model;

use elm_data::task::TaskKind;

use super::schema::{self, keys};
use super::{DataSource, OptimizerChoice, Recipe, RecipeError};
use crate::model::ModelKind;

/// Most time steps in a batch: their inputs take about 5 KB each.
const MAX_BATCH_STEPS: usize = 1 << 22;
/// Most samples of a gradient step.
const MAX_SAMPLES: usize = 1 << 20;
/// Most gradient steps of a training.
const MAX_STEPS: usize = 1 << 40;

impl Recipe {
    /// Checks the range of every value, and that the data is named.
    ///
    /// # Errors
    /// [`RecipeError::Value`] for the first key at fault, with what was expected and found.
    pub fn validate(&self) -> Result<(), RecipeError> {
        self.validate_settings()?;
        match self.task.info().kind {
            TaskKind::NeuronIo => {
                let data = &self.data;
                validate_source("data.train", &data.train)?;
                validate_source("data.valid", &data.valid)?;
                validate_source("data.test", &data.test)
            }
            TaskKind::Classification { .. } => self.validate_folder(),
            TaskKind::Language | TaskKind::Open => self.validate_own_files(),
        }
    }

    /// Checks everything but which data are named: model and training. The sizes that follow from a user's own files are
    /// checked once these have been opened.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn validate_settings(&self) -> Result<(), RecipeError> {
        let Some(table) = self.try_table() else {
            return fail("seed", "or another one must be below 2^63".into());
        };
        for key in keys().iter().filter(|key| key.serves(self)) {
            let problem = key
                .value(&table)
                .and_then(|value| schema::problem(&key.schema, value));
            if let Some(problem) = problem {
                return fail(&key.name, problem);
            }
        }
        self.validate_model()?;
        self.validate_batches()?;
        self.validate_optimizer()
    }

    fn validate_own_files(&self) -> Result<(), RecipeError> {
        let data = &self.data;
        if data.train.paths().is_empty() {
            return fail(
                "data.train",
                format!(
                    "names no files: give those of {} with --set data.train=FILE ({})",
                    self.task,
                    self.task.info().files
                ),
            );
        }
        for (key, source) in [
            ("data.train", &data.train),
            ("data.valid", &data.valid),
            ("data.test", &data.test),
        ] {
            match source {
                DataSource::Shipped => {
                    return fail(
                        key,
                        format!(
                            "is \"shipped\", which only neuronio has; {} needs files",
                            self.task
                        ),
                    );
                }
                DataSource::Paths(paths) if paths.is_empty() => {}
                DataSource::Paths(_) => validate_source(key, source)?,
            }
        }
        Ok(())
    }

    /// How much is trained on, at once and in all.
    fn validate_batches(&self) -> Result<(), RecipeError> {
        let train = &self.train;
        if self.task.is_neuronio() && train.batches_per_epoch == 0 {
            return fail(
                "train.batches_per_epoch",
                "must be at least 1, found 0".into(),
            );
        }
        // the longest sequence of a task is one sample's
        let steps = self.steps();
        let what = match self.task.is_neuronio() {
            true => format!("windows of {steps} ms"),
            false => format!("sequences of {steps} steps"),
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
        if train.batch_size.saturating_mul(train.accumulate) > MAX_SAMPLES {
            return fail(
                "train.accumulate",
                format!(
                    "must make at most {MAX_SAMPLES} samples a step with train.batch_size = {}, found {}",
                    train.batch_size, train.accumulate
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
        Ok(())
    }

    fn validate_optimizer(&self) -> Result<(), RecipeError> {
        let train = &self.train;
        if train.final_learning_rate > train.learning_rate {
            return fail(
                "train.final_learning_rate",
                format!(
                    "must be at most train.learning_rate = {}, found {}",
                    train.learning_rate, train.final_learning_rate
                ),
            );
        }
        if train.weight_decay > 0.0 && train.optimizer != OptimizerChoice::Adamw {
            return fail(
                "train.weight_decay",
                "has no use but in the optimizer adamw: add --set train.optimizer=adamw".into(),
            );
        }
        if train.timescale_rate != 1.0 && !self.learns_timescales() {
            return fail(
                "train.timescale_rate",
                "has no use here: the memory timescales are not trained (learn_memory_tau is false)"
                    .into(),
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

    /// Are any memory timescales trained?
    fn learns_timescales(&self) -> bool {
        match self.model.kind {
            ModelKind::Elm => self.model.learn_memory_tau,
            ModelKind::Network => self.network.network.neuron.learn_memory_tau,
            _ => true,
        }
    }

    fn validate_folder(&self) -> Result<(), RecipeError> {
        if let Err(error) = self.task_options().binning.steps() {
            return fail("data.bin_ms", format!("does not fit: {error}"));
        }
        if let Err(error) = self.task.side(&self.task_options()) {
            return fail("data.shrink", format!("does not fit: {error}"));
        }
        let info = self.task.info();
        match &self.data.dir {
            Some(dir) if !dir.as_os_str().is_empty() => no_tilde("data.dir", dir),
            _ => fail(
                "data.dir",
                format!(
                    "names no folder: give that of {} with --set data.dir=FOLDER (source: {})",
                    info.files, info.source
                ),
            ),
        }
    }
}

/// A path that the shell would have expanded, had it not been quoted or behind a `=`.
fn no_tilde(key: &str, path: &std::path::Path) -> Result<(), RecipeError> {
    match path.starts_with("~") {
        true => fail(
            key,
            format!(
                "is {}: `~` is only expanded by the shell; give the path in full",
                path.display()
            ),
        ),
        false => Ok(()),
    }
}

fn validate_source(key: &str, source: &DataSource) -> Result<(), RecipeError> {
    if source.is_empty() {
        return fail(
            key,
            format!(
                "names no simulations: give NeuronIO files or a folder with --set {key}=folder"
            ),
        );
    }
    match source {
        DataSource::Paths(paths) if paths.iter().any(|path| path.as_os_str().is_empty()) => {
            fail(key, "has an empty path".into())
        }
        DataSource::Paths(paths) => paths.iter().try_for_each(|path| no_tilde(key, path)),
        DataSource::Shipped => Ok(()),
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
            ("train.window_ms=0", "train.window_ms", "1 to"),
            ("train.learning_rate=0", "train.learning_rate", "above 0"),
            ("train.learning_rate=nan", "train.learning_rate", "above 0"),
            ("train.learning_rate=5", "train.learning_rate", "at most 1"),
            (
                "train.batch_size=10000000",
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
            (
                "model.branches=9223372036854775807",
                "model.branches",
                "at most",
            ),
            (
                "model.synapses_per_branch=9223372036854775807",
                "model.synapses_per_branch",
                "at most",
            ),
            (
                "model.memory_tau_max=1e300",
                "model.memory_tau_max",
                "32 bits",
            ),
            (
                "train.final_learning_rate=1",
                "train.final_learning_rate",
                "at most train.learning_rate",
            ),
            ("train.clip_norm=-1", "train.clip_norm", "at least 0"),
            ("train.accumulate=0", "train.accumulate", "at least 1"),
            (
                "train.accumulate=9223372036854775807",
                "train.accumulate",
                "at most",
            ),
            ("train.steps=9223372036854775807", "train.steps", "at most"),
            ("train.log_every=0", "train.log_every", "at least 1"),
            ("train.average_decay=1", "train.average_decay", "below 1"),
            (
                "train.weight_decay=0.1",
                "train.weight_decay",
                "train.optimizer=adamw",
            ),
            (
                "train.timescale_rate=0.1",
                "train.timescale_rate",
                "not trained",
            ),
            ("checkpoint.keep=0", "checkpoint.keep", "at least 1"),
            (
                "checkpoint.every_minutes=-1",
                "checkpoint.every_minutes",
                "at least 0",
            ),
            ("train.minutes=-1", "train.minutes", "at least 0"),
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
                "at least memory_tau_min",
            ),
            ("model.lambda=-5", "model.lambda", "positive"),
            ("data.valid=[]", "data.valid", "names no simulations"),
            ("data.valid=['']", "data.valid", "empty path"),
        ] {
            let mut recipe = Recipe::builtin("quick").unwrap();
            recipe.validate().unwrap();
            let wrong = recipe.set(assignment).and_then(|()| recipe.validate());
            let error = wrong.unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{key}`")) && error.contains(words),
                "{error}"
            );
        }
    }

    #[test]
    fn a_value_that_the_code_sets_is_checked_as_well() {
        let mut recipe = Recipe::default();
        recipe.train.epochs = 0;
        let error = recipe.validate().unwrap_err().to_string();
        let words = "recipe: `train.epochs` must be a whole number of at least 1, found 0";
        assert_eq!(error, words);
        recipe = Recipe::default();
        recipe.train.clip_norm = f64::NAN;
        assert!(
            recipe
                .validate()
                .unwrap_err()
                .to_string()
                .contains("found nan")
        );
    }

    #[test]
    fn paths_may_look_like_numbers_but_not_like_homes() {
        let mut recipe = Recipe::builtin("shd").unwrap();
        recipe.set("data.dir=2024").unwrap();
        assert_eq!(recipe.data.dir.as_deref(), Some("2024".as_ref()));
        recipe.set("data.dir=~/shd").unwrap();
        let error = recipe.validate().unwrap_err().to_string();
        assert!(
            error.contains("`data.dir`") && error.contains("path in full"),
            "{error}"
        );
        let mut recipe = Recipe::builtin("quick").unwrap();
        recipe.set("data.train=['~/sims']").unwrap();
        assert!(recipe.validate().is_err());
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
