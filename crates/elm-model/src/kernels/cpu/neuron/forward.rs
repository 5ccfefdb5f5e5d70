//! The forward pass.

use rayon::prelude::*;

use super::events::{EventList, EventRow, keep_rows};
use super::input::InputForward;
use super::readout::Readout;
use super::{InputPath, NeuronFields, NeuronShape, first_samples};
use crate::kernels::cpu::{
    isa::{Isa, by_isa},
    memory::{
        Buffers, Drive, PackedMap, Rows, Steps, Tiling, by_rows, chunk_steps, pack_maps, tiles,
    },
    simd::SimdReal,
    sparse::SparseRows,
};

/// What the forward pass yields.
#[derive(Debug)]
pub struct Forward<R> {
    /// Outputs `[batch, time, output]`.
    pub y: Vec<R>,
    /// Memory after the last step `[batch, memory]`.
    pub memory: Vec<R>,
    /// What the backward pass needs, if asked for.
    pub kept: Option<KeptValues<R>>,
}

/// What the backward pass needs, see [`NeuronKept`](crate::scan::neuron::ops::NeuronKept).
#[derive(Debug)]
pub struct KeptValues<R> {
    /// Number of chunks.
    pub chunks: usize,
    /// Hidden pre-activations `[batch, time, layers · hidden]`.
    pub hidden: Vec<R>,
    /// Tanh values `[batch, time, memory]`.
    pub tanh: Vec<R>,
    /// Memory and trace before each chunk, `[batch, chunk, memory + column]`.
    pub starts: Vec<R>,
    /// What of the input is not zero.
    pub events: EventList<R>,
}

/// What all tiles read.
struct ForwardShared<'a, R> {
    shape: NeuronShape,
    fields: NeuronFields<&'a [R]>,
    input: InputPath<'a, R>,
    maps: Vec<PackedMap<'a, R>>,
    readout: Readout<'a, R>,
    /// Number of chunks, and steps in each but the last.
    chunks: usize,
    steps: usize,
}

/// A tile's share of what is kept.
struct KeptTile<'a, R> {
    hidden: &'a mut [R],
    tanh: &'a mut [R],
    starts: &'a mut [R],
    /// `[sample, time]`.
    events: &'a mut [EventRow],
}

struct ForwardTile<'a, R> {
    shared: &'a ForwardShared<'a, R>,
    /// First sample.
    sample: usize,
    y: &'a mut [R],
    last: &'a mut [R],
    /// What of the input is not zero: of a chunk, or if it is kept of all chunks so far.
    sparse: SparseRows<R>,
    kept: Option<KeptTile<'a, R>>,
}

/// Runs the neuron; `keep` says whether for a backward pass.
pub fn forward<R: SimdReal>(shape: &NeuronShape, x: &NeuronFields<&[R]>, keep: bool) -> Forward<R> {
    let (batch, time, scan) = (shape.batch, shape.time, shape.scan);
    let tiling = Tiling::new::<R>(batch);
    let samples = &tiling.samples;
    // chunks are about equally long, so that their number tells their length
    let chunks = time.div_ceil(chunk_steps(tiling.rows(), time));
    let shared = ForwardShared {
        shape: *shape,
        fields: *x,
        input: InputPath::forward(shape, x),
        maps: pack_maps(&scan, x.weights, tiling.lanes),
        readout: Readout::new(shape, x, tiling.lanes),
        chunks,
        steps: time.div_ceil(chunks),
    };
    let zeros = |numbers: usize| vec![R::default(); batch * numbers];
    let (mut y, mut memory) = (zeros(time * shape.outputs), zeros(scan.memory));
    let widths = [
        time * scan.hidden_total(),
        time * scan.memory,
        chunks * shape.start_width(),
    ];
    let mut kept = keep.then(|| widths.map(zeros));
    let mut event_rows = vec![EventRow::default(); if keep { batch * time } else { 0 }];
    let mut event_tiles = tiles(&mut event_rows, samples, time);
    let mut kept_tiles = kept.as_mut().map(|kept| {
        let mut widths = widths.into_iter();
        kept.each_mut()
            .map(|values| tiles(values, samples, widths.next().unwrap_or_default()))
    });
    let jobs: Vec<ForwardTile<R>> = tiles(&mut y, samples, time * shape.outputs)
        .zip(tiles(&mut memory, samples, scan.memory))
        .zip(first_samples(samples))
        .map(|((y, last), sample)| ForwardTile {
            shared: &shared,
            sample,
            y,
            last,
            sparse: SparseRows::with_room(shape.inputs),
            kept: kept_tiles.as_mut().map(|kept| {
                let [hidden, tanh, starts] = kept
                    .each_mut()
                    .map(|tiles| tiles.next().unwrap_or_default());
                KeptTile {
                    hidden,
                    tanh,
                    starts,
                    events: event_tiles.next().unwrap_or_default(),
                }
            }),
        })
        .collect();
    drop((kept_tiles, event_tiles));
    let events: Vec<_> = jobs
        .into_par_iter()
        .map(|mut tile| {
            let samples = tile.last.len() / scan.memory;
            by_rows!(samples, tile_isa, R, &mut tile);
            (samples * time, tile.sparse)
        })
        .collect();
    let kept = kept.map(|[hidden, tanh, starts]| KeptValues {
        chunks,
        hidden,
        tanh,
        starts,
        events: EventList::joined(event_rows, events),
    });
    Forward { y, memory, kept }
}

