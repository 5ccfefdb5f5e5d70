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
use crate::shipped;
use crate::task::{Objective, TaskModel};

/// File in a run's folder.
const FILE: &str = "tune.json";
/// Fields of a configuration that decide start values and training, not what a model computes: the recipe's count.
const OF_TRAINING: [&str; 10] = [
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
];
/// Fields in which the model that is begun with may differ besides: those of its outputs, which may be fresh, and the rule
/// of its wiring, which is loaded as it was drawn.
const OF_OUTPUTS: [&str; 4] = ["num_outputs", "classes", "bias", "wiring"];

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
        let known = config_of(&shipped::read(path)?)?;
        if kind.is_some_and(|kind| kind != known.kind()) {
            // what that means is said when the weights are taken
            return Ok(recipe);
        }
        let own = recipe.model_config();
        let own = match own.kind() == known.kind() {
            true => own,
            false => recipe.clone().with_model(known.kind()).model_config(),
        };
        let fitted = recipe.clone().like(&trained_as(&known, &own)?);
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
    let source = shipped::read(path)?;
    let known = config_of(&source)?;
    let config = model.body.config();
    check(&known, &config, path)?;
    let card = ModelCard::new(config, None);
    let mut start = model::state_dict(&model.body, model.head.as_ref(), &card)?;
    start.path = path.into();
    let (mut fresh, mut taken) = (Vec::new(), 0);
    for (name, tensor) in &mut start.tensors {
        match source.tensors.get(name) {
            Some(known) if known.shape == tensor.shape => {
                tensor.values.clone_from(&known.values);
                taken += 1;
            }
            // channels of synapses are no start values; files leave them out where each channel has its synapse
            _ if !tensor.format.is_float() => {}
            _ => fresh.push(name.clone()),
        }
    }
    if taken == 0 {
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

fn value(config: &ModelConfig) -> Result<Value> {
    serde_json::to_value(config).map_err(|e| TrainError::Run(e.to_string()))
}

/// The model of one configuration, trained as another of its kind says.
fn trained_as(known: &ModelConfig, own: &ModelConfig) -> Result<ModelConfig> {
    let mut merged = value(known)?;
    take_training(&mut merged, &value(own)?);
    serde_json::from_value(merged).map_err(|e| TrainError::Run(e.to_string()))
}

fn take_training(known: &mut Value, own: &Value) {
    let (Value::Object(known), Value::Object(own)) = (known, own) else {
        return;
    };
    for (key, own) in own {
        match OF_TRAINING.contains(&key.as_str()) {
            true => {
                known.insert(key.clone(), own.clone());
            }
            false => {
                if let Some(known) = known.get_mut(key) {
                    take_training(known, own);
                }
            }
        }
    }
}

/// Does it count in which value of this field two configurations differ?
fn counts(field: &str) -> bool {
    !OF_TRAINING.contains(&field) && !OF_OUTPUTS.contains(&field)
}

/// Is it the same model, but for its outputs?
fn check(known: &ModelConfig, wanted: &ModelConfig, path: &Path) -> Result<()> {
    let mut different = Vec::new();
    let (a, b) = (value(&spelt_out(known))?, value(&spelt_out(wanted))?);
    compare("", &a, &b, &mut different);
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

/// A configuration with the sizes that follow from others unless set, as files of other versions have them.
fn spelt_out(config: &ModelConfig) -> ModelConfig {
    let mut config = config.clone();
    match &mut config {
        ModelConfig::Elm(neuron) => {
            let form = neuron.form();
            neuron.neuron = form.clone().with_hidden_size(Some(form.hidden()));
        }
        ModelConfig::Network(model) => {
            let form = &mut model.network.neuron;
            form.hidden_size = Some(form.hidden());
        }
        _ => {}
    }
    config
}

/// Fields in which two configurations differ, with both values.
fn compare(name: &str, known: &Value, wanted: &Value, different: &mut Vec<String>) {
    match (known, wanted) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys.into_iter().filter(|key| counts(key)) {
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
    #![allow(clippy::unwrap_used)]
    use elm_model::{ElmNeuronConfig, NeuronForm};

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
    fn sizes_that_follow_are_those_that_are_said() {
        let plain = ElmNeuronConfig::new(7, 2).with_neuron(NeuronForm::v2().with_num_memory(4));
        let form = plain.neuron.clone().with_num_branches(Some(7));
        let said = plain.clone().with_neuron(
            form.with_synapses_per_branch(Some(1))
                .with_hidden_size(Some(8)),
        );
        let [plain, said] = [plain, said].map(ModelConfig::Elm);
        assert_ne!(plain, said);
        check(&said, &plain, Path::new("a")).unwrap();
        let other = ElmNeuronConfig::new(7, 2).with_neuron(NeuronForm::v2().with_num_memory(5));
        assert!(check(&said, &ModelConfig::Elm(other), Path::new("a")).is_err());
    }

    #[test]
    fn how_it_is_trained_is_the_recipe_s() {
        let config = |kind, set: &[&str]| {
            let mut recipe = Recipe::builtin("spikes-adding-network").unwrap();
            recipe = recipe.with_model(kind);
            for assignment in set {
                recipe.set(assignment).unwrap();
            }
            recipe.model_config()
        };
        let known = [
            "network.num_memory=4",
            "network.input_dropout=0.5",
            "network.regularisers=[]",
            "network.last={num_memory=2, input_dropout=0.1}",
        ];
        let merged = trained_as(
            &config(ModelKind::Network, &known),
            &config(ModelKind::Network, &[]),
        );
        let expected = [known[0], "network.last={num_memory=2, input_dropout=0.1}"];
        assert_eq!(merged.unwrap(), config(ModelKind::Network, &expected));
        let kind = ModelKind::Transformer;
        let known = ["transformer.mlp_size=48", "transformer.dropout=0.5"];
        let merged = trained_as(
            &config(kind, &known),
            &config(kind, &["transformer.dropout=0.3"]),
        );
        let expected = [known[0], "transformer.dropout=0.3"];
        assert_eq!(merged.unwrap(), config(kind, &expected));
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
