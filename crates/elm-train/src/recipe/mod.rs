//! Recipes: a full training setting as one readable TOML file.
//!
//! A recipe names the task, the model, the data and the training schedule. Start from a built-in one
//! ([`Recipe::builtin`], [`builtins`]) or a file ([`Recipe::load`]), change single keys with
//! [`Recipe::set`], check it with [`Recipe::validate`], and write what was used with [`Recipe::to_toml`].
//! A key left out of a file keeps the value of [`Recipe::of`] its task: the published NeuronIO setting, or that of the
//! spoken digits. Keys that a task or a model has no use for are refused.
//!
//! ```
//! use elm_train::recipe::Recipe;
//!
//! # fn main() -> Result<(), elm_train::recipe::RecipeError> {
//! let mut recipe = Recipe::builtin("quick")?;
//! recipe.set("train.epochs=3")?;
//! recipe.validate()?;
//! assert_eq!(recipe.train.epochs, 3);
//! # Ok(())
//! # }
//! ```

mod builtin;
mod data_source;
mod edit;
mod error;
mod form;
mod keys;
mod models;
mod own;
mod sized;
mod validate;

use std::path::PathBuf;

use elm_data::Task;
use elm_data::lra::pathfinder::Difficulty;
use elm_data::shd::{BinValue, Binning};
use elm_data::task::TaskOptions;
use elm_model::{ElmNeuronConfig, FilterTau, HiddenActivation, NeuronForm, Routing};
use serde::{Deserialize, Serialize};

use crate::model::{ModelConfig, ModelKind};
use models::Fit;

pub use builtin::{PUBLISHED_MEMORY_SIZES, builtins};
pub use data_source::DataSource;
pub use error::RecipeError;
pub use form::DataForm;
pub use keys::{RecipeKey, keys};
pub use models::{ChronoLstmRecipe, LifRecipe, NetworkRecipe, TcnRecipe, TransformerRecipe};
pub use own::{ArraysRecipe, TextRecipe};

/// A full training setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// What is learnt: data, loss and metrics.
    pub task: Task,
    /// Seed of everything random: start weights, batches, and the choice of simulations (0 to 2^63 − 1).
    pub seed: u64,
    /// Which model, and the neuron.
    pub model: ModelRecipe,
    /// The network, where that is the model.
    pub network: NetworkRecipe,
    /// The LSTM, where that is the model.
    pub chrono_lstm: ChronoLstmRecipe,
    /// The Transformer, where that is the model.
    pub transformer: TransformerRecipe,
    /// The convolutional network, where that is the model.
    pub tcn: TcnRecipe,
    /// The integrate-and-fire neurons, where they are the model.
    pub lif: LifRecipe,
    /// The data it is trained and tested on.
    pub data: DataRecipe,
    /// How a user's own sequences are read.
    pub arrays: ArraysRecipe,
    /// How a text is read.
    pub text: TextRecipe,
    /// The training schedule.
    pub train: TrainRecipe,
    /// When checkpoints are saved.
    pub checkpoint: CheckpointRecipe,
    /// What a user's own files ask of a model, once they have been opened.
    #[serde(skip)]
    pub form: Option<DataForm>,
}

impl Default for Recipe {
    /// The published NeuronIO setting.
    fn default() -> Self {
        Self::of(Task::Neuronio)
    }
}

