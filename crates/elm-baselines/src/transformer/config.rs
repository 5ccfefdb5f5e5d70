//! The sizes of a Transformer encoder.

use burn::config::Config;
use elm_model::{ElmError, check};
use serde::{Deserialize, Serialize};

use crate::linear_parameters;

/// Most blocks of attention and MLP.
const MAX_LAYERS: usize = 1000;

/// Where attention may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// At every step: for sequences to classify.
    #[default]
    Full,
    /// At the step itself and those before it: for outputs that are due at every step.
    Causal,
}

/// How a step tells its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// Sines and cosines of fixed wavelengths, 2π to 10 000·2π steps (Vaswani et al. 2017); any length.
    #[default]
    Sinusoidal,
    /// Trained.
    Learned {
        /// Longest sequence, in steps.
        max_length: usize,
    },
}

/// Start values of the input's linear map; its bias starts like Burn's, uniform in ±1/√inputs.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EmbeddingInit {
    /// Uniform in ±1/√inputs: for channels that are active together.
    #[default]
    Uniform,
    /// Normal with this standard deviation: for tokens, of whose channels one is active.
    Normal {
        /// Standard deviation.
        std: f64,
    },
}

/// Tasks of the Long Range Arena that the encoder was published for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LraTask {
    /// Nested list operations.
    ListOps,
    /// Byte-level sentiment of reviews.
    Text,
    /// Byte-level matching of documents.
    Retrieval,
    /// Grey-scale CIFAR-10, pixel by pixel.
    Image,
    /// Are two points connected? 32 by 32 pixels.
    Pathfinder,
    /// The same with 128 by 128 pixels.
    PathX,
}

/// Configuration of a [`TransformerEncoder`](crate::TransformerEncoder).
#[derive(Config, Debug, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransformerEncoderConfig {
    /// Input channels.
    pub num_inputs: usize,
    /// Outputs.
    pub num_outputs: usize,
    /// Features E of each step.
    #[config(default = 128)]
    pub embedding: usize,
    /// Attention heads of each layer; they divide the features among them.
    #[config(default = 4)]
    pub num_heads: usize,
    /// Layers of attention and MLP.
    #[config(default = 4)]
    pub num_layers: usize,
    /// Hidden units of the MLPs.
    #[config(default = 512)]
    pub mlp_size: usize,
    /// Where attention may look.
    #[config(default = "Attention::Full")]
    pub attention: Attention,
    /// How a step tells its position.
    #[config(default = "Positions::Sinusoidal")]
    pub positions: Positions,
    /// Start values of the input's linear map.
    #[config(default = "EmbeddingInit::Uniform")]
    pub embedding_init: EmbeddingInit,
    /// Dropout of features, after embedding, attention and MLP and within the MLP, while training.
    #[config(default = 0.1)]
    pub dropout: f64,
    /// Dropout of attention weights while training.
    #[config(default = 0.1)]
    pub attention_dropout: f64,
}

