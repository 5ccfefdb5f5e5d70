//! What leaky integrate-and-fire neurons carry from one step, or one piece of a sequence, to the next.

use burn::tensor::{DType, Device, Tensor};
use elm_model::sequence::refilled;
use elm_model::{ElmError, RecurrentState, state_methods};

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

impl RecurrentState for LifState {
    fn tensors(&self) -> Vec<Tensor<2>> {
        let parts = [
            &self.potential,
            &self.adaptation,
            &self.spikes,
            &self.refractory,
            &self.readout,
        ];
        parts.map(Tensor::clone).to_vec()
    }

    fn with_tensors(&self, tensors: Vec<Tensor<2>>) -> Self {
        let tensors = &mut tensors.into_iter();
        Self {
            potential: refilled(&self.potential, tensors),
            adaptation: refilled(&self.adaptation, tensors),
            spikes: refilled(&self.spikes, tensors),
            refractory: refilled(&self.refractory, tensors),
            readout: refilled(&self.readout, tensors),
        }
    }
}

state_methods!(LifState);
