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
mod document;
mod error;
mod form;
mod hint;
mod models;
mod neuron;
mod own;
mod schema;
mod sized;
mod time_step;
mod train;
mod validate;

use std::path::PathBuf;

use burn::tensor::Device;
use elm_baselines::{ChronoLstmConfig, LifConfig, TcnConfig, TransformerEncoderConfig};
use elm_data::Task;
use elm_data::lra::pathfinder::Difficulty;
use elm_data::shd::{BinValue, Binning};
use elm_data::task::{TaskKind, TaskOptions};
use elm_model::{ElmError, ElmNeuronConfig, Routing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{ModelKind, NetworkModel, SequenceToSequence};
use time_step::{of_bins, time_step};

pub use builtin::builtins;
pub use data_source::DataSource;
pub use error::RecipeError;
pub use form::DataForm;
pub use hint::meant_key;
pub use neuron::{ModelRecipe, NeuronVersion};
pub use own::{ArraysRecipe, TextRecipe};
pub use schema::{RecipeKey, key_named, keys, schema};
pub use train::{CheckpointRecipe, OptimizerChoice, Precision, Readout, TrainRecipe};

/// A full training setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// What is learnt: data, loss and metrics; `elm data list` lists the tasks.
    pub task: Task,
    /// Seed of everything random: start weights, batches, and the choice of simulations.
    #[schemars(extend("x-aliases" = ["random_seed", "random_state"]))]
    pub seed: u64,
    /// Which model, and the neuron. Times are in ms.
    pub model: ModelRecipe,
    /// The network, where that is the model. Times are in ms.
    pub network: NetworkModel,
    /// The LSTM, where that is the model.
    pub chrono_lstm: ChronoLstmConfig,
    /// The Transformer, where that is the model.
    pub transformer: TransformerEncoderConfig,
    /// The convolutional network, where that is the model.
    pub tcn: TcnConfig,
    /// The integrate-and-fire neurons, where they are the model. Times are in ms.
    pub lif: LifConfig,
    /// The data it is trained and tested on.
    pub data: DataRecipe,
    /// How a user's own sequences are read.
    #[schemars(extend("x-needs" = "arrays"))]
    pub arrays: ArraysRecipe,
    /// How a text is read.
    #[schemars(extend("x-needs" = "text"))]
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
        Self::of(Task::default())
    }
}

