//! Every key of a recipe with a line of help, in the order in which recipes are written.

use elm_data::Task;
use elm_data::task::TaskKind;

use super::Recipe;
use crate::model::ModelKind;

/// Which tasks have a use for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Every,
    NeuronIo,
    /// All but NeuronIO.
    Others,
    /// Tasks whose files are named one by one: NeuronIO, arrays, texts.
    Files,
    /// Named tasks of one class for each sequence.
    Classification,
    /// Tasks that read an answer out of a whole sequence: those, and arrays.
    Answers,
    Arrays,
    Language,
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
            Self::Others => task != Task::Neuronio,
            Self::Files => task == Task::Neuronio || task.is_open(),
            Self::Classification => task.classifies(),
            Self::Answers => task.classifies() || task == Task::Arrays,
            Self::Arrays => task == Task::Arrays,
            Self::Language => task.info().kind == TaskKind::Language,
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
    /// Which models have a use for it; all where this is empty.
    models: &'static [ModelKind],
}

impl RecipeKey {
    /// The table that the key is in (empty at the top) and its name there.
    pub(super) fn split(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// Has this recipe a use for it?
    pub fn serves(&self, recipe: &Recipe) -> bool {
        self.useless_in(recipe).is_none()
    }

    /// What of a recipe has no use for it.
    pub(super) fn useless_in(&self, recipe: &Recipe) -> Option<String> {
        let kind = recipe.model.kind;
        if !self.models.is_empty() && !self.models.contains(&kind) {
            return Some(format!("the model {kind}"));
        }
        (!self.scope.holds(recipe.task)).then(|| format!("the task {}", recipe.task))
    }
}

/// Every key of a recipe, in the order in which recipes are written.
pub fn keys() -> &'static [RecipeKey] {
    KEYS
}

const fn key(name: &'static str, scope: Scope, help: &'static str) -> RecipeKey {
    RecipeKey {
        name,
        help,
        scope,
        models: &[],
    }
}

/// A key of some models, for every task.
const fn of(models: &'static [ModelKind], name: &'static str, help: &'static str) -> RecipeKey {
    RecipeKey {
        models,
        ..key(name, Scope::Every, help)
    }
}

const ELM: &[ModelKind] = &[ModelKind::Elm];
const NETWORK: &[ModelKind] = &[ModelKind::Network];
const CHRONO_LSTM: &[ModelKind] = &[ModelKind::ChronoLstm];
const TRANSFORMER: &[ModelKind] = &[ModelKind::Transformer];
const TCN: &[ModelKind] = &[ModelKind::Tcn];
const LIF: &[ModelKind] = &[ModelKind::Lif];

