//! A layer's tensors as slices, and the buffers that the kernels share.

use core::ops::Range;
use std::borrow::Cow;

use super::lanes::{AnyRow, LayerReal, Row};
use super::neuron::{Constants, Weights};
use super::schedule::Partition;
use crate::scan::fields_as_array;
use crate::scan::layer::{LayerCall, LayerSpec};

/// One thing for each tensor of a call, in the order and the shapes of [`crate::scan::layer::ops::LayerTensors`].
#[derive(Debug, Clone, Copy)]
pub struct LayerFields<T> {
    /// Input, `[batch, time, input]`; a single number where it comes as tokens.
    pub x: T,
    /// Synapse weights.
    pub synapses: T,
    /// Weight of the MLP's first map.
    pub first_weight: T,
    /// Bias of the MLP's first map.
    pub first_bias: T,
    /// The MLP's other maps.
    pub packed: T,
    /// Decay of the memory.
    pub decay: T,
    /// Gate on the memory update.
    pub gate: T,
    /// Readout.
    pub readout: T,
    /// Bias of the output.
    pub bias: T,
    /// State before the first step, `[batch, neuron, state]`.
    pub inner: T,
    /// Activity before the first step, `[batch, neuron]`.
    pub activity: T,
}

fields_as_array!([T] LayerFields<T>: [T; 11] {
    x,
    synapses,
    first_weight,
    first_bias,
    packed,
    decay,
    gate,
    readout,
    bias,
    inner,
    activity,
});

/// The tensors of a call as slices.
pub type LayerSlices<'a, R> = LayerFields<&'a [R]>;

/// What a call is given besides as slices, in the shapes of [`crate::scan::layer::ops::LayerGivens`]; what the call has
/// not is not looked at.
#[derive(Debug, Clone, Copy)]
pub struct Givens<'a, R> {
    /// Tokens, `[batch, time]`.
    pub tokens: &'a [i32],
    /// Factors on the input channels, `[batch, input]`.
    pub input_mask: &'a [R],
    /// Factors on the recurrent activity, `[batch, neuron]`.
    pub recurrent_mask: &'a [R],
    /// Factors on the MLP's output, `[batch, neuron, memory]`.
    pub memory_mask: &'a [R],
}

/// In which order a pass walks the synapses of a neuron.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SynapseOrder {
    /// As they stand in the connectome, for a pass that only reads sources: nothing is copied.
    Connectome,
    /// The feed-forward ones of each branch first, for a pass that adds to sources of two kinds.
    FeedForwardFirst,
}

/// What all threads of a call read, the samples in tiles of the size of a row `P`.
#[derive(Debug)]
pub struct View<'a, R: LayerReal, P: AnyRow<R = R> = Row<R>> {
    /// The call.
    pub call: &'a LayerCall,
    /// Its tensors.
    pub slices: LayerSlices<'a, R>,
    /// Constants in this number type.
    pub constants: Constants<R>,
    givens: Givens<'a, R>,
    /// Source of each synapse and its weight, in the order of the pass.
    sources: &'a [u32],
    synapses: Cow<'a, [R]>,
    /// Factor on the input.
    gain: R,
    /// Factors on the recurrent activity, `[tile, neuron]`.
    recurrent_mask: Option<Vec<P>>,
    /// Factors on the MLP's output, `[tile, neuron, memory]`.
    memory_mask: Option<Vec<P>>,
}

impl<'a, R: LayerReal, P: AnyRow<R = R>> View<'a, R, P> {
    /// Orders the synapses and reads the masks.
    pub fn new(
        call: &'a LayerCall,
        slices: LayerSlices<'a, R>,
        givens: Givens<'a, R>,
        order: SynapseOrder,
    ) -> Self {
        let spec = &call.spec;
        let rows = |there: bool, mask: &[R], width: usize| {
            there.then(|| {
                (0..tiles::<P>(call.batch))
                    .flat_map(|tile| mask_rows(mask, width, call.batch, tile))
                    .collect()
            })
        };
        let (masked, n) = (call.masked, spec.neurons);
        Self {
            recurrent_mask: rows(masked.recurrent, givens.recurrent_mask, n),
            memory_mask: rows(masked.memory, givens.memory_mask, n * spec.memory),
            constants: Constants::new(spec),
            gain: R::of(call.gain),
            sources: match order {
                SynapseOrder::Connectome => call.plan.connectome(),
                SynapseOrder::FeedForwardFirst => call.plan.sources(),
            },
            synapses: match order {
                SynapseOrder::Connectome => slices.synapses.into(),
                SynapseOrder::FeedForwardFirst => feed_forward_first(call, slices.synapses).into(),
            },
            givens,
            slices,
            call,
        }
    }

    /// Sizes.
    pub fn spec(&self) -> &LayerSpec {
        &self.call.spec
    }