impl Recipe {
    /// The recipe of a task before anything is said: the published NeuronIO setting, or the published setting of the
    /// spoken digits for every other task.
    pub fn of(task: Task) -> Self {
        let mut model = ModelRecipe::default();
        let mut train = TrainRecipe::default();
        if task != Task::Neuronio {
            // what is the same for all of them, until a recipe says otherwise
            model.branches = 0;
            model.synapses_per_branch = 1;
            model.memory_tau_max = 500.0;
            train = TrainRecipe {
                epochs: 10,
                batches_per_epoch: 0,
                learning_rate: 5e-3,
                optimizer: OptimizerChoice::Adamax,
                ..train
            };
        }
        let data = DataRecipe::default();
        let dt = time_step(&model, of_bins(task, &data, None));
        Self {
            task,
            seed: 0,
            network: NetworkRecipe::of(task, dt),
            chrono_lstm: ChronoLstmRecipe::default(),
            transformer: TransformerRecipe::of(task),
            tcn: TcnRecipe::of(task),
            lif: LifRecipe::of(task, dt),
            model,
            data,
            arrays: ArraysRecipe::default(),
            text: TextRecipe::default(),
            train,
            checkpoint: CheckpointRecipe::default(),
            form: None,
        }
    }

    /// The recipe for data of this form, which the files have that were opened.
    pub fn with_form(mut self, form: DataForm) -> Self {
        self.form = Some(form);
        self
    }

    /// What the data ask of a model: of a task with a user's own files a stand-in until they are opened.
    pub fn data_form(&self) -> DataForm {
        self.form
            .unwrap_or_else(|| DataForm::of(self.task, self.steps()))
    }

    /// Length of a time step in ms: `model.dt`, or unless that is set the width of a spike task's bins, else 1.
    pub fn dt(&self) -> f64 {
        let bins = of_bins(self.task, &self.data, Some(&self.arrays));
        time_step(&self.model, bins)
    }

    /// What is odd about the time step: one that is set, and is not that of the bins.
    pub fn time_step_mismatch(&self) -> Option<String> {
        let of_bins = of_bins(self.task, &self.data, Some(&self.arrays))?;
        let timed = [ModelKind::Elm, ModelKind::Network, ModelKind::Lif];
        let key = match self.task {
            Task::Arrays => "arrays.events.bin_ms",
            _ => "data.bin_ms",
        };
        (timed.contains(&self.model.kind) && self.dt() != of_bins).then(|| {
            format!(
                "model.dt is {} ms and the bins are {key} = {of_bins} ms wide: timescales in ms are off by a factor of {}; without model.dt the time step is that of the bins",
                self.dt(),
                of_bins / self.dt()
            )
        })
    }

    /// Lets the sizes that follow from the time step, and were not chosen otherwise, follow it from `before`.
    fn follow_time_step(&mut self, before: f64) {
        let (task, now) = (self.task, self.dt());
        let (old, new) = (
            NetworkRecipe::of(task, before),
            NetworkRecipe::of(task, now),
        );
        if self.network.high_pass_tau == old.high_pass_tau {
            self.network.high_pass_tau = new.high_pass_tau;
        }
        let (old, new) = (LifRecipe::of(task, before), LifRecipe::of(task, now));
        if self.lif.membrane_tau == old.membrane_tau {
            self.lif.membrane_tau = new.membrane_tau;
        }
        if self.lif.readout_tau == old.readout_tau {
            self.lif.readout_tau = new.readout_tau;
        }
    }

    /// The recipe with absolute paths, so that it means the same in every folder.
    pub fn with_absolute_paths(mut self) -> Self {
        let absolute = |path: &mut PathBuf| {
            if let Ok(whole) = std::path::absolute(&*path) {
                *path = whole;
            }
        };
        self.data.dir.iter_mut().for_each(absolute);
        for source in [
            &mut self.data.train,
            &mut self.data.valid,
            &mut self.data.test,
        ] {
            if let DataSource::Paths(paths) = source {
                paths.iter_mut().for_each(absolute);
            }
        }
        self
    }

