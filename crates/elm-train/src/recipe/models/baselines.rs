//! What neurons and networks are compared with, as recipes have it.

use elm_baselines::{
    Adaptation, Attention, ChronoLstmConfig, EmbeddingInit, LifConfig, LraTask, Positions,
    Recurrence, Reset, TcnConfig, TcnNorm, TransformerEncoderConfig,
};
use elm_data::Task;
use elm_model::FilterTau;
use serde::{Deserialize, Serialize};

use super::Fit;
use crate::model::ModelConfig;

/// An LSTM of a recipe, see [`ChronoLstmConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChronoLstmRecipe {
    /// Units.
    pub hidden_size: usize,
    /// Longest memory T_max at the start, in steps; the task's longest sequence unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t_max: Option<usize>,
}

impl Default for ChronoLstmRecipe {
    fn default() -> Self {
        Self {
            hidden_size: 128,
            t_max: None,
        }
    }
}

impl ChronoLstmRecipe {
    pub(in crate::recipe) fn config(&self, fit: Fit) -> ModelConfig {
        let outputs = fit.outputs(self.hidden_size);
        ModelConfig::ChronoLstm(
            ChronoLstmConfig::new(fit.form.inputs, outputs)
                .with_hidden_size(self.hidden_size)
                .with_t_max(self.t_max.unwrap_or(fit.form.steps.max(3))),
        )
    }
}

/// A Transformer encoder of a recipe, see [`TransformerEncoderConfig`]. Its attention is causal where outputs
/// are due in every step, and full for sequences with one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransformerRecipe {
    /// Features of each step.
    pub embedding: usize,
    /// Attention heads.
    pub num_heads: usize,
    /// Layers of attention and MLP.
    pub num_layers: usize,
    /// Hidden units of the MLPs.
    pub mlp_size: usize,
    /// How a step tells its position.
    pub positions: Positions,
    /// Dropout of features while training.
    pub dropout: f64,
    /// Dropout of attention weights while training.
    pub attention_dropout: f64,
}

impl TransformerRecipe {
    /// The published sizes for the tasks of the Long Range Arena, small ones of our own for others.
    pub(in crate::recipe) fn of(task: Task) -> Self {
        let config = match arena(task) {
            Some(task) => TransformerEncoderConfig::lra(task, 1, 1),
            None => TransformerEncoderConfig::new(1, 1)
                .with_embedding(64)
                .with_num_layers(2)
                .with_mlp_size(128),
        };
        Self {
            embedding: config.embedding,
            num_heads: config.num_heads,
            num_layers: config.num_layers,
            mlp_size: config.mlp_size,
            positions: config.positions,
            dropout: config.dropout,
            attention_dropout: config.attention_dropout,
        }
    }

    pub(in crate::recipe) fn config(&self, fit: Fit) -> ModelConfig {
        let outputs = fit.outputs(self.embedding);
        ModelConfig::Transformer(
            TransformerEncoderConfig::new(fit.form.inputs, outputs)
                .with_embedding(self.embedding)
                .with_num_heads(self.num_heads)
                .with_num_layers(self.num_layers)
                .with_mlp_size(self.mlp_size)
                .with_attention(match fit.form.causal {
                    true => Attention::Causal,
                    false => Attention::Full,
                })
                .with_positions(self.positions)
                .with_embedding_init(match arena(fit.task) {
                    Some(_) => EmbeddingInit::Normal { std: 1.0 },
                    None => EmbeddingInit::Uniform,
                })
                .with_dropout(self.dropout)
                .with_attention_dropout(self.attention_dropout),
        )
    }
}

fn arena(task: Task) -> Option<LraTask> {
    match task {
        Task::ListOps => Some(LraTask::ListOps),
        Task::Text => Some(LraTask::Text),
        Task::Retrieval => Some(LraTask::Retrieval),
        Task::Image => Some(LraTask::Image),
        Task::Pathfinder => Some(LraTask::Pathfinder),
        Task::PathX => Some(LraTask::PathX),
        _ => None,
    }
}

