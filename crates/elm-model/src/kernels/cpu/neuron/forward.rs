//! The forward pass.

use rayon::prelude::*;

use super::{Feed, KeptInput, Sizes, Slices, first_samples};
use crate::kernels::cpu::{
    isa::{Isa, by_isa},
    memory::{
        Buffers, Drive, Rows, Stage, Steps, Tiling, by_rows, chunk_steps, pack_stages, tiles,
    },
    pack::Packed,
    simd::SimdReal,
    sparse::SparseRows,
};

/// A chunk's numbers that are not zero are kept if they are at most one in so many.
const SPARSE: usize = 16;

/// What the forward pass yields.
#[derive(Debug)]
pub struct Forward<R> {
    /// Outputs `[batch, time, output]`.
    pub y: Vec<R>,
    /// Memory after the last step `[batch, memory]`.
    pub memory: Vec<R>,
    /// What the backward pass needs, if asked for.
    pub kept: Option<Kept<R>>,
}

/// What the backward pass needs.
#[derive(Debug)]
pub struct Kept<R> {
    /// Hidden pre-activations `[batch, time, layers · hidden]`.
    pub hidden: Vec<R>,
    /// Tanh values `[batch, time, memory]`.
    pub tanh: Vec<R>,
    /// Memory and trace before each chunk, `[sample, memory]` and `[sample, column]` for each chunk of each tile.
    pub starts: Vec<R>,
}

/// What all tiles read.
struct Shared<'a, R> {
    sizes: Sizes,
    slices: Slices<'a, R>,
    feed: Feed<'a, R>,
    stages: Vec<Stage<'a, R>>,
    readout: Packed<R>,
    /// Steps in a chunk.
    steps: usize,
}

/// A tile's share of what is kept.
struct KeptTile<'a, R> {
    hidden: &'a mut [R],
    tanh: &'a mut [R],
    starts: &'a mut [R],
}

struct Tile<'a, R> {
    shared: &'a Shared<'a, R>,
    /// First sample.
    sample: usize,
    y: &'a mut [R],
    last: &'a mut [R],
    kept: Option<KeptTile<'a, R>>,
    /// Chunks of the input, if they are kept.
    input: Vec<Option<SparseRows<R>>>,
}

/// Runs the neuron; `keep` says whether for a backward pass, which finds what of the input is not zero there.
pub fn forward<R: SimdReal>(
    sizes: &Sizes,
    x: &Slices<'_, R>,
    keep: Option<&KeptInput>,
) -> Forward<R> {
    let Sizes {
        batch,
        time,
        width,
        outputs,
        scan,
        ..
    } = *sizes;
    let tiling = Tiling::new::<R>(batch);
    let samples = &tiling.samples;
    let steps = chunk_steps(tiling.rows(), time);
    let shared = Shared {
        sizes: *sizes,
        slices: *x,
        feed: Feed::new(sizes, x),
        stages: pack_stages(&scan, x.weights, tiling.lanes),
        readout: Packed::new(x.readout, scan.memory, outputs, tiling.lanes),
        steps,
    };
    let zeros = |numbers: usize| vec![R::default(); numbers];
    let chunks = time.div_ceil(steps);
    let mut kept = keep.map(|_| Kept {
        hidden: zeros(batch * time * scan.hidden_total()),
        tanh: zeros(batch * time * scan.memory),
        starts: zeros(batch * chunks * (scan.memory + width)),
    });
    let mut y = zeros(batch * time * outputs);
    let mut memory = zeros(batch * scan.memory);
    let mut kept_tiles = kept.as_mut().map(|kept| {
        (
            tiles(&mut kept.hidden, samples, time * scan.hidden_total()),
            tiles(&mut kept.tanh, samples, time * scan.memory),
            tiles(&mut kept.starts, samples, chunks * (scan.memory + width)),
        )
    });
    let jobs: Vec<Tile<R>> = tiles(&mut y, samples, time * outputs)
        .zip(tiles(&mut memory, samples, scan.memory))
        .zip(first_samples(samples))
        .map(|((y, last), sample)| Tile {
            shared: &shared,
            sample,
            y,
            last,
            kept: kept_tiles.as_mut().map(|(hidden, tanh, starts)| KeptTile {
                hidden: hidden.next().unwrap_or_default(),
                tanh: tanh.next().unwrap_or_default(),
                starts: starts.next().unwrap_or_default(),
            }),
            input: Vec::new(),
        })
        .collect();
    drop(kept_tiles);
    let inputs: Vec<_> = jobs
        .into_par_iter()
        .map(|mut tile| {
            by_rows!(tile.last.len() / scan.memory, tile_isa, R, &mut tile);
            tile.input
        })
        .collect();
    if let Some(input) = keep {
        input.set(inputs);
    }
    Forward { y, memory, kept }
}