    /// The same task and data with another model: its sizes for the task, and the optimizer and learning rate that suit
    /// it. A recipe of that model stays as it is.
    pub fn with_model(mut self, kind: ModelKind) -> Self {
        if self.model.kind == kind {
            return self;
        }
        let (task, dt) = (self.task, self.dt());
        let plain = Self::of(task);
        if !matches!(self.model.kind, ModelKind::Elm | ModelKind::Network) {
            // back from what suited the other model
            self.train.optimizer = plain.train.optimizer;
            self.train.learning_rate = plain.train.learning_rate;
        }
        self.network = NetworkRecipe::of(task, dt);
        if task != Task::Neuronio {
            self.network.memory_tau_min = self.model.memory_tau_min;
            self.network.memory_tau_max = self.model.memory_tau_max;
        }
        self.chrono_lstm = plain.chrono_lstm;
        self.transformer = plain.transformer;
        self.tcn = plain.tcn;
        self.lif = LifRecipe::of(task, dt);
        models::train_as(kind, &mut self.train);
        self.model.kind = kind;
        self
    }

    /// The configuration of the model: inputs and outputs are the task's.
    pub fn model_config(&self) -> ModelConfig {
        let fit = Fit {
            task: self.task,
            form: self.data_form(),
            dt: self.dt(),
            seed: self.seed,
        };
        match self.model.kind {
            ModelKind::Elm => ModelConfig::Elm(self.neuron()),
            ModelKind::Network => self.network.config(fit),
            ModelKind::ChronoLstm => self.chrono_lstm.config(fit),
            ModelKind::Transformer => self.transformer.config(fit),
            ModelKind::Tcn => self.tcn.config(fit),
            ModelKind::Lif => self.lif.config(fit),
        }
    }

    /// Steps of the longest sequence: a window of NeuronIO, or a sample of another task.
    pub fn steps(&self) -> usize {
        let longest = self.task.info().length;
        match self.task {
            Task::Neuronio => self.train.window_ms,
            Task::ListOps | Task::Text | Task::Retrieval => {
                self.data.max_length.unwrap_or(longest).min(longest)
            }
            Task::Image | Task::Pathfinder | Task::PathX => longest,
            Task::Enwik8 | Task::TextLm => self.text.steps,
            Task::Arrays => self.form.map_or(1, |form| form.steps),
            Task::Shd | Task::ShdAdding | Task::SyntheticSpikes | Task::SyntheticSpikesAdding => {
                let digits = if self.task.is_adding() { 2 } else { 1 };
                let steps = self.task_options().binning.steps();
                // a width that does not fit is told by `validate`
                steps.map_or(longest, |steps| digits * steps)
            }
        }
    }

    /// The neuron's configuration: inputs and outputs are the task's.
    pub fn neuron(&self) -> ElmNeuronConfig {
        if self.task == Task::Neuronio {
            return self.model.config();
        }
        let model = &self.model;
        let form = self.data_form();
        // the two vectors that a pair is compared by are as long as the memory
        let outputs = form.outputs.unwrap_or(model.num_memory);
        let config = ElmNeuronConfig::new(form.inputs, outputs.max(1));
        match model.branches {
            // one for each channel
            0 => config.with_neuron(model.form().with_dt(self.dt())),
            _ => config
                .with_neuron(model.on_branches().with_dt(self.dt()))
                .with_routing(Routing::Random { seed: self.seed }),
        }
    }

    /// How the data of a classification task is read.
    pub fn task_options(&self) -> TaskOptions {
        let data = &self.data;
        TaskOptions {
            max_length: data.max_length,
            binning: Binning {
                bin_ms: data.bin_ms,
                value: data.bin_value,
            },
            difficulty: data.difficulty,
            split_seed: data.split_seed,
            draw_seed: self.seed,
            pairs: None,
        }
    }
}

/// The published forms of the neuron (Spieler et al. 2024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeuronVersion {
    /// The first, [`NeuronForm::v1`].
    V1,
    /// The second, [`NeuronForm::v2`].
    V2,
}

/// Are the samples of a task spikes that are counted in bins?
fn is_binned(task: Task) -> bool {
    matches!(
        task,
        Task::Shd | Task::ShdAdding | Task::SyntheticSpikes | Task::SyntheticSpikesAdding
    )
}

