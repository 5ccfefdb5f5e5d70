//! What a neuron carries from one step, or one piece of a sequence, to the next.

use burn::tensor::{Device, Tensor};

use super::config::{ElmNeuronConfig, NeuronVersion};

/// State of a neuron between two steps.
#[derive(Debug, Clone)]
pub struct ElmState {
    /// Trace of each synapse (v1, `[batch, synapse]`) or of each branch (v2, `[batch, branch]`).
    pub trace: Tensor<2>,
    /// Memory, `[batch, memory]`.
    pub memory: Tensor<2>,
}

impl ElmState {
    /// The state before the first step: all zeros.
    pub fn zeros(config: &ElmNeuronConfig, batch: usize, device: &Device) -> Self {
        let traces = match config.version {
            NeuronVersion::V1 => config.synapses(),
            NeuronVersion::V2 => config.branches(),
        };
        Self {
            trace: Tensor::zeros([batch, traces], device),
            memory: Tensor::zeros([batch, config.num_memory], device),
        }
    }

    /// The same state without its history, for truncated backpropagation.
    pub fn detach(self) -> Self {
        Self {
            trace: self.trace.detach(),
            memory: self.memory.detach(),
        }
    }
}
