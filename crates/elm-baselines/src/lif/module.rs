//! The neurons as a Burn module.

use burn::module::{Content, DisplaySettings, Module, ModuleDisplay};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Int, Tensor};
use elm_model::dispatch;
use elm_model::{ElmError, ScanPath, check};

use super::config::{LifConfig, Recurrence};
use super::membrane::Membrane;
use super::state::LifState;
use crate::{cast, linear, pieces, read_input};

/// A layer of leaky integrate-and-fire neurons, some of them with adaptive thresholds, and a leaky readout (Bellec,
/// Salaj, Subramoney, Legenstein, Maass, *Long short-term memory and learning-to-learn in networks of spiking neurons*,
/// NeurIPS 2018).
///
/// ```text
/// a_t = ρ a_{t−1} + (1 − ρ) z_{t−1},  B_t = B_0 + β a_t          threshold, ρ = exp(−dt/τ_a)
/// I_t = W x_t + b + U z_{t−1}                                     drive
/// V_t = α V_{t−1} + (1 − α) I_t − B_{t−1} z_{t−1}                 potential, α = exp(−dt/τ_m); soft reset
/// V_t = α V_{t−1} (1 − z_{t−1}) + (1 − α) I_t                     or hard reset
/// z_t = 1 where v_t = (V_t − B_t) / B_0 > 0, unless refractory    spikes
/// r_t = κ r_{t−1} + (1 − κ) W_y z_t,  y_t = r_t + b_y             readout, κ = exp(−dt/τ_readout)
/// ```
///
/// Backward, a spike is the fast sigmoid of [`OutputActivation::Spike`](elm_model::OutputActivation::Spike) in `v`,
/// stretched to the configured steepness s:
/// `dz/dv = s/100 / (s·|v| + 1)²`. That slope passes through drive, threshold and reset alike; refractory steps have
/// slope 0. Unlike there, a neuron of a recurrent layer may hear itself. Made with [`LifConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct Lif {
    /// From the input to the neurons, `[input, neuron]`.
    pub input: Linear,
    /// From the neurons' spikes to the neurons, `[neuron, neuron]`; none of a feed-forward layer.
    pub recurrent: Option<Linear>,
    /// From the neurons' spikes to the outputs, `[neuron, output]`; the bias joins behind the leak.
    pub readout: Linear,
    #[module(skip)]
    config: LifConfig,
}

impl LifConfig {
    /// Neurons with all weights uniform in ±1/√fan_in.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<Lif, ElmError> {
        self.validate()?;
        let n = self.num_neurons;
        Ok(Lif {
            input: linear(self.num_inputs, n, device),
            recurrent: (self.recurrence == Recurrence::Recurrent)
                .then(|| LinearConfig::new(n, n).with_bias(false).init(device)),
            readout: linear(n, self.num_outputs, device),
            config: self.clone(),
        })
    }
}

/// What a [`Lif`] yields over a sequence.
#[derive(Debug, Clone)]
pub struct LifOutput {
    /// Output, `[batch, time, output]`.
    pub output: Tensor<3>,
    /// Spikes, 0 or 1, `[batch, time, neuron]`.
    pub spikes: Tensor<3>,
    /// State after the last step.
    pub state: LifState,
}

impl Lif {
    /// The configuration that these neurons were made with.
    pub fn config(&self) -> &LifConfig {
        &self.config
    }

    /// Output over a sequence, and the state after it; two halves with the state carried over give the whole.
    ///
    /// # Shapes
    /// - `x`: `[batch, time, input]`
    /// - output: `[batch, time, output]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    #[track_caller]
    pub fn forward(&self, x: Tensor<3>, state: Option<LifState>) -> (Tensor<3>, LifState) {
        check::or_panic(self.try_forward(x, state))
    }

    /// The same as [`forward`](Self::forward), with an error in place of the panic.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn try_forward(
        &self,
        x: Tensor<3>,
        state: Option<LifState>,
    ) -> Result<(Tensor<3>, LifState), ElmError> {
        let result = self.run(x, state)?;
        Ok((result.output, result.state))
    }

    /// Output, spikes and final state over a sequence.
    ///
    /// # Errors
    /// [`ElmError::Shape`] or [`ElmError::NumberType`] if the input or the state does not fit.
    pub fn run(&self, x: Tensor<3>, state: Option<LifState>) -> Result<LifOutput, ElmError> {
        let (output_type, dtype) = (x.dtype(), self.input.weight.val().dtype());
        let x = read_input(x, self.config.num_inputs, dtype)?;
        let batch = x.dims()[0];
        let mut state = match state {
            Some(state) => {
                state.check(&self.config, batch, dtype)?;
                state
            }
            None => LifState::zeros(&self.config, batch, dtype, &x.device()),
        };
        let membrane = Membrane::new(self, (&x.device(), dtype));
        let mut spikes = Vec::with_capacity(x.dims()[1]);
        for piece in pieces(&self.drive(x)) {
            for t in 0..piece.dims()[1] {
                let drive = piece.clone().narrow(1, t, 1).squeeze_dim::<2>(1);
                membrane.step(drive, &mut state);
                spikes.push(state.spikes.clone().unsqueeze_dim::<3>(1));
            }
        }
        let spikes = Tensor::cat(spikes, 1);
        let output = self.read_out(spikes.clone(), &mut state);
        Ok(LifOutput {
            output: cast(output, output_type),
            spikes,
            state,
        })
    }

    /// The input's share of the drive, `[batch, time, neuron]`; cheap where the input is mostly zero.
    fn drive(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, time, inputs] = x.dims();
        let rows = x.reshape([batch * time, inputs]);
        let drive = dispatch::input_product(rows, self.input.weight.val(), ScanPath::Auto)
            .reshape([batch, time, self.config.num_neurons]);
        add_bias(drive, &self.input)
    }

    /// Leaky readout `[batch, time, output]` of spikes `[batch, time, neuron]`.
    fn read_out(&self, spikes: Tensor<3>, state: &mut LifState) -> Tensor<3> {
        let [batch, time, neurons] = spikes.dims();
        let outputs = self.config.num_outputs;
        let decay = self.config.readout_tau.decay(self.config.dt);
        let decay = decay.unwrap_or(0.0);
        let added = spikes
            .reshape([batch * time, neurons])
            .matmul(self.readout.weight.val() * (1.0 - decay))
            .reshape([batch, time, outputs]);
        let decay = Tensor::full([outputs], decay, (&added.device(), added.dtype()));
        let start = state.readout.clone();
        let trace = dispatch::leaky_trace(added, decay, start, ScanPath::Auto);
        state.readout = trace
            .clone()
            .narrow(1, time - 1, 1)
            .reshape([batch, outputs]);
        add_bias(trace, &self.readout)
    }
}

fn add_bias(x: Tensor<3>, map: &Linear) -> Tensor<3> {
    match &map.bias {
        Some(bias) => x + bias.val().unsqueeze::<3>(),
        None => x,
    }
}

without_masks!(Lif, LifState);

impl ModuleDisplay for Lif {
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
            .add("neurons", &config.num_neurons)
            .add("adaptive", &config.num_adaptive())
            .add_debug_attribute("recurrence", &config.recurrence)
            .add_debug_attribute("reset", &config.reset)
            .add("trained", &config.num_trained())
            .optional()
    }
}
