//! The ranges of a recipe's values.

mod model;

use elm_data::Task;
use elm_data::neuronio::MAX_DURATION_MS;
use elm_data::task::TaskKind;

use super::{DataSource, OptimizerChoice, Recipe, RecipeError};
use crate::model::ModelKind;

/// Most time steps in a batch: their inputs take about 5 KB each.
const MAX_BATCH_STEPS: usize = 1 << 22;
/// Most threads that make batches; each holds two of them.
const MAX_WORKERS: usize = 256;
/// Longest n-grams that a text is compared with.
const MAX_NGRAM: usize = 8;
/// Most of the input that may be left out: what is kept is scaled by 1 / (1 - p).
const MAX_DROPOUT: f64 = 0.999;
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
            TaskKind::NeuronIo => self.validate_neuronio(),
            TaskKind::Classification { .. } => self.validate_classification(),
            TaskKind::Language | TaskKind::Open => self.validate_own_files(),
        }
    }

    /// Checks everything but which data are named: model and training. The sizes that follow from a user's own files are
    /// checked once these have been opened.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn validate_settings(&self) -> Result<(), RecipeError> {
        if i64::try_from(self.seed).is_err() {
            return fail("seed", format!("must be below 2^63, found {}", self.seed));
        }
        if let Some(workers) = self.data.workers
            && !(1..=MAX_WORKERS).contains(&workers)
        {
            return fail(
                "data.workers",
                format!("must be 1 to {MAX_WORKERS}, found {workers}"),
            );
        }
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
        if self.train.input_dropout > MAX_DROPOUT {
            return fail(
                "train.input_dropout",
                format!(
                    "must be at most {MAX_DROPOUT}, found {}",
                    self.train.input_dropout
                ),
            );
        }
        if self.task.is_language() {
            self.validate_text()?;
        }
        self.validate_model()?;
        self.validate_train()
    }

    fn validate_neuronio(&self) -> Result<(), RecipeError> {
        if let Some(fraction) = self.data.file_load_fraction
            && !(fraction > 0.0 && fraction.is_finite())
        {
            return fail(
                "data.file_load_fraction",
                format!("must be a number above 0, found {fraction}"),
            );
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

    fn validate_own_files(&self) -> Result<(), RecipeError> {
        let data = &self.data;
        if data.train.paths().is_empty() {
            return fail(
                "data.train",
                format!(
                    "names no files: give those of {} with --set data.train='[\"FILE\"]' ({})",
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

    fn validate_text(&self) -> Result<(), RecipeError> {
        let text = &self.text;
        at_least_one("text.steps", text.steps)?;
        for (key, value) in [
            ("text.valid_fraction", text.valid_fraction),
            ("text.test_fraction", text.test_fraction),
        ] {
            if !(0.0..1.0).contains(&value) {
                return fail(
                    key,
                    format!("must be at least 0 and below 1, found {value}"),
                );
            }
        }
        for value in [text.state_drop.first, text.state_drop.last] {
            if !(0.0..=1.0).contains(&value) {
                return fail(
                    "text.state_drop",
                    format!("must have probabilities of 0 to 1, found {value}"),
                );
            }
        }
        if text.ngram > MAX_NGRAM {
            return fail(
                "text.ngram",
                format!("must be 0 to {MAX_NGRAM}, found {}", text.ngram),
            );
        }
        Ok(())
    }

    fn validate_train(&self) -> Result<(), RecipeError> {
        let train = &self.train;
        for (key, value) in [
            ("train.epochs", train.epochs),
            ("train.batch_size", train.batch_size),
            ("train.accumulate", train.accumulate),
            ("train.log_every", train.log_every),
            ("checkpoint.keep", self.checkpoint.keep),
        ] {
            at_least_one(key, value)?;
        }
        if self.task == Task::Neuronio {
            at_least_one("train.batches_per_epoch", train.batches_per_epoch)?;
        }
        let longest = MAX_DURATION_MS as usize;
        if !(1..=longest).contains(&train.window_ms) {
            return fail(
                "train.window_ms",
                format!(
                    "must be 1 to {longest} ms, the longest simulation, found {}",
                    train.window_ms
                ),
            );
        }
        self.validate_batches()?;
        self.validate_rates()?;
        self.validate_optimizer()
    }

    /// How much is trained on, at once and in all.
    fn validate_batches(&self) -> Result<(), RecipeError> {
        let train = &self.train;
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
        if train.batch_size.saturating_mul(train.accumulate) > MAX_SAMPLES {
            return fail(
                "train.accumulate",
                format!(
                    "must make at most {MAX_SAMPLES} samples a step with train.batch_size = {}, found {}",
                    train.batch_size, train.accumulate
                ),
            );
        }
        if train.steps > MAX_STEPS {
            return fail(
                "train.steps",
                format!("must be at most {MAX_STEPS}, found {}", train.steps),
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

    fn validate_rates(&self) -> Result<(), RecipeError> {
        let train = &self.train;
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
            ("train.minutes", train.minutes),
            ("train.timescale_rate", train.timescale_rate),
            ("train.weight_decay", train.weight_decay),
            ("checkpoint.every_minutes", self.checkpoint.every_minutes),
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
        Ok(())
    }

    fn validate_optimizer(&self) -> Result<(), RecipeError> {
        let train = &self.train;
        if !(0.0..1.0).contains(&train.average_decay) {
            return fail(
                "train.average_decay",
                format!(
                    "must be at least 0 and below 1, found {}",
                    train.average_decay
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
}

impl Recipe {
    /// Are any memory timescales trained?
    fn learns_timescales(&self) -> bool {
        match self.model.kind {
            ModelKind::Elm => self.model.learn_memory_tau,
            ModelKind::Network => self.network.learn_memory_tau,
            _ => true,
        }
    }

    fn validate_classification(&self) -> Result<(), RecipeError> {
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
        if let Some(dir) = &data.dir {
            no_tilde("data.dir", dir)?;
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
            (
                "train.window_ms=0",
                "train.window_ms",
                "the longest simulation",
            ),
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
            (
                "model.branches=9223372036854775807",
                "model.branches",
                "too large",
            ),
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
            recipe.set(assignment).unwrap();
            let error = recipe.validate().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{key}`")) && error.contains(words),
                "{error}"
            );
        }
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
