//! The forward pass of a layer over a sequence.

use core::ops::Range;

use super::lanes::{Kernel, Lanes, LayerReal, Row};
use super::neuron::{self, Run, Sources};
use super::schedule::{self, Barrier, Partition, Shared, share, tiles};
use super::source::{Input, Layout};
use super::view::View;

/// Runs the layer; returns the flat result, see [`LayerSpec::result_len`](super::super::LayerSpec::result_len), and if
/// `keep`, the states before every block, `[tile, block, neuron, state]` as rows of samples.
pub fn forward<R: LayerReal>(
    view: &View<'_, R>,
    keep: bool,
    partition: &Partition,
) -> (Vec<R>, Vec<R>) {
    let (spec, call) = (view.spec(), view.call);
    let result = Shared::new(spec.result_len(call.batch, call.time));
    let kept = tiles(call.batch) * view.blocks() * spec.neurons * spec.state_width();
    let checkpoints = Shared::new(if keep { kept } else { 0 });
    let groups: Vec<Group<R>> = partition
        .groups
        .iter()
        .map(|tiles| Group::new(view, tiles.clone(), partition.members.len()))
        .collect();
    schedule::run(partition, |group, member| {
        R::dispatch(Member {
            view,
            group: &groups[group],
            index: member,
            members: partition.members.len(),
            neurons: partition.members[member].clone(),
            result: &result,
            checkpoints: keep.then_some(&checkpoints),
        });
    });
    let checkpoints = checkpoints.into_vec();
    let flat = checkpoints.iter().flat_map(|row: &Row<R>| row.0).collect();
    (result.into_vec(), flat)
}

/// What the members of a group share.
struct Group<R> {
    tiles: Range<usize>,
    barrier: Barrier,
    /// Sources of a block of steps, tile by tile.
    sources: Shared<Row<R>>,
    layout: Layout,
    /// Rows of a tile in `sources`.
    tile_rows: usize,
}

impl<R: LayerReal> Group<R> {
    fn new(view: &View<'_, R>, tiles: Range<usize>, members: usize) -> Self {
        let (block, width) = (view.block(), view.sources());
        // step by step where a step needs the one before it, else each source's steps together
        let (layout, tile_rows) = match view.call.plan.recurrent() {
            true => (
                Layout {
                    step: width,
                    source: 1,
                },
                (block + 1) * width,
            ),
            false => (
                Layout {
                    step: 1,
                    source: block,
                },
                block * width,
            ),
        };
        Self {
            sources: Shared::new(tiles.len() * tile_rows),
            barrier: Barrier::new(members),
            tiles,
            layout,
            tile_rows,
        }
    }
}

struct Member<'a, R> {
    view: &'a View<'a, R>,
    group: &'a Group<R>,
    index: usize,
    members: usize,
    neurons: Range<usize>,
    result: &'a Shared<R>,
    checkpoints: Option<&'a Shared<Row<R>>>,
}

/// State of a member's neurons, tile by tile.
struct States<R> {
    states: Vec<Row<R>>,
    magnitudes: Vec<Row<R>>,
    /// One frame, used by all.
    frame: Vec<Row<R>>,
}

impl<R: LayerReal> Kernel<R> for Member<'_, R> {
    type Out = ();

    #[inline(always)]
    fn run<V: Lanes<R = R>>(self) {
        let _guard = self.group.barrier.guard();
        let call = self.view.call;
        let block = self.view.block();
        let recurrent = call.plan.recurrent();
        let mut states = self.start();
        for (index, first) in (0..call.time).step_by(block).enumerate() {
            let steps = block.min(call.time - first);
            self.keep(index, &states);
            self.fill(first, steps);
            self.group.barrier.wait();
            if recurrent {
                for t in 0..steps {
                    self.advance::<V>(&mut states, first, t..t + 1);
                    self.group.barrier.wait();
                }
                self.carry(steps);
            } else {
                self.advance::<V>(&mut states, first, 0..steps);
                self.group.barrier.wait();
            }
        }
        self.finish(&states);
    }
}

