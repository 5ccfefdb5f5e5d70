//! Every key of a recipe with a line of help, in the order in which recipes are written.

use elm_data::Task;

/// Which tasks have a use for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Every,
    NeuronIo,
    Classification,
    Spikes,
    Synthetic,
    Texts,
    /// Spikes and Pathfinder: their files leave open which samples validate.
    SeededSplit,
    Pathfinder,
}

impl Scope {
    fn holds(self, task: Task) -> bool {
        let spikes = matches!(
            task,
            Task::Shd | Task::ShdAdding | Task::SyntheticSpikes | Task::SyntheticSpikesAdding
        );
        let pathfinder = matches!(task, Task::Pathfinder | Task::PathX);
        match self {
            Self::Every => true,
            Self::NeuronIo => task == Task::Neuronio,
            Self::Classification => task != Task::Neuronio,
            Self::Spikes => spikes,
            Self::Synthetic => task.is_synthetic(),
            Self::Texts => matches!(task, Task::ListOps | Task::Text | Task::Retrieval),
            Self::SeededSplit => spikes || pathfinder,
            Self::Pathfinder => pathfinder,
        }
    }
}

/// A key of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecipeKey {
    /// Dotted name, such as `train.epochs`.
    pub name: &'static str,
    /// Meaning, with unit and choices.
    pub help: &'static str,
    scope: Scope,
}

impl RecipeKey {
    /// The table that the key is in (empty at the top) and its name there.
    pub(super) fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// Has this task a use for it?
    pub fn serves(&self, task: Task) -> bool {
        self.scope.holds(task)
    }
}

/// Every key of a recipe, in the order in which recipes are written.
pub fn keys() -> &'static [RecipeKey] {
    KEYS
}

const fn key(name: &'static str, scope: Scope, help: &'static str) -> RecipeKey {
    RecipeKey { name, help, scope }
}

