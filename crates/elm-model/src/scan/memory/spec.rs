//! Sizes of the recurrence and the layout of its packed weights.

use crate::equations::HiddenActivation;

/// Sizes of one memory scan.
///
/// The MLP is a chain of `hidden_layers + 1` linear maps. The first one reads the decayed memory; its
/// bias and its share of the branches come in as the drive. The packed weights hold, row by row:
/// `W₁ᵐ [memory, first]`, then for every further map `W [in, out]` and `b [out]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanSpec {
    /// Number of memory units M.
    pub memory: usize,
    /// Number of hidden layers (0, 1 or more).
    pub hidden_layers: usize,
    /// Units H in each hidden layer.
    pub hidden: usize,
    /// Activation of the hidden layers.
    pub activation: HiddenActivation,
}

/// One linear map of the chain, and where its numbers lie in the packed weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearMap {
    /// Width of its input.
    pub inputs: usize,
    /// Width of its output.
    pub outputs: usize,
    /// Start of its weight matrix `[inputs, outputs]`.
    pub weight: usize,
    /// Start of its bias, `None` for the first (the drive holds it).
    pub bias: Option<usize>,
}

impl ScanSpec {
    /// Width of the drive: H, or M where the MLP has no hidden layer.
    pub fn first(&self) -> usize {
        if self.hidden_layers == 0 {
            self.memory
        } else {
            self.hidden
        }
    }

    /// The linear maps in order; the last one gives the memory update.
    pub fn linear_maps(&self) -> Vec<LinearMap> {
        let mut maps = Vec::with_capacity(self.hidden_layers + 1);
        let (mut inputs, mut at) = (self.memory, 0);
        for layer in 0..=self.hidden_layers {
            let outputs = if layer == self.hidden_layers {
                self.memory
            } else {
                self.hidden
            };
            let weight = at;
            at += inputs * outputs;
            let bias = (layer > 0).then_some(at);
            at += if layer > 0 { outputs } else { 0 };
            maps.push(LinearMap {
                inputs,
                outputs,
                weight,
                bias,
            });
            inputs = outputs;
        }
        maps
    }

    /// Length of the packed weights.
    pub fn num_weights(&self) -> usize {
        self.linear_maps()
            .iter()
            .map(|s| s.inputs * s.outputs + s.bias.map_or(0, |_| s.outputs))
            .sum()
    }

    /// Width of what is kept of the hidden layers for the backward pass.
    pub fn hidden_total(&self) -> usize {
        self.hidden_layers * self.hidden
    }
}
