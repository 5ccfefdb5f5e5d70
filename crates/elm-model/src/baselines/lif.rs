//! Leaky integrate-and-fire neurons with a surrogate gradient.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{at_least_one, check_input, check_state, fits, linear, linear_parameters};
use super::{output_or_panic, pieces, positive};
use crate::ElmError;
use crate::layer::{FilterTau, OutputActivation, SPIKE_STEEPNESS, fail};
use crate::memory_scan::{self, ScanPath};
use crate::neuron::timescales;

/// Do the neurons listen to each other?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// Each hears the input only.
    FeedForward,
    /// Each also hears the spikes of all neurons, itself included, one step later.
    #[default]
    Recurrent,
}

/// What a spike does to the membrane potential one step later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// Soft: the threshold that was crossed is subtracted.
    #[default]
    Subtract,
    /// Hard: what was integrated is lost.
    Zero,
}

/// What spikes do to a neuron's threshold.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adaptation {
    /// Nothing: leaky integrate-and-fire.
    #[default]
    None,
    /// They raise it for a while: adaptive leaky integrate-and-fire.
    Threshold {
        /// Timescale τ_a of the decay back, in ms.
        tau: f64,
        /// Rise β of the threshold at a spike in every step, in units of the potential.
        strength: f64,
        /// Share of the neurons that adapt, the last ones, in 0..=1.
        fraction: f64,
    },
}

/// Configuration of a [`Lif`]. Potential and threshold are in units of the drive.
#[derive(Config, Debug, PartialEq)]
pub struct LifConfig {
    /// Input channels.
    pub num_inputs: usize,
    /// Outputs.
    pub num_outputs: usize,
    /// Neurons.
    #[config(default = 128)]
    pub num_neurons: usize,
    /// Do the neurons listen to each other?
    #[config(default = "Recurrence::Recurrent")]
    pub recurrence: Recurrence,
    /// Timescale τ_m of the membrane potential, in ms.
    #[config(default = 20.0)]
    pub membrane_tau: f64,
    /// Threshold B_0 without adaptation.
    #[config(default = 0.01)]
    pub threshold: f64,
    /// What spikes do to the threshold.
    #[config(default = "Adaptation::None")]
    pub adaptation: Adaptation,
    /// What a spike does to the potential.
    #[config(default = "Reset::Subtract")]
    pub reset: Reset,
    /// How long a neuron stays silent after a spike, in ms, rounded to steps.
    #[config(default = 0.0)]
    pub refractory: f64,
    /// Steepness s of the surrogate gradient: backward, a spike has the slope `s/100 / (s·|v| + 1)²`.
    #[config(default = 10.0)]
    pub surrogate_steepness: f64,
    /// Timescale of the leaky readout, in ms.
    #[config(default = "FilterTau::Ms(20.0)")]
    pub readout_tau: FilterTau,
    /// Time step in ms.
    #[config(default = 1.0)]
    pub dt: f64,
}

impl LifConfig {
    /// Half of the neurons adaptive, with the constants of Bellec et al. (2018) for sequential MNIST: τ_m 20 ms,
    /// B_0 0.01, τ_a 700 ms, β 1.8, 5 ms refractory. The constants are from memory of that paper.
    pub fn lsnn(num_inputs: usize, num_outputs: usize) -> Self {
        Self::new(num_inputs, num_outputs)
            .with_adaptation(Adaptation::Threshold {
                tau: 700.0,
                strength: 1.8,
                fraction: 0.5,
            })
            .with_refractory(5.0)
    }

    /// How many of the neurons adapt.
    pub fn num_adaptive(&self) -> usize {
        match self.adaptation {
            Adaptation::None => 0,
            Adaptation::Threshold { fraction, .. } => {
                (fraction * self.num_neurons as f64).round() as usize
            }
        }
    }

    /// Steps without a spike after each spike.
    pub fn refractory_steps(&self) -> usize {
        (self.refractory / self.dt).round() as usize
    }

    /// Number of trained numbers: `(I + 1)·N` of the input, `N²` of the recurrence, `(N + 1)·O` of the readout.
    pub fn num_trained(&self) -> usize {
        let n = self.num_neurons;
        let recurrent = match self.recurrence {
            Recurrence::FeedForward => 0,
            Recurrence::Recurrent => n * n,
        };
        linear_parameters(self.num_inputs, n) + recurrent + linear_parameters(n, self.num_outputs)
    }

