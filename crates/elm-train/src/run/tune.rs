//! Beginning with another model's weights, and parameters that stay as they are.

use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use elm_model::weights::StateDict;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::folder::RunFolder;
use crate::error::{Result, TrainError};
use crate::model::{self, ModelCard, ModelConfig, ModelKind};
use crate::recipe::Recipe;
use crate::say;
use crate::task::{Objective, TaskModel};

/// File in a run's folder.
const FILE: &str = "tune.json";
/// Fields of a configuration in which the model that is begun with may differ: those of its outputs, and what decides
/// start values and training alone.
const FREE: [&str; 14] = [
    "num_outputs",
    "seed",
    "spike_bias",
    "synapse_init",
    "bias_init",
    "learn_memory_tau",
    "dropout",
    "input_dropout",
    "recurrent_dropout",
    "memory_dropout",
    "regularisers",
    "classes",
    "bias",
    "wiring",
];

/// What a training begins with, and what it leaves alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tuning {
    /// Model file whose weights, and sizes by [`Tuning::fit`], are those that it begins with.
    pub init_from: Option<PathBuf>,
    /// Parameters that are not trained: paths of them, parts of paths, or patterns with `*`.
    pub freeze: Vec<String>,
}

impl Tuning {
    /// That of a run that is gone on with.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub(super) fn load(folder: &RunFolder) -> Result<Self> {
        let path = folder.file(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(&path).map_err(|e| TrainError::file(&path, e))?;
        serde_json::from_str(&text).map_err(|e| TrainError::file(&path, e))
    }

    /// Keeps it with the run, if there is anything to keep.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn save(&self, folder: &RunFolder) -> Result<()> {
        match *self == Self::default() {
            true => Ok(()),
            false => folder.write_json(FILE, self),
        }
    }

    /// The recipe with the sizes of the model that is begun with, and says which of its keys they change. `kind` is the model
    /// that was asked for in place of the recipe's.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn fit(&self, recipe: Recipe, kind: Option<ModelKind>) -> Result<Recipe> {
        let Some(path) = &self.init_from else {
            return Ok(recipe);
        };
        let known = config_of(&StateDict::read_model(path)?)?;
        if kind.is_some_and(|kind| kind != known.kind()) {
            // what that means is said when the weights are taken
            return Ok(recipe);
        }
        let fitted = recipe.clone().like(&known);
        let changes = recipe.differences(&fitted);
        if !changes.is_empty() {
            let changes = changes
                .iter()
                .map(|(key, [_, now])| format!("{key} = {now}"));
            let changes: Vec<String> = changes.collect();
            say!("as in {}: {}", path.display(), changes.join(", "));
        }
        Ok(fitted)
    }

    /// A fresh model with the start values that were asked for.
    ///
    /// # Errors
    /// If the file cannot be read, or holds another model.
    pub(super) fn begin<O: Objective>(
        &self,
        model: TaskModel<O>,
        device: &Device,
    ) -> Result<TaskModel<O>> {
        match &self.init_from {
            Some(path) => begin_with(model, path, device),
            None => Ok(model),
        }
    }

    /// The model with the parameters frozen that are not to be trained.
    ///
    /// # Errors
    /// [`TrainError::Usage`] with all paths if a pattern stands for none, or nothing is left to train.
    pub(super) fn frozen<O: Objective>(&self, model: TaskModel<O>) -> Result<TaskModel<O>> {
        if self.freeze.is_empty() {
            return Ok(model);
        }
        let mut paths = Paths::default();
        model.visit(&mut paths);
        for pattern in &self.freeze {
            if !paths.found.iter().any(|path| stands_for(pattern, path)) {
                return Err(TrainError::Usage(format!(
                    "--freeze {pattern}: no parameter of this name (there are {})",
                    paths.found.join(", ")
                )));
            }
        }
        let frozen = |path: &str| self.freeze.iter().any(|p| stands_for(p, path));
        let (still, moving): (Vec<String>, Vec<String>) =
            paths.found.into_iter().partition(|path| frozen(path));
        if moving.is_empty() {
            return Err(TrainError::Usage(format!(
                "--freeze {}: nothing is left to train",
                self.freeze.join(" --freeze ")
            )));
        }
        say!("frozen: {}", still.join(", "));
        Ok(model.map(&mut Freeze {
            patterns: &self.freeze,
            path: Vec::new(),
        }))
    }
}