const KEYS: &[RecipeKey] = &[
    key(
        "task",
        Scope::Every,
        "what is learnt; `elm data list` lists the tasks",
    ),
    key("seed", Scope::Every, "seed of everything random"),
    key(
        "model.kind",
        Scope::Every,
        "which model: elm, network, chrono-lstm, transformer, tcn or lif",
    ),
    of(
        ELM,
        "model.version",
        "published form of the neuron: v1 or v2",
    ),
    of(ELM, "model.num_memory", "memory units"),
    of(
        ELM,
        "model.mlp_hidden",
        "units in each hidden layer, 2·num_memory unless set",
    ),
    of(
        ELM,
        "model.mlp_layers",
        "hidden layers of the MLP, 0 is a linear map",
    ),
    of(
        ELM,
        "model.activation",
        "of the hidden layers: relu, silu or squared_relu",
    ),
    of(
        ELM,
        "model.branches",
        "dendritic branches; 0 (not for neuronio): one for each channel",
    ),
    of(ELM, "model.synapses_per_branch", "synapses on each branch"),
    of(
        ELM,
        "model.synapse_tau",
        "ms, timescale of the synaptic trace",
    ),
    of(ELM, "model.memory_tau_min", "ms, shortest memory timescale"),
    of(ELM, "model.memory_tau_max", "ms, longest memory timescale"),
    of(
        ELM,
        "model.learn_memory_tau",
        "are the memory timescales trained?",
    ),
    of(ELM, "model.lambda", "scale of the memory update"),
    RecipeKey {
        models: &[ModelKind::Elm, ModelKind::Network, ModelKind::Lif],
        ..key(
            "model.dt",
            Scope::Others,
            "ms, length of a time step; that of the bins unless set, 1 where there are none",
        )
    },
    of(
        NETWORK,
        "network.hidden_neurons",
        "neurons of each layer but the last; [] for neuronio: one neuron",
    ),
    of(
        NETWORK,
        "network.last_neurons",
        "neurons of the last layer, as many as outputs unless set",
    ),
    RecipeKey {
        models: NETWORK,
        ..key(
            "network.input_embedding",
            Scope::Others,
            "of the input: none, or { scaled = { scale = 3.0 } }; of a text's bytes { one_hot = { scale = 3.0 } }",
        )
    },
    of(
        NETWORK,
        "network.output_embedding",
        "after the last layer: none or linear",
    ),
    of(NETWORK, "network.num_memory", "memory units of each neuron"),
    of(
        NETWORK,
        "network.hidden_layers",
        "hidden layers of the MLPs",
    ),
    of(
        NETWORK,
        "network.hidden_size",
        "units in each hidden layer, 2·num_memory unless set",
    ),
    of(
        NETWORK,
        "network.num_branches",
        "branches, 2·hidden_size unless set",
    ),
    of(
        NETWORK,
        "network.synapses_per_branch",
        "synapses on each branch, as many as branches unless set",
    ),
    of(
        NETWORK,
        "network.activation",
        "of the hidden layers: relu, silu or squared_relu",
    ),
    of(
        NETWORK,
        "network.synapse_rectification",
        "of the synapse weights: identity, relu, abs or exp",
    ),
    of(
        NETWORK,
        "network.synapse_init",
        "uniform, or { constant = { value = 0.5 } } over the root of synapses_per_branch",
    ),
    of(NETWORK, "network.input_scale", "factor on the branch sums"),
    of(
        NETWORK,
        "network.branch_tau",
        "timescale of the branch trace: off, or { ms = 5.0 }",
    ),
    of(NETWORK, "network.lambda", "scale of the memory update"),
    of(
        NETWORK,
        "network.gate",
        "how lambda sets it: timescale_ratio or scaled",
    ),
    of(
        NETWORK,
        "network.memory_tau_min",
        "ms, shortest memory timescale",
    ),
    of(
        NETWORK,
        "network.memory_tau_max",
        "ms, longest memory timescale",
    ),
    of(
        NETWORK,
        "network.learn_memory_tau",
        "are the memory timescales trained?",
    ),
    of(
        NETWORK,
        "network.high_pass_tau",
        "timescale of the high-pass on the readout: off, or { ms = 5.0 }",
    ),
    of(
        NETWORK,
        "network.output_activation",
        "of the neurons: identity, relu or spike",
    ),
    of(
        NETWORK,
        "network.wiring",
        "random, fully_connected, feed_forward_all, small_world or modular, with its numbers",
    ),
    of(
        NETWORK,
        "network.input_dropout",
        "probability that a channel is silent for a whole training sequence",
    ),
    of(
        NETWORK,
        "network.recurrent_dropout",
        "the same for activity as recurrent synapses see it",
    ),
    of(
        NETWORK,
        "network.memory_dropout",
        "probability that a memory unit gets no update in a training sequence",
    ),
    of(
        NETWORK,
        "network.first",
        "what the first of several layers has different: { num_memory = 8 }",
    ),
    of(
        NETWORK,
        "network.last",
        "what the last layer has different, beyond being a readout",
    ),
    of(
        NETWORK,
        "network.regularisers",
        "penalties: { target, layers, strength } with target neuron_mlp_magnitude or population_activity",
    ),
    of(CHRONO_LSTM, "chrono_lstm.hidden_size", "units"),
    of(
        CHRONO_LSTM,
        "chrono_lstm.t_max",
        "steps, longest memory at the start; the longest sequence unless set",
    ),
    of(
        TRANSFORMER,
        "transformer.embedding",
        "features of each step",
    ),
    of(
        TRANSFORMER,
        "transformer.num_heads",
        "attention heads; they divide the features",
    ),
    of(
        TRANSFORMER,
        "transformer.num_layers",
        "layers of attention and MLP",
    ),
    of(
        TRANSFORMER,
        "transformer.mlp_size",
        "hidden units of the MLPs",
    ),
    of(
        TRANSFORMER,
        "transformer.positions",
        "sinusoidal, or { learned = { max_length = 1024 } }",
    ),
    of(TRANSFORMER, "transformer.dropout", "of features"),
    of(
        TRANSFORMER,
        "transformer.attention_dropout",
        "of attention weights",
    ),
    of(TCN, "tcn.depth", "convolutions in a row"),
    of(TCN, "tcn.width", "channels of each"),
    of(TCN, "tcn.first_kernel", "taps of the first one's kernel"),
    of(TCN, "tcn.kernel", "taps of the others' kernels"),
    of(
        TCN,
        "tcn.dilation",
        "steps between two taps; unless set enough to see the longest sequence (neuronio: 1)",
    ),
    of(TCN, "tcn.norm", "after each: none, batch or layer"),
    of(LIF, "lif.num_neurons", "neurons"),
    of(LIF, "lif.recurrence", "recurrent or feed_forward"),
    of(LIF, "lif.membrane_tau", "ms, timescale of the potential"),
    of(LIF, "lif.threshold", "without adaptation"),
    of(
        LIF,
        "lif.adaptation",
        "none, or { threshold = { tau = 700.0, strength = 1.8, fraction = 0.5 } }",
    ),
    of(LIF, "lif.reset", "at a spike: subtract or zero"),
    of(LIF, "lif.refractory", "ms of silence after a spike"),
    of(
        LIF,
        "lif.surrogate_steepness",
        "of the gradient at the threshold",
    ),
    of(
        LIF,
        "lif.readout_tau",
        "timescale of the readout: off, or { ms = 20.0 }",
    ),
    key(
        "data.train",
        Scope::Files,
        "to train on: a list of files and folders, for neuronio also \"shipped\"",
    ),
    key(
        "data.valid",
        Scope::Files,
        "files that choose the best epoch; none (not for neuronio): a share of data.train",
    ),
    key(
        "data.test",
        Scope::Files,
        "files for the final numbers, likewise",
    ),
    key(
        "data.dir",
        Scope::Classification,
        "folder of the task's files",
    ),
    key(
        "data.make_seed",
        Scope::Synthetic,
        "of the samples that are drawn into data.dir if none are there (1 unless set); others are refused",
    ),
    key(
        "data.make_train",
        Scope::Synthetic,
        "samples to train and validate on, likewise (2500)",
    ),
    key(
        "data.make_test",
        Scope::Synthetic,
        "samples to test, likewise (500)",
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
    key(
        "data.workers",
        Scope::Every,
        "threads that make batches ahead; as many as the machine has to spare unless set",
    ),
    key(
        "data.file_load_fraction",
        Scope::NeuronIo,
        "draw from one file at a time, until so much of its time is used; the published script has 0.2",
    ),
    key(
        "data.allow_shared",
        Scope::NeuronIo,
        "may train, valid and test share simulations?",
    ),
    key(
        "arrays.kind",
        Scope::Arrays,
        "classify, classify-steps, regress, regress-steps, next-value or next-symbol; what y says unless set",
    ),
    key(
        "arrays.loss",
        Scope::Arrays,
        "cross_entropy, mse, bce or poisson; what fits the kind unless set",
    ),
    key(
        "arrays.normalize",
        Scope::Arrays,
        "of x, learnt from what is trained on: none, standardize, min-max or log1p; none of events unless set",
    ),
    key(
        "arrays.normalize_targets",
        Scope::Arrays,
        "of y, likewise; undone in results",
    ),
    key(
        "arrays.keys",
        Scope::Arrays,
        "names of arrays or columns: { x = \"x\", y = \"label\", group = \"subject\" }",
    ),
    key(
        "arrays.split",
        Scope::Arrays,
        "of one set of files: { by = \"fractions\", valid = 0.1, test = 0.1 }, { by = \"order\", .. } or { by = \"stored\" }",
    ),
    key(
        "arrays.window",
        Scope::Arrays,
        "steps, cut sequences into windows",
    ),
    key(
        "arrays.symbols",
        Scope::Arrays,
        "are the integers of x symbols, not values?",
    ),
    key(
        "arrays.missing",
        Scope::Arrays,
        "values of x that are not there: refuse or fill",
    ),
    key(
        "arrays.events",
        Scope::Arrays,
        "the files hold events: { unit = \"ms\", bin_ms = 10.0 }",
    ),
    key(
        "text.steps",
        Scope::Language,
        "of a batch: gradients go back so far, states go on",
    ),
    key(
        "text.state_drop",
        Scope::Language,
        "probability that a stream starts anew before a batch, from first to last over steps",
    ),
    key(
        "text.extensions",
        Scope::Language,
        "of the files of folders that are read, such as [\"md\"]; [] for all",
    ),
    key(
        "text.symbols",
        Scope::Language,
        "bytes that are symbols: used (those that occur) or all",
    ),
    key(
        "text.valid_fraction",
        Scope::Language,
        "of the text, before the test, unless files are named for it",
    ),
    key(
        "text.test_fraction",
        Scope::Language,
        "of the text, its end, unless files are named for it",
    ),
    key(
        "text.ngram",
        Scope::Language,
        "order of the n-grams to compare with, 0 for none",
    ),
    key("train.epochs", Scope::Every, "each ends with a validation"),
    key(
        "train.steps",
        Scope::Every,
        "gradient steps in place of epochs; 0 for all epochs",
    ),
    key(
        "train.minutes",
        Scope::Every,
        "of training and validation, in place of epochs; 0 for all epochs",
    ),
    key(
        "train.patience",
        Scope::Every,
        "epochs without a smaller validation loss that end it early; 0 for none",
    ),
    key(
        "train.batches_per_epoch",
        Scope::Every,
        "gradient steps in an epoch; 0 (not for neuronio): once over the data",
    ),
    key(
        "train.batch_size",
        Scope::Every,
        "windows, samples or streams of text in a batch",
    ),
    key(
        "train.accumulate",
        Scope::Every,
        "batches whose mean gradient makes one step",
    ),
    key("train.window_ms", Scope::NeuronIo, "ms, length of a window"),
    key("train.optimizer", Scope::Every, "adam, adamax or adamw"),
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
    of(
        &[ModelKind::Elm, ModelKind::Network],
        "train.timescale_rate",
        "learning rate of trained memory timescales, as a multiple of the others'",
    ),
    key(
        "train.weight_decay",
        Scope::Every,
        "adamw: share of a weight that goes with each step, times the learning rate",
    ),
    key(
        "train.average_decay",
        Scope::Every,
        "of the moving average of the weights that is tested in their place; 0 for none",
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
        Scope::Answers,
        "last (step of each sequence) or mean (over its steps)",
    ),
    key(
        "train.label_smoothing",
        Scope::Answers,
        "share of the target spread over all classes",
    ),
    key(
        "train.input_dropout",
        Scope::Classification,
        "probability that an input value is left out in training",
    ),
    key(
        "train.log_every",
        Scope::Every,
        "gradient steps from one line of metrics.jsonl to the next",
    ),
    key(
        "checkpoint.every_steps",
        Scope::Every,
        "gradient steps from one to the next; 0: only by time and epochs",
    ),
    key(
        "checkpoint.every_minutes",
        Scope::Every,
        "minutes from one to the next; 0: only by steps and epochs",
    ),
    key(
        "checkpoint.keep",
        Scope::Every,
        "how many of the last ones stay",
    ),
];

/// The tables of a recipe.
pub(super) const SECTIONS: [&str; 11] = [
    "model",
    "network",
    "chrono_lstm",
    "transformer",
    "tcn",
    "lif",
    "data",
    "arrays",
    "text",
    "train",
    "checkpoint",
];
