//! The whole neuron on the CPU: a tile of samples from the input to the output, and back.
//!
//! Time is cut into chunks of some dozens of steps (about 256 rows of samples and steps). Forward, a chunk goes through
//! the input product and the trace (`feed`), a matrix product for the drive, the steps of the scan, and the readout;
//! backward, the same in reverse, with the branches of a chunk computed again from the trace before it. All buffers
//! between these are of a chunk's size and stay in the core's cache.

mod backward;
mod feed;
mod forward;
#[cfg(feature = "host")]
mod host;

use super::sparse::SparseRows;
use crate::scan::memory::ScanSpec;
pub(crate) use crate::scan::neuron::ops::KeptInput;
use feed::Feed;

pub use backward::{Kept as BackwardKept, backward};
pub use forward::forward;

/// Sizes of a call.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
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
}

/// The tensors of a call as slices, shapes as in [`crate::scan::neuron::NeuronInputs`].
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Slices<'a, R> {
    pub x: &'a [R],
    pub matrix: &'a [R],
    pub trace: &'a [R],
    /// None where the matrix holds the first layer's share.
    pub branch_weights: Option<&'a [R]>,
    pub bias: &'a [R],
    pub weights: &'a [R],
    pub decay: &'a [R],
    pub gate: &'a [R],
    pub memory: &'a [R],
    pub readout: &'a [R],
    pub readout_bias: &'a [R],
}

/// The first sample of each tile.
fn first_samples(samples: &[usize]) -> impl Iterator<Item = usize> {
    samples.iter().scan(0, |next, samples| {
        let first = *next;
        *next += samples;
        Some(first)
    })
}

/// What of the input is not zero, chunk by chunk of each tile; kept by the forward pass for the backward pass, which
/// otherwise reads the input again: `None` where too much is not zero to be worth keeping.
type InputTiles<R> = Vec<Vec<Option<SparseRows<R>>>>;