by_isa!(tile_isa => run_tile [R: SimdReal] [ROWS] (tile: &mut Tile<'_, R>));

#[inline(always)]
fn run_tile<I: Isa, R: SimdReal, const ROWS: usize>(tile: &mut Tile<'_, R>) {
    let shared = tile.shared;
    let Sizes {
        time,
        inputs,
        width,
        scan,
        ..
    } = shared.sizes;
    let of_tile = |values: &'_ [R], numbers: usize| -> Vec<R> {
        values[tile.sample * numbers..][..ROWS * numbers].to_vec()
    };
    let start = of_tile(shared.slices.memory, scan.memory);
    let (decay, gate) = (shared.slices.decay, shared.slices.gate);
    let mut steps = Steps::new(&scan, decay, gate, &shared.stages, &start);
    let mut feed = shared
        .feed
        .begin(&of_tile(shared.slices.trace, width), shared.steps);
    let x = &shared.slices.x[tile.sample * time * inputs..][..ROWS * time * inputs];
    let mut sparse = SparseRows::with_room(inputs);
    let mut drive = vec![R::default(); shared.steps * ROWS * scan.first()];
    let mut memory = vec![R::default(); shared.steps * ROWS * scan.memory];
    tile.last.copy_from_slice(&start);
    for (chunk, begin) in (0..time).step_by(shared.steps).enumerate() {
        let end = (begin + shared.steps).min(time);
        shared
            .feed
            .read::<I, ROWS>(x, time, begin..end, &mut sparse);
        if let Some(kept) = &mut tile.kept {
            let wide = ROWS * (scan.memory + width);
            let (m, trace) = kept.starts[chunk * wide..][..wide].split_at_mut(ROWS * scan.memory);
            m.copy_from_slice(tile.last);
            for (to, from) in trace.iter_mut().zip(shared.feed.unpadded(feed.trace())) {
                *to = from;
            }
            let dense = (end - begin) * ROWS * inputs;
            let few = sparse.len() * SPARSE <= dense;
            tile.input.push(few.then(|| sparse.to_kept()));
        }
        shared
            .feed
            .drive::<I, ROWS>(&sparse, end - begin, &mut feed, &mut drive);
        let (drive, tanh) = match &mut tile.kept {
            Some(kept) => (
                Drive::KeepHidden(&drive, kept.hidden),
                Some(&mut *kept.tanh),
            ),
            None => (Drive::Read(&drive), None),
        };
        let rows = Rows::by_sample(shared.steps, begin);
        let mut buffers = Buffers {
            drive,
            drive_rows: Rows::by_step(ROWS, begin),
            memory: &mut memory,
            memory_rows: rows,
            tanh,
            kept_rows: Rows::by_sample(time, 0),
        };
        steps.run::<I, ROWS>(begin..end, &mut buffers);
        shared.read_out::<I, ROWS>(&memory, rows, begin..end, tile.y);
        for r in 0..ROWS {
            let m = scan.memory;
            tile.last[r * m..][..m].copy_from_slice(&memory[rows.at(r, end - 1) * m..][..m]);
        }
    }
}

impl<R: SimdReal> Shared<'_, R> {
    /// `y = m · W_y + b_y` for a chunk; `y` is the tile's `[sample, time, output]`.
    #[inline(always)]
    fn read_out<I: Isa, const ROWS: usize>(
        &self,
        memory: &[R],
        rows: Rows,
        steps: core::ops::Range<usize>,
        y: &mut [R],
    ) {
        let Sizes {
            time,
            outputs,
            scan,
            ..
        } = self.sizes;
        let wide = self.readout.width;
        let mut out = vec![R::default(); ROWS * wide];
        for t in steps {
            for r in 0..ROWS {
                out[r * wide..][..outputs].copy_from_slice(self.slices.readout_bias);
            }
            self.readout.multiply_add::<I, ROWS>(
                &memory[rows.at(0, t) * scan.memory..],
                rows.between_samples() * scan.memory,
                &mut out,
            );
            for r in 0..ROWS {
                y[(r * time + t) * outputs..][..outputs]
                    .copy_from_slice(&out[r * wide..][..outputs]);
            }
        }
    }
}
