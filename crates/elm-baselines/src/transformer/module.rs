//! The encoder as a Burn module.

use burn::module::{Content, DisplaySettings, Module, ModuleDisplay, Param};
use burn::nn::attention::generate_autoregressive_mask;
use burn::nn::transformer as nn;
use burn::nn::{
    Dropout, DropoutConfig, Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig,
};
use burn::tensor::{Bool, DType, Device, Distribution, Tensor, TensorData};
use elm_model::{ElmError, check};

use super::config::{Attention, EmbeddingInit, Positions, TransformerEncoderConfig};
use crate::{cast, linear, read_input};

/// Longest wavelength of sinusoidal positions, divided by 2π.
const LONGEST_WAVE: f64 = 10_000.0;

/// Standard deviation of learned positions at the start, as in the Long Range Arena.
const LEARNED_POSITION_STD: f64 = 0.02;

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

impl TransformerEncoderConfig {
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

impl TransformerEncoder {
    /// The configuration that this encoder was made with.
    pub fn config(&self) -> &TransformerEncoderConfig {
        &self.config
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
    /// Where [`try_forward`](Self::try_forward) returns an error.
    #[track_caller]
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        check::or_panic(self.try_forward(x))
    }

    /// The same as [`forward`](Self::forward), with an error in place of the panic.
    ///
    /// # Errors
    /// As [`forward_masked`](Self::forward_masked).
    pub fn try_forward(&self, x: Tensor<3>) -> Result<Tensor<3>, ElmError> {
        self.forward_masked(x, None)
    }

    /// Output `[batch, time, output]` over sequences `[batch, time, input]` of these lengths, padded behind them.
    ///
    /// Padding is not attended to: outputs at real steps do not depend on it. What comes out at padded steps means
    /// nothing.
    ///
    /// # Errors
    /// [`ElmError::Shape`] or [`ElmError::NumberType`] if the input does not fit or is longer than the learned
    /// positions, [`ElmError::Lengths`] if there is not one length in 1..=time for each sample.
    pub fn forward_masked(
        &self,
        x: Tensor<3>,
        lengths: Option<&[usize]>,
    ) -> Result<Tensor<3>, ElmError> {
        let (output_type, dtype) = (x.dtype(), self.readout.weight.val().dtype());
        let x = read_input(x, self.config.num_inputs, dtype)?;
        let [batch, time, _] = x.dims();
        let device = x.device();
        let positions = self.positions_of(time, (&device, dtype))?;
        let x = self.embedding.forward(x) + positions.unsqueeze::<3>();
        let mut input = nn::TransformerEncoderInput::new(self.dropout.forward(x));
        if let Some(lengths) = lengths {
            input = input.mask_pad(padding(lengths, batch, time, &device)?);
        }
        if self.config.attention == Attention::Causal {
            input = input.mask_attn(generate_autoregressive_mask(1, time, &device));
        }
        let features = self.norm.forward(self.encoder.forward(input));
        Ok(cast(self.readout.forward(features), output_type))
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
        return Err(ElmError::Lengths {
            problem: format!("must be {batch} numbers in 1..={time}, found {lengths:?}"),
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
            .add("trained", &config.num_trained())
            .optional()
    }
}