impl Recipe {
    /// The recipe of a task before anything is said: the published NeuronIO setting, or the published setting of the
    /// spoken digits for every other task.
    pub fn of(task: Task) -> Self {
        let mut model = ModelRecipe::default();
        let mut train = TrainRecipe::default();
        if !task.is_neuronio() {
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
            network: models::network(task, dt),
            chrono_lstm: ChronoLstmConfig::new(1, 1),
            transformer: models::transformer(task),
            tcn: models::tcn(task),
            lif: models::lif(task, dt),
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
            .unwrap_or_else(|| DataForm::of(self.task, &self.task_options(), self.steps()))
    }

    /// The recipe with absolute paths, so that it means the same in every folder.
    pub fn with_absolute_paths(mut self) -> Self {
        let absolute = |path: &mut PathBuf| {
            // a recipe is text: a path that is none stays as it was written
            if let Ok(whole) = std::path::absolute(&*path)
                && whole.to_str().is_some()
            {
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
        self.network = models::network(task, dt);
        if !task.is_neuronio() {
            let form = &mut self.network.network.neuron;
            form.memory_tau_min = self.model.memory_tau_min;
            form.memory_tau_max = self.model.memory_tau_max;
        }
        self.chrono_lstm = plain.chrono_lstm;
        self.transformer = plain.transformer;
        self.tcn = plain.tcn;
        self.lif = models::lif(task, dt);
        models::train_as(kind, &mut self.train);
        self.model.kind = kind;
        self
    }

    /// A fresh model as it is trained, with its number type and memory.
    ///
    /// # Errors
    /// If the recipe describes no model.
    pub fn init_model(&self, device: &Device) -> Result<SequenceToSequence, ElmError> {
        Ok(self.model_config().init(device)?.for_training(&self.train))
    }

    /// Steps of the longest sequence: a window of NeuronIO, or a sample of another task.
    pub fn steps(&self) -> usize {
        match self.task.info().kind {
            TaskKind::NeuronIo => self.train.window_ms,
            TaskKind::Language => self.text.steps,
            TaskKind::Open => self.form.map_or(1, |form| form.steps),
            TaskKind::Classification { .. } => self.task.length(&self.task_options()),
        }
    }

    /// The neuron's configuration: inputs and outputs are the task's.
    pub fn neuron(&self) -> ElmNeuronConfig {
        if self.task.is_neuronio() {
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

    /// How the data of a classification task is read that validates and tests: the same whatever the training's seed, so
    /// that the losses of seeds compare.
    pub fn task_options_of_test(&self) -> TaskOptions {
        TaskOptions {
            draw_seed: self.data.split_seed,
            ..self.task_options()
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
            column_channels: data.column_channels,
            shrink: data.shrink,
            split_seed: data.split_seed,
            draw_seed: self.seed,
            pairs: None,
        }
    }
}

/// The data of a recipe. Relative paths start at the folder that `elm` is called from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataRecipe {
    /// Files and folders to train on; for neuronio also "shipped".
    #[schemars(extend("x-needs" = "files", "x-aliases" = ["train_file", "train_files", "dataset", "data_path"]))]
    pub train: DataSource,
    /// Files that choose the best epoch; none (not for neuronio): a share of data.train.
    #[schemars(extend("x-needs" = "files", "x-aliases" = ["validation_file", "val"]))]
    pub valid: DataSource,
    /// Files for the final numbers, likewise.
    #[schemars(extend("x-needs" = "files", "x-aliases" = ["test_file"]))]
    pub test: DataSource,
    /// Folder of the task's files; of pathfinder also a converted file.
    #[schemars(extend("x-needs" = "folder", "x-aliases" = ["data_dir", "root"]))]
    pub dir: Option<PathBuf>,
    /// Seed of the samples that are drawn into data.dir if none are there (1 unless set); others are refused.
    #[schemars(extend("x-needs" = "made"))]
    pub make_seed: Option<u64>,
    /// Samples to train and validate on, likewise (2500).
    #[schemars(range(min = 1), extend("x-needs" = "made"))]
    pub make_train: Option<usize>,
    /// Samples to test, likewise (500).
    #[schemars(range(min = 1), extend("x-needs" = "made"))]
    pub make_test: Option<usize>,
    /// Longest sequence; as published unless set.
    #[schemars(range(min = 1), extend("x-needs" = "lengths", "x-aliases" = ["max_seq_length", "max_len"]))]
    pub max_length: Option<usize>,
    /// Width of a time step in ms, a divisor of 1000.
    #[schemars(extend("x-needs" = "bins"))]
    pub bin_ms: u32,
    /// Value of a step with several spikes in a channel.
    #[schemars(extend("x-needs" = "bins"))]
    pub bin_value: BinValue,
    /// Which contours.
    #[schemars(extend("x-needs" = "difficulty"))]
    pub difficulty: Difficulty,
    /// Tell where in its row each pixel of a picture lies, by two more channels: sine and cosine of one turn a row.
    #[schemars(extend("x-needs" = "picture"))]
    pub column_channels: bool,
    /// Read pictures smaller: blocks of this many pixels along an edge become one pixel each, their mean. To begin a training
    /// with short sequences.
    #[schemars(range(min = 1), extend("x-needs" = "picture", "x-aliases" = ["downsample", "pool"]))]
    pub shrink: Option<usize>,
    /// Seed that says which samples validate.
    #[schemars(extend("x-needs" = "seeded split"))]
    pub split_seed: u64,
    /// Most samples (adding tasks: pairs) that validate an epoch.
    #[schemars(range(min = 1), extend("x-needs" = "folder"))]
    pub valid_samples: Option<usize>,
    /// Most samples (adding tasks: pairs) for the final numbers.
    #[schemars(range(min = 1), extend("x-needs" = "folder"))]
    pub test_samples: Option<usize>,
    /// Threads that make batches ahead; as many as the machine has to spare unless set.
    ///
    /// The batches are the same whatever their number. Each thread holds two of them.
    #[schemars(range(min = 1, max = 256), extend("x-aliases" = ["num_workers", "dataloader_num_workers"]))]
    pub workers: Option<usize>,
    /// Draw from one file at a time, until this share of its time is used, as the published script does with 0.2; from
    /// all of them unless set.
    #[schemars(extend("exclusiveMinimum" = 0, "x-needs" = "windows"))]
    pub file_load_fraction: Option<f64>,
    /// May train, valid and test share simulations?
    #[schemars(extend("x-needs" = "windows"))]
    pub allow_shared: bool,
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
            column_channels: false,
            shrink: None,
            split_seed: 0,
            make_seed: None,
            make_train: None,
            make_test: None,
            valid_samples: None,
            test_samples: None,
        }
    }
}
