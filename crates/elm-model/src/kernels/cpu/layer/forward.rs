//! The forward pass of a layer over a sequence.

use core::ops::Range;
use std::sync::Mutex;
use std::time::Instant;

use super::lanes::{AnyLanes, AnyRow, Kernel, Lanes, LayerReal};
use super::neuron::{self, Run};
use super::pace::{Course, Cpu, Paces};
use super::rounds::{Rounds, lock};
use super::schedule::{self, Partition};
use super::shared::SharedSlice;
use super::source::{SourceBlock, SourceOrder};
use super::view::View;
use crate::kernels::cpu::real::Real;

/// Runs the layer; returns the flat result, see [`LayerSpec::result_len`](crate::scan::layer::LayerSpec::result_len), and if
/// `keep`, the states before every block, `[tile, block, neuron, state]` as rows of samples.
pub fn forward<P: AnyRow>(
    view: &View<'_, P::R, P>,
    keep: bool,
    partition: &Partition,
) -> (Vec<P::R>, Vec<P::R>) {
    let (spec, call) = (view.spec(), view.call);
    let order = match call.plan.recurrent() {
        true => SourceOrder::BySteps,
        false => SourceOrder::BySources,
    };
    let result = SharedSlice::new(spec.result_len(call.batch, call.time));
    let kept = view.tiles() * view.blocks() * spec.neurons * spec.state_width();
    let checkpoints = SharedSlice::new(if keep { kept } else { 0 });
    let shares = partition.shares.len();
    let groups: Vec<Group<P>> = partition
        .groups
        .iter()
        .map(|tiles| Group {
            sources: SourceBlock::new(view, tiles.clone(), order),
            rounds: Rounds::new(shares),
            states: (0..shares).map(|_| Mutex::default()).collect(),
            tiles: tiles.clone(),
        })
        .collect();
    let paces = call.plan.copies().get(&Cpu, Paces::default);
    let pace = &paces.forward;
    let most = partition.threads();
    let (threads, start) = (pace.threads(most), Instant::now());
    schedule::run(partition, threads, |group, own| {
        P::R::dispatch(Thread {
            view,
            group: &groups[group],
            own,
            shares: &partition.shares,
            result: &result,
            checkpoints: keep.then_some(&checkpoints),
        });
        pace.report(Course {
            most,
            threads,
            size: call.batch * call.time,
            took: start.elapsed(),
            waited: groups.iter().map(|group| group.rounds.waited()).sum(),
        });
    });
    let checkpoints = checkpoints.into_vec();
    (result.into_vec(), P::numbers(&checkpoints).to_vec())
}

/// What the threads of a group have in common.
struct Group<P> {
    tiles: Range<usize>,
    rounds: Rounds,
    sources: SourceBlock<P>,
    /// One for each share.
    states: Vec<Mutex<States<P>>>,
}

/// One thread of a group.
struct Thread<'a, P: AnyRow> {
    view: &'a View<'a, P::R, P>,
    group: &'a Group<P>,
    /// The share that it begins every round with.
    own: usize,
    shares: &'a [Range<usize>],
    result: &'a SharedSlice<P::R>,
    checkpoints: Option<&'a SharedSlice<P>>,
}

/// One share of a group's work: what happens to its neurons.
struct Share<'a, P: AnyRow> {
    view: &'a View<'a, P::R, P>,
    group: &'a Group<P>,
    index: usize,
    shares: usize,
    neurons: Range<usize>,
    result: &'a SharedSlice<P::R>,
    checkpoints: Option<&'a SharedSlice<P>>,
}

/// State of a share's neurons and tiles, neuron by neuron.
#[derive(Debug)]
struct States<P> {
    states: Vec<P>,
    magnitudes: Vec<P>,
    /// Frames for one neuron at a time: one, or where nothing is recurrent, one per step of a block.
    frames: Vec<P>,
}

impl<P> Default for States<P> {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            magnitudes: Vec::new(),
            frames: Vec::new(),
        }
    }
}

impl<P: AnyRow> Kernel<P::R> for Thread<'_, P> {
    type Out = ();

    #[inline(always)]
    fn run<V: Lanes<R = P::R>>(self) {
        let (call, block) = (self.view.call, self.view.block());
        let mut turns = self.group.rounds.turns(self.own);
        for (index, first) in (0..call.time).step_by(block).enumerate() {
            let steps = block.min(call.time - first);
            while let Some(share) = turns.share() {
                let share = self.share(share);
                match index {
                    0 => share.start(),
                    // all blocks but the last are of the same length
                    _ => share.carry(block),
                }
                share.keep(index);
                // SAFETY: all have read the block before.
                unsafe { share.clear(steps) };
            }
            turns.meet();
            while let Some(share) = turns.share() {
                // SAFETY: all have cleared the block, and none reads it yet.
                unsafe { self.share(share).fill(first, steps) };
            }
            turns.meet();
            let piece = match call.plan.recurrent() {
                true => 1,
                false => steps,
            };
            for t in (0..steps).step_by(piece) {
                while let Some(share) = turns.share() {
                    self.share(share).advance::<P::In<V>>(first, t..t + piece);
                }
                turns.meet();
            }
        }
        while let Some(share) = turns.share() {
            self.share(share).finish();
        }
        turns.meet();
    }
}

impl<'a, P: AnyRow> Thread<'a, P> {
    #[inline(always)]
    fn share(&self, index: usize) -> Share<'a, P> {
        Share {
            view: self.view,
            group: self.group,
            index,
            shares: self.shares.len(),
            neurons: self.shares[index].clone(),
            result: self.result,
            checkpoints: self.checkpoints,
        }
    }
}