    /// The weights of neuron n.
    pub fn neuron(&self, n: usize) -> Weights<'_, R> {
        let spec = self.spec();
        let part = |all: &'a [R], width: usize| &all[n * width..][..width];
        let s = &self.slices;
        let (synapses, first, m) = (spec.synapses(), spec.first(), spec.memory);
        Weights {
            sources: &self.sources[n * synapses..][..synapses],
            feed_forward: &self.call.plan.feed_forward()[n * spec.branches..][..spec.branches],
            synapses: &self.synapses[n * synapses..][..synapses],
            first_weight: part(s.first_weight, spec.joined() * first),
            first_bias: part(s.first_bias, first),
            packed: part(s.packed, spec.packed_len()),
            decay: part(s.decay, m),
            gate: part(s.gate, m),
            readout: part(s.readout, m),
            bias: s.bias[n],
        }
    }

    /// The activity of neuron n, or its gradient, as recurrent synapses see it.
    #[inline(always)]
    pub fn masked_activity(&self, tile: usize, n: usize, activity: P) -> P {
        match &self.recurrent_mask {
            None => activity,
            Some(mask) => activity.zip(mask[tile * self.spec().neurons + n], |a, mask| a * mask),
        }
    }

    /// Factor on a channel of sample b.
    pub fn input_factor(&self, b: usize, channel: usize) -> R {
        match self.call.masked.input {
            false => self.gain,
            true => self.gain * self.givens.input_mask[b * self.spec().inputs + channel],
        }
    }

    /// The channel that sample b has at a step of a call with tokens.
    pub fn token(&self, b: usize, time: usize) -> usize {
        // a negative one is as far out of range as can be
        self.givens.tokens[b * self.call.time + time] as usize
    }

    /// Factors on the MLP's output of neuron n.
    pub fn memory_mask(&self, tile: usize, n: usize) -> Option<&[P]> {
        let m = self.spec().memory;
        let mask = self.memory_mask.as_ref()?;
        Some(&mask[(tile * self.spec().neurons + n) * m..][..m])
    }

    /// Rows of `width` numbers of neuron n out of `[batch, neuron, width]`, one row per number.
    pub fn rows(&self, all: &[R], width: usize, tile: usize, n: usize, out: &mut [P]) {
        out.fill(P::default());
        for (lane, b) in self.samples(tile).enumerate() {
            let values = &all[(b * self.spec().neurons + n) * width..][..width];
            for (row, v) in out.iter_mut().zip(values) {
                row.samples_mut()[lane] = *v;
            }
        }
    }

    /// Sources that rows are kept of: channels, and neurons where synapses are recurrent.
    pub fn sources(&self) -> usize {
        let neurons = match self.call.plan.recurrent() {
            true => self.spec().neurons,
            false => 0,
        };
        self.spec().inputs + neurons
    }

    /// Steps of a block, from which the backward pass computes anew what the forward pass did not keep.
    ///
    /// Long blocks sum up more before they add to a weight gradient, short ones stay in the cache.
    pub fn block(&self) -> usize {
        let rows = self.constants.frame.len * self.spec().neurons;
        let bytes = rows * size_of::<P>();
        (BLOCK_BYTES / bytes.max(1))
            .clamp(MIN_BLOCK, MAX_BLOCK)
            .min(self.call.time)
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.call.time.div_ceil(self.block())
    }

    /// How this call is shared among threads.
    pub fn partition(&self) -> Partition {
        Partition::new(
            self.tiles(),
            self.spec().neurons,
            rayon::current_num_threads(),
            self.work(),
            self.weights(),
        )
    }

    /// Operations of a forward pass on rows of eight, roughly: of a single sample each takes a third of the time, which is
    /// that of reading the weight.
    fn work(&self) -> usize {
        let rows = self.weights() * self.call.time * self.tiles();
        match P::SAMPLES {
            1 => rows / 3,
            _ => rows,
        }
    }

    /// Numbers of all weights.
    fn weights(&self) -> usize {
        let spec = self.spec();
        let neuron = spec.synapses() + spec.joined() * spec.first() + spec.packed_len();
        neuron * spec.neurons
    }

    /// Where the final state of neuron n of sample b starts in the result.
    pub fn state_at(&self, b: usize, n: usize) -> usize {
        let (spec, batch) = (self.spec(), self.call.batch);
        batch * spec.neurons * (self.call.time + 1) + (b * spec.neurons + n) * spec.state_width()
    }

    /// Where the magnitude of neuron n of sample b stands in the result.
    pub fn magnitude_at(&self, b: usize, n: usize) -> usize {
        let (spec, batch) = (self.spec(), self.call.batch);
        batch * spec.neurons * self.call.time + b * spec.neurons + n
    }

    /// Where the activity of neuron n of sample b after step t stands in the result.
    pub fn activity_at(&self, b: usize, t: usize, n: usize) -> usize {
        (b * self.call.time + t) * self.spec().neurons + n
    }

    /// Tiles of the batch.
    pub fn tiles(&self) -> usize {
        tiles::<P>(self.call.batch)
    }

    /// Samples of a tile that exist.
    pub fn samples(&self, tile: usize) -> Range<usize> {
        samples::<P>(self.call.batch, tile)
    }
}

fn tiles<P: AnyRow>(batch: usize) -> usize {
    batch.div_ceil(P::SAMPLES)
}

fn samples<P: AnyRow>(batch: usize, tile: usize) -> Range<usize> {
    tile * P::SAMPLES..batch.min((tile + 1) * P::SAMPLES)
}

/// Reads a mask `[batch, width]` as rows of one tile; samples that do not exist get 0.
fn mask_rows<P: AnyRow>(mask: &[P::R], width: usize, batch: usize, tile: usize) -> Vec<P> {
    let mut rows = vec![P::default(); width];
    for (lane, b) in samples::<P>(batch, tile).enumerate() {
        for (row, v) in rows.iter_mut().zip(&mask[b * width..][..width]) {
            row.samples_mut()[lane] = *v;
        }
    }
    rows
}

/// Bytes of one block's frames over all neurons that are aimed at.
const BLOCK_BYTES: usize = 8 << 20;
/// Bounds on the steps of a block.
const MIN_BLOCK: usize = 8;
const MAX_BLOCK: usize = 64;

fn feed_forward_first<R: LayerReal>(call: &LayerCall, synapses: &[R]) -> Vec<R> {
    let count = call.spec.synapses();
    let order = call.plan.order();
    let neurons = synapses.chunks_exact(count).zip(order.chunks_exact(count));
    neurons
        .flat_map(|(w, order)| order.iter().map(|s| w[*s as usize]))
        .collect()
}
