//! What one neuron computes in one step, as rows of samples in one piece of memory.
//!
//! The forward pass uses one frame over and over. The backward pass computes a block of steps anew, one frame each,
//! and puts gradients where it no longer needs values: one pass over the frames then sums up the weight gradients.

use core::ops::Range;

use crate::scan::layer::LayerSpec;

/// Where a frame's values lie.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The MLP's input: branches, then decayed memory. D + M rows.
    pub joined: Range<usize>,
    /// Pre-activations of each hidden layer, later their gradients. H rows each.
    pub pre: Vec<Range<usize>>,
    /// Activations of each hidden layer. H rows each.
    pub active: Vec<Range<usize>>,
    /// tanh values, later the gradient of the MLP's output. M rows.
    pub tanh: Range<usize>,
    /// Memory after the step. M rows.
    pub memory: Range<usize>,
    /// Input of the output activation, later its gradient. One row.
    pub pre_activation: usize,
    /// Gradient of the readout. One row.
    pub readout: usize,
    /// Gradient of the branch sums. D rows.
    pub branch: Range<usize>,
    /// Rows of a frame.
    pub len: usize,
    /// Branches D.
    branches: usize,
}

impl Frame {
    /// The frame of a layer's neurons.
    pub fn new(spec: &LayerSpec) -> Self {
        let mut len = 0;
        let mut take = |rows: usize| {
            len += rows;
            len - rows..len
        };
        let hidden = |take: &mut dyn FnMut(usize) -> Range<usize>| {
            (0..spec.hidden_layers).map(|_| take(spec.hidden)).collect()
        };
        // what a step back touches lies together, and every linear map's input behind its result
        let memory = take(spec.memory);
        let pre = hidden(&mut take);
        let tanh = take(spec.memory);
        let (pre_activation, readout) = (take(1).start, take(1).start);
        let branch = take(spec.branches);
        let joined = take(spec.joined());
        let active = hidden(&mut take);
        Self {
            joined,
            pre,
            active,
            tanh,
            memory,
            pre_activation,
            readout,
            branch,
            len,
            branches: spec.branches,
        }
    }

    /// The result of the first linear map: hidden pre-activations, or the MLP's output where there is no hidden layer.
    pub fn first(&self) -> Range<usize> {
        self.map(0)
    }

    /// The result of linear map k.
    pub fn map(&self, k: usize) -> Range<usize> {
        match self.pre.get(k) {
            Some(pre) => pre.clone(),
            None => self.tanh.clone(),
        }
    }

    /// The branches within `joined`.
    pub fn branches(&self) -> Range<usize> {
        self.joined.start..self.joined.start + self.branches
    }

    /// The decayed memory within `joined`.
    pub fn decayed(&self) -> Range<usize> {
        self.joined.start + self.branches..self.joined.end
    }
}