/// A temporal convolutional network of a recipe, see [`TcnConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TcnRecipe {
    /// Number of convolutions.
    pub depth: usize,
    /// Channels of each convolution.
    pub width: usize,
    /// Taps of the first convolution's kernel.
    pub first_kernel: usize,
    /// Taps of the other convolutions' kernels.
    pub kernel: usize,
    /// Steps between two taps; unless set 1 for NeuronIO, and elsewhere as many as let the last output see the first step
    /// of the longest sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dilation: Option<usize>,
    /// What follows each rectified convolution.
    pub norm: TcnNorm,
}

impl TcnRecipe {
    /// The published sizes for NeuronIO, small ones of our own for others; there the normalisation is that of each step,
    /// as batches are padded.
    pub(in crate::recipe) fn of(task: Task) -> Self {
        let config = match task {
            Task::Neuronio => TcnConfig::new(1, 1),
            _ => TcnConfig::new(1, 1)
                .with_depth(4)
                .with_width(64)
                .with_first_kernel(8)
                .with_kernel(8)
                .with_norm(TcnNorm::Layer),
        };
        Self {
            depth: config.depth,
            width: config.width,
            first_kernel: config.first_kernel,
            kernel: config.kernel,
            dilation: None,
            norm: config.norm,
        }
    }

    pub(in crate::recipe) fn config(&self, fit: Fit) -> ModelConfig {
        let outputs = fit.outputs(self.width);
        let config = TcnConfig::new(fit.form.inputs, outputs)
            .with_depth(self.depth)
            .with_width(self.width)
            .with_first_kernel(self.first_kernel)
            .with_kernel(self.kernel)
            .with_norm(self.norm);
        let dilation = self.dilation.unwrap_or_else(|| match fit.task {
            Task::Neuronio => 1,
            _ => self.reach(fit.form.steps),
        });
        ModelConfig::Tcn(config.with_dilation(dilation))
    }

    /// Smallest dilation at which an output sees `steps` steps.
    fn reach(&self, steps: usize) -> usize {
        let later = self
            .kernel
            .saturating_sub(1)
            .saturating_mul(self.depth.saturating_sub(1));
        let taps = self.first_kernel.saturating_sub(1).saturating_add(later);
        steps.saturating_sub(1).div_ceil(taps.max(1)).max(1)
    }
}

/// Leaky integrate-and-fire neurons of a recipe, see [`LifConfig`]. Times are in ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LifRecipe {
    /// Neurons.
    pub num_neurons: usize,
    /// Do they listen to each other?
    pub recurrence: Recurrence,
    /// Timescale of the membrane potential.
    pub membrane_tau: f64,
    /// Threshold without adaptation.
    pub threshold: f64,
    /// What spikes do to the threshold.
    pub adaptation: Adaptation,
    /// What a spike does to the potential.
    pub reset: Reset,
    /// How long a neuron stays silent after a spike.
    pub refractory: f64,
    /// Steepness of the surrogate gradient.
    pub surrogate_steepness: f64,
    /// Timescale of the leaky readout.
    pub readout_tau: FilterTau,
}

impl LifRecipe {
    /// Neurons whose membrane and readout remember at least two steps of `dt` ms; half of them adapt, but for NeuronIO.
    pub(in crate::recipe) fn of(task: Task, dt: f64) -> Self {
        let config = match task {
            Task::Neuronio => LifConfig::new(1, 1),
            _ => LifConfig::lsnn(1, 1),
        };
        Self {
            num_neurons: config.num_neurons,
            recurrence: config.recurrence,
            membrane_tau: config.membrane_tau.max(2.0 * dt),
            threshold: config.threshold,
            adaptation: config.adaptation,
            reset: config.reset,
            refractory: config.refractory,
            surrogate_steepness: config.surrogate_steepness,
            readout_tau: FilterTau::Ms(20f64.max(2.0 * dt)),
        }
    }

    pub(in crate::recipe) fn config(&self, fit: Fit) -> ModelConfig {
        let outputs = fit.outputs(self.num_neurons);
        ModelConfig::Lif(
            LifConfig::new(fit.form.inputs, outputs)
                .with_num_neurons(self.num_neurons)
                .with_recurrence(self.recurrence)
                .with_membrane_tau(self.membrane_tau)
                .with_threshold(self.threshold)
                .with_adaptation(self.adaptation)
                .with_reset(self.reset)
                .with_refractory(self.refractory)
                .with_surrogate_steepness(self.surrogate_steepness)
                .with_readout_tau(self.readout_tau)
                .with_dt(fit.dt),
        )
    }
}
