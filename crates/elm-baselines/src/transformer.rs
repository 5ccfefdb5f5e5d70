//! A Transformer encoder.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay, Param};
use burn::nn::attention::generate_autoregressive_mask;
use burn::nn::transformer as nn;
use burn::nn::{
    Dropout, DropoutConfig, Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig,
};
use burn::tensor::{Bool, DType, Device, Distribution, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{at_least_one, check_input, dropout_rates, fits, linear, linear_parameters};
use super::{output_or_panic, positive};
use crate::ElmError;
use crate::layer::fail;

/// Most blocks of attention and MLP.
const MAX_LAYERS: usize = 1000;

/// Longest wavelength of sinusoidal positions, divided by 2π.
const LONGEST_WAVE: f64 = 10_000.0;

/// Standard deviation of learned positions at the start, as in the Long Range Arena.
const LEARNED_POSITION_STD: f64 = 0.02;

/// Where attention may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// Configuration of a [`TransformerEncoder`].
#[derive(Config, Debug, PartialEq)]
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
        at_least_one(&[
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
            ("embedding", e),
            ("num_heads", heads),
            ("num_layers", self.num_layers),
            ("mlp_size", self.mlp_size),
        ])?;
        fits("num_inputs", &[self.num_inputs, e])?;
        fits("embedding", &[e, e])?;
        fits("mlp_size", &[e, self.mlp_size])?;
        fits("num_outputs", &[e, self.num_outputs])?;
        if !e.is_multiple_of(heads) {
            return fail(
                "num_heads",
                format!("must divide embedding = {e}, found {heads}"),
            );
        }
        if self.num_layers > MAX_LAYERS {
            return fail(
                "num_layers",
                format!("must be at most {MAX_LAYERS}, found {}", self.num_layers),
            );
        }
        if let Positions::Learned { max_length } = self.positions {
            at_least_one(&[("positions.max_length", max_length)])?;
            fits("positions.max_length", &[max_length, e])?;
        }
        if let EmbeddingInit::Normal { std } = self.embedding_init {
            positive(&[("embedding_init.std", std)])?;
        }
        dropout_rates(&[
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
        ])
    }

    /// An encoder whose linear maps start uniform in ±1/√fan_in, but for [`embedding_init`](Self::embedding_init).
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<TransformerEncoder, ElmError> {
        self.validate()?;
        let e = self.embedding;
        let mut encoder =
            nn::TransformerEncoderConfig::new(e, self.mlp_size, self.num_heads, self.num_layers)
                .with_dropout(self.dropout)
                .with_norm_first(true)
                .init(device);
        for layer in &mut encoder.layers {
            layer.mha.dropout = DropoutConfig::new(self.attention_dropout).init();
        }
        Ok(TransformerEncoder {
            embedding: self.init_embedding(device),
            positions: match self.positions {
                Positions::Sinusoidal => None,
                Positions::Learned { max_length } => Some(Param::from_tensor(Tensor::random(
                    [max_length, e],
                    Distribution::Normal(0.0, LEARNED_POSITION_STD),
                    device,
                ))),
            },
            dropout: DropoutConfig::new(self.dropout).init(),
            encoder,
            norm: LayerNormConfig::new(e).init(device),
            readout: linear(e, self.num_outputs, device),
            config: self.clone(),
        })
    }

    fn init_embedding(&self, device: &Device) -> Linear {
        let mut map = linear(self.num_inputs, self.embedding, device);
        if let EmbeddingInit::Normal { std } = self.embedding_init {
            map.weight = LinearConfig::new(self.num_inputs, self.embedding)
                .with_initializer(Initializer::Normal { mean: 0.0, std })
                .init(device)
                .weight;
        }
        map
    }
}

/// A Transformer encoder with a linear output of every step, as in the Long Range Arena (Tay et al., *Long Range Arena:
/// a benchmark for efficient Transformers*, ICLR 2021).
///
/// ```text
/// h = W x_t + b + position_t                            then, in every layer,
/// h ← h + attention(norm(h)),  h ← h + MLP(norm(h))     MLP with one hidden layer of GELU
/// y_t = W_y norm(h) + b_y
/// ```
///
/// Attention takes memory and time with the length squared: `[batch, head, time, time]` numbers per layer. The layers
/// are those of [`burn::nn::transformer`]. Made with [`TransformerEncoderConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct TransformerEncoder {
    /// From the input to features, `[input, embedding]`.
    pub embedding: Linear,
    /// Learned positions, `[max_length, embedding]`, if configured.
    pub positions: Option<Param<Tensor<2>>>,
    /// Dropout of embedded steps.
    pub dropout: Dropout,
    /// The layers, normalised before attention and MLP.
    pub encoder: nn::TransformerEncoder,
    /// Normalisation behind the last layer.
    pub norm: LayerNorm,
    /// From features to outputs, `[embedding, output]`.
    pub readout: Linear,
    #[module(skip)]
    config: TransformerEncoderConfig,
}

