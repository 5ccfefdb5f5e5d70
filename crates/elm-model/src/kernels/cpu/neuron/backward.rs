//! The backward pass.

use rayon::prelude::*;

use super::feed::{FeedBackward, FeedSums};
use super::{Feed, InputTiles, KeptInput, Sizes, Slices, first_samples};
use crate::kernels::cpu::{
    gemm::{Strided, add_product},
    isa::{Isa, by_isa},
    memory::{
        self, Chunk, Outgoing, Reverse, Rows, Sums, Tiling, by_rows, chunk_steps, pack_transposed,
        tiles,
    },
    pack::{Packed, padded},
    simd::SimdReal,
    sparse::SparseRows,
};
use crate::kernels::scalar::memory_value;

/// What the forward pass kept, and the gradients of its results.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Kept<'a, R> {
    /// Of the outputs.
    pub grad: &'a [R],
    /// Of the last memory.
    pub last: &'a [R],
    /// Overwritten.
    pub hidden: &'a mut [R],
    pub tanh: &'a [R],
    pub starts: &'a [R],
    pub input: &'a KeptInput,
    /// Is the gradient of the input wanted?
    pub input_gradient: bool,
}

/// Gradients of the tensors of a call, shapes as theirs.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Gradients<R> {
    /// Of `x · matrix`, `[batch, time, column]`; empty where it is not wanted.
    pub product: Vec<R>,
    pub matrix: Vec<R>,
    pub trace: Vec<R>,
    pub branch_weights: Vec<R>,
    pub bias: Vec<R>,
    pub weights: Vec<R>,
    pub decay: Vec<R>,
    pub gate: Vec<R>,
    pub memory: Vec<R>,
    pub readout: Vec<R>,
    pub readout_bias: Vec<R>,
}

/// What all tiles read.
struct Shared<'a, R> {
    sizes: Sizes,
    slices: Slices<'a, R>,
    feed: Feed<'a, R>,
    transposed: Vec<Packed<R>>,
    /// The readout the other way round.
    readout: Packed<R>,
    /// Steps in a chunk.
    steps: usize,
}

struct Tile<'a, R> {
    shared: &'a Shared<'a, R>,
    /// First sample.
    sample: usize,
    /// Gradient of the outputs `[sample, time, output]`.
    grad: &'a [R],
    /// Gradient of the last memory `[sample, memory]`.
    last: &'a [R],
    hidden: &'a mut [R],
    tanh: &'a [R],
    starts: &'a [R],
    input: Option<&'a [Option<SparseRows<R>>]>,
    dproduct: Option<&'a mut [R]>,
    dtrace: &'a mut [R],
    dmemory: &'a mut [R],
}

/// Gradients that are summed over samples and steps.
struct TileSums<R> {
    feed: FeedSums<R>,
    scan: Sums<R>,
    readout: ReadoutSums<R>,
}

impl<R: SimdReal> TileSums<R> {
    fn plus(self, other: Self) -> Self {
        Self {
            feed: self.feed.plus(other.feed),
            scan: self.scan.plus(other.scan),
            readout: self.readout.plus(other.readout),
        }
    }
}