/// Width of the bins of a task in ms; none where nothing is binned.
fn of_bins(task: Task, data: &DataRecipe, arrays: Option<&ArraysRecipe>) -> Option<f64> {
    match task {
        Task::Arrays => arrays?.events.as_ref().map(|events| events.bin_ms),
        _ => is_binned(task).then(|| f64::from(data.bin_ms)),
    }
}

/// Length of a time step in ms.
fn time_step(model: &ModelRecipe, of_bins: Option<f64>) -> f64 {
    model.dt.or(of_bins).unwrap_or(1.0)
}

/// Which model a recipe trains, and its sizes where that is the neuron; see [`ElmNeuronConfig`] for the formulas. Times
/// are in ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecipe {
    /// Which model.
    pub kind: ModelKind,
    /// Published form of the neuron.
    pub version: NeuronVersion,
    /// Memory units M.
    pub num_memory: usize,
    /// Units in each hidden layer of the MLP; `2·num_memory` unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mlp_hidden: Option<usize>,
    /// Hidden layers of the MLP (0 is a linear map).
    pub mlp_layers: usize,
    /// Activation of the hidden layers.
    pub activation: HiddenActivation,
    /// Dendritic branches D; NeuronIO routes its channels to them, other tasks do so at random. 0 (not for NeuronIO):
    /// one branch with one synapse for each channel.
    pub branches: usize,
    /// Synapses on each branch.
    pub synapses_per_branch: usize,
    /// Timescale of the synaptic (v1) or branch (v2) trace in ms.
    pub synapse_tau: f64,
    /// Shortest memory timescale in ms.
    pub memory_tau_min: f64,
    /// Longest memory timescale in ms.
    pub memory_tau_max: f64,
    /// Are the memory timescales trained?
    pub learn_memory_tau: bool,
    /// Scale λ of the memory update (no unit).
    pub lambda: f64,
    /// Length of a time step in ms; NeuronIO's is 1, and unless set that of other tasks is the width of their bins, or 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dt: Option<f64>,
}

impl Default for ModelRecipe {
    fn default() -> Self {
        let published = ElmNeuronConfig::neuronio(100).form();
        Self {
            kind: ModelKind::Elm,
            version: NeuronVersion::V1,
            num_memory: published.num_memory,
            mlp_hidden: published.hidden_size,
            mlp_layers: published.hidden_layers,
            activation: published.activation,
            branches: published.branches(),
            synapses_per_branch: published.per_branch(),
            synapse_tau: match published.branch_tau {
                FilterTau::Ms(tau) => tau,
                FilterTau::Off => unreachable!("the published neuron has a trace"),
            },
            memory_tau_min: published.memory_tau_min,
            memory_tau_max: published.memory_tau_max,
            learn_memory_tau: published.learn_memory_tau,
            lambda: published.lambda,
            dt: None,
        }
    }
}

impl ModelRecipe {
    /// The neuron's configuration for NeuronIO: 1278 inputs, two outputs, steps of 1 ms.
    pub fn config(&self) -> ElmNeuronConfig {
        ElmNeuronConfig::neuronio(self.num_memory).with_neuron(self.on_branches())
    }

    /// The neuron's options, with its branches.
    fn on_branches(&self) -> NeuronForm {
        self.form()
            .with_num_branches(Some(self.branches))
            .with_synapses_per_branch(Some(self.synapses_per_branch))
    }

    /// What is the same for every task.
    fn form(&self) -> NeuronForm {
        let published = match self.version {
            NeuronVersion::V1 => NeuronForm::v1(),
            NeuronVersion::V2 => NeuronForm::v2(),
        };
        published
            .with_num_memory(self.num_memory)
            .with_hidden_size(self.mlp_hidden)
            .with_hidden_layers(self.mlp_layers)
            .with_activation(self.activation)
            .with_branch_tau(FilterTau::Ms(self.synapse_tau))
            .with_memory_tau_min(self.memory_tau_min)
            .with_memory_tau_max(self.memory_tau_max)
            .with_learn_memory_tau(self.learn_memory_tau)
            .with_lambda(self.lambda)
    }
}