impl TransformerEncoder {
    /// The configuration that this encoder was made with.
    pub fn config(&self) -> &TransformerEncoderConfig {
        &self.config
    }

    /// Number of trained numbers.
    pub fn num_trained(&self) -> usize {
        self.config.num_trained()
    }

    /// Output over sequences without padding.
    ///
    /// Dropout acts on an autodiff device, unless the encoder is frozen.
    ///
    /// # Shapes
    /// - `x`: `[batch, time, input]`
    /// - output: `[batch, time, output]`
    ///
    /// # Panics
    /// If `x` has another number of channels or more steps than learned positions;
    /// [`forward_masked`](Self::forward_masked) returns an error.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        output_or_panic(self.forward_masked(x, None))
    }

    /// Output `[batch, time, output]` over sequences `[batch, time, input]` of these lengths, padded behind them.
    ///
    /// Padding is not attended to: outputs at real steps do not depend on it. What comes out at padded steps means
    /// nothing.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the input does not fit, is longer than the learned positions, or if there is not one
    /// length in 1..=time for each sample.
    pub fn forward_masked(
        &self,
        x: Tensor<3>,
        lengths: Option<&[usize]>,
    ) -> Result<Tensor<3>, ElmError> {
        check_input(x.dims(), self.config.num_inputs)?;
        let [batch, time, _] = x.dims();
        let device = x.device();
        let positions = self.positions_of(time, (&device, x.dtype()))?;
        let x = self.embedding.forward(x) + positions.unsqueeze::<3>();
        let mut input = nn::TransformerEncoderInput::new(self.dropout.forward(x));
        if let Some(lengths) = lengths {
            input = input.mask_pad(padding(lengths, batch, time, &device)?);
        }
        if self.config.attention == Attention::Causal {
            input = input.mask_attn(generate_autoregressive_mask(1, time, &device));
        }
        let features = self.norm.forward(self.encoder.forward(input));
        Ok(self.readout.forward(features))
    }

    /// Positions of the first steps, `[time, embedding]`.
    fn positions_of(&self, time: usize, options: (&Device, DType)) -> Result<Tensor<2>, ElmError> {
        let Some(learned) = &self.positions else {
            let values = sinusoids(time, self.config.embedding);
            let values = TensorData::new(values, [time, self.config.embedding]);
            return Ok(Tensor::from_data(values, options));
        };
        let [longest, _] = learned.dims();
        if time > longest {
            return Err(ElmError::Shape {
                what: "x",
                expected: format!("at most {longest} steps, as many as there are positions"),
                found: vec![time],
            });
        }
        Ok(learned.val().narrow(0, 0, time))
    }
}

/// True where a step is padding, `[batch, time]`.
fn padding(
    lengths: &[usize],
    batch: usize,
    time: usize,
    device: &Device,
) -> Result<Tensor<2, Bool>, ElmError> {
    if lengths.len() != batch || lengths.iter().any(|&length| length == 0 || length > time) {
        return Err(ElmError::Shape {
            what: "lengths",
            expected: format!("{batch} lengths in 1..={time}"),
            found: lengths.to_vec(),
        });
    }
    let mask: Vec<bool> = lengths
        .iter()
        .flat_map(|&length| (0..time).map(move |t| t >= length))
        .collect();
    Ok(Tensor::from_data(
        TensorData::new(mask, [batch, time]),
        device,
    ))
}

/// `sin(t / 10000^(2k/width))` in feature 2k and its cosine in feature 2k + 1, `[time, width]` (Vaswani et al. 2017).
fn sinusoids(time: usize, width: usize) -> Vec<f64> {
    let rates: Vec<f64> = (0..width)
        .map(|feature| LONGEST_WAVE.powf(-((feature / 2 * 2) as f64) / width as f64))
        .collect();
    (0..time)
        .flat_map(|t| {
            rates.iter().enumerate().map(move |(feature, rate)| {
                let angle = t as f64 * rate;
                if feature % 2 == 0 {
                    angle.sin()
                } else {
                    angle.cos()
                }
            })
        })
        .collect()
}

impl ModuleDisplay for TransformerEncoder {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new()
            .with_new_line_after_attribute(false)
            .optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let config = &self.config;
        content
            .add("inputs", &config.num_inputs)
            .add("outputs", &config.num_outputs)
            .add("embedding", &config.embedding)
            .add("heads", &config.num_heads)
            .add("layers", &config.num_layers)
            .add("mlp", &config.mlp_size)
            .add_debug_attribute("attention", &config.attention)
            .add_debug_attribute("positions", &config.positions)
            .add("trained", &self.num_trained())
            .optional()
    }
}