    /// Checks that the sizes and constants describe neurons.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        let n = self.num_neurons;
        at_least_one(&[
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
            ("num_neurons", n),
        ])?;
        fits("num_inputs", &[self.num_inputs, n])?;
        fits("num_neurons", &[n, n])?;
        fits("num_outputs", &[n, self.num_outputs])?;
        let readout_tau = match self.readout_tau {
            FilterTau::Off => 1.0,
            FilterTau::Ms(tau) => tau,
        };
        positive(&[
            ("membrane_tau", self.membrane_tau),
            ("threshold", self.threshold),
            ("surrogate_steepness", self.surrogate_steepness),
            ("readout_tau", readout_tau),
            ("dt", self.dt),
        ])?;
        if !(self.refractory >= 0.0 && self.refractory / self.dt <= 1e6) {
            return fail(
                "refractory",
                format!(
                    "must be at least 0 ms and at most a million steps, found {}",
                    self.refractory
                ),
            );
        }
        self.adaptation.validate()
    }

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

impl Adaptation {
    fn validate(self) -> Result<(), ElmError> {
        let Self::Threshold {
            tau,
            strength,
            fraction,
        } = self
        else {
            return Ok(());
        };
        positive(&[("adaptation.tau", tau), ("adaptation.strength", strength)])?;
        if (0.0..=1.0).contains(&fraction) {
            return Ok(());
        }
        fail(
            "adaptation.fraction",
            format!("must be at least 0 and at most 1, found {fraction}"),
        )
    }
}

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
/// Backward, a spike is the fast sigmoid of [`OutputActivation::Spike`] in `v`, stretched to the configured steepness s:
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

/// State of a [`Lif`] between two steps.
#[derive(Debug, Clone)]
pub struct LifState {
    /// Membrane potential `V`, `[batch, neuron]`.
    pub potential: Tensor<2>,
    /// Trace of own spikes `a`, `[batch, neuron]`.
    pub adaptation: Tensor<2>,
    /// Spikes `z` of the last step, `[batch, neuron]`.
    pub spikes: Tensor<2>,
    /// Steps for which a neuron still stays silent, `[batch, neuron]`.
    pub refractory: Tensor<2>,
    /// Leaky readout `r`, without its bias, `[batch, output]`.
    pub readout: Tensor<2>,
}

impl LifState {
    fn zeros(config: &LifConfig, batch: usize, options: (&Device, DType)) -> Self {
        let zeros = |width: usize| Tensor::zeros([batch, width], options);
        let n = config.num_neurons;
        Self {
            potential: zeros(n),
            adaptation: zeros(n),
            spikes: zeros(n),
            refractory: zeros(n),
            readout: zeros(config.num_outputs),
        }
    }

    fn check(&self, config: &LifConfig, batch: usize) -> Result<(), ElmError> {
        let n = config.num_neurons;
        for (what, tensor, width) in [
            ("state.potential", &self.potential, n),
            ("state.adaptation", &self.adaptation, n),
            ("state.spikes", &self.spikes, n),
            ("state.refractory", &self.refractory, n),
            ("state.readout", &self.readout, config.num_outputs),
        ] {
            check_state(what, tensor.dims(), [batch, width])?;
        }
        Ok(())
    }

    /// The same state without its history, for truncated backpropagation.
    pub fn detach(self) -> Self {
        Self {
            potential: self.potential.detach(),
            adaptation: self.adaptation.detach(),
            spikes: self.spikes.detach(),
            refractory: self.refractory.detach(),
            readout: self.readout.detach(),
        }
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

    /// Number of trained numbers.
    pub fn num_trained(&self) -> usize {
        self.config.num_trained()
    }

    /// Output over a sequence that starts at rest.
    ///
    /// # Shapes
    /// - `x`: `[batch, time, input]`
    /// - output: `[batch, time, output]`
    ///
    /// # Panics
    /// If `x` has another number of channels; [`run`](Self::run) returns an error.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        output_or_panic(self.run(x, None)).output
    }

