//! Every key of a recipe with a line of help, in the order in which recipes are written.

/// A key of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecipeKey {
    /// Dotted name, such as `train.epochs`.
    pub name: &'static str,
    /// Meaning, with unit and choices.
    pub help: &'static str,
}

impl RecipeKey {
    /// The table that the key is in (empty at the top) and its name there.
    pub(super) fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

/// Every key of a recipe, in the order in which recipes are written.
pub fn keys() -> &'static [RecipeKey] {
    KEYS
}

const fn key(name: &'static str, help: &'static str) -> RecipeKey {
    RecipeKey { name, help }
}

const KEYS: &[RecipeKey] = &[
    key("task", "what is learnt: neuronio"),
    key("seed", "seed of everything random"),
    key("model.version", "published form of the neuron: v1 or v2"),
    key("model.num_memory", "memory units"),
    key(
        "model.mlp_hidden",
        "units in each hidden layer, 2·num_memory unless set",
    ),
    key(
        "model.mlp_layers",
        "hidden layers of the MLP, 0 is a linear map",
    ),
    key(
        "model.activation",
        "of the hidden layers: relu, silu or squared_relu",
    ),
    key("model.branches", "dendritic branches"),
    key("model.synapses_per_branch", "synapses on each branch"),
    key("model.memory_tau_min", "ms, shortest memory timescale"),
    key("model.memory_tau_max", "ms, longest memory timescale"),
    key(
        "model.learn_memory_tau",
        "are the memory timescales trained?",
    ),
    key("model.lambda", "scale of the memory update"),
    key(
        "data.train",
        "simulations to train on: \"shipped\" or a list of files and folders",
    ),
    key("data.valid", "simulations that choose the best epoch"),
    key("data.test", "simulations for the final numbers"),
    key("train.epochs", "each ends with a validation"),
    key("train.batches_per_epoch", "gradient steps in an epoch"),
    key("train.batch_size", "windows in a batch"),
    key("train.window_ms", "ms, length of a window"),
    key("train.learning_rate", "of Adam, at the first step"),
    key(
        "train.final_learning_rate",
        "after the last step, reached by half a cosine",
    ),
    key(
        "train.clip_norm",
        "largest global norm of the gradient, 0 for no limit",
    ),
    key(
        "train.spike_weight",
        "of the spike loss (binary cross entropy)",
    ),
    key(
        "train.soma_weight",
        "of the soma loss (mean square, in units of 10 mV)",
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
