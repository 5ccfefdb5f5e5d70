//! From the layer's input to rows of samples.

use core::ops::Range;

use super::super::{LayerCall, Tokens};
use super::lanes::{LayerReal, Row, W};

/// The input of a call and how it is read.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a, R> {
    /// The call.
    pub call: &'a LayerCall,
    /// Numbers per channel `[batch, time, input]`; not read for tokens.
    pub x: &'a [R],
}

/// Where the row of source s at step t of a block stands: `t · step + s · source`.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Rows from one step to the next.
    pub step: usize,
    /// Rows from one source to the next.
    pub source: usize,
}

/// Samples of a tile that exist.
pub fn samples(batch: usize, tile: usize) -> Range<usize> {
    tile * W..batch.min((tile + 1) * W)
}

/// Reads a mask `[batch, width]` as rows of one tile; samples that do not exist get 0.
pub fn mask_rows<R: LayerReal>(
    mask: &[f64],
    width: usize,
    batch: usize,
    tile: usize,
) -> Vec<Row<R>> {
    let mut rows = vec![Row::default(); width];
    for (lane, b) in samples(batch, tile).enumerate() {
        for (row, v) in rows.iter_mut().zip(&mask[b * width..][..width]) {
            row.0[lane] = R::of(*v);
        }
    }
    rows
}

impl<R: LayerReal> Input<'_, R> {
    /// Puts the channels of one tile at step `time` of the sequence into `rows`, the block's rows of step `t`, through
    /// `put(channel, lane, value)` for every value that is not 0; the rows are zero before.
    pub fn each(&self, tile: usize, time: usize, mut put: impl FnMut(usize, usize, R)) {
        let call = self.call;
        let (inputs, gain) = (call.spec.inputs, R::of(call.gain));
        let mask = call.masks.input.as_ref();
        for (lane, b) in samples(call.batch, tile).enumerate() {
            let factor = |channel: usize| match mask {
                Some(mask) => gain * R::of(mask[b * inputs + channel]),
                None => gain,
            };
            match &call.tokens {
                Tokens::OneHot(ids) => {
                    let channel = ids[b * call.time + time] as usize;
                    put(channel, lane, factor(channel));
                }
                Tokens::Dense => {
                    let row = &self.x[(b * call.time + time) * inputs..][..inputs];
                    each_nonzero(row, |channel, v| put(channel, lane, factor(channel) * v));
                }
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