/// Gradients of all tensors.
pub fn backward<R: SimdReal>(sizes: &Sizes, x: &Slices<'_, R>, kept: Kept<'_, R>) -> Gradients<R> {
    let Sizes {
        batch,
        time,
        width,
        outputs,
        scan,
        ..
    } = *sizes;
    let m = scan.memory;
    let tiling = Tiling::new::<R>(batch);
    let samples = &tiling.samples;
    let steps = chunk_steps(tiling.rows(), time);
    let shared = Shared {
        sizes: *sizes,
        slices: *x,
        feed: Feed::new(sizes, x),
        transposed: pack_transposed(&scan, x.weights, tiling.lanes),
        readout: Packed::transposed(x.readout, outputs, m, tiling.lanes),
        steps,
    };
    let zeros = |numbers: usize| vec![R::default(); numbers];
    let mut product = zeros(if kept.input_gradient {
        batch * time * width
    } else {
        0
    });
    let (mut trace, mut memory) = (zeros(batch * width), zeros(batch * m));
    let chunks = time.div_ceil(steps);
    let inputs = kept.input.get::<InputTiles<R>>();
    let mut hidden = tiles(kept.hidden, samples, time * scan.hidden_total());
    let mut products = tiles(&mut product, samples, time * width);
    let jobs: Vec<Tile<R>> = tiles(&mut memory, samples, m)
        .zip(tiles(&mut trace, samples, width))
        .zip(first_samples(samples))
        .enumerate()
        .map(|(i, ((dmemory, dtrace), sample))| {
            let samples = dmemory.len() / m;
            let part = |values, numbers| of_samples(values, sample, samples, numbers);
            Tile {
                shared: &shared,
                sample,
                grad: part(kept.grad, time * outputs),
                last: part(kept.last, m),
                hidden: hidden.next().unwrap_or_default(),
                tanh: part(kept.tanh, time * m),
                starts: part(kept.starts, chunks * (m + width)),
                input: inputs.and_then(|tiles| tiles.get(i)).map(Vec::as_slice),
                dproduct: products.next().filter(|_| kept.input_gradient),
                dtrace,
                dmemory,
            }
        })
        .collect();
    drop(products);
    let sums = jobs
        .into_par_iter()
        .map(|mut tile| {
            let mut sums = None;
            by_rows!(tile.dmemory.len() / m, tile_isa, R, (&mut tile, &mut sums));
            sums
        })
        .reduce(
            || None,
            |a, b| match (a, b) {
                (Some(a), Some(b)) => Some(TileSums::plus(a, b)),
                (a, b) => a.or(b),
            },
        );
    let feed = &shared.feed;
    let sums = sums.unwrap_or_else(|| TileSums {
        feed: feed.begin_backward(0, 0).sums,
        scan: Sums::new(&scan),
        readout: ReadoutSums::new(m, outputs),
    });
    Gradients {
        product,
        matrix: feed.unpadded(&sums.feed.matrix).collect(),
        trace,
        branch_weights: sums.feed.branch_weights,
        bias: sums.feed.bias,
        weights: sums.scan.weights,
        decay: sums.scan.decay,
        gate: sums.scan.gate,
        memory,
        readout: sums.readout.weights,
        readout_bias: sums.readout.bias,
    }
}

/// The rows of some samples, each so many numbers long.
fn of_samples<R>(values: &[R], sample: usize, samples: usize, numbers: usize) -> &[R] {
    &values[sample * numbers..][..samples * numbers]
}

