//! How a recipe trains: schedule, optimizer, checkpoints.

use serde::{Deserialize, Serialize};

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
