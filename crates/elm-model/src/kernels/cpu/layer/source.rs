//! From the layer's input and activity to rows of samples, for a block of steps at a time.

use core::ops::Range;

use super::lanes::{AnyRow, LayerReal};
use super::neuron::Sources;
use super::schedule::share;
use super::shared::SharedSlice;
use super::view::View;
use crate::scan::layer::SourceKind;

/// In which order the rows of a block stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceOrder {
    /// Step by step, with room for the activity after the last: for a pass that makes each step from the one before.
    BySteps,
    /// Each source's steps together: for a pass that knows the whole block.
    BySources,
}

/// The rows of all sources over a block of steps, tile by tile, shared by the threads of a group.
#[derive(Debug)]
pub struct SourceBlock<P> {
    rows: SharedSlice<P>,
    order: SourceOrder,
    tiles: Range<usize>,
    tile_rows: usize,
    /// Rows from one step to the next.
    step: usize,
    /// Rows from one source to the next.
    source: usize,
    inputs: usize,
}

impl<P: AnyRow> SourceBlock<P> {
    /// Room for the sources of these tiles.
    pub fn new(view: &View<'_, P::R, P>, tiles: Range<usize>, order: SourceOrder) -> Self {
        let (block, width) = (view.block(), view.sources());
        let (step, source, tile_rows) = match order {
            SourceOrder::BySteps => (width, 1, (block + 1) * width),
            SourceOrder::BySources => (1, block, block * width),
        };
        Self {
            rows: SharedSlice::new(tiles.len() * tile_rows),
            inputs: view.spec().inputs,
            order,
            tiles,
            tile_rows,
            step,
            source,
        }
    }

    fn at(&self, tile: usize, t: usize, source: usize) -> usize {
        (tile - self.tiles.start) * self.tile_rows + t * self.step + source * self.source
    }

    /// Silences the channels of the block, or share `index` of it.
    ///
    /// # Safety
    /// No thread reads the block, or writes it otherwise, in this round.
    pub unsafe fn clear(&self, steps: usize, index: usize, shares: usize) {
        match self.order {
            SourceOrder::BySteps => {
                for tile in self.tiles.clone() {
                    for t in share(steps, index, shares) {
                        let from = self.at(tile, t, 0);
                        // SAFETY: the steps are shared out, and the caller keeps others away.
                        unsafe { self.rows.write(from..from + self.inputs) }.fill(P::default());
                    }
                }
            }
            SourceOrder::BySources => {
                let own = share(self.tiles.len() * self.tile_rows, index, shares);
                // SAFETY: the rows are shared out, and the caller keeps others away.
                unsafe { self.rows.write(own) }.fill(P::default());
            }
        }
    }

    /// Puts the input of the steps from `first` on in place, or share `index` of it; the channels are silent
    /// before.
    ///
    /// # Safety
    /// As for [`clear`](Self::clear).
    pub unsafe fn fill(
        &self,
        view: &View<'_, P::R, P>,
        first: usize,
        steps: usize,
        index: usize,
        shares: usize,
    ) {
        for tile in self.tiles.clone() {
            for t in share(steps, index, shares) {
                each_input(view, tile, first + t, |channel, lane, value| {
                    let at = self.at(tile, t, channel);
                    // SAFETY: the steps are shared out, and the caller keeps others away.
                    unsafe { self.rows.write(at..at + 1)[0].samples_mut()[lane] = value }
                });
            }
        }
    }

    /// Makes the activity of neuron n before step t visible to recurrent synapses.
    ///
    /// # Safety
    /// No other thread reads or writes this row in this round.
    pub unsafe fn put_activity(
        &self,
        view: &View<'_, P::R, P>,
        tile: usize,
        t: usize,
        n: usize,
        activity: P,
    ) {
        let row = view.masked_activity(tile, n, activity);
        // SAFETY: the caller's promise.
        unsafe { self.rows.set(self.at(tile, t, self.inputs + n), row) }
    }

    /// Makes the activity of neuron n before step `from` that before step `to`.
    ///
    /// # Safety
    /// As for [`put_activity`](Self::put_activity), and nobody writes the row that is read.
    pub unsafe fn move_activity(&self, tile: usize, from: usize, to: usize, n: usize) {
        let (from, to) = (
            self.at(tile, from, self.inputs + n),
            self.at(tile, to, self.inputs + n),
        );
        // SAFETY: the caller's promise.
        unsafe {
            let row = self.rows.read(from..from + 1)[0];
            self.rows.set(to, row);
        }
    }

    /// The sources of one tile from step t on; of that step alone where they stand step by step.
    ///
    /// # Safety
    /// Nobody writes them as long as they are borrowed.
    #[inline(always)]
    pub unsafe fn read(&self, tile: usize, t: usize) -> Sources<'_, P> {
        let from = self.at(tile, t, 0);
        let end = match self.order {
            // others write the activity of the next step
            SourceOrder::BySteps => from + self.step,
            SourceOrder::BySources => self.at(tile, 0, 0) + self.tile_rows,
        };
        Sources {
            // SAFETY: the caller's promise.
            rows: unsafe { self.rows.read(from..end) },
            step: self.step,
            source: self.source,
        }
    }
}

/// Calls `put(channel, lane, value)` for every number of a tile's input at one step that is not 0.
fn each_input<P: AnyRow>(
    view: &View<'_, P::R, P>,
    tile: usize,
    time: usize,
    mut put: impl FnMut(usize, usize, P::R),
) {
    let (call, inputs) = (view.call, view.spec().inputs);
    for (lane, b) in view.samples(tile).enumerate() {
        match call.source {
            SourceKind::OneHot => {
                let channel = view.token(b, time);
                // the layer has checked them; one that names no channel is silent
                if channel < inputs {
                    put(channel, lane, view.input_factor(b, channel));
                }
            }
            SourceKind::Dense => {
                let row = &view.slices.x[(b * call.time + time) * inputs..][..inputs];
                each_nonzero(row, |channel, v| {
                    put(channel, lane, view.input_factor(b, channel) * v);
                });
            }
        }
    }
}

/// Calls `f(index, value)` for every number that is not 0, in order: sixteen at a time become a bit mask, so that
/// silent stretches of a spike train cost no branch per number.
fn each_nonzero<R: LayerReal>(row: &[R], mut f: impl FnMut(usize, R)) {
    const BLOCK: usize = 16;
    let zero = R::default();
    for (block, chunk) in row.chunks(BLOCK).enumerate() {
        let mut mask = chunk
            .iter()
            .enumerate()
            .fold(0u32, |mask, (i, v)| mask | (u32::from(*v != zero) << i));
        while mask != 0 {
            let i = mask.trailing_zeros() as usize;
            f(block * BLOCK + i, chunk[i]);
            mask &= mask - 1;
        }
    }
}