/// The data of a recipe. Relative paths start at the folder that `elm` is called from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataRecipe {
    /// NeuronIO, arrays, texts: files to train on. Arrays and texts without other files are split.
    pub train: DataSource,
    /// NeuronIO, arrays, texts: files that choose the best epoch.
    pub valid: DataSource,
    /// NeuronIO, arrays, texts: files for the final numbers.
    pub test: DataSource,
    /// Threads that make batches ahead of the training; as many as the machine has to spare unless set. The batches are the
    /// same whatever their number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    /// NeuronIO: draw from one file at a time, until this share of its time is used, as the published script does; from all
    /// of them unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_load_fraction: Option<f64>,
    /// NeuronIO: may two of the parts share simulations?
    pub allow_shared: bool,
    /// Other tasks: folder of the files (Pathfinder: or a converted file).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<PathBuf>,
    /// Longest sequence of ListOps, Text and Retrieval; as published unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// Width of a spike task's time steps in ms.
    pub bin_ms: u32,
    /// Value of a step with several spikes in a channel.
    pub bin_value: BinValue,
    /// Which images of Pathfinder and Path-X.
    pub difficulty: Difficulty,
    /// Seed of the division into training, validation and test where the files leave it open.
    pub split_seed: u64,
    /// Synthetic spikes: seed of those that are drawn into `dir` if they are not there; what is there must be as this and
    /// the next two say, where they say anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make_seed: Option<u64>,
    /// Synthetic spikes: samples to train and validate on that are drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make_train: Option<usize>,
    /// Synthetic spikes: samples to test that are drawn with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make_test: Option<usize>,
    /// At most so many samples validate an epoch; pairs drawn by an adding task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_samples: Option<usize>,
    /// At most so many samples for the final numbers; pairs drawn by an adding task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_samples: Option<usize>,
}

impl Default for DataRecipe {
    /// No folder; files read as published.
    fn default() -> Self {
        let binning = Binning::default();
        Self {
            train: DataSource::default(),
            valid: DataSource::default(),
            test: DataSource::default(),
            workers: None,
            file_load_fraction: None,
            allow_shared: false,
            dir: None,
            max_length: None,
            bin_ms: binning.bin_ms,
            bin_value: binning.value,
            difficulty: Difficulty::default(),
            split_seed: 0,
            make_seed: None,
            make_train: None,
            make_test: None,
            valid_samples: None,
            test_samples: None,
        }
    }
}

/// The optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerChoice {
    /// Adam (Kingma & Ba 2015).
    #[default]
    Adam,
    /// Its variant with the largest gradient in place of the mean square.
    Adamax,
    /// Adam, beside which weights decay (Loshchilov & Hutter 2019).
    Adamw,
}

/// Where a classification task reads its answer out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readout {
    /// At the last step of each sequence, padding aside.
    #[default]
    Last,
    /// The mean over the steps of each sequence, padding aside.
    Mean,
}