/// Does a pattern stand for a path? A pattern with `*` for the whole of it, another for parts between its dots.
fn stands_for(pattern: &str, path: &str) -> bool {
    if !pattern.contains('*') {
        return format!(".{path}.").contains(&format!(".{pattern}."));
    }
    let pieces: Vec<&str> = pattern.split('*').collect();
    let (first, last) = (pieces[0], pieces[pieces.len() - 1]);
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    for piece in &pieces[1..pieces.len() - 1] {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// The configuration of a file's model.
fn config_of(source: &StateDict) -> Result<ModelConfig> {
    Ok(match model::card_of(source)? {
        Some(card) => card.config,
        None => ModelConfig::Elm(source.infer_config()?),
    })
}

/// `model` with the weights of a file; what does not fit, because the task has other outputs, stays fresh.
fn begin_with<O: Objective>(
    mut model: TaskModel<O>,
    path: &Path,
    device: &Device,
) -> Result<TaskModel<O>> {
    let source = StateDict::read_model(path)?;
    let known = config_of(&source)?;
    let config = model.body.config();
    check(&known, &config, path)?;
    let card = ModelCard::new(config, None);
    let mut start = model::state_dict(&model.body, model.head.as_ref(), &card)?;
    start.path = path.into();
    let mut fresh = Vec::new();
    for (name, tensor) in &mut start.tensors {
        match source.tensors.get(name) {
            Some(known) if known.shape == tensor.shape => {
                tensor.values.clone_from(&known.values);
            }
            _ => fresh.push(name.clone()),
        }
    }
    if fresh.len() == start.tensors.len() {
        return Err(TrainError::file(
            path,
            "--init-from: none of its tensors has the name and shape of one of the recipe's model",
        ));
    }
    if !fresh.is_empty() {
        say!(
            "begins with fresh values, as the outputs are others: {}",
            fresh.join(", ")
        );
    }
    // the head has as many classes as it was made with
    let head = start.take_prefixed("head.");
    let file = model::from_state_dict(start, card, device)?;
    model.body = file.model;
    if let Some(fresh) = model.head.take() {
        model.head = Some(model::restored_head(fresh, head, path)?);
    }
    Ok(model)
}

/// Is it the same model, but for its outputs?
fn check(known: &ModelConfig, wanted: &ModelConfig, path: &Path) -> Result<()> {
    let value = |config: &ModelConfig| {
        serde_json::to_value(config).map_err(|e| TrainError::Run(e.to_string()))
    };
    let mut different = Vec::new();
    compare("", &value(known)?, &value(wanted)?, &mut different);
    if known.kind() == wanted.kind() && different.is_empty() {
        return Ok(());
    }
    Err(TrainError::file(
        path,
        match known.kind() == wanted.kind() {
            false => format!(
                "--init-from: holds a model of kind {}, the recipe's is of kind {}: pass --model {}",
                known.kind(),
                wanted.kind(),
                known.kind()
            ),
            true => format!(
                "--init-from: its model is not the recipe's: {}; change the recipe by --set",
                different.join(", ")
            ),
        },
    ))
}

/// Fields in which two configurations differ, with both values.
fn compare(name: &str, known: &Value, wanted: &Value, different: &mut Vec<String>) {
    match (known, wanted) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys.into_iter().filter(|key| !FREE.contains(&key.as_str())) {
                let at = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or(Value::Null)
                };
                compare(key, &at(a), &at(b), different);
            }
        }
        _ if known == wanted => {}
        _ if known.as_f64().is_some() && known.as_f64() == wanted.as_f64() => {}
        _ => different.push(format!("{name} is {known}, the recipe's {wanted}")),
    }
}

/// Paths of the trained parameters.
#[derive(Default)]
struct Paths {
    path: Vec<String>,
    found: Vec<String>,
}

impl ModuleVisitor for Paths {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.found.push(self.path.join("."));
        }
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}

/// Takes parameters out of training.
struct Freeze<'a> {
    patterns: &'a [String],
    path: Vec<String>,
}

impl ModuleMapper for Freeze<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        match self.patterns.iter().any(|p| stands_for(p, &path)) {
            true => param.set_require_grad(false),
            false => param,
        }
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_paths_and_parts_of_them() {
        let path = "body.Elm.mlp.layers.0.weight";
        for pattern in [
            "body",
            "mlp",
            "mlp.layers",
            "layers.0",
            path,
            "*weight",
            "body.*.mlp*",
            "*",
        ] {
            assert!(stands_for(pattern, path), "{pattern}");
        }
        for pattern in ["ml", "layers.1", "weight.x", "*bias", "mlp*", "*weights*0"] {
            assert!(!stands_for(pattern, path), "{pattern}");
        }
    }

    #[test]
    fn configurations_differ_in_what_counts() {
        let config = |outputs: usize, memory: usize, tau: f64| serde_json::json!({"elm": {"num_outputs": outputs, "neuron": {"num_memory": memory, "tau": tau}}});
        let differences = |a: &Value, b: &Value| {
            let mut different = Vec::new();
            compare("", a, b, &mut different);
            different
        };
        assert!(differences(&config(2, 5, 1.0), &config(3, 5, 1.0)).is_empty());
        let found = differences(&config(2, 5, 1.0), &config(2, 6, 2.0));
        assert_eq!(
            found,
            [
                "num_memory is 5, the recipe's 6",
                "tau is 1.0, the recipe's 2.0"
            ]
        );
    }
}