    /// Output and final state over a sequence; two halves with the state carried over give the whole.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the input or the state does not fit.
    pub fn forward_with_state(
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
    /// [`ElmError::Shape`] if the input or the state does not fit.
    pub fn run(&self, x: Tensor<3>, state: Option<LifState>) -> Result<LifOutput, ElmError> {
        check_input(x.dims(), self.config.num_inputs)?;
        let batch = x.dims()[0];
        let options = (&x.device(), x.dtype());
        let mut state = match state {
            Some(state) => {
                state.check(&self.config, batch)?;
                state
            }
            None => LifState::zeros(&self.config, batch, options),
        };
        let membrane = Membrane::new(self, options);
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
            output,
            spikes,
            state,
        })
    }

    /// The input's share of the drive, `[batch, time, neuron]`; cheap where the input is mostly zero.
    fn drive(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, time, inputs] = x.dims();
        let rows = x.reshape([batch * time, inputs]);
        let drive = memory_scan::input_product(rows, self.input.weight.val(), ScanPath::Auto)
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
        let trace = memory_scan::leaky_trace(added, decay, start, ScanPath::Auto);
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

/// What one step needs, computed once per sequence.
struct Membrane<'a> {
    config: &'a LifConfig,
    recurrent: Option<Tensor<2>>,
    decay: f64,
    adaptation_decay: f64,
    /// Threshold B_0, `[1, neuron]`.
    threshold: Tensor<2>,
    /// Rise β of each neuron's threshold, `[1, neuron]`; none without adaptation.
    strength: Option<Tensor<2>>,
    refractory_steps: usize,
}

impl<'a> Membrane<'a> {
    fn new(lif: &'a Lif, options: (&Device, DType)) -> Self {
        let config = &lif.config;
        let (tau, strength) = match config.adaptation {
            Adaptation::None => (1.0, None),
            Adaptation::Threshold { tau, strength, .. } => {
                let fixed = config.num_neurons - config.num_adaptive();
                let mut values = vec![strength; config.num_neurons];
                values[..fixed].fill(0.0);
                let values = TensorData::new(values, [1, config.num_neurons]);
                (tau, Some(Tensor::from_data(values, options)))
            }
        };
        Self {
            config,
            recurrent: lif.recurrent.as_ref().map(|map| map.weight.val()),
            decay: timescales::decay(config.membrane_tau, config.dt),
            adaptation_decay: timescales::decay(tau, config.dt),
            threshold: Tensor::full([1, config.num_neurons], config.threshold, options),
            strength,
            refractory_steps: config.refractory_steps(),
        }
    }

    /// One step of all neurons, from the input's share of the drive `[batch, neuron]`.
    fn step(&self, drive: Tensor<2>, state: &mut LifState) {
        let drive = match &self.recurrent {
            Some(weight) => drive + state.spikes.clone().matmul(weight.clone()),
            None => drive,
        };
        let crossed = self.threshold(state);
        self.adapt(state);
        let kept = state.potential.clone() * self.decay;
        let kept = match self.config.reset {
            Reset::Subtract => kept - crossed * state.spikes.clone(),
            Reset::Zero => kept.clone() - kept * state.spikes.clone(),
        };
        state.potential = kept + drive * (1.0 - self.decay);
        state.spikes = self.spike(state.potential.clone() - self.threshold(state));
        self.silence(state);
    }

    /// Threshold `B`, `[batch, neuron]`, or `[1, neuron]` without adaptation.
    fn threshold(&self, state: &LifState) -> Tensor<2> {
        match &self.strength {
            Some(strength) => state.adaptation.clone() * strength.clone() + self.threshold.clone(),
            None => self.threshold.clone(),
        }
    }

    /// Lets the trace of own spikes take in the last step's.
    fn adapt(&self, state: &mut LifState) {
        if self.strength.is_some() {
            let keep = self.adaptation_decay;
            state.adaptation =
                state.adaptation.clone() * keep + state.spikes.clone() * (1.0 - keep);
        }
    }

    /// Spikes where the distance to the threshold is positive.
    fn spike(&self, distance: Tensor<2>) -> Tensor<2> {
        let scale = self.config.surrogate_steepness / SPIKE_STEEPNESS;
        OutputActivation::Spike.apply(distance * (scale / self.config.threshold))
    }

    /// Takes away the spikes of refractory neurons, and makes those that spike refractory.
    fn silence(&self, state: &mut LifState) {
        if self.refractory_steps == 0 {
            return;
        }
        let refractory = state.refractory.clone();
        state.spikes = state
            .spikes
            .clone()
            .mask_fill(refractory.clone().greater_elem(0.0), 0.0);
        // a neuron that spikes was not refractory
        let started = state.spikes.clone().detach() * self.refractory_steps as f64;
        state.refractory = (refractory - 1.0).clamp_min(0.0) + started;
    }
}

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
            .add("trained", &self.num_trained())
            .optional()
    }
}
