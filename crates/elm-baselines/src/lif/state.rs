//! What leaky integrate-and-fire neurons carry from one step, or one piece of a sequence, to the next.

use burn::tensor::{DType, Device, Int, Tensor};
use elm_model::ElmError;

use super::config::LifConfig;
use crate::check_state;

/// State of a [`Lif`](crate::Lif) between two steps.
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
    /// The state before the first step: all zeros.
    pub fn zeros(config: &LifConfig, batch: usize, dtype: DType, device: &Device) -> Self {
        let zeros = |width: usize| Tensor::zeros([batch, width], (device, dtype));
        let n = config.num_neurons;
        Self {
            potential: zeros(n),
            adaptation: zeros(n),
            spikes: zeros(n),
            refractory: zeros(n),
            readout: zeros(config.num_outputs),
        }
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        self.potential.dims()[0]
    }

    /// The same state without its history, for truncated backpropagation.
    pub fn detach(self) -> Self {
        self.map(Tensor::detach)
    }

    /// The state of these samples, in this order; `rows` holds indices below the number of samples.
    pub fn select(self, rows: Tensor<1, Int>) -> Self {
        self.map(|t| t.select(0, rows.clone()))
    }

    /// The same state on another device.
    pub fn to_device(self, device: &Device) -> Self {
        self.map(|t| t.to_device(device))
    }

    /// The samples of several states one after the other; `None` for no states.
    pub fn cat(states: Vec<Self>) -> Option<Self> {
        if states.is_empty() {
            return None;
        }
        let joined = |part: fn(&Self) -> &Tensor<2>| {
            Tensor::cat(states.iter().map(|s| part(s).clone()).collect(), 0)
        };
        Some(Self {
            potential: joined(|s| &s.potential),
            adaptation: joined(|s| &s.adaptation),
            spikes: joined(|s| &s.spikes),
            refractory: joined(|s| &s.refractory),
            readout: joined(|s| &s.readout),
        })
    }

    /// The same state with every tensor mapped.
    pub fn map(self, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        Self {
            potential: f(self.potential),
            adaptation: f(self.adaptation),
            spikes: f(self.spikes),
            refractory: f(self.refractory),
            readout: f(self.readout),
        }
    }

    pub(super) fn check(
        &self,
        config: &LifConfig,
        batch: usize,
        dtype: DType,
    ) -> Result<(), ElmError> {
        let n = config.num_neurons;
        for (what, tensor, width) in [
            ("state.potential", &self.potential, n),
            ("state.adaptation", &self.adaptation, n),
            ("state.spikes", &self.spikes, n),
            ("state.refractory", &self.refractory, n),
            ("state.readout", &self.readout, config.num_outputs),
        ] {
            check_state(what, tensor, [batch, width], dtype)?;
        }
        Ok(())
    }
}