impl<P: AnyRow> Share<'_, P> {
    /// Neurons and tiles in the order of the states.
    fn each(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let tiles = self.group.tiles.clone();
        self.neurons
            .clone()
            .flat_map(move |n| tiles.clone().map(move |tile| (tile, n)))
    }

    /// The state handed in.
    fn start(&self) {
        let view = self.view;
        let (width, len) = (view.spec().state_width(), view.constants.frame.len);
        let count = self.group.tiles.len() * self.neurons.len();
        let mut states = vec![P::default(); count * width];
        for (state, (tile, n)) in states.chunks_exact_mut(width).zip(self.each()) {
            view.rows(view.slices.inner, width, tile, n, state);
        }
        let frames = match view.call.plan.recurrent() {
            true => {
                self.start_activity();
                1
            }
            false => view.block(),
        };
        *lock(&self.group.states[self.index]) = States {
            states,
            magnitudes: vec![P::default(); count],
            frames: vec![P::default(); frames * len],
        };
    }

    /// The activity handed in, for the first step's recurrent synapses.
    fn start_activity(&self) {
        for (tile, n) in self.each() {
            let mut row = [P::default()];
            self.view
                .rows(self.view.slices.activity, 1, tile, n, &mut row);
            // SAFETY: only this share writes its neurons' rows, and none is read before all have met.
            unsafe {
                self.group
                    .sources
                    .put_activity(self.view, tile, 0, n, row[0])
            }
        }
    }

    fn keep(&self, block: usize) {
        let Some(checkpoints) = self.checkpoints else {
            return;
        };
        let states = lock(&self.group.states[self.index]);
        let spec = self.view.spec();
        let width = spec.state_width();
        for (state, (tile, n)) in states.states.chunks_exact(width).zip(self.each()) {
            let at = ((tile * self.view.blocks() + block) * spec.neurons + n) * width;
            // SAFETY: each neuron and tile belongs to one share, and nothing is read before all are done.
            let kept = unsafe { checkpoints.write(at..at + width) };
            kept.copy_from_slice(state);
        }
    }

    /// Silences this share of the block's channels.
    ///
    /// # Safety
    /// As for [`SourceBlock::clear`].
    unsafe fn clear(&self, steps: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.group.sources.clear(steps, self.index, self.shares) };
    }

    /// Puts this share of the block's input in place.
    ///
    /// # Safety
    /// As for [`SourceBlock::fill`].
    unsafe fn fill(&self, first: usize, steps: usize) {
        let sources = &self.group.sources;
        // SAFETY: the caller's promise.
        unsafe { sources.fill(self.view, first, steps, self.index, self.shares) };
    }

    /// Runs this share's neurons over some steps of the block.
    #[inline(always)]
    fn advance<V: AnyLanes<R = P::R, Row = P>>(&self, first: usize, steps: Range<usize>) {
        let states = &mut *lock(&self.group.states[self.index]);
        let view = self.view;
        let width = view.spec().state_width();
        let recurrent = view.call.plan.recurrent();
        let stride = if recurrent {
            0
        } else {
            view.constants.frame.len
        };
        let mut k = 0;
        for n in self.neurons.clone() {
            let weights = view.neuron(n);
            for tile in self.group.tiles.clone() {
                // SAFETY: nobody writes these rows before the threads meet again: activities go to the next step's.
                let sources = unsafe { self.group.sources.read(tile, steps.start) };
                let run = Run {
                    frames: &mut states.frames,
                    stride,
                    magnitude: &mut states.magnitudes[k],
                    mask: view.memory_mask(tile, n),
                };
                let state = &mut states.states[k * width..][..width];
                let emit =
                    |t: usize, activity| self.emit(tile, first, steps.start + t, n, activity);
                neuron::forward::<V>(
                    &view.constants,
                    &weights,
                    sources,
                    steps.len(),
                    state,
                    run,
                    emit,
                );
                k += 1;
            }
        }
    }

    /// Hands out the activity of neuron n after step t of the block.
    #[inline(always)]
    fn emit(&self, tile: usize, first: usize, t: usize, n: usize, activity: P) {
        let view = self.view;
        for (b, value) in view.samples(tile).zip(activity.samples()) {
            // SAFETY: only this share writes its neurons' results, and nothing is read before all are done.
            unsafe { self.result.set(view.activity_at(b, first + t, n), *value) }
        }
        if view.call.plan.recurrent() {
            // SAFETY: only this share writes its neurons' rows, and the others read the next step's after all have
            // met.
            unsafe {
                self.group
                    .sources
                    .put_activity(view, tile, t + 1, n, activity)
            }
        }
    }

    /// The activity after the last step of a block becomes that before the first of the next.
    fn carry(&self, steps: usize) {
        if !self.view.call.plan.recurrent() {
            return;
        }
        for (tile, n) in self.each() {
            // SAFETY: these rows are this share's; the others read the first step's after all have met.
            unsafe { self.group.sources.move_activity(tile, steps, 0, n) }
        }
    }

    fn finish(&self) {
        let states = lock(&self.group.states[self.index]);
        let view = self.view;
        let width = view.spec().state_width();
        let count = P::R::of((view.call.time * view.spec().memory) as f64);
        for (k, (tile, n)) in self.each().enumerate() {
            let state = &states.states[k * width..][..width];
            for (lane, b) in view.samples(tile).enumerate() {
                let at = view.state_at(b, n);
                // SAFETY: as in `emit`.
                unsafe {
                    let mean = states.magnitudes[k].samples()[lane] / count;
                    self.result.set(view.magnitude_at(b, n), mean);
                    for (out, row) in self.result.write(at..at + width).iter_mut().zip(state) {
                        *out = row.samples()[lane];
                    }
                }
            }
        }
    }
}
