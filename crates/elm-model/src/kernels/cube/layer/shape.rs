//! All that is fixed when a layer's kernels are compiled: sizes of one neuron, and which row of a buffer holds what.

use crate::equations::HiddenActivation;
use crate::equations::OutputActivation;
use crate::kernels::cube::common::layout::Limits;
use crate::scan::layer::{LayerCall, LayerSpec};

/// Most samples, or columns, that a cube works on side by side.
const MOST_ROWS: usize = 8;
/// Columns of a cube where steps need not wait for each other.
const MOST_COLUMNS: usize = 32;
/// Most units of a cube: what keeps several cubes on a multiprocessor, so that one works while another waits.
const MOST_UNITS: usize = 256;
/// Bytes of a shared number.
const NUMBER: usize = 4;

/// One linear map of the MLP within a neuron's row of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Map {
    pub inputs: usize,
    pub outputs: usize,
    /// Start of the weight `[input, output]`; the bias follows it, as if it were one more input that is always 1.
    pub at: usize,
}

impl Map {
    /// Start of the bias.
    pub fn bias(&self) -> usize {
        self.at + self.inputs * self.outputs
    }

    /// Behind the bias.
    pub fn end(&self) -> usize {
        self.bias() + self.outputs
    }
}

/// Sizes of one neuron, and how a cube works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NeuronShape {
    pub branches: usize,
    pub per_branch: usize,
    pub memory: usize,
    pub hidden_layers: usize,
    pub hidden: usize,
    pub activation: HiddenActivation,
    pub output: OutputActivation,
    /// Has each branch a trace?
    pub trace: bool,
    /// Is there a high-pass on the readout?
    pub high_pass: bool,
    /// Does any synapse read the layer's own activity?
    pub recurrent: bool,
    /// Are there factors on the MLP's output?
    pub memory_mask: bool,
    /// Are there factors on the recurrent activity?
    pub recurrent_mask: bool,
    /// Samples (or columns) of a cube, a power of two.
    pub rows: usize,
    /// Units of a cube, a multiple of `rows`.
    pub units: usize,
    /// Do a neuron's parameters lie in shared memory? Else each is read from global memory where it is needed.
    pub staged: bool,
}

impl NeuronShape {
    /// For the kernels that go step by step, one sample per row. `None` where the smallest cube needs more shared
    /// memory than the device has.
    pub fn steps(call: &LayerCall, limits: &Limits) -> Option<Self> {
        let rows = Self::rows_for(call.batch);
        Self::with_rows(&call.spec, rows, limits).map(|shape| Self {
            recurrent: call.plan.recurrent(),
            memory_mask: call.masked.memory,
            recurrent_mask: call.plan.recurrent() && call.masked.recurrent,
            ..shape
        })
    }

    /// Samples that a cube works on, of so many.
    pub fn rows_for(batch: usize) -> usize {
        batch.clamp(1, MOST_ROWS).next_power_of_two()
    }

    /// The same neuron for the kernel that knows a whole block: one column, a step of a sample, per row.
    pub fn columns(self, spec: &LayerSpec, limits: &Limits) -> Self {
        Self::with_rows(spec, MOST_COLUMNS, limits).map_or(self, |wide| Self {
            recurrent: self.recurrent,
            memory_mask: self.memory_mask,
            recurrent_mask: self.recurrent_mask,
            ..wide
        })
    }

    /// With at most this many rows, without masks or recurrent synapses.
    pub fn with_rows(spec: &LayerSpec, rows: usize, limits: &Limits) -> Option<Self> {
        let mut shape = Self {
            branches: spec.branches,
            per_branch: spec.per_branch,
            memory: spec.memory,
            hidden_layers: spec.hidden_layers,
            hidden: spec.hidden,
            activation: spec.activation,
            output: spec.output,
            trace: spec.branch_decay.is_some(),
            high_pass: spec.high_pass_decay.is_some(),
            recurrent: false,
            memory_mask: false,
            recurrent_mask: false,
            rows,
            units: 1,
            staged: false,
        };
        loop {
            shape.units = shape.units_for(limits);
            if shape.units >= shape.rows && shape.shared_bytes() <= limits.shared_bytes {
                break;
            }
            if shape.rows == 1 {
                return None;
            }
            shape.rows /= 2;
        }
        // half of it, so that a second cube can be there
        let staged = Self {
            staged: true,
            ..shape
        };
        let fits = staged.shared_bytes() <= limits.shared_bytes / 2;
        Some(if fits { staged } else { shape })
    }

