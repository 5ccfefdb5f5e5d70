//! The backward pass.

use core::ops::Range;

use rayon::prelude::*;

use super::events::Events;
use super::input::{InputBackward, InputSums};
use super::readout::{ReadoutBackward, ReadoutSums};
use super::{InputPath, NeuronFields, NeuronShape, first_samples};
use crate::kernels::cpu::{
    isa::{Isa, by_isa},
    memory::{
        Chunk, KeptSteps, Outgoing, Reverse, Rows, Sums, Tiling, by_rows, pack_transposed, tiles,
    },
    pack::{Packed, padded},
    product::unpadded_rows,
    simd::SimdReal,
    sparse::SparseRows,
};
use crate::kernels::scalar::memory_value;

/// What the forward pass kept, and the gradients of its results.
#[derive(Debug)]
pub struct BackwardInputs<'a, R> {
    /// Gradient of the outputs, `[batch, time, output]`.
    pub grad: &'a [R],
    /// Gradient of the last memory, `[batch, memory]`.
    pub last: &'a [R],
    /// Hidden pre-activations; they are overwritten.
    pub hidden: &'a mut [R],
    /// Tanh values.
    pub tanh: &'a [R],
    /// Memory and trace before each chunk.
    pub starts: &'a [R],
    /// Number of chunks.
    pub chunks: usize,
    /// What of the input is not zero.
    pub events: Events<'a, R>,
    /// Is the gradient of the input wanted?
    pub input_gradient: bool,
}

/// What all tiles read.
struct BackwardShared<'a, R> {
    shape: NeuronShape,
    fields: NeuronFields<&'a [R]>,
    input: InputPath<'a, R>,
    /// The maps and the readout, transposed.
    transposed: Vec<Packed<R>>,
    readout: Packed<R>,
    /// Number of chunks, and steps in each but the last.
    chunks: usize,
    steps: usize,
    events: Events<'a, R>,
}

struct BackwardTile<'a, R> {
    shared: &'a BackwardShared<'a, R>,
    /// First sample.
    sample: usize,
    /// Gradient of the outputs `[sample, time, output]`.
    grad: &'a [R],
    /// Gradient of the last memory `[sample, memory]`.
    last: &'a [R],
    hidden: &'a mut [R],
    tanh: &'a [R],
    /// `[sample, chunk, memory + column]`.
    starts: &'a [R],
    dproduct: Option<&'a mut [R]>,
    dtrace: &'a mut [R],
    dmemory: &'a mut [R],
}

/// Gradients that are summed over samples and steps.
struct TileSums<R> {
    input: InputSums<R>,
    scan: Sums<R>,
    readout: ReadoutSums<R>,
}

impl<R: SimdReal> TileSums<R> {
    fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.plus(other.input),
            scan: self.scan.plus(other.scan),
            readout: self.readout.plus(other.readout),
        }
    }
}