impl<R: LayerReal> Member<'_, R> {
    /// The state handed in.
    fn start(&self) -> States<R> {
        let view = self.view;
        let width = view.spec().state_width();
        let count = self.group.tiles.len() * self.neurons.len();
        let mut states = vec![Row::default(); count * width];
        for (k, (tile, n)) in self.each().enumerate() {
            view.rows(
                view.slices.inner,
                width,
                tile,
                n,
                &mut states[k * width..][..width],
            );
            if view.call.plan.recurrent() {
                let mut row = [Row::default()];
                view.rows(view.slices.activity, 1, tile, n, &mut row);
                self.put_activity(tile, 0, n, row[0]);
            }
        }
        States {
            states,
            magnitudes: vec![Row::default(); count],
            frame: vec![Row::default(); self.frame_rows()],
        }
    }

    /// Rows of the frames that a run over steps needs: one, or one per step of a block.
    fn frame_rows(&self) -> usize {
        let len = self.view.constants.frame.len;
        match self.view.call.plan.recurrent() {
            true => len,
            false => len * self.view.block(),
        }
    }

    /// Tiles and neurons in the order of the states.
    fn each(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let tiles = self.group.tiles.clone();
        self.neurons
            .clone()
            .flat_map(move |n| tiles.clone().map(move |tile| (tile, n)))
    }

    /// Makes the activity of neuron n visible to recurrent synapses at step t of the block.
    fn put_activity(&self, tile: usize, t: usize, n: usize, activity: Row<R>) {
        let row = match self.view.recurrent_mask(tile, n) {
            None => activity,
            Some(mask) => activity.zip(mask, |a, mask| a * mask),
        };
        let at = self.activity_row(tile, t, n);
        // SAFETY: only this member writes its neurons' rows, and the others read step t only after the next barrier.
        unsafe { self.group.sources.set(at, row) }
    }

    fn activity_row(&self, tile: usize, t: usize, n: usize) -> usize {
        let layout = self.group.layout;
        (tile - self.group.tiles.start) * self.group.tile_rows
            + t * layout.step
            + (self.view.spec().inputs + n) * layout.source
    }

    fn keep(&self, block: usize, states: &States<R>) {
        let Some(checkpoints) = self.checkpoints else {
            return;
        };
        let spec = self.view.spec();
        let width = spec.state_width();
        for (state, (tile, n)) in states.states.chunks_exact(width).zip(self.each()) {
            let at = ((tile * self.view.blocks() + block) * spec.neurons + n) * width;
            // SAFETY: each neuron and tile belongs to one member, and nothing is read before all are done.
            let kept = unsafe { checkpoints.write(at..at + width) };
            kept.copy_from_slice(state);
        }
    }

    /// Reads this member's share of the block's input.
    fn fill(&self, first: usize, steps: usize) {
        let view = self.view;
        let (layout, inputs) = (self.group.layout, view.spec().inputs);
        let input = Input {
            call: view.call,
            x: view.slices.x,
        };
        for (k, tile) in self.group.tiles.clone().enumerate() {
            for t in share(steps, self.index, self.members) {
                let at = |s: usize| k * self.group.tile_rows + t * layout.step + s * layout.source;
                for s in 0..inputs {
                    // SAFETY: the steps of a block are shared out, so only this member touches the channels of step t;
                    // the others read them after the barrier.
                    unsafe { self.group.sources.set(at(s), Row::default()) }
                }
                input.each(tile, first + t, |s, lane, value| {
                    // SAFETY: as above.
                    unsafe { self.group.sources.write(at(s)..at(s) + 1)[0].0[lane] = value }
                });
            }
        }
    }

    /// Runs this member's neurons over some steps of the block.
    #[inline(always)]
    fn advance<V: Lanes<R = R>>(&self, states: &mut States<R>, first: usize, steps: Range<usize>) {
        let view = self.view;
        let (width, tiles) = (view.spec().state_width(), self.group.tiles.clone());
        let recurrent = view.call.plan.recurrent();
        let stride = if recurrent {
            0
        } else {
            view.constants.frame.len
        };
        let mut k = 0;
        for n in self.neurons.clone() {
            let weights = view.neuron(n);
            for tile in tiles.clone() {
                let from = (tile - tiles.start) * self.group.tile_rows
                    + steps.start * self.group.layout.step;
                let end = match recurrent {
                    // step t reads row t, others write row t + 1
                    true => from + self.group.layout.step,
                    false => (tile - tiles.start + 1) * self.group.tile_rows,
                };
                let sources = Sources {
                    // SAFETY: nobody writes these rows before the next barrier.
                    rows: unsafe { self.group.sources.read(from..end) },
                    step: self.group.layout.step,
                    source: self.group.layout.source,
                };
                let run = Run {
                    frames: &mut states.frame,
                    stride,
                    magnitude: &mut states.magnitudes[k],
                    mask: view.memory_mask(tile, n),
                };
                let state = &mut states.states[k * width..][..width];
                neuron::forward::<V>(
                    &view.constants,
                    &weights,
                    sources,
                    steps.len(),
                    state,
                    run,
                    |t, activity| {
                        let t = steps.start + t;
                        self.emit(tile, first + t, n, activity);
                        if recurrent {
                            self.put_activity(tile, t + 1, n, activity);
                        }
                    },
                );
                k += 1;
            }
        }
    }

    #[inline(always)]
    fn emit(&self, tile: usize, time: usize, n: usize, activity: Row<R>) {
        for (b, value) in self.view.samples(tile).zip(activity.0) {
            // SAFETY: only this member writes its neurons' results, and nothing is read before all are done.
            unsafe { self.result.set(self.view.activity_at(b, time, n), value) }
        }
    }

    /// The activity after the last step of a block becomes that before the first of the next.
    fn carry(&self, steps: usize) {
        for (tile, n) in self.each() {
            let (from, to) = (
                self.activity_row(tile, steps, n),
                self.activity_row(tile, 0, n),
            );
            // SAFETY: these rows are this member's, and the others read them after the next barrier.
            unsafe {
                let row = self.group.sources.read(from..from + 1)[0];
                self.group.sources.set(to, row);
            }
        }
    }

    fn finish(&self, states: &States<R>) {
        let view = self.view;
        let width = view.spec().state_width();
        let count = (view.call.time * view.spec().memory) as f64;
        for (k, (tile, n)) in self.each().enumerate() {
            let state = &states.states[k * width..][..width];
            for (lane, b) in view.samples(tile).enumerate() {
                let at = view.state_at(b, n);
                let mean = states.magnitudes[k].0[lane] / R::of(count);
                // SAFETY: as in `emit`.
                unsafe {
                    self.result.set(view.magnitude_at(b, n), mean);
                    for (out, row) in self.result.write(at..at + width).iter_mut().zip(state) {
                        *out = row.0[lane];
                    }
                }
            }
        }
    }
}
