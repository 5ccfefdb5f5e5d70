//! Recipes from text and back, and changes to single keys.
//!
//! A file and `--set` go the same way: each key is put alone into a valid recipe, so that whatever serde
//! has to say about it belongs to that key.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use elm_data::Task;
use elm_data::task::TaskKind;
use toml::{Table, Value};

use super::hint::key_hint;
use super::keys::{RecipeKey, SECTIONS};
use super::{Recipe, RecipeError, keys};

/// The key that chooses the model.
const KIND: &str = "model.kind";

impl Recipe {
    /// Reads a recipe file; keys that it leaves out have their default. Call [`Recipe::validate`] when
    /// all changes are made.
    ///
    /// # Errors
    /// [`RecipeError`] for a file that cannot be read or is not TOML, an unknown key (with the nearest
    /// known one) or a value of the wrong type.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, RecipeError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| RecipeError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Self::from_toml(&text, &path.display().to_string())
    }

    /// Reads a recipe from TOML text; `origin` says in errors where the text came from.
    ///
    /// # Errors
    /// As [`Recipe::load`].
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, RecipeError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let offset = error.span().map_or(0, |span| span.start);
            RecipeError::Syntax {
                origin: origin.to_string(),
                line: 1 + text.bytes().take(offset).filter(|&b| b == b'\n').count(),
                problem: one_line(error.message()),
            }
        })?;
        // The task and the model decide which keys there are and what they are unless set.
        let mut recipe = Self::default();
        if let Some(task) = table.get("task") {
            recipe.put("task", task.clone(), origin)?;
            recipe = Self::of(recipe.task);
        }
        // sizes in ms follow from the time step, which follows from the bins
        for (section, name) in [("data", "bin_ms"), ("arrays", "events"), ("model", "dt")] {
            if let Some(value) = lookup(&table, section, name) {
                recipe.put(&format!("{section}.{name}"), value.clone(), origin)?;
            }
        }
        if let Some(kind) = lookup(&table, "model", "kind") {
            recipe.choose_model(kind.clone(), origin)?;
        }
        for (name, value) in table {
            if !SECTIONS.contains(&name.as_str()) {
                recipe.put(&name, value, origin)?;
                continue;
            }
            let Value::Table(section) = value else {
                return Err(RecipeError::Value {
                    origin: origin.to_string(),
                    problem: format!("must be a table `[{name}]`, found {}", value.type_str()),
                    key: name,
                });
            };
            for (key, value) in section {
                recipe.put(&format!("{name}.{key}"), value, origin)?;
            }
        }
        Ok(recipe)
    }

    /// Changes one key, as `--set` does: `train.epochs=3`. The value is TOML; what is no TOML is text.
    ///
    /// # Errors
    /// [`RecipeError`] for text without `=`, an unknown key (with the nearest known one) or a value of
    /// the wrong type; the recipe is then as before.
    pub fn set(&mut self, assignment: &str) -> Result<(), RecipeError> {
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(RecipeError::Override {
                text: assignment.to_string(),
            });
        };
        let (key, value) = (key.trim(), value.trim());
        let (before, dt) = (self.task, self.dt());
        let parsed = value
            .parse()
            .unwrap_or_else(|_| Value::String(value.to_string()));
        if key == KIND {
            return self.choose_model(parsed, "--set");
        }
        self.put(key, parsed, "--set")?;
        self.follow_time_step(dt);
        // its other keys would be those of another kind of task
        if family(before) != family(self.task) {
            let now = std::mem::replace(&mut self.task, before);
            return Err(RecipeError::Value {
                origin: "--set".into(),
                key: key.into(),
                problem: format!(
                    "cannot turn a recipe of {before} into one of {now}: start from a recipe of that task"
                ),
            });
        }
        Ok(())
    }

    /// Takes another model, with its sizes for the task.
    fn choose_model(&mut self, value: Value, origin: &str) -> Result<(), RecipeError> {
        let mut chosen = self.clone();
        chosen.put(KIND, value, origin)?;
        *self = self.clone().with_model(chosen.model.kind);
        Ok(())
    }

    /// The recipe with every key and its meaning as TOML; [`Recipe::load`] reads it back.
    pub fn to_toml(&self) -> String {
        // a recipe is numbers, text and lists: serialising cannot fail but for a seed above 2^63 − 1,
        // which `validate` refuses
        let table = Table::try_from(self).unwrap_or_default();
        let mut text = String::new();
        let mut current = "";
        for key in keys().iter().filter(|key| key.serves(self)) {
            let (section, name) = key.split();
            if section != current {
                text.push_str(&format!("\n[{section}]\n"));
                current = section;
            }
            match lookup(&table, section, name) {
                Some(value) => text.push_str(&format!("{name} = {value}  # {}\n", key.help)),
                None => text.push_str(&format!("# {name}: {}\n", key.help)),
            }
        }
        text
    }

    /// The keys in which another recipe differs, with the value here and there.
    pub fn differences(&self, other: &Self) -> BTreeMap<String, [String; 2]> {
        let table = |recipe: &Self| Table::try_from(recipe).unwrap_or_default();
        let (here, there) = (table(self), table(other));
        let value = |table: &Table, key: &RecipeKey| {
            let (section, name) = key.split();
            lookup(table, section, name).map_or("unset".into(), Value::to_string)
        };
        let pairs = keys().iter().map(|key| {
            let pair = [value(&here, key), value(&there, key)];
            (key.name.to_string(), pair)
        });
        pairs.filter(|(_, [a, b])| a != b).collect()
    }

    /// Sets the dotted `key`; the recipe stays as it was when that fails.
    fn put(&mut self, key: &str, value: Value, origin: &str) -> Result<(), RecipeError> {
        if SECTIONS.contains(&key) {
            let own = keys().iter().filter(|k| k.serves(self));
            let name = own.map(|k| k.name).find(|n| n.starts_with(key));
            return Err(RecipeError::Value {
                origin: origin.to_string(),
                key: key.to_string(),
                problem: format!(
                    "is a table of keys, name one of them, such as `{}`",
                    name.unwrap_or(key)
                ),
            });
        }
        let Some(known) = keys().iter().find(|known| known.name == key) else {
            return Err(RecipeError::UnknownKey {
                origin: origin.to_string(),
                key: key.to_string(),
                hint: key_hint(key),
            });
        };
        let bad = |problem: String| RecipeError::Value {
            origin: origin.to_string(),
            key: key.to_string(),
            problem,
        };
        if let Some(what) = known.useless_in(self) {
            return Err(bad(format!("has no use in {what}")));
        }
        let fail = |error: &str| bad(plain_words(error));
        let mut table = Table::try_from(&*self).map_err(|error| fail(&error.to_string()))?;
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        let target = match table.get_mut(section) {
            Some(Value::Table(section)) => section,
            _ => &mut table,
        };
        target.insert(name.to_string(), value.clone());
        match table.try_into() {
            Ok(recipe) => {
                let form = self.form;
                *self = Self { form, ..recipe };
            }
            // a choice by name, whose message lists the names if it is text; or a path like 2024
            Err(error)
                if !value.is_str()
                    && ["expected string only", "expected path string"]
                        .iter()
                        .any(|words| error.message().contains(words)) =>
            {
                return self.put(key, Value::String(value.to_string()), origin);
            }
            Err(error) => return Err(fail(error.message())),
        }
        Ok(())
    }
}

