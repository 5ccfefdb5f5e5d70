//! What the backward pass does to the neurons of one share.

use core::ops::Range;

use super::{Block, Share, Work};
use crate::kernels::cpu::layer::lanes::{AnyRow, Lanes, LayerReal, Row, W};
use crate::kernels::cpu::layer::neuron::{self, Run, Sources};
use crate::kernels::cpu::layer::neuron_backward::{
    Carry, Step, accumulate, row_sum, scatter, step_back,
};
use crate::kernels::cpu::layer::neuron_gradients::NeuronGradients;
use crate::kernels::cpu::layer::product::Steps;
use crate::kernels::cpu::layer::rounds::lock;
use crate::kernels::cpu::layer::schedule::share;

impl<R: LayerReal> Share<'_, R> {
    /// Neurons and tiles in the order of the share's work.
    fn each(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let tiles = self.group.tiles.clone();
        self.neurons
            .clone()
            .flat_map(move |n| tiles.clone().map(move |tile| (tile, n)))
    }

    /// Gradients of the final state.
    pub(super) fn start(&self) {
        let view = self.view;
        let spec = view.spec();
        let count = self.group.tiles.len() * self.neurons.len();
        let rows = |n: usize| vec![Row::default(); n];
        let (m, d, width) = (spec.memory, spec.trace_width(), spec.state_width());
        let mut work = Work {
            frames: rows(count * view.block() * view.constants.frame.len),
            stride: count * view.constants.frame.len,
            before: rows(count * width),
            memory: rows(count * m),
            trace: rows(count * d),
            mean: rows(count),
            decay: rows(count * m),
            gate: rows(count * m),
            part: NeuronGradients::zeros(view, self.neurons.clone()),
        };
        for (k, (tile, n)) in self.each().enumerate() {
            for (lane, b) in view.samples(tile).enumerate() {
                let grad = &self.kept.grad[view.state_at(b, n)..][..width];
                let put = |rows: &mut [Row<R>], from: usize| {
                    for (row, v) in rows.iter_mut().zip(&grad[from..]) {
                        row.0[lane] = *v;
                    }
                };
                put(&mut work.memory[k * m..][..m], 0);
                put(&mut work.trace[k * d..][..d], m);
                put(&mut work.mean[k..k + 1], m + d);
            }
        }
        *lock(&self.group.work[self.index]) = work;
    }

    /// Silences this share of the block's sources.
    ///
    /// # Safety
    /// As for [`SourceBlock::clear`].
    pub(super) unsafe fn clear(&self, block: Block) {
        // SAFETY: the caller's promise.
        unsafe {
            self.group
                .sources
                .clear(block.steps, self.index, self.shares)
        };
    }

    /// Puts this share of the block's sources in place.
    ///
    /// # Safety
    /// As for [`SourceBlock::fill`], and all have summed up the gradients of the input of the block before.
    pub(super) unsafe fn fill(&self, block: Block) {
        let (view, sources) = (self.view, &self.group.sources);
        let (index, shares) = (self.index, self.shares);
        // SAFETY: the caller's promise.
        unsafe { sources.fill(view, block.first, block.steps, index, shares) };
        if view.call.plan.recurrent() {
            for tile in self.group.tiles.clone() {
                for t in share(block.steps, index, shares) {
                    for n in 0..view.spec().neurons {
                        let activity = self.activity_before(tile, block.first + t, n);
                        // SAFETY: the caller's promise, and the steps are shared out.
                        unsafe { sources.put_activity(view, tile, t, n, activity) }
                    }
                }
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.group.exchange.clear_input(index) }
    }

    /// Clears this share's gradients of the activity before a step.
    ///
    /// # Safety
    /// As for [`GradientExchange::clear_activity`].
    pub(super) unsafe fn clear_activity(&self, time: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.group.exchange.clear_activity(self.index, time) }
    }

    /// Activity of neuron n before a step.
    fn activity_before(&self, tile: usize, time: usize, n: usize) -> Row<R> {
        let view = self.view;
        self.lanes(tile, |b| match time {
            0 => view.slices.activity[b * view.spec().neurons + n],
            _ => self.kept.result[view.activity_at(b, time - 1, n)],
        })
    }

    /// One number of each sample of a tile.
    #[inline(always)]
    fn lanes(&self, tile: usize, value: impl Fn(usize) -> R) -> Row<R> {
        let mut row = Row::default();
        for (lane, b) in self.view.samples(tile).enumerate() {
            row.0[lane] = value(b);
        }
        row
    }

    /// The block's sources of one tile.
    #[inline(always)]
    fn sources(&self, tile: usize) -> Sources<'_, Row<R>> {
        // SAFETY: nobody writes the sources between `fill` and the meeting at the end of the block.
        unsafe { self.group.sources.read(tile, 0) }
    }

    /// Runs this share's neurons over the block again and keeps everything.
    #[inline(always)]
    pub(super) fn recompute<V: Lanes<R = R>>(&self, block: Block) {
        let work = &mut *lock(&self.group.work[self.index]);
        let view = self.view;
        let spec = view.spec();
        let (width, len) = (spec.state_width(), view.constants.frame.len);
        let mut state = vec![Row::default(); width];
        let mut k = 0;
        for n in self.neurons.clone() {
            let weights = view.neuron(n);
            for tile in self.group.tiles.clone() {
                let at = ((tile * view.blocks() + block.index) * spec.neurons + n) * width;
                let kept = &self.kept.checkpoints[at * W..(at + width) * W];
                let before = &mut work.before[k * width..][..width];
                for (row, kept) in before.iter_mut().zip(kept.chunks_exact(W)) {
                    row.0.copy_from_slice(kept);
                }
                state.copy_from_slice(before);
                let run = Run {
                    frames: &mut work.frames[k * len..],
                    stride: work.stride,
                    magnitude: &mut Row::default(),
                    mask: view.memory_mask(tile, n),
                };
                neuron::forward::<V>(
                    &view.constants,
                    &weights,
                    self.sources(tile),
                    block.steps,
                    &mut state,
                    run,
                    |_, _| {},
                );
                k += 1;
            }
        }
    }

    /// Takes this share's neurons back over some steps of the block.
    #[inline(always)]
    pub(super) fn back<V: Lanes<R = R>>(&self, block: Block, steps: Range<usize>) {
        let work = &mut *lock(&self.group.work[self.index]);
        let view = self.view;
        let spec = view.spec();
        let frame = &view.constants.frame;
        let (m, d, width) = (spec.memory, spec.trace_width(), spec.state_width());
        let scale = R::of(1.0 / (view.call.time * m) as f64);
        let mut k = 0;
        for n in self.neurons.clone() {
            let weights = view.neuron(n);
            for tile in self.group.tiles.clone() {
                let magnitude = self
                    .lanes(tile, |b| self.kept.grad[view.magnitude_at(b, n)])
                    .map(|g| g * scale);
                let frames = &mut work.frames[k * frame.len..];
                let mut carry = Carry {
                    memory: &mut work.memory[k * m..][..m],
                    trace: &mut work.trace[k * d..][..d],
                    mean: &mut work.mean[k],
                    decay: &mut work.decay[k * m..][..m],
                    gate: &mut work.gate[k * m..][..m],
                };
                for t in steps.clone().rev() {
                    let (earlier, rows) = frames.split_at_mut(t * work.stride);
                    let rows = &mut rows[..frame.len];
                    let step = Step {
                        activity: self.activity_gradient(tile, block.first + t, n),
                        magnitude,
                        mask: view.memory_mask(tile, n),
                        timescales: self.kept.timescales,
                        before: match t {
                            0 => &work.before[k * width..][..m],
                            _ => &earlier[(t - 1) * work.stride..][frame.memory.clone()],
                        },
                    };
                    step_back::<V>(&view.constants, &weights, &step, &mut carry, rows);
                    let branch = &rows[frame.branch.clone()];
                    // SAFETY: these are this share's own buffers, which the others read after all have met.
                    let (activity, input) = unsafe {
                        let exchange = &self.group.exchange;
                        (
                            exchange.own_activity(self.index, block.first + t, tile),
                            exchange.own_input(self.index, tile, t),
                        )
                    };
                    scatter::<V>(&view.constants, &weights, branch, activity, input);
                }
                k += 1;
            }
        }
    }

    /// Gradient of the activity of neuron n after a step: the result's, and that of the synapses that read it.
    #[inline(always)]
    fn activity_gradient(&self, tile: usize, time: usize, n: usize) -> Row<R> {
        let view = self.view;
        let own = self.lanes(tile, |b| self.kept.grad[view.activity_at(b, time, n)]);
        if !view.call.plan.recurrent() || time + 1 == view.call.time {
            return own;
        }
        // SAFETY: all have met since the step after this one, and clear its buffers after they have met again.
        let later = unsafe { self.group.exchange.activity(tile, time + 1, n) };
        let later = view.masked_activity(tile, n, later);
        own.zip(later, |a, b| a + b)
    }

    /// Adds up this share's weight gradients over the block.
    #[inline(always)]
    pub(super) fn accumulate<V: Lanes<R = R>>(&self, block: Block) {
        let work = &mut *lock(&self.group.work[self.index]);
        let view = self.view;
        let len = view.constants.frame.len;
        let mut k = 0;
        for (own, n) in self.neurons.clone().enumerate() {
            let weights = view.neuron(n);
            for tile in self.group.tiles.clone() {
                accumulate::<V>(
                    &view.constants,
                    &weights,
                    self.sources(tile),
                    Steps {
                        rows: &work.frames[k * len..],
                        stride: work.stride,
                        steps: block.steps,
                    },
                    work.part.neuron(own),
                );
                k += 1;
            }
        }
    }

    /// Sums up this share of the block's input gradient over all shares.
    pub(super) fn input_gradient(&self, block: Block) {
        if !self.kept.input {
            return;
        }
        let (view, inputs) = (self.view, self.view.spec().inputs);
        let mut sum = vec![Row::<R>::default(); inputs];
        for tile in self.group.tiles.clone() {
            for t in share(block.steps, self.index, self.shares) {
                // SAFETY: all have met since they added to it, and clear it after they have met again.
                unsafe { self.group.exchange.input(tile, t, &mut sum) };
                for (lane, b) in view.samples(tile).enumerate() {
                    let at = (b * view.call.time + block.first + t) * inputs;
                    // SAFETY: the steps of a block are shared out, so only this share writes here.
                    let out = unsafe { self.out.x.write(at..at + inputs) };
                    for (channel, (out, sum)) in out.iter_mut().zip(&sum).enumerate() {
                        *out = view.input_factor(b, channel) * sum.0[lane];
                    }
                }
            }
        }
    }

    /// Gradients of the state handed in, and the sums over samples that are left.
    pub(super) fn finish(&self) {
        let work = &mut *lock(&self.group.work[self.index]);
        let view = self.view;
        let spec = view.spec();
        let (m, d, width) = (spec.memory, spec.trace_width(), spec.state_width());
        for (k, (tile, n)) in self.each().enumerate() {
            for j in 0..m {
                let (decay, gate) = (&work.decay[k * m + j], &work.gate[k * m + j]);
                let (decay, gate) = (row_sum(decay), row_sum(gate));
                work.part
                    .add_timescale(n - self.neurons.start, j, decay, gate);
            }
            let activity = match view.call.plan.recurrent() {
                // SAFETY: all have met since they added to it, and never clear it again.
                true => unsafe { self.group.exchange.activity(tile, 0, n) },
                false => Row::default(),
            };
            let activity = view.masked_activity(tile, n, activity);
            let memory = &work.memory[k * m..][..m];
            let trace = &work.trace[k * d..][..d];
            let state = memory.iter().chain(trace).chain(&work.mean[k..k + 1]);
            for (lane, b) in view.samples(tile).enumerate() {
                let at = (b * spec.neurons + n) * width;
                // SAFETY: each neuron and tile belongs to one share.
                unsafe {
                    let out = self.out.inner.write(at..at + width);
                    for (out, row) in out.iter_mut().zip(state.clone()) {
                        *out = row.0[lane];
                    }
                    let at = b * spec.neurons + n;
                    self.out.activity.set(at, activity.0[lane]);
                }
            }
        }
    }
}
