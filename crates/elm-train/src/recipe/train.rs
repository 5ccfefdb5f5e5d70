//! How a recipe trains: schedule, optimizer, checkpoints.

use elm_data::neuronio::MAX_DURATION_MS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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

/// Number type of the products of a single neuron with its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision, as everything else.
    #[default]
    F32,
    /// Half precision with the range of single precision; decays, gates, memory, parameters and optimizer stay in f32.
    Bf16,
}

/// Where a classification task reads its answer out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readout {
    /// At the last step of each sequence, padding aside.
    #[default]
    Last,
    /// The mean over the steps of each sequence, padding aside.
    Mean,
}

/// The training schedule of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrainRecipe {
    /// Epochs; each ends with a validation.
    #[schemars(range(min = 1), extend("x-aliases" = ["max_epochs", "num_epochs", "n_epochs", "num_train_epochs"]))]
    pub epochs: usize,
    /// Gradient steps after which it ends, in place of epochs; 0: it ends with its epochs.
    #[schemars(extend("x-aliases" = ["max_steps", "num_steps", "iterations", "max_iters"]))]
    pub steps: usize,
    /// Minutes of training and validation after which it ends, in place of epochs; 0: it ends with its epochs.
    ///
    /// However many epochs that is, the learning rate is then at its end.
    #[schemars(range(min = 0), extend("x-aliases" = ["max_time"]))]
    pub minutes: f64,
    /// Epochs without a smaller validation loss after which it ends early; 0: it does not.
    #[schemars(extend("x-aliases" = ["early_stopping", "early_stopping_patience"]))]
    pub patience: usize,
    /// Gradient steps in an epoch; 0 (not for neuronio): once over the data.
    #[schemars(extend("x-aliases" = ["steps_per_epoch", "limit_train_batches"]))]
    pub batches_per_epoch: usize,
    /// Windows, samples or streams of text in a batch.
    #[schemars(range(min = 1), extend("x-aliases" = ["bs", "batch", "per_device_train_batch_size"]))]
    pub batch_size: usize,
    /// Batches whose mean gradient makes one step.
    ///
    /// It is the effect of a larger batch in the memory of a small one.
    #[schemars(range(min = 1), extend("x-aliases" = ["accumulate_grad_batches", "gradient_accumulation_steps"]))]
    pub accumulate: usize,
    /// Length of a window in ms.
    #[schemars(range(min = 1, max = MAX_DURATION_MS), extend("x-needs" = "windows"))]
    pub window_ms: usize,
    /// The optimizer.
    #[schemars(extend("x-aliases" = ["optim", "solver"]))]
    pub optimizer: OptimizerChoice,
    /// Learning rate at the first step after the warm-up.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0, "x-aliases" = ["lr", "learning_rate_init", "max_lr", "base_lr"]))]
    pub learning_rate: f64,
    /// Learning rate after the last step, reached by half a cosine over all steps.
    #[schemars(range(min = 0), extend("x-aliases" = ["min_lr", "eta_min"]))]
    pub final_learning_rate: f64,
    /// Steps over which the learning rate rises in a straight line, before the cosine begins.
    #[schemars(extend("x-aliases" = ["warmup", "num_warmup_steps"]))]
    pub warmup_steps: usize,
    /// Learning rate of trained memory timescales, as a multiple of that of other parameters.
    #[schemars(range(min = 0), extend("x-models" = ["elm", "network"]))]
    pub timescale_rate: f64,
    /// AdamW: share of a weight that goes with each step, times the learning rate.
    #[schemars(range(min = 0), extend("x-aliases" = ["wd", "decay"]))]
    pub weight_decay: f64,
    /// Decay of the moving average of the weights that is tested in their place; 0: the weights themselves.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "x-aliases" = ["ema", "ema_decay"]))]
    pub average_decay: f64,
    /// Largest global norm of the gradient, larger ones are scaled down; 0 for no limit.
    #[schemars(range(min = 0), extend("x-aliases" = ["grad_clip", "gradient_clip_val", "max_grad_norm", "clipnorm"]))]
    pub clip_norm: f64,
    /// Number type of the products with the input; all else stays in single precision.
    ///
    /// Half precision is for graphics cards.
    #[schemars(extend("x-models" = ["elm"]))]
    pub precision: Precision,
    /// MB for what the backward pass keeps, the rest is computed again; 0: half of what the device has.
    #[schemars(extend("x-models" = ["elm"]))]
    pub memory_budget: usize,
    /// Weight of the spike loss (binary cross entropy with logits).
    #[schemars(range(min = 0), extend("x-needs" = "windows"))]
    pub spike_weight: f64,
    /// Weight of the soma loss (mean square of the voltage error, in units of 10 mV).
    #[schemars(range(min = 0), extend("x-needs" = "windows"))]
    pub soma_weight: f64,
    /// Where the answer is read out: at the last step of each sequence, or as the mean over its steps.
    #[schemars(extend("x-needs" = "answers"))]
    pub readout: Readout,
    /// Share of the target that is spread evenly over all classes.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1, "x-needs" = "answers"))]
    pub label_smoothing: f64,
    /// Probability that an input value of a training sample is left out; what is kept is scaled by 1 / (1 - p).
    #[schemars(range(min = 0, max = 0.999), extend("x-needs" = "folder"))]
    pub input_dropout: f64,
    /// Do samples of about the same length come together in a batch? Little is padded then, and an epoch takes less time.
    #[schemars(extend("x-needs" = "lengths", "x-aliases" = ["bucket_by_length"]))]
    pub group_by_length: bool,
    /// Gradient steps from one line of metrics.jsonl to the next.
    #[schemars(range(min = 1), extend("x-aliases" = ["log_every_n_steps", "logging_steps"]))]
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
            precision: Precision::F32,
            memory_budget: 0,
            spike_weight: 0.5,
            soma_weight: 0.5,
            readout: Readout::Last,
            label_smoothing: 0.0,
            input_dropout: 0.0,
            group_by_length: true,
            log_every: 10,
        }
    }
}

/// When a run saves checkpoints, beside the end of each epoch and of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointRecipe {
    /// Gradient steps from one to the next; 0: only by time and epochs.
    #[schemars(extend("x-aliases" = ["save_steps", "checkpoint_every"]))]
    pub every_steps: usize,
    /// Minutes from one to the next; 0: only by steps and epochs.
    #[schemars(range(min = 0))]
    pub every_minutes: f64,
    /// How many of the last ones are kept. Each holds the best model so far, too.
    #[schemars(range(min = 1), extend("x-aliases" = ["save_top_k", "save_total_limit"]))]
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