by_isa!(tile_isa => run_tile [R: SimdReal] [ROWS] (tile: &mut ForwardTile<'_, R>));

#[inline(always)]
fn run_tile<I: Isa, R: SimdReal, const ROWS: usize>(tile: &mut ForwardTile<'_, R>) {
    let shared = tile.shared;
    let NeuronShape {
        time,
        inputs,
        width,
        scan,
        ..
    } = shared.shape;
    let m = scan.memory;
    let of_tile =
        |values: &[R], numbers: usize| values[tile.sample * numbers..][..ROWS * numbers].to_vec();
    let (decay, gate) = (shared.fields.decay, shared.fields.gate);
    let start = of_tile(shared.fields.memory, m);
    let mut steps = Steps::new(&scan, decay, gate, &shared.maps, &start);
    let mut input = shared
        .input
        .begin(&of_tile(shared.fields.trace, width), shared.steps);
    let x = &shared.fields.x[tile.sample * time * inputs..][..ROWS * time * inputs];
    let mut drive = vec![R::default(); shared.steps * ROWS * scan.first()];
    let mut memory = vec![R::default(); shared.steps * ROWS * m];
    tile.last.copy_from_slice(&start);
    for chunk in 0..shared.chunks {
        let range = chunk * shared.steps..((chunk + 1) * shared.steps).min(time);
        if let Some(kept) = &mut tile.kept {
            kept.keep_start::<ROWS>(shared, chunk, tile.last, &input);
        }
        let first = tile.sparse.rows();
        for t in range.clone() {
            for r in 0..ROWS {
                tile.sparse
                    .push::<I>(&x[(r * time + t) * inputs..][..inputs]);
            }
        }
        let rows: Vec<_> = (first..tile.sparse.rows())
            .map(|row| tile.sparse.row(row))
            .collect();
        shared
            .input
            .drive::<I, ROWS>(&rows, range.len(), &mut input, &mut drive);
        let kept = tile.kept.as_mut().is_some_and(|kept| {
            let places = range
                .clone()
                .flat_map(|t| (0..ROWS).map(move |r| r * time + t));
            let dense = range.len() * ROWS * inputs;
            keep_rows(&tile.sparse, first, dense, kept.events, places)
        });
        if !kept {
            tile.sparse.truncate(first);
        }
        let (drive, tanh) = match &mut tile.kept {
            Some(kept) => (
                Drive::KeepHidden(&drive, kept.hidden),
                Some(&mut *kept.tanh),
            ),
            None => (Drive::Read(&drive), None),
        };
        let rows = Rows::by_sample(shared.steps, range.start);
        let mut buffers = Buffers {
            drive,
            drive_rows: Rows::by_step(ROWS, range.start),
            memory: &mut memory,
            memory_rows: rows,
            tanh,
            kept_rows: Rows::by_sample(time, 0),
        };
        steps.run::<I, ROWS>(range.clone(), &mut buffers);
        shared
            .readout
            .run::<I, ROWS>(&memory, rows, range.clone(), tile.y);
        for r in 0..ROWS {
            let last = &memory[rows.at(r, range.end - 1) * m..][..m];
            tile.last[r * m..][..m].copy_from_slice(last);
        }
    }
}

impl<R: SimdReal> KeptTile<'_, R> {
    /// Keeps the memory `[sample, memory]` and the trace before a chunk.
    #[inline(always)]
    fn keep_start<const ROWS: usize>(
        &mut self,
        shared: &ForwardShared<'_, R>,
        chunk: usize,
        memory: &[R],
        input: &InputForward<R>,
    ) {
        let (m, wide) = (shared.shape.scan.memory, shared.shape.start_width());
        for r in 0..ROWS {
            let to = &mut self.starts[(r * shared.chunks + chunk) * wide..][..wide];
            to[..m].copy_from_slice(&memory[r * m..][..m]);
            to[m..].copy_from_slice(shared.input.trace_of(input, r));
        }
    }
}
