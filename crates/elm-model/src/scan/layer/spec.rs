//! Sizes of a layer's scan, and the layout of its packed tensors.

use crate::equations::HiddenActivation;
use crate::equations::OutputActivation;

/// Sizes and constants of a layer's scan.
///
/// The MLP is a chain of `hidden_layers + 1` linear maps. The first one reads `[b_t, u_t]` (D + M numbers) and has
/// tensors of its own; the others are packed, one row per neuron: for each map `W [in, out]`, then its bias `[out]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerSpec {
    /// Input channels I.
    pub inputs: usize,
    /// Neurons N.
    pub neurons: usize,
    /// Branches D of each neuron.
    pub branches: usize,
    /// Synapses P on each branch.
    pub per_branch: usize,
    /// Memory units M of each neuron.
    pub memory: usize,
    /// Hidden layers of each MLP (0, 1 or more).
    pub hidden_layers: usize,
    /// Units H in each hidden layer.
    pub hidden: usize,
    /// Activation of the hidden layers.
    pub activation: HiddenActivation,
    /// Decay of the branch trace per step, if there is one.
    pub branch_decay: Option<f64>,
    /// Decay of the high-pass's running mean per step, if there is one.
    pub high_pass_decay: Option<f64>,
    /// Activation of the output.
    pub output: OutputActivation,
}

/// One linear map of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerMap {
    /// Width of its input.
    pub inputs: usize,
    /// Width of its output.
    pub outputs: usize,
    /// Start of its weight in a neuron's packed row; its bias follows. The first map's is 0 in tensors of its own.
    pub at: usize,
}

impl LayerMap {
    /// Start of its bias in a neuron's packed row.
    pub fn bias(&self) -> usize {
        self.at + self.inputs * self.outputs
    }
}

impl LayerSpec {
    /// Synapses S of each neuron.
    pub fn synapses(&self) -> usize {
        self.branches * self.per_branch
    }

    /// Width of the MLP's input `[b_t, u_t]`.
    pub fn joined(&self) -> usize {
        self.branches + self.memory
    }

    /// Width of the first map's result: H, or M where there is no hidden layer.
    pub fn first(&self) -> usize {
        match self.hidden_layers {
            0 => self.memory,
            _ => self.hidden,
        }
    }

    /// The first linear map of the chain.
    pub fn first_map(&self) -> LayerMap {
        LayerMap {
            inputs: self.joined(),
            outputs: self.first(),
            at: 0,
        }
    }

    /// The packed linear maps, in order; the last one gives the memory update.
    pub fn packed_maps(&self) -> Vec<LayerMap> {
        let mut at = 0;
        (1..=self.hidden_layers)
            .map(|layer| {
                let map = LayerMap {
                    inputs: self.hidden,
                    outputs: if layer == self.hidden_layers {
                        self.memory
                    } else {
                        self.hidden
                    },
                    at,
                };
                at = map.bias() + map.outputs;
                map
            })
            .collect()
    }

    /// Packed numbers of each neuron.
    pub fn packed_len(&self) -> usize {
        self.packed_maps()
            .last()
            .map_or(0, |s| s.bias() + s.outputs)
    }

    /// Width of a neuron's state: memory, then the branch trace if there is one, then the high-pass's running mean if
    /// there is one.
    pub fn state_width(&self) -> usize {
        self.memory + self.trace_width() + usize::from(self.high_pass_decay.is_some())
    }

    /// Width of the branch trace in the state, 0 without one.
    pub fn trace_width(&self) -> usize {
        match self.branch_decay {
            Some(_) => self.branches,
            None => 0,
        }
    }

    /// Length of the scan's flat result for `batch` samples of `time` steps: activity `[batch, time, neuron]`, mean
    /// magnitude of the MLP's output `[batch, neuron]`, final state `[batch, neuron, state]`.
    pub fn result_len(&self, batch: usize, time: usize) -> usize {
        batch * self.neurons * (time + 1 + self.state_width())
    }
}