    /// As many units as the widest part of a step has numbers, in whole planes.
    fn units_for(&self, limits: &Limits) -> usize {
        let widest = self.branches.max(self.first()).max(self.memory) * self.rows;
        let most = limits.units.min(MOST_UNITS);
        let plane = limits.plane.max(32).min(most);
        let most = most / self.rows * self.rows;
        (widest.div_ceil(plane) * plane).min(most)
    }

    /// Width of the MLP's input `[b_t, u_t]`.
    pub fn joined(&self) -> usize {
        self.branches + self.memory
    }

    /// Width of the first map's result.
    pub fn first(&self) -> usize {
        match self.hidden_layers {
            0 => self.memory,
            _ => self.hidden,
        }
    }

    /// Linear map k of the MLP within a neuron's row of parameters.
    pub fn map(&self, k: usize) -> Map {
        let mut at = 0;
        let mut inputs = self.joined();
        for earlier in 0.. {
            let outputs = if earlier == self.hidden_layers {
                self.memory
            } else {
                self.hidden
            };
            let map = Map {
                inputs,
                outputs,
                at,
            };
            if earlier == k {
                return map;
            }
            at = map.end();
            inputs = outputs;
        }
        unreachable!("the loop ends at map {k}")
    }

    /// Where the decays lie in a neuron's row of parameters; gates and readouts follow.
    pub fn decay_at(&self) -> usize {
        self.map(self.hidden_layers).end()
    }

    /// Where the gates lie.
    pub fn gate_at(&self) -> usize {
        self.decay_at() + self.memory
    }

    /// Where the readouts lie.
    pub fn readout_at(&self) -> usize {
        self.gate_at() + self.memory
    }

    /// Where the bias of the output lies; it is the last one.
    pub fn bias_at(&self) -> usize {
        self.readout_at() + self.memory
    }

    /// Length of a neuron's row of parameters.
    pub fn parameters(&self) -> usize {
        self.bias_at() + 1
    }

    /// Width of a neuron's state, as [`LayerSpec::state_width`].
    pub fn state_width(&self) -> usize {
        self.memory + self.trace_width() + usize::from(self.high_pass)
    }

    /// Width of the branch trace.
    pub fn trace_width(&self) -> usize {
        if self.trace { self.branches } else { 0 }
    }

    /// Where the high-pass's mean lies in the state.
    pub fn mean_at(&self) -> usize {
        self.memory + self.trace_width()
    }

    /// Rows of a neuron's state between launches of the forward pass: one more, for the sum of |MLP output|.
    pub fn state_rows(&self) -> usize {
        self.state_width() + 1
    }

    /// Row of a neuron's frames where the input of linear map k lies, first row 0: branches, then decayed memory; or a
    /// hidden layer's activations.
    pub fn input_row(&self, k: usize) -> usize {
        match k {
            0 => 0,
            _ => self.joined() + (k - 1) * self.hidden,
        }
    }

    /// Row of the frames where the result of linear map k lies, pre-activations or the `tanh`, and later its gradient.
    pub fn result_row(&self, k: usize) -> usize {
        self.joined() + self.hidden_layers * self.hidden + k * self.hidden
    }

    /// Row of the frames where the gradients of the branch sums lie.
    pub fn branch_row(&self) -> usize {
        self.result_row(self.hidden_layers) + self.memory
    }

    /// Rows of a neuron's frames.
    pub fn frame_rows(&self) -> usize {
        self.branch_row() + self.branches
    }

    /// Row of the carry, whose first rows are gradients of the state, that holds what recurrent synapses have for the
    /// activity.
    pub fn arrived_row(&self) -> usize {
        self.state_width()
    }

    /// First row of the carry with sums for parameters: decays, gates, readouts and bias, as in the parameters.
    pub fn sums_row(&self) -> usize {
        self.arrived_row() + 1
    }