by_isa!(tile_isa => run_tile [R: SimdReal] [ROWS] (job: (&mut Tile<'_, R>, &mut Option<TileSums<R>>)));

#[inline(always)]
fn run_tile<I: Isa, R: SimdReal, const ROWS: usize>(
    (tile, out): (&mut Tile<'_, R>, &mut Option<TileSums<R>>),
) {
    let shared = tile.shared;
    let Sizes {
        time,
        inputs,
        width,
        outputs,
        scan,
        ..
    } = shared.sizes;
    let (m, mp) = (scan.memory, padded::<R>(scan.memory));
    let x = of_samples(shared.slices.x, tile.sample, ROWS, time * inputs);
    let mut reverse = Reverse::new(
        &scan,
        shared.slices.decay,
        shared.slices.gate,
        &shared.transposed,
        ROWS,
    );
    for r in 0..ROWS {
        reverse.dm[r * mp..][..m].copy_from_slice(&tile.last[r * m..][..m]);
    }
    let mut memory = vec![R::default(); shared.steps * ROWS * m];
    let mut feed: FeedBackward<R> = shared.feed.begin_backward(ROWS, shared.steps);
    let mut readout = ReadoutBackward::new(m, outputs, shared.steps * ROWS);
    let mut sums = Sums::new(&scan);
    let mut chunk = Chunk::new(&scan, ROWS, shared.steps);
    let mut sparse = SparseRows::with_room(inputs);
    for (number, begin) in (0..time).step_by(shared.steps).enumerate().rev() {
        let end = (begin + shared.steps).min(time);
        let wide = ROWS * (m + width);
        let (start, trace) = tile.starts[number * wide..][..wide].split_at(ROWS * m);
        let rows = Rows::by_sample(shared.steps, begin);
        shared.memory_again::<ROWS>(tile.tanh, start, begin..end, rows, &mut memory);
        let mut kept = memory::Kept {
            time,
            first: begin,
            memory: &memory,
            memory_rows: rows,
            tanh: tile.tanh,
            start,
            hidden: &mut *tile.hidden,
            drive: Outgoing::Chunk,
        };
        chunk.clear();
        readout.clear();
        for t in (begin..end).rev() {
            shared.readout.multiply_add::<I, ROWS>(
                &tile.grad[t * outputs..],
                time * outputs,
                &mut reverse.dm,
            );
            for r in 0..ROWS {
                readout.push(
                    &memory[rows.at(r, t) * m..][..m],
                    &tile.grad[(r * time + t) * outputs..][..outputs],
                );
            }
            reverse.step::<I, ROWS>(t, &mut kept, &mut chunk, &mut sums);
        }
        chunk.add_to(&scan, &mut sums.weights);
        readout.add_up();
        let input = match tile.input.and_then(|chunks| chunks[number].as_ref()) {
            Some(input) => input,
            None => {
                shared
                    .feed
                    .read::<I, ROWS>(x, time, begin..end, &mut sparse);
                &sparse
            }
        };
        let product = tile
            .dproduct
            .as_mut()
            .map(|product| (&mut **product, Rows::by_sample(time, 0), begin));
        shared
            .feed
            .take::<I, ROWS>(input, end - begin, trace, chunk.drive(), &mut feed, product);
    }
    for r in 0..ROWS {
        tile.dmemory[r * m..][..m].copy_from_slice(&reverse.dm[r * mp..][..m]);
    }
    for (to, from) in tile
        .dtrace
        .iter_mut()
        .zip(shared.feed.unpadded(feed.start()))
    {
        *to = from;
    }
    *out = Some(TileSums {
        feed: feed.sums,
        scan: sums,
        readout: readout.sums,
    });
}

impl<R: SimdReal> Shared<'_, R> {
    /// The memory after each step of a chunk, from that before it and the tanh values: what the forward pass computed,
    /// number by number.
    #[inline(always)]
    fn memory_again<const ROWS: usize>(
        &self,
        tanh: &[R],
        start: &[R],
        steps: core::ops::Range<usize>,
        rows: Rows,
        memory: &mut [R],
    ) {
        let (time, m) = (self.sizes.time, self.sizes.scan.memory);
        let (decay, gate) = (&self.slices.decay[..m], &self.slices.gate[..m]);
        let mut before = vec![R::default(); m];
        for r in 0..ROWS {
            before.copy_from_slice(&start[r * m..][..m]);
            for t in steps.clone() {
                let tanh = &tanh[(r * time + t) * m..][..m];
                let to = &mut memory[rows.at(r, t) * m..][..m];
                for j in 0..m {
                    before[j] = memory_value(decay[j] * before[j], gate[j], tanh[j]);
                    to[j] = before[j];
                }
            }
        }
    }
}

/// Gradients of the readout's weights `[memory, output]` and bias.
struct ReadoutSums<R> {
    weights: Vec<R>,
    bias: Vec<R>,
}

impl<R: SimdReal> ReadoutSums<R> {
    fn new(memory: usize, outputs: usize) -> Self {
        Self {
            weights: vec![R::default(); memory * outputs],
            bias: vec![R::default(); outputs],
        }
    }

    fn plus(mut self, other: Self) -> Self {
        for (to, from) in [
            (&mut self.weights, other.weights),
            (&mut self.bias, other.bias),
        ] {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        self
    }
}

/// Factors of the readout's gradient over a chunk.
struct ReadoutBackward<R> {
    /// `[row, memory]`.
    memory: Vec<R>,
    /// `[row, output]`.
    grad: Vec<R>,
    sums: ReadoutSums<R>,
}

impl<R: SimdReal> ReadoutBackward<R> {
    fn new(memory: usize, outputs: usize, rows: usize) -> Self {
        Self {
            memory: Vec::with_capacity(rows * memory),
            grad: Vec::with_capacity(rows * outputs),
            sums: ReadoutSums::new(memory, outputs),
        }
    }

    fn clear(&mut self) {
        self.memory.clear();
        self.grad.clear();
    }

    #[inline(always)]
    fn push(&mut self, memory: &[R], grad: &[R]) {
        self.memory.extend_from_slice(memory);
        self.grad.extend_from_slice(grad);
    }

    fn add_up(&mut self) {
        let outputs = self.sums.bias.len();
        let memory = self.sums.weights.len() / outputs.max(1);
        let rows = self.memory.len() / memory.max(1);
        add_product(
            [memory, outputs, rows],
            Strided::rows(&self.memory, memory).transposed(),
            Strided::rows(&self.grad, outputs),
            &mut self.sums.weights,
            outputs,
        );
        for row in self.grad.chunks_exact(outputs.max(1)) {
            for (sum, g) in self.sums.bias.iter_mut().zip(row) {
                *sum += *g;
            }
        }
    }
}
