//! Gradients that neurons have for each other and for the input.
//!
//! A synapse adds to the gradient of its source, which may belong to another share. So each share adds to a buffer of
//! its own, and who needs a sum takes it over all shares in a later round.

use core::ops::Range;

use super::lanes::{AnyRow, LayerReal, Row};
use super::shared::SharedSlice;
use super::view::View;

/// The buffers of a group.
#[derive(Debug)]
pub struct GradientExchange<R> {
    tiles: Range<usize>,
    shares: usize,
    neurons: usize,
    inputs: usize,
    block: usize,
    /// Of the activity before a step: `[share, parity of the step, tile, neuron]`; empty where nothing is recurrent.
    activity: SharedSlice<Row<R>>,
    /// Of the block's input: `[share, tile, step, channel]`; empty where not asked for.
    input: SharedSlice<Row<R>>,
}

impl<R: LayerReal> GradientExchange<R> {
    /// Buffers of so many shares for these tiles; for the input too if `input`.
    pub fn new(view: &View<'_, R>, tiles: Range<usize>, shares: usize, input: bool) -> Self {
        let (spec, block) = (view.spec(), view.block());
        let activity = match view.call.plan.recurrent() {
            true => shares * 2 * tiles.len() * spec.neurons,
            false => 0,
        };
        let input = match input {
            true => shares * tiles.len() * block * spec.inputs,
            false => 0,
        };
        Self {
            activity: SharedSlice::new(activity),
            input: SharedSlice::new(input),
            neurons: spec.neurons,
            inputs: spec.inputs,
            shares,
            block,
            tiles,
        }
    }

    fn activity_rows(&self, share: usize, time: usize, tile: usize) -> Range<usize> {
        let tile = tile - self.tiles.start;
        let from = ((share * 2 + time % 2) * self.tiles.len() + tile) * self.neurons;
        match self.activity.len() {
            0 => 0..0,
            _ => from..from + self.neurons,
        }
    }

    fn input_rows(&self, share: usize, tile: usize, t: usize) -> Range<usize> {
        let tile = tile - self.tiles.start;
        let from = ((share * self.tiles.len() + tile) * self.block + t) * self.inputs;
        from..from + self.inputs
    }

    /// Share `index`'s gradients of the activity before a step; none where nothing is recurrent.
    ///
    /// # Safety
    /// Only who has taken share `index` calls this, after the round that summed up the step after the next.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // parts of a buffer that threads share
    pub unsafe fn own_activity(&self, index: usize, time: usize, tile: usize) -> &mut [Row<R>] {
        // SAFETY: the caller's promise.
        unsafe { self.activity.write(self.activity_rows(index, time, tile)) }
    }

    /// Share `index`'s gradients of the input at step t of the block, if they are asked for.
    ///
    /// # Safety
    /// Only who has taken share `index` calls this, in the rounds of a block's steps.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // parts of a buffer that threads share
    pub unsafe fn own_input(&self, index: usize, tile: usize, t: usize) -> Option<&mut [Row<R>]> {
        if self.input.len() == 0 {
            return None;
        }
        // SAFETY: the caller's promise.
        Some(unsafe { self.input.write(self.input_rows(index, tile, t)) })
    }

    /// Clears share `index`'s gradients of the activity before a step.
    ///
    /// # Safety
    /// As for [`own_activity`](Self::own_activity).
    pub unsafe fn clear_activity(&self, index: usize, time: usize) {
        for tile in self.tiles.clone() {
            // SAFETY: the caller's promise.
            unsafe { self.own_activity(index, time, tile) }.fill(Row::default());
        }
    }

    /// Clears share `index`'s gradients of the input.
    ///
    /// # Safety
    /// As for [`own_input`](Self::own_input).
    pub unsafe fn clear_input(&self, index: usize) {
        let own = self.input.len() / self.shares;
        // SAFETY: the caller's promise.
        unsafe { self.input.write(index * own..(index + 1) * own) }.fill(Row::default());
    }

    /// What all shares have for the activity of neuron n before a step.
    ///
    /// # Safety
    /// All have added to it in earlier rounds, and none clears it in this one.
    #[inline(always)]
    pub unsafe fn activity(&self, tile: usize, time: usize, n: usize) -> Row<R> {
        let mut sum = Row::default();
        for share in 0..self.shares {
            let at = self.activity_rows(share, time, tile).start + n;
            // SAFETY: the caller's promise.
            let row = unsafe { self.activity.read(at..at + 1)[0] };
            sum = sum.zip(row, |a, b| a + b);
        }
        sum
    }

    /// Adds up what all shares have for the input at step t of the block.
    ///
    /// # Safety
    /// As for [`activity`](Self::activity).
    pub unsafe fn input(&self, tile: usize, t: usize, sum: &mut [Row<R>]) {
        sum.fill(Row::default());
        for share in 0..self.shares {
            // SAFETY: the caller's promise.
            let rows = unsafe { self.input.read(self.input_rows(share, tile, t)) };
            for (sum, row) in sum.iter_mut().zip(rows) {
                *sum = sum.zip(*row, |a, b| a + b);
            }
        }
    }
}
