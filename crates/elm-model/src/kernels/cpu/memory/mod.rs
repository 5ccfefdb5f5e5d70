//! The time loop of the memory scan, forward and backward, for tiles of samples.
//!
//! Samples are cut into tiles of up to [`Level::max_rows`] that share every weight that is loaded; threads run over
//! tiles. With fewer samples than threads the other threads stay idle: to share one sample between threads means two
//! barriers per time step, which cost about as much as the whole step at M 100.

mod backward;
mod forward;
mod host;
mod weight_gradients;

pub use backward::{BackwardInputs, KeptSteps, Outgoing, Reverse, Sums, backward, pack_transposed};
pub use forward::{Buffers, Drive, ForwardInputs, PackedMap, Steps, forward, pack_maps};
pub use weight_gradients::{Chunk, chunk_steps};

use super::{isa::Level, simd::SimdReal};

/// How samples are cut into tiles.
///
/// Tiles hold 8, 4, 2 or 1 samples, as each size is a copy of the kernels.
#[derive(Debug, Clone)]
pub struct Tiling {
    /// Samples in each tile, in falling order.
    pub samples: Vec<usize>,
    /// Widest weight panel in lanes.
    pub lanes: usize,
}

impl Tiling {
    /// Tiles as tall as possible while every thread has one.
    pub fn new<R: SimdReal>(batch: usize) -> Self {
        let level = Level::detect();
        let rows = batch
            .div_ceil(rayon::current_num_threads().max(1))
            .next_power_of_two()
            .clamp(1, level.max_rows());
        Self {
            samples: Self::cut(batch, rows),
            lanes: R::max_lanes(level, rows),
        }
    }

    /// Tiles of `rows` samples, a power of two, and for the rest smaller ones.
    fn cut(batch: usize, rows: usize) -> Vec<usize> {
        let mut samples = vec![rows; batch / rows];
        let mut rest = batch % rows;
        while rest > 0 {
            let tile = 1 << rest.ilog2();
            samples.push(tile);
            rest -= tile;
        }
        samples
    }

    /// Samples in the largest tile.
    pub fn rows(&self) -> usize {
        self.samples.first().copied().unwrap_or(1)
    }
}

/// Where the row of a sample of a tile and a step lies in a buffer, in rows.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    sample: usize,
    step: usize,
    first: usize,
}

impl Rows {
    /// A buffer `[sample, step]` of `steps` steps from step `first` on.
    pub fn by_sample(steps: usize, first: usize) -> Self {
        Self {
            sample: steps,
            step: 1,
            first,
        }
    }

    /// A buffer `[step, sample]` from step `first` on.
    pub fn by_step(samples: usize, first: usize) -> Self {
        Self {
            sample: 1,
            step: samples,
            first,
        }
    }

    /// Place of a row.
    #[inline(always)]
    pub fn at(self, sample: usize, step: usize) -> usize {
        sample * self.sample + (step - self.first) * self.step
    }

    /// Distance of two samples' rows of the same step.
    #[inline(always)]
    pub fn between_samples(self) -> usize {
        self.sample
    }
}

/// Splits a buffer of so many numbers per sample into tiles; an empty buffer (nothing kept, no hidden layer) gives empty
/// tiles.
pub fn tiles<'a, R>(
    buffer: &'a mut [R],
    samples: &'a [usize],
    numbers: usize,
) -> impl Iterator<Item = &'a mut [R]> {
    let mut rest = buffer;
    samples.iter().map(move |samples| {
        let (tile, after) = core::mem::take(&mut rest)
            .split_at_mut_checked(samples * numbers)
            .unwrap_or_default();
        rest = after;
        tile
    })
}

/// The same for a buffer that is only read.
pub fn parts<'a, R>(
    buffer: &'a [R],
    samples: &'a [usize],
    numbers: usize,
) -> impl Iterator<Item = &'a [R]> {
    let mut rest = buffer;
    samples.iter().map(move |samples| {
        let (tile, after) = rest.split_at_checked(samples * numbers).unwrap_or_default();
        rest = after;
        tile
    })
}

/// Calls `$run::<R, ROWS>($tile)` with the number of samples as a constant.
macro_rules! by_rows {
    ($rows:expr, $run:ident, $real:ident, $tile:expr) => {
        match $rows {
            8 => $run::<$real, 8>($tile),
            4 => $run::<$real, 4>($tile),
            2 => $run::<$real, 2>($tile),
            1 => $run::<$real, 1>($tile),
            rows => unreachable!("no tile holds {rows} samples"),
        }
    };
}
pub(super) use by_rows;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_hold_every_sample_once() {
        assert_eq!(Tiling::cut(11, 4), [4, 4, 2, 1]);
        assert_eq!(Tiling::cut(7, 8), [4, 2, 1]);
        assert_eq!(Tiling::cut(2, 1), [1, 1]);
        assert!(Tiling::cut(0, 8).is_empty());
        let mut buffer: Vec<usize> = (0..21).collect();
        let samples = Tiling::cut(7, 4);
        let read: Vec<_> = parts(&buffer.clone(), &samples, 3)
            .map(<[_]>::to_vec)
            .collect();
        assert_eq!(read.concat(), buffer);
        assert_eq!(read[1], [12, 13, 14, 15, 16, 17]);
        let write: Vec<_> = tiles(&mut buffer, &samples, 3)
            .map(|t| t.to_vec())
            .collect();
        assert_eq!(write, read);
        assert!(tiles(&mut buffer[..0], &samples, 3).all(|tile| tile.is_empty()));
    }
}