const KEYS: &[RecipeKey] = &[
    key(
        "task",
        Scope::Every,
        "what is learnt; `elm data list` lists the tasks",
    ),
    key("seed", Scope::Every, "seed of everything random"),
    key(
        "model.version",
        Scope::Every,
        "published form of the neuron: v1 or v2",
    ),
    key("model.num_memory", Scope::Every, "memory units"),
    key(
        "model.mlp_hidden",
        Scope::Every,
        "units in each hidden layer, 2·num_memory unless set",
    ),
    key(
        "model.mlp_layers",
        Scope::Every,
        "hidden layers of the MLP, 0 is a linear map",
    ),
    key(
        "model.activation",
        Scope::Every,
        "of the hidden layers: relu, silu or squared_relu",
    ),
    key(
        "model.branches",
        Scope::Every,
        "dendritic branches; 0 (not for neuronio): one for each channel",
    ),
    key(
        "model.synapses_per_branch",
        Scope::Every,
        "synapses on each branch",
    ),
    key(
        "model.synapse_tau",
        Scope::Every,
        "ms, timescale of the synaptic trace",
    ),
    key(
        "model.memory_tau_min",
        Scope::Every,
        "ms, shortest memory timescale",
    ),
    key(
        "model.memory_tau_max",
        Scope::Every,
        "ms, longest memory timescale",
    ),
    key(
        "model.learn_memory_tau",
        Scope::Every,
        "are the memory timescales trained?",
    ),
    key("model.lambda", Scope::Every, "scale of the memory update"),
    key(
        "model.dt",
        Scope::Classification,
        "ms, length of a time step",
    ),
    key(
        "data.train",
        Scope::NeuronIo,
        "simulations to train on: \"shipped\" or a list of files and folders",
    ),
    key(
        "data.valid",
        Scope::NeuronIo,
        "simulations that choose the best epoch",
    ),
    key(
        "data.test",
        Scope::NeuronIo,
        "simulations for the final numbers",
    ),
    key(
        "data.dir",
        Scope::Classification,
        "folder of the task's files",
    ),
    key(
        "data.make_train",
        Scope::Synthetic,
        "samples to train and validate on, drawn into data.dir if it is not there",
    ),
    key(
        "data.make_test",
        Scope::Synthetic,
        "samples to test, drawn with them",
    ),
    key(
        "data.max_length",
        Scope::Texts,
        "longest sequence, as published unless set",
    ),
    key(
        "data.bin_ms",
        Scope::Spikes,
        "ms, width of a time step, a divisor of 1000",
    ),
    key(
        "data.bin_value",
        Scope::Spikes,
        "of several spikes in a step: count or binary",
    ),
    key(
        "data.difficulty",
        Scope::Pathfinder,
        "contours: baseline, length9 or length14",
    ),
    key(
        "data.split_seed",
        Scope::SeededSplit,
        "which samples validate",
    ),
    key(
        "data.valid_samples",
        Scope::Classification,
        "most samples (adding tasks: pairs) that validate an epoch",
    ),
    key(
        "data.test_samples",
        Scope::Classification,
        "most samples (adding tasks: pairs) for the final numbers",
    ),
    key("train.epochs", Scope::Every, "each ends with a validation"),
    key(
        "train.batches_per_epoch",
        Scope::Every,
        "gradient steps in an epoch; 0 (not for neuronio): once over the data",
    ),
    key(
        "train.batch_size",
        Scope::Every,
        "windows or samples in a batch",
    ),
    key("train.window_ms", Scope::NeuronIo, "ms, length of a window"),
    key("train.optimizer", Scope::Every, "adam or adamax"),
    key(
        "train.learning_rate",
        Scope::Every,
        "at the first step after the warm-up",
    ),
    key(
        "train.final_learning_rate",
        Scope::Every,
        "after the last step, reached by half a cosine",
    ),
    key(
        "train.warmup_steps",
        Scope::Every,
        "steps of linear rise before the cosine begins",
    ),
    key(
        "train.clip_norm",
        Scope::Every,
        "largest global norm of the gradient, 0 for no limit",
    ),
    key(
        "train.spike_weight",
        Scope::NeuronIo,
        "of the spike loss (binary cross entropy)",
    ),
    key(
        "train.soma_weight",
        Scope::NeuronIo,
        "of the soma loss (mean square, in units of 10 mV)",
    ),
    key(
        "train.readout",
        Scope::Classification,
        "last (step of each sequence) or mean (over its steps)",
    ),
    key(
        "train.label_smoothing",
        Scope::Classification,
        "share of the target spread over all classes",
    ),
    key(
        "train.input_dropout",
        Scope::Classification,
        "probability that an input value is left out in training",
    ),
];

/// The tables of a recipe.
pub(super) const SECTIONS: [&str; 3] = ["model", "data", "train"];

/// ", did you mean `...`?" with the candidate nearest to `name`, or `otherwise` when none is near.
pub(super) fn hint<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    let leaf = |s: &str| s.rsplit('.').next().unwrap_or(s).to_lowercase();
    let score = |candidate: &str| {
        let whole = strsim::jaro_winkler(&name.to_lowercase(), candidate);
        // a key in the wrong table, or without one
        let last = strsim::jaro_winkler(&leaf(name), &leaf(candidate));
        whole.max(last) + 0.01 * whole
    };
    candidates
        .map(|candidate| (score(candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.8)
        .map_or_else(
            || otherwise.to_string(),
            |(_, candidate)| format!(", did you mean `{candidate}`?"),
        )
}

/// The hint for a key that no recipe has.
pub(super) fn key_hint(name: &str) -> String {
    // a table's name is meant by a name without a dot only
    let tables = SECTIONS.iter().copied().filter(|_| !name.contains('.'));
    let names = KEYS.iter().map(|key| key.name).chain(tables);
    hint(name, names, "; `elm recipes` shows a recipe with all keys")
}