    /// Rows of a neuron's carry.
    pub fn carry_rows(&self) -> usize {
        self.sums_row() + 3 * self.memory + 1
    }

    /// Units that share the incoming gradients of one sample.
    pub fn slices(&self) -> usize {
        self.units / self.rows
    }

    /// Numbers between maps: the MLP's input and two hidden layers that take turns.
    pub fn values_len(&self) -> usize {
        (self.joined() + 2 * self.hidden_width()) * self.rows
    }

    fn hidden_width(&self) -> usize {
        if self.hidden_layers == 0 {
            0
        } else {
            self.hidden
        }
    }

    /// Where the input of linear map k lies among them.
    pub fn value_at(&self, k: usize) -> usize {
        match k {
            0 => 0,
            _ => (self.joined() + (k - 1) % 2 * self.hidden) * self.rows,
        }
    }

    /// Numbers of one gradient on its way back through the MLP.
    pub fn gradient_len(&self) -> usize {
        self.hidden_width().max(self.memory) * self.rows
    }

    /// Shared numbers of staged parameters.
    pub fn staged_len(&self) -> usize {
        if self.staged { self.parameters() } else { 1 }
    }

    /// Shared memory of the hungriest kernel.
    fn shared_bytes(&self) -> usize {
        let forward = self.values_len() + 2 * self.memory * self.rows;
        let backward = 2 * self.gradient_len() + self.units + self.rows;
        NUMBER * (forward.max(backward) + self.staged_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::equations::NeuronForm;
    use crate::kernels::cube::common::layout::Combining;

    fn limits(units: usize, shared_bytes: usize) -> Limits {
        Limits {
            units,
            plane: 32,
            shared_bytes,
            unit_registers: 64,
            registers: 65536,
            multiprocessors: 8,
            combining: Combining::Shared,
            launch_work: usize::MAX,
        }
    }

    fn spec(form: NeuronForm) -> LayerSpec {
        LayerSpec::new(&form, 700, 96)
    }

    #[test]
    fn rows_of_parameters_follow_the_spec() {
        for hidden_layers in 0..4 {
            let net = NeuronForm::network()
                .with_num_memory(3)
                .with_hidden_layers(hidden_layers);
            let spec = spec(net.clone());
            let Some(shape) = NeuronShape::with_rows(&spec, 8, &limits(256, 1 << 16)) else {
                panic!("no shape")
            };
            let first = spec.joined() * spec.first() + spec.first();
            assert_eq!(shape.map(0).end(), first);
            for (k, packed) in spec.packed_maps().iter().enumerate() {
                let map = shape.map(k + 1);
                assert_eq!((map.inputs, map.outputs), (packed.inputs, packed.outputs));
                assert_eq!(map.at, first + packed.at);
            }
            let rest = net.synapses() + net.num_memory + 1;
            assert_eq!(shape.decay_at(), net.num_trained(1) - rest);
            assert_eq!(shape.state_width(), spec.state_width());
            // results lie behind one another, the gradients of the branches behind the last
            for k in 0..hidden_layers {
                assert_eq!(
                    shape.result_row(k) + shape.map(k).outputs,
                    shape.result_row(k + 1)
                );
            }
        }
    }

    #[test]
    fn cubes_shrink_to_what_the_device_has() {
        let enwik8 = spec(
            NeuronForm::network()
                .with_num_memory(15)
                .with_num_branches(Some(50))
                .with_synapses_per_branch(Some(15)),
        );
        let shape = |units, bytes| NeuronShape::with_rows(&enwik8, 8, &limits(units, bytes));
        let Some(large) = shape(1024, 48 << 10) else {
            panic!("no shape")
        };
        assert!(large.staged && large.rows == 8 && large.units == 256);
        let Some(small) = shape(64, 8 << 10) else {
            panic!("no shape")
        };
        assert!(!small.staged && small.rows == 8 && small.units == 64);
        let Some(smallest) = shape(4, 4 << 10) else {
            panic!("no shape")
        };
        assert!(smallest.rows <= 4 && smallest.units % smallest.rows == 0);
        assert!(smallest.shared_bytes() <= 4 << 10);
        assert_eq!(shape(64, 256), None);
    }
}