/// Gradients of all tensors, shapes as theirs; in the place of the input's is that of `x · matrix`, `[batch, time, column]`,
/// or nothing where it is not wanted.
pub fn backward<R: SimdReal>(
    shape: &NeuronShape,
    x: &NeuronFields<&[R]>,
    kept: BackwardInputs<'_, R>,
) -> NeuronFields<Vec<R>> {
    let NeuronShape {
        batch,
        time,
        width,
        outputs,
        scan,
        ..
    } = *shape;
    let m = scan.memory;
    let tiling = Tiling::new::<R>(batch);
    let samples = &tiling.samples;
    let shared = BackwardShared {
        shape: *shape,
        fields: *x,
        input: InputPath::backward(shape, x),
        transposed: pack_transposed(&scan, x.weights, tiling.lanes),
        readout: Packed::transposed(x.readout, outputs, m, tiling.lanes),
        chunks: kept.chunks,
        steps: time.div_ceil(kept.chunks),
        events: kept.events,
    };
    let zeros = |numbers: usize| vec![R::default(); batch * numbers];
    let mut product = zeros(if kept.input_gradient { time * width } else { 0 });
    let (mut trace, mut memory) = (zeros(width), zeros(m));
    let mut hidden = tiles(kept.hidden, samples, time * scan.hidden_total());
    let mut products = tiles(&mut product, samples, time * width);
    let jobs: Vec<BackwardTile<R>> = tiles(&mut memory, samples, m)
        .zip(tiles(&mut trace, samples, width))
        .zip(first_samples(samples).zip(samples))
        .map(|((dmemory, dtrace), (sample, samples))| {
            let part = |values, numbers| of_samples(values, sample, *samples, numbers);
            BackwardTile {
                shared: &shared,
                sample,
                grad: part(kept.grad, time * outputs),
                last: part(kept.last, m),
                hidden: hidden.next().unwrap_or_default(),
                tanh: part(kept.tanh, time * m),
                starts: part(kept.starts, kept.chunks * shape.start_width()),
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
    let sums = sums.unwrap_or_else(|| BackwardWork::new(&shared, 0, &[]).into_sums());
    NeuronFields {
        x: product,
        matrix: unpadded_rows(sums.input.matrix, width),
        trace,
        branch_weights: sums.input.branch_weights,
        bias: sums.input.bias,
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

by_isa!(tile_isa => run_tile [R: SimdReal] [ROWS] (job: (&mut BackwardTile<'_, R>, &mut Option<TileSums<R>>)));

#[inline(always)]
fn run_tile<I: Isa, R: SimdReal, const ROWS: usize>(
    (tile, out): (&mut BackwardTile<'_, R>, &mut Option<TileSums<R>>),
) {
    let shared = tile.shared;
    let (m, mp) = (
        shared.shape.scan.memory,
        padded::<R>(shared.shape.scan.memory),
    );
    let mut work = BackwardWork::new(shared, ROWS, tile.last);
    for chunk in (0..shared.chunks).rev() {
        let range = chunk * shared.steps..((chunk + 1) * shared.steps).min(shared.shape.time);
        tile.recall::<ROWS>(chunk, range.clone(), &mut work);
        tile.steps_back::<I, ROWS>(range.clone(), &mut work);
        tile.input_back::<I, ROWS>(range, &mut work);
    }
    let width = shared.shape.width;
    for r in 0..ROWS {
        tile.dmemory[r * m..][..m].copy_from_slice(&work.reverse.dm[r * mp..][..m]);
        tile.dtrace[r * width..][..width].copy_from_slice(shared.input.start(&work.input, r));
    }
    *out = Some(work.into_sums());
}

/// State and buffers of a tile on its way back.
struct BackwardWork<'a, R> {
    reverse: Reverse<'a, R>,
    /// Memory before the chunk `[sample, memory]`.
    before: Vec<R>,
    /// Memory after each of its steps `[sample, step, memory]`.
    memory: Vec<R>,
    /// Factors of the weight gradients over the chunk.
    chunk: Chunk<R>,
    /// What of its input was not kept.
    sparse: SparseRows<R>,
    input: InputBackward<R>,
    readout: ReadoutBackward<R>,
    sums: Sums<R>,
}

impl<'a, R: SimdReal> BackwardWork<'a, R> {
    /// After the last step of so many samples, with the gradient of their last memory.
    fn new(shared: &'a BackwardShared<'a, R>, samples: usize, last: &[R]) -> Self {
        let (scan, steps) = (&shared.shape.scan, shared.steps);
        let (m, rows) = (scan.memory, samples * steps);
        let (decay, gate) = (shared.fields.decay, shared.fields.gate);
        let mut reverse = Reverse::new(scan, decay, gate, &shared.transposed, samples);
        let padded = reverse.dm.chunks_exact_mut(padded::<R>(m));
        for (to, from) in padded.zip(last.chunks_exact(m)) {
            to[..m].copy_from_slice(from);
        }
        Self {
            reverse,
            before: vec![R::default(); samples * m],
            memory: vec![R::default(); rows * m],
            chunk: Chunk::new(scan, samples, steps),
            sparse: SparseRows::with_room(shared.shape.inputs),
            input: shared.input.begin_backward(samples, steps),
            readout: ReadoutBackward::new(m, shared.shape.outputs, rows),
            sums: Sums::new(scan),
        }
    }

    fn into_sums(self) -> TileSums<R> {
        TileSums {
            input: self.input.sums,
            scan: self.sums,
            readout: self.readout.sums,
        }
    }
}

impl<R: SimdReal> BackwardTile<'_, R> {
    /// The trace and the memory before a chunk, and from that and the tanh values the memory after each of its steps: what
    /// the forward pass computed, number by number.
    #[inline(always)]
    fn recall<const ROWS: usize>(
        &self,
        chunk: usize,
        steps: Range<usize>,
        work: &mut BackwardWork<'_, R>,
    ) {
        let shared = self.shared;
        let (time, m) = (shared.shape.time, shared.shape.scan.memory);
        let (decay, gate) = (&shared.fields.decay[..m], &shared.fields.gate[..m]);
        let rows = Rows::by_sample(shared.steps, steps.start);
        let wide = shared.shape.start_width();
        let mut before = vec![R::default(); m];
        for r in 0..ROWS {
            let start = &self.starts[(r * shared.chunks + chunk) * wide..][..wide];
            let (memory, trace) = start.split_at(m);
            shared.input.set_start(&mut work.input, r, trace);
            work.before[r * m..][..m].copy_from_slice(memory);
            before.copy_from_slice(memory);
            for t in steps.clone() {
                let tanh = &self.tanh[(r * time + t) * m..][..m];
                let to = &mut work.memory[rows.at(r, t) * m..][..m];
                for j in 0..m {
                    before[j] = memory_value(decay[j] * before[j], gate[j], tanh[j]);
                    to[j] = before[j];
                }
            }
        }
    }

    /// Back through readout and memory scan; `work.chunk` then holds the gradient of the drive.
    #[inline(always)]
    fn steps_back<I: Isa, const ROWS: usize>(
        &mut self,
        steps: Range<usize>,
        work: &mut BackwardWork<'_, R>,
    ) {
        let shared = self.shared;
        let NeuronShape {
            time,
            outputs,
            scan,
            ..
        } = shared.shape;
        let m = scan.memory;
        let rows = Rows::by_sample(shared.steps, steps.start);
        let mut kept = KeptSteps {
            time,
            first: steps.start,
            memory: &work.memory,
            memory_rows: rows,
            tanh: self.tanh,
            start: &work.before,
            hidden: &mut *self.hidden,
            drive: Outgoing::Chunk,
        };
        work.chunk.clear();
        for t in steps.rev() {
            shared.readout.multiply_add::<I, ROWS>(
                &self.grad[t * outputs..],
                time * outputs,
                &mut work.reverse.dm,
            );
            for r in 0..ROWS {
                work.readout.push(
                    &work.memory[rows.at(r, t) * m..][..m],
                    &self.grad[(r * time + t) * outputs..][..outputs],
                );
            }
            work.reverse
                .step::<I, ROWS>(t, &mut kept, &mut work.chunk, &mut work.sums);
        }
        work.chunk.add_to(&scan, &mut work.sums.weights);
        work.readout.add_up();
    }

    /// Back through drive, trace and input product.
    #[inline(always)]
    fn input_back<I: Isa, const ROWS: usize>(
        &mut self,
        steps: Range<usize>,
        work: &mut BackwardWork<'_, R>,
    ) {
        let shared = self.shared;
        let NeuronShape { time, inputs, .. } = shared.shape;
        let x = of_samples(shared.fields.x, self.sample, ROWS, time * inputs);
        let order = steps.clone().flat_map(|t| (0..ROWS).map(move |r| (r, t)));
        let event = |(r, t)| shared.events.row((self.sample + r) * time + t);
        // what was not kept is read again
        work.sparse.truncate(0);
        for (r, t) in order.clone().filter(|at| event(*at).is_none()) {
            work.sparse
                .push::<I>(&x[(r * time + t) * inputs..][..inputs]);
        }
        let mut read_again = (0..work.sparse.rows()).map(|row| work.sparse.row(row));
        let rows: Vec<_> = order
            .filter_map(|at| event(at).or_else(|| read_again.next()))
            .collect();
        let product = self
            .dproduct
            .as_mut()
            .map(|product| (&mut **product, Rows::by_sample(time, 0), steps.start));
        shared.input.back::<I, ROWS>(
            &rows,
            steps.len(),
            work.chunk.drive(),
            &mut work.input,
            product,
        );
    }
}
