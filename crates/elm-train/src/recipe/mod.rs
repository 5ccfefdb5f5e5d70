//! Recipes: a full training setting as one readable TOML file.
//!
//! A recipe names the task, the neuron, the data and the training schedule. Start from a built-in one
//! ([`Recipe::builtin`], [`builtins`]) or a file ([`Recipe::load`]), change single keys with
//! [`Recipe::set`], check it with [`Recipe::validate`], and write what was used with [`Recipe::to_toml`].
//! A key left out of a file keeps the value of [`Recipe::default`], the published NeuronIO setting.
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
mod keys;
mod validate;

use elm_model::{ElmNeuronConfig, HiddenActivation, NeuronVersion};
use serde::{Deserialize, Serialize};

pub use builtin::{PUBLISHED_MEMORY_SIZES, builtins};
pub use data_source::DataSource;
pub use error::RecipeError;
pub use keys::{RecipeKey, keys};

/// A full training setting.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Recipe {
    /// What is learnt: data, loss and metrics.
    pub task: Task,
    /// Seed of everything random: start weights, batches, and the choice of simulations (0 to 2^63 − 1).
    pub seed: u64,
    /// The neuron.
    pub model: ModelRecipe,
    /// The simulations it is trained and tested on.
    pub data: DataRecipe,
    /// The training schedule.
    pub train: TrainRecipe,
}

/// What is learnt: data, loss and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Spikes and soma voltage of a layer-5 pyramidal cell from its 1278 synaptic inputs.
    #[default]
    Neuronio,
}

/// The neuron of a recipe; see [`ElmNeuronConfig`] for the formulas. Times are in ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecipe {
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
    /// Dendritic branches D.
    pub branches: usize,
    /// Synapses on each branch.
    pub synapses_per_branch: usize,
    /// Shortest memory timescale in ms.
    pub memory_tau_min: f64,
    /// Longest memory timescale in ms.
    pub memory_tau_max: f64,
    /// Are the memory timescales trained?
    pub learn_memory_tau: bool,
    /// Scale λ of the memory update (no unit).
    pub lambda: f64,
}

impl Default for ModelRecipe {
    fn default() -> Self {
        let published = ElmNeuronConfig::neuronio(100);
        Self {
            version: published.version,
            num_memory: published.num_memory,
            mlp_hidden: published.hidden_size,
            mlp_layers: published.hidden_layers,
            activation: published.activation,
            branches: published.branches(),
            synapses_per_branch: published.synapses_per_branch,
            memory_tau_min: published.memory_tau_min,
            memory_tau_max: published.memory_tau_max,
            learn_memory_tau: published.learn_memory_tau,
            lambda: published.lambda,
        }
    }
}

impl ModelRecipe {
    /// The neuron's configuration for NeuronIO: 1278 inputs, two outputs, steps of 1 ms.
    pub fn config(&self) -> ElmNeuronConfig {
        ElmNeuronConfig::neuronio(self.num_memory)
            .with_version(self.version)
            .with_hidden_size(self.mlp_hidden)
            .with_hidden_layers(self.mlp_layers)
            .with_activation(self.activation)
            .with_num_branches(Some(self.branches))
            .with_synapses_per_branch(self.synapses_per_branch)
            .with_memory_tau_min(self.memory_tau_min)
            .with_memory_tau_max(self.memory_tau_max)
            .with_learn_memory_tau(self.learn_memory_tau)
            .with_lambda(self.lambda)
    }
}

/// The simulations of a recipe. Relative paths start at the folder that `elm` is called from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DataRecipe {
    /// Simulations to train on.
    pub train: DataSource,
    /// Simulations that choose the best epoch.
    pub valid: DataSource,
    /// Simulations for the final numbers.
    pub test: DataSource,
}

/// The training schedule of a recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainRecipe {
    /// Epochs; each ends with a validation.
    pub epochs: usize,
    /// Batches (gradient steps) in an epoch.
    pub batches_per_epoch: usize,
    /// Windows in a batch.
    pub batch_size: usize,
    /// Length of a window in ms.
    pub window_ms: usize,
    /// Learning rate of Adam at the first step.
    pub learning_rate: f64,
    /// Learning rate after the last step, reached by half a cosine over all steps.
    pub final_learning_rate: f64,
    /// Largest global norm of the gradient, larger ones are scaled down; 0 for no limit.
    pub clip_norm: f64,
    /// Weight of the spike loss (binary cross entropy with logits).
    pub spike_weight: f64,
    /// Weight of the soma loss (mean square of the voltage error, in units of 10 mV).
    pub soma_weight: f64,
}

impl Default for TrainRecipe {
    fn default() -> Self {
        Self {
            epochs: 35,
            batches_per_epoch: 10_000,
            batch_size: 8,
            window_ms: 500,
            learning_rate: 5e-4,
            final_learning_rate: 0.0,
            clip_norm: 0.0,
            spike_weight: 0.5,
            soma_weight: 0.5,
        }
    }
}

impl TrainRecipe {
    /// Gradient steps of the whole training.
    pub fn total_steps(&self) -> usize {
        self.epochs.saturating_mul(self.batches_per_epoch)
    }
}
