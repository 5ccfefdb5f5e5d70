//! The sizes and constants of leaky integrate-and-fire neurons.

use burn::config::Config;
use elm_model::{ElmError, FilterTau, check};
use serde::{Deserialize, Serialize};

use crate::linear_parameters;

/// Do the neurons listen to each other?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// Configuration of a [`Lif`](crate::Lif). Potential and threshold are in units of the drive.
#[derive(Config, Debug, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
        check::at_least_one(&[
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
            ("num_neurons", n),
        ])?;
        check::fits("num_inputs", &[self.num_inputs, n])?;
        check::fits("num_neurons", &[n, n])?;
        check::fits("num_outputs", &[n, self.num_outputs])?;
        let readout_tau = match self.readout_tau {
            FilterTau::Off => 1.0,
            FilterTau::Ms(tau) => tau,
        };
        check::positive(&[
            ("membrane_tau", self.membrane_tau),
            ("threshold", self.threshold),
            ("surrogate_steepness", self.surrogate_steepness),
            ("readout_tau", readout_tau),
            ("dt", self.dt),
        ])?;
        if !(self.refractory >= 0.0 && self.refractory / self.dt <= 1e6) {
            return Err(ElmError::config(
                "refractory",
                format!(
                    "must be at least 0 ms and at most a million steps, found {}",
                    self.refractory
                ),
            ));
        }
        self.adaptation.validate()
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
        check::positive(&[("adaptation.tau", tau), ("adaptation.strength", strength)])?;
        if (0.0..=1.0).contains(&fraction) {
            return Ok(());
        }
        Err(ElmError::config(
            "adaptation.fraction",
            format!("must be at least 0 and at most 1, found {fraction}"),
        ))
    }
}
