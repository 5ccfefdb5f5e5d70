//! The whole neuron on the CPU: a tile of samples from the input to the output, and back.
//!
//! Time is cut into chunks of some dozens of steps (about 256 rows of samples and steps). Forward, a chunk goes through
//! the input product and the trace (`input`), a matrix product for the drive, the steps of the scan, and the readout;
//! backward, the same in reverse, with the branches of a chunk computed again from the trace before it. All buffers
//! between these are of a chunk's size and stay in the core's cache.
//!
//! How samples are cut into tiles depends on the threads that are there, and each pass cuts for itself. What the forward
//! pass keeps for the backward pass lies sample by sample, so that it does not show; only the chunks are the same in
//! both, and the number of chunks is a dimension of what is kept.

mod backward;
mod events;
mod forward;
#[cfg(feature = "host")]
mod host;
mod input;
mod readout;

use crate::scan::fields_as_array;
use crate::scan::memory::ScanSpec;
use crate::scan::neuron::ops::FirstLayer;
use input::InputPath;

pub use backward::{BackwardInputs, backward};
pub use forward::forward;

/// Sizes of a call.
#[derive(Debug, Clone, Copy)]
pub struct NeuronShape {
    /// Samples.
    pub batch: usize,
    /// Steps.
    pub time: usize,
    /// Channels of the input.
    pub inputs: usize,
    /// Columns of the matrix.
    pub width: usize,
    /// Outputs.
    pub outputs: usize,
    /// The memory scan.
    pub scan: ScanSpec,
    /// Decay of the trace per step, if there is a trace.
    pub trace_decay: Option<f64>,
    /// Where the first layer's weights on the branches are.
    pub first_layer: FirstLayer,
}

impl NeuronShape {
    /// Width of what is kept before each chunk of a sample: memory and trace.
    fn start_width(&self) -> usize {
        self.scan.memory + self.width
    }
}

/// One thing for each tensor of a call, shapes as in [`crate::scan::neuron::NeuronInputs`].
#[derive(Debug, Clone, Copy)]
pub struct NeuronFields<T> {
    /// The input over time, `[batch, time, input]`.
    pub x: T,
    /// Routing, weights and branch sum, `[input, column]`.
    pub matrix: T,
    /// Trace before the first step, `[batch, column]`.
    pub trace: T,
    /// The first layer's weights on the branches, `[column, first]`; a single number where the matrix holds them.
    pub branch_weights: T,
    /// The first layer's bias, `[first]`.
    pub bias: T,
    /// All other weights of the MLP in one row.
    pub weights: T,
    /// Decay of each memory unit per step, `[memory]`.
    pub decay: T,
    /// Gate on the memory update, `[memory]`.
    pub gate: T,
    /// Memory before the first step, `[batch, memory]`.
    pub memory: T,
    /// Readout, `[memory, output]`.
    pub readout: T,
    /// Bias of the readout, `[output]`.
    pub readout_bias: T,
}

fields_as_array!([T] NeuronFields<T>: [T; 11] {
    x,
    matrix,
    trace,
    branch_weights,
    bias,
    weights,
    decay,
    gate,
    memory,
    readout,
    readout_bias,
});

/// The first sample of each tile.
fn first_samples(samples: &[usize]) -> impl Iterator<Item = usize> {
    samples.iter().scan(0, |next, samples| {
        let first = *next;
        *next += samples;
        Some(first)
    })
}