/// The training schedule of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainRecipe {
    /// Epochs; each ends with a validation.
    pub epochs: usize,
    /// Gradient steps after which it ends, in place of epochs, within an epoch if need be; 0: it ends with its epochs.
    pub steps: usize,
    /// Minutes of training and validation after which it ends, however many epochs that is, with the learning rate at its
    /// end; 0: it ends with its epochs.
    pub minutes: f64,
    /// Epochs without a smaller validation loss after which it ends early; 0: it does not.
    pub patience: usize,
    /// Gradient steps in an epoch; 0 (not for NeuronIO): as many as go once over the training data.
    pub batches_per_epoch: usize,
    /// Windows or samples in a batch.
    pub batch_size: usize,
    /// Batches whose mean gradient makes one step: the effect of a larger batch in the memory of a small one.
    pub accumulate: usize,
    /// NeuronIO: length of a window in ms.
    pub window_ms: usize,
    /// The optimizer.
    pub optimizer: OptimizerChoice,
    /// Learning rate at the first step after the warm-up.
    pub learning_rate: f64,
    /// Learning rate after the last step, reached by half a cosine over all steps.
    pub final_learning_rate: f64,
    /// Steps over which the learning rate rises in a straight line, before the cosine begins.
    pub warmup_steps: usize,
    /// Learning rate of trained memory timescales, as a multiple of that of other parameters.
    pub timescale_rate: f64,
    /// AdamW: share of a weight that goes with each step, times the learning rate.
    pub weight_decay: f64,
    /// Decay of the moving average of the weights that is validated and tested in their place; 0: the weights themselves.
    pub average_decay: f64,
    /// Largest global norm of the gradient, larger ones are scaled down; 0 for no limit.
    pub clip_norm: f64,
    /// NeuronIO: weight of the spike loss (binary cross entropy with logits).
    pub spike_weight: f64,
    /// NeuronIO: weight of the soma loss (mean square of the voltage error, in units of 10 mV).
    pub soma_weight: f64,
    /// Classification: where the answer is read out.
    pub readout: Readout,
    /// Classification: share of the target that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// Classification: probability that an input value of a training sample is left out.
    pub input_dropout: f64,
    /// Gradient steps from one line of step metrics to the next.
    pub log_every: usize,
}

impl Default for TrainRecipe {
    fn default() -> Self {
        Self {
            epochs: 35,
            steps: 0,
            minutes: 0.0,
            patience: 0,
            batches_per_epoch: 10_000,
            batch_size: 8,
            accumulate: 1,
            window_ms: 500,
            optimizer: OptimizerChoice::Adam,
            learning_rate: 5e-4,
            final_learning_rate: 0.0,
            warmup_steps: 0,
            timescale_rate: 1.0,
            weight_decay: 0.0,
            average_decay: 0.0,
            clip_norm: 0.0,
            spike_weight: 0.5,
            soma_weight: 0.5,
            readout: Readout::Last,
            label_smoothing: 0.0,
            input_dropout: 0.0,
            log_every: 10,
        }
    }
}

/// When a run saves checkpoints, beside the end of each epoch and of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointRecipe {
    /// Gradient steps from one to the next; 0: their number does not count.
    pub every_steps: usize,
    /// Minutes from one to the next; 0: time does not count.
    pub every_minutes: f64,
    /// How many of the last ones are kept. Each holds the best model so far, too.
    pub keep: usize,
}

impl Default for CheckpointRecipe {
    fn default() -> Self {
        Self {
            every_steps: 0,
            every_minutes: 5.0,
            keep: 2,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_time_step_is_that_of_the_bins_unless_set() {
        let mut recipe = Recipe::builtin("shd").unwrap();
        assert_eq!(recipe.dt(), 10.0);
        recipe.set("data.bin_ms=2").unwrap();
        let ModelConfig::Elm(neuron) = recipe.model_config() else {
            panic!("no neuron");
        };
        assert_eq!((recipe.dt(), neuron.neuron.dt), (2.0, 2.0));
        assert_eq!(recipe.time_step_mismatch(), None);
        recipe.set("model.dt=10").unwrap();
        assert_eq!(recipe.dt(), 10.0);
        let told = recipe.time_step_mismatch().unwrap();
        assert!(told.contains("factor of 0.2"), "{told}");
        // what follows from the step follows the bins, too, in whatever order
        for kind in [ModelKind::Network, ModelKind::Lif] {
            let mut first = Recipe::builtin("spikes").unwrap();
            first.set("data.bin_ms=50").unwrap();
            let first = first.with_model(kind);
            let mut then = Recipe::builtin("spikes").unwrap().with_model(kind);
            then.set("data.bin_ms=50").unwrap();
            assert_eq!(first, then);
            let text = first.to_toml();
            assert_eq!(
                Recipe::from_toml(&text, "text").unwrap().model_config(),
                first.model_config()
            );
        }
    }
}