/// Tasks with the same keys.
fn family(task: Task) -> u8 {
    match task.info().kind {
        TaskKind::NeuronIo => 0,
        TaskKind::Classification { .. } => 1,
        TaskKind::Language => 2,
        TaskKind::Open => 3,
    }
}

fn lookup<'a>(table: &'a Table, section: &str, name: &str) -> Option<&'a Value> {
    match section {
        "" => table.get(name),
        section => table.get(section)?.get(name),
    }
}

/// A message of serde in words for people who do not write Rust.
fn plain_words(message: &str) -> String {
    let mut text = one_line(message);
    for (from, to) in [
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected u32", "expected a whole number, 0 or more"),
        ("expected f64", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("invalid type: ", "is "),
        ("invalid value: ", "is "),
        ("unknown variant ", "is "),
    ] {
        text = text.replace(from, to);
    }
    text
}

fn one_line(message: &str) -> String {
    message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::ModelKind;
    use crate::recipe::DataSource;

    fn set_error(assignment: &str) -> String {
        Recipe::default().set(assignment).unwrap_err().to_string()
    }

    fn file_error(text: &str) -> String {
        Recipe::from_toml(text, "my.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_key_list_and_the_types_agree() {
        let mut recipe = Recipe::default();
        recipe.set("model.mlp_hidden=7").unwrap();
        recipe.model.dt = Some(1.0);
        let network = &mut recipe.network;
        for optional in [
            &mut network.last_neurons,
            &mut network.hidden_size,
            &mut network.num_branches,
            &mut network.synapses_per_branch,
            &mut recipe.chrono_lstm.t_max,
            &mut recipe.tcn.dilation,
        ] {
            *optional = Some(1);
        }
        let arrays = &mut recipe.arrays;
        arrays.kind = Some(elm_data::arrays::TargetKind::Regress);
        arrays.loss = Some(crate::task::own::LossChoice::Mse);
        arrays.normalize = Some(elm_data::arrays::Normalization::Log1p);
        arrays.split = Some(elm_data::arrays::SplitRule::Stored);
        arrays.window = Some(5);
        arrays.events = Some(elm_data::arrays::EventBinning {
            unit: elm_data::arrays::TimeUnit::Milliseconds,
            bin_ms: 1.0,
            duration_ms: None,
            channels: None,
            binary: false,
        });
        let data = &mut recipe.data;
        data.workers = Some(1);
        data.file_load_fraction = Some(0.2);
        data.dir = Some("folder".into());
        data.make_seed = Some(1);
        for optional in [
            &mut data.max_length,
            &mut data.make_train,
            &mut data.make_test,
            &mut data.valid_samples,
            &mut data.test_samples,
        ] {
            *optional = Some(1);
        }
        let table = Table::try_from(&recipe).unwrap();
        let mut found = Vec::new();
        for (name, value) in &table {
            match value {
                Value::Table(section) => {
                    found.extend(section.keys().map(|k| format!("{name}.{k}")))
                }
                _ => found.push(name.clone()),
            }
        }
        let mut listed: Vec<_> = keys().iter().map(|key| key.name.to_string()).collect();
        found.sort();
        listed.sort();
        assert_eq!(found, listed);
    }

    #[test]
    fn toml_round_trip_with_awkward_paths() {
        let mut recipe = Recipe::default();
        recipe.data.train = DataSource::Paths(vec!["a \"b\"\n#c".into(), "d\\e".into()]);
        recipe.data.test = DataSource::Shipped;
        recipe.train.learning_rate = 1e-7;
        let text = recipe.to_toml();
        assert_eq!(Recipe::from_toml(&text, "text").unwrap(), recipe, "{text}");
    }

    #[test]
    fn set_parses_toml_and_falls_back_to_text() {
        let mut recipe = Recipe::default();
        recipe.set("train.epochs=3").unwrap();
        recipe.set("model.activation = silu").unwrap();
        recipe.set("train.clip_norm=1").unwrap();
        recipe.set(r#"data.train=["a", 'b']"#).unwrap();
        recipe.set("data.test=shipped").unwrap();
        assert_eq!(recipe.train.epochs, 3);
        assert_eq!(recipe.model.activation, elm_model::HiddenActivation::Silu);
        assert_eq!(recipe.train.clip_norm, 1.0);
        assert_eq!(
            recipe.data.train,
            DataSource::Paths(vec!["a".into(), "b".into()])
        );
        assert_eq!(recipe.data.test, DataSource::Shipped);
    }

    #[test]
    fn a_failed_set_changes_nothing() {
        let mut recipe = Recipe::default();
        assert!(recipe.set("train.epochs=many").is_err());
        assert_eq!(recipe, Recipe::default());
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        for (assignment, nearest) in [
            ("train.epoch=3", "train.epochs"),
            ("epochs=3", "train.epochs"),
            ("model.learning_rate=1", "train.learning_rate"),
            ("train.lerning_rate=1", "train.learning_rate"),
            ("model.num_memroy=3", "model.num_memory"),
            ("data.tset=3", "data.test"),
        ] {
            let error = set_error(assignment);
            assert!(
                error.contains(&format!("did you mean `{nearest}`?")),
                "{error}"
            );
        }
        assert!(set_error("zzz=1").contains("`elm recipes`"));
        let error = file_error("[trian]\nepochs = 3\n");
        assert_eq!(
            error,
            "my.toml: unknown recipe key `trian`, did you mean `train`?"
        );
    }

    #[test]
    fn type_errors_name_the_key() {
        assert_eq!(
            file_error("[train]\nepochs = \"x\"\n"),
            "my.toml: `train.epochs` is string \"x\", expected a whole number, 0 or more"
        );
        assert_eq!(
            set_error("train.epochs=-1"),
            "--set: `train.epochs` is integer `-1`, expected a whole number, 0 or more"
        );
        assert_eq!(
            set_error("train.learning_rate=fast"),
            "--set: `train.learning_rate` is string \"fast\", expected a number"
        );
        assert_eq!(
            set_error("model.version=v3"),
            "--set: `model.version` is `v3`, expected `v1` or `v2`"
        );
        assert_eq!(
            set_error("model.version=3"),
            "--set: `model.version` is `3`, expected `v1` or `v2`"
        );
        assert!(set_error("train=3").contains("such as `train.epochs`"));
        assert_eq!(
            file_error("[train.epoch]\nx = 1\n"),
            "my.toml: unknown recipe key `train.epoch`, did you mean `train.epochs`?"
        );
        assert!(
            set_error("data.train=folder").contains("a list of quoted paths such as [\"folder\"]")
        );
        assert!(set_error("model.learn_memory_tau=1").contains("expected true or false"));
        assert!(
            file_error("train = 3").contains("`train` must be a table `[train]`, found integer")
        );
    }

    #[test]
    fn a_task_has_its_own_keys() {
        let error = file_error("task = \"shd\"\n[train]\nwindow_ms = 500\n");
        assert_eq!(
            error,
            "my.toml: `train.window_ms` has no use in the task shd"
        );
        let error = set_error("data.dir=folder");
        assert!(error.contains("no use in the task neuronio"), "{error}");
        let error = set_error("task=shd");
        assert!(error.contains("start from a recipe"), "{error}");
        assert!(set_error("task=sdh").contains("`shd-adding`"));
        let mut recipe = Recipe::from_toml("task = \"shd\"", "text").unwrap();
        assert_eq!(recipe, Recipe::of(Task::Shd));
        recipe.set("task=shd-adding").unwrap();
        assert_eq!(recipe.task, Task::ShdAdding);
        let text = recipe.to_toml();
        assert!(
            !text.contains("soma") && text.contains("label_smoothing"),
            "{text}"
        );
        assert_eq!(Recipe::from_toml(&text, "text").unwrap(), recipe);
    }

    #[test]
    fn a_model_has_its_own_keys() {
        let error = set_error("network.num_memory=3");
        assert_eq!(
            error,
            "--set: `network.num_memory` has no use in the model elm"
        );
        assert!(set_error("model.kind=lstm").contains("expected one of `elm`, `network`"));
        assert!(set_error("model.kind=3").contains("`chrono-lstm`"));
        let mut recipe = Recipe::builtin("spikes").unwrap();
        recipe.set("model.kind=lif").unwrap();
        assert_eq!(
            recipe,
            Recipe::builtin("spikes")
                .unwrap()
                .with_model(ModelKind::Lif)
        );
        let error = recipe.set("model.num_memory=3").unwrap_err().to_string();
        assert!(error.ends_with("has no use in the model lif"), "{error}");
        recipe.set("lif.adaptation=none").unwrap();
        recipe.set("model.dt=5").unwrap();
        let text = recipe.to_toml();
        assert!(
            text.contains("[lif]") && !text.contains("num_memory") && !text.contains("[tcn]"),
            "{text}"
        );
        // the sizes of a model that is not trained are left out
        let again = Recipe::from_toml(&text, "text").unwrap();
        assert_eq!(again.model_config(), recipe.model_config());
        assert_eq!((again.to_toml(), again.train), (text, recipe.train));
    }

    #[test]
    fn every_model_of_every_task_survives_toml() {
        for task in Task::ALL {
            for kind in ModelKind::ALL {
                let mut recipe = Recipe::of(task).with_model(kind);
                if kind == ModelKind::Network {
                    recipe
                        .set("network.regularisers=[{target='population_activity', layers=[0], strength=0.2}]")
                        .unwrap();
                    recipe.set("network.hidden_neurons=[5, 3]").unwrap();
                }
                let text = recipe.to_toml();
                let again = Recipe::from_toml(&text, "text").unwrap();
                assert_eq!(again, recipe, "{text}");
                let back = recipe.with_model(ModelKind::Elm);
                assert_eq!(
                    back.train.learning_rate,
                    Recipe::of(task).train.learning_rate
                );
            }
        }
    }

    #[test]
    fn syntax_errors_name_file_and_line() {
        let error = file_error("seed = 1\n[train\nepochs = 3\n");
        assert!(
            error.starts_with("my.toml, line 2: not a TOML recipe: "),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
        assert!(set_error("train.epochs").contains("expected key=value"));
    }

    #[test]
    fn load_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none.toml");
        let error = Recipe::load(&missing).unwrap_err().to_string();
        assert!(
            error.contains("none.toml: cannot read the recipe"),
            "{error}"
        );
        let file = folder.path().join("mine.toml");
        fs::write(&file, "seed = 5\ntrain.epochs = 2\n").unwrap();
        let recipe = Recipe::load(&file).unwrap();
        assert_eq!((recipe.seed, recipe.train.epochs), (5, 2));
        assert!(Recipe::load(folder.path()).is_err());
    }
}