impl TransformerEncoderConfig {
    /// The sizes of the Long Range Arena (Tay et al. 2021), from the configuration files in the repository
    /// `google-research/long-range-arena`: `listops/configs/base_listops_config.py`,
    /// `text_classification/configs/base_tc_config.py`, `matching/configs/base_match_config.py`,
    /// `image/configs/` with `cifar10/base_cifar10_config.py`, `pathfinder32/transformer_base.py` and
    /// `pathfinder128/base_pathfinder128_config.py`.
    ///
    /// | task | features | heads | layers | MLP | dropout | of attention | positions |
    /// |---|---|---|---|---|---|---|---|
    /// | ListOps | 512 | 8 | 6 | 2048 | 0.1 | 0.1 | sinusoidal |
    /// | Text | 256 | 4 | 4 | 1024 | 0.1 | 0.1 | sinusoidal |
    /// | Retrieval | 128 | 4 | 4 | 512 | 0.1 | 0.1 | sinusoidal |
    /// | Image | 32 | 1 | 1 | 64 | 0.3 | 0.2 | learned, 1024 |
    /// | Pathfinder | 128 | 4 | 1 | 128 | 0.2 | 0.1 | sinusoidal |
    /// | Path-X | 32 | 2 | 1 | 32 | 0.1 | 0.1 | learned, 16 384 |
    ///
    /// What differs there: queries, keys and values of the two Pathfinder tasks have half as many features; attention
    /// has no biases; the answer is read at an extra first step (the mean of all steps for Pathfinder) by an MLP of one
    /// hidden layer; pixels are embedded as 256 tokens.
    pub fn lra(task: LraTask, num_inputs: usize, num_outputs: usize) -> Self {
        let (embedding, num_heads, num_layers, mlp_size) = match task {
            LraTask::ListOps => (512, 8, 6, 2048),
            LraTask::Text => (256, 4, 4, 1024),
            LraTask::Retrieval => (128, 4, 4, 512),
            LraTask::Image => (32, 1, 1, 64),
            LraTask::Pathfinder => (128, 4, 1, 128),
            LraTask::PathX => (32, 2, 1, 32),
        };
        let (dropout, attention_dropout) = match task {
            LraTask::Image => (0.3, 0.2),
            LraTask::Pathfinder => (0.2, 0.1),
            _ => (0.1, 0.1),
        };
        let positions = match task {
            LraTask::Image => Positions::Learned { max_length: 1024 },
            LraTask::PathX => Positions::Learned { max_length: 16_384 },
            _ => Positions::Sinusoidal,
        };
        Self::new(num_inputs, num_outputs)
            .with_embedding(embedding)
            .with_num_heads(num_heads)
            .with_num_layers(num_layers)
            .with_mlp_size(mlp_size)
            .with_positions(positions)
            .with_embedding_init(EmbeddingInit::Normal { std: 1.0 })
            .with_dropout(dropout)
            .with_attention_dropout(attention_dropout)
    }

    /// Number of trained numbers: embedding, learned positions, for each layer four maps of attention, the MLP and two
    /// norms, the last norm, and the output.
    pub fn num_trained(&self) -> usize {
        let (e, mlp) = (self.embedding, self.mlp_size);
        let positions = match self.positions {
            Positions::Sinusoidal => 0,
            Positions::Learned { max_length } => max_length * e,
        };
        let layer = 4 * linear_parameters(e, e)
            + linear_parameters(e, mlp)
            + linear_parameters(mlp, e)
            + 2 * 2 * e;
        linear_parameters(self.num_inputs, e)
            + positions
            + self.num_layers * layer
            + 2 * e
            + linear_parameters(e, self.num_outputs)
    }

    /// Checks that the sizes and constants describe an encoder.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        let (e, heads) = (self.embedding, self.num_heads);
        check::at_least_one(&[
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
            ("embedding", e),
            ("num_heads", heads),
            ("num_layers", self.num_layers),
            ("mlp_size", self.mlp_size),
        ])?;
        check::fits("num_inputs", &[self.num_inputs, e])?;
        check::fits("embedding", &[e, e])?;
        check::fits("mlp_size", &[e, self.mlp_size])?;
        check::fits("num_outputs", &[e, self.num_outputs])?;
        if !e.is_multiple_of(heads) {
            return Err(ElmError::config(
                "num_heads",
                format!("must divide embedding = {e}, found {heads}"),
            ));
        }
        if self.num_layers > MAX_LAYERS {
            return Err(ElmError::config(
                "num_layers",
                format!("must be at most {MAX_LAYERS}, found {}", self.num_layers),
            ));
        }
        if let Positions::Learned { max_length } = self.positions {
            check::at_least_one(&[("positions.max_length", max_length)])?;
            check::fits("positions.max_length", &[max_length, e])?;
        }
        if let EmbeddingInit::Normal { std } = self.embedding_init {
            check::positive(&[("embedding_init.std", std)])?;
        }
        check::dropout_rates(&[
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
        ])
    }
}
