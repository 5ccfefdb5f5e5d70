//! A temporal convolutional network.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay};
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, Linear, PaddingConfig1d};
use burn::tensor::{Device, Tensor, activation};
use elm_model::{ElmError, check};
use serde::{Deserialize, Serialize};

use crate::{cast, linear, linear_parameters, read_input};

/// Most convolutions in a row.
const MAX_DEPTH: usize = 1000;

/// Normalisation behind the rectified output of each convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TcnNorm {
    /// None.
    None,
    /// Per channel over samples and steps of a training batch, by running means elsewhere (as published).
    #[default]
    Batch,
    /// Per step over the channels.
    Layer,
}

/// Configuration of a [`Tcn`].
///
/// By default it has the depth and width of the network that Beniaguev et al. (2021) fitted to the layer-5 pyramidal
/// cell with NMDA synapses, 7 layers of 128 channels. That network's kernels are not confirmed: 54 steps and then 24
/// are those of the authors' `fit_CNN.py`, where they come with 3 layers of 64.
#[derive(Config, Debug, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TcnConfig {
    /// Input channels.
    pub num_inputs: usize,
    /// Outputs.
    pub num_outputs: usize,
    /// Number of convolutions.
    #[config(default = 7)]
    pub depth: usize,
    /// Channels of each convolution.
    #[config(default = 128)]
    pub width: usize,
    /// Taps of the first convolution's kernel.
    #[config(default = 54)]
    pub first_kernel: usize,
    /// Taps of the other convolutions' kernels.
    #[config(default = 24)]
    pub kernel: usize,
    /// Steps between two taps; unless set 1, in recipes as many as let the last output see the longest sequence.
    pub dilation: Option<usize>,
    /// What follows each rectified convolution.
    #[config(default = "TcnNorm::Batch")]
    pub norm: TcnNorm,
}

impl TcnConfig {
    /// Steps between two taps.
    pub fn dilation(&self) -> usize {
        self.dilation.unwrap_or(1)
    }

    /// Input channels and taps of each convolution.
    fn convolutions(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.depth).map(|layer| match layer {
            0 => (self.num_inputs, self.first_kernel),
            _ => (self.width, self.kernel),
        })
    }

    /// Steps of input that an output depends on: its own and those before it.
    pub fn receptive_field(&self) -> usize {
        let before = self.convolutions().map(|(_, taps)| taps - 1).sum::<usize>();
        1 + before * self.dilation()
    }

    /// Number of trained numbers: kernels, biases, two per normalised channel, readout.
    pub fn num_trained(&self) -> usize {
        let norm = match self.norm {
            TcnNorm::None => 0,
            TcnNorm::Batch | TcnNorm::Layer => 2 * self.width,
        };
        self.convolutions()
            .map(|(inputs, taps)| self.width * (inputs * taps + 1) + norm)
            .sum::<usize>()
            + linear_parameters(self.width, self.num_outputs)
    }

    /// Checks that the sizes describe a network.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        check::at_least_one(&[
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
            ("depth", self.depth),
            ("width", self.width),
            ("first_kernel", self.first_kernel),
            ("kernel", self.kernel),
            ("dilation", self.dilation()),
        ])?;
        if self.depth > MAX_DEPTH {
            return Err(ElmError::config(
                "depth",
                format!("must be at most {MAX_DEPTH}, found {}", self.depth),
            ));
        }
        check::fits(
            "first_kernel",
            &[self.width, self.num_inputs, self.first_kernel],
        )?;
        check::fits("kernel", &[self.width, self.width, self.kernel])?;
        check::fits(
            "dilation",
            &[self.first_kernel.max(self.kernel), self.dilation()],
        )?;
        check::fits("num_outputs", &[self.width, self.num_outputs])
    }

    /// A network with Burn's start values of convolutions and linear maps, uniform in ±1/√fan_in.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Tcn, ElmError> {
        self.validate()?;
        let layer = |(inputs, taps): (usize, usize)| {
            let before = (taps - 1) * self.dilation();
            TcnLayer {
                conv: Conv1dConfig::new(inputs, self.width, taps)
                    .with_dilation(self.dilation())
                    .with_padding(PaddingConfig1d::Explicit(before, 0))
                    .init(device),
                batch_norm: (self.norm == TcnNorm::Batch)
                    .then(|| BatchNormConfig::new(self.width).init(device)),
                layer_norm: (self.norm == TcnNorm::Layer)
                    .then(|| LayerNormConfig::new(self.width).init(device)),
            }
        };
        Ok(Tcn {
            layers: self.convolutions().map(layer).collect(),
            readout: linear(self.width, self.num_outputs, device),
            config: self.clone(),
        })
    }
}

/// One causal convolution, rectified and normalised.
#[derive(Module, Debug)]
pub struct TcnLayer {
    /// The convolution, padded before the first step only.
    pub conv: Conv1d,
    /// Normalisation over samples and steps, if configured.
    pub batch_norm: Option<BatchNorm>,
    /// Normalisation over channels, if configured.
    pub layer_norm: Option<LayerNorm>,
}

impl TcnLayer {
    /// `[batch, channel, time]` to `[batch, width, time]`.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = activation::relu(self.conv.forward(x));
        match (&self.batch_norm, &self.layer_norm) {
            (Some(norm), _) => norm.forward(x),
            (None, Some(norm)) => norm.forward(x.swap_dims(1, 2)).swap_dims(1, 2),
            (None, None) => x,
        }
    }
}

/// A temporal convolutional network (Beniaguev, Segev, London, *Single cortical neurons as deep artificial neural
/// networks*, Neuron 2021).
///
/// ```text
/// h⁰_t = x_t
/// hˡ_t = norm(relu(b + Σ_j K_j hˡ⁻¹_{t − j·dilation}))   j = 0 .. taps − 1, nothing before the first step
/// y_t  = W_y h_t + b_y
/// ```
///
/// An output depends on no later input. The one exception is training with [`TcnNorm::Batch`], whose means run over all
/// steps of the batch. Made with [`TcnConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct Tcn {
    /// The convolutions, from the input on.
    pub layers: Vec<TcnLayer>,
    /// Readout of each step, `[width, output]`: a convolution of one tap.
    pub readout: Linear,
    #[module(skip)]
    config: TcnConfig,
}

impl Tcn {
    /// The configuration that this network was made with.
    pub fn config(&self) -> &TcnConfig {
        &self.config
    }

    /// Output over a sequence; before its first step there is silence.
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
    /// [`ElmError::Shape`] or [`ElmError::NumberType`] if the input does not fit.
    pub fn try_forward(&self, x: Tensor<3>) -> Result<Tensor<3>, ElmError> {
        let (output_type, dtype) = (x.dtype(), self.readout.weight.val().dtype());
        let x = read_input(x, self.config.num_inputs, dtype)?;
        let channels_first = x.swap_dims(1, 2);
        let features = self
            .layers
            .iter()
            .fold(channels_first, |x, layer| layer.forward(x));
        let y = self.readout.forward(features.swap_dims(1, 2));
        Ok(cast(y, output_type))
    }
}

impl ModuleDisplay for Tcn {
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
            .add("depth", &config.depth)
            .add("width", &config.width)
            .add("first_kernel", &config.first_kernel)
            .add("kernel", &config.kernel)
            .add("dilation", &config.dilation())
            .add_debug_attribute("norm", &config.norm)
            .add("trained", &config.num_trained())
            .optional()
    }
}
