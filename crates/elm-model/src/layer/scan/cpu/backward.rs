//! The backward pass of a layer: blocks of steps from the last to the first.
//!
//! Within a block each neuron first computes the block anew from the state before it, which needs no other neuron
//! since all activities are known. Then the gradients go back step by step; recurrent synapses add theirs to a buffer
//! of each thread, and a neuron sums up what all threads have for it one step earlier. Last, each neuron sums its
//! weight gradients over the block.

use core::ops::Range;

use super::lanes::{Kernel, Lanes, LayerReal, Row, W};
use super::neuron::{self, Run, Sources};
use super::neuron_backward::{
    Carry, Step, WeightGradients, accumulate, row_sum, scatter, step_back,
};
use super::schedule::{self, Barrier, Partition, Shared, share};
use super::source::{Input, Layout};
use super::view::View;

/// What the backward pass reads besides the call.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a, R> {
    /// The forward pass's flat result.
    pub result: &'a [R],
    /// States before every block.
    pub checkpoints: &'a [R],
    /// Gradient of the result.
    pub grad: &'a [R],
    /// Is the gradient of the input asked for?
    pub input: bool,
}

/// Gradients in the layouts of [`super::view::Slices`].
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Gradients<R> {
    /// Empty where not asked for.
    pub x: Vec<R>,
    pub synapses: Vec<R>,
    pub first_weight: Vec<R>,
    pub first_bias: Vec<R>,
    pub packed: Vec<R>,
    pub decay: Vec<R>,
    pub gate: Vec<R>,
    pub readout: Vec<R>,
    pub bias: Vec<R>,
    pub inner: Vec<R>,
    pub activity: Vec<R>,
}

/// Gradients of all inputs.
pub fn backward<R: LayerReal>(
    view: &View<'_, R>,
    kept: &Kept<'_, R>,
    partition: &Partition,
) -> Gradients<R> {
    let (spec, call) = (view.spec(), view.call);
    let (batch, time) = (call.batch, call.time);
    let members = partition.members.len();
    let out = Outputs {
        x: Shared::new(if kept.input {
            batch * time * spec.inputs
        } else {
            0
        }),
        inner: Shared::new(batch * spec.neurons * spec.state_width()),
        activity: Shared::new(batch * spec.neurons),
    };
    let groups: Vec<Group<R>> = partition
        .groups
        .iter()
        .map(|tiles| Group::new(view, kept, tiles.clone(), members))
        .collect();
    let parts = schedule::run(partition, |group, member| {
        R::dispatch(Member {
            view,
            kept,
            group: &groups[group],
            index: member,
            members,
            neurons: partition.members[member].clone(),
            out: &out,
        })
    });
    let mut sum: Option<Part<R>> = None;
    for group in parts {
        let whole = Part::join(group);
        sum = Some(match sum {
            None => whole,
            Some(sum) => sum.add(whole),
        });
    }
    let sum = sum.unwrap_or_else(|| Part::zeros(view, 0..0));
    Gradients {
        x: out.x.into_vec(),
        synapses: connectome_order(view, &sum.synapses),
        first_weight: sum.first_weight,
        first_bias: sum.first_bias,
        packed: sum.packed,
        decay: sum.decay,
        gate: sum.gate,
        readout: sum.readout,
        bias: sum.bias,
        inner: out.inner.into_vec(),
        activity: out.activity.into_vec(),
    }
}

/// Synapse gradients from walking order back to the connectome's.
fn connectome_order<R: LayerReal>(view: &View<'_, R>, walking: &[R]) -> Vec<R> {
    let count = view.spec().synapses();
    let mut out = vec![R::default(); walking.len()];
    let neurons = out.chunks_exact_mut(count).zip(walking.chunks_exact(count));
    for ((out, walking), order) in neurons.zip(view.call.plan.order().chunks_exact(count)) {
        for (value, s) in walking.iter().zip(order) {
            out[*s as usize] = *value;
        }
    }
    out
}

/// Results that all threads write parts of.
struct Outputs<R> {
    x: Shared<R>,
    inner: Shared<R>,
    activity: Shared<R>,
}

/// Weight gradients of some neurons.
#[derive(Default)]
struct Part<R> {
    synapses: Vec<R>,
    first_weight: Vec<R>,
    first_bias: Vec<R>,
    packed: Vec<R>,
    decay: Vec<R>,
    gate: Vec<R>,
    readout: Vec<R>,
    bias: Vec<R>,
}

impl<R: LayerReal> Part<R> {
    fn zeros(view: &View<'_, R>, neurons: Range<usize>) -> Self {
        let spec = view.spec();
        let zeros = |width: usize| vec![R::default(); neurons.len() * width];
        Self {
            synapses: zeros(spec.synapses()),
            first_weight: zeros(spec.joined() * spec.first()),
            first_bias: zeros(spec.first()),
            packed: zeros(spec.packed_len()),
            decay: zeros(spec.memory),
            gate: zeros(spec.memory),
            readout: zeros(spec.memory),
            bias: zeros(1),
        }
    }

    /// All fields, in a fixed order.
    fn fields(&mut self) -> [&mut Vec<R>; 8] {
        [
            &mut self.synapses,
            &mut self.first_weight,
            &mut self.first_bias,
            &mut self.packed,
            &mut self.decay,
            &mut self.gate,
            &mut self.readout,
            &mut self.bias,
        ]
    }

    /// The parts of a group's members, whose neurons follow each other.
    fn join(parts: Vec<Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_else(|| Self {
            synapses: Vec::new(),
            first_weight: Vec::new(),
            first_bias: Vec::new(),
            packed: Vec::new(),
            decay: Vec::new(),
            gate: Vec::new(),
            readout: Vec::new(),
            bias: Vec::new(),
        });
        for mut part in parts {
            for (whole, part) in whole.fields().into_iter().zip(part.fields()) {
                whole.append(part);
            }
        }
        whole
    }

    fn add(mut self, mut other: Self) -> Self {
        for (sum, part) in self.fields().into_iter().zip(other.fields()) {
            for (s, p) in sum.iter_mut().zip(part) {
                *s += *p;
            }
        }
        self
    }

    /// The gradients of the k-th of these neurons.
    #[inline(always)]
    fn neuron(&mut self, k: usize, widths: &Widths) -> WeightGradients<'_, R> {
        fn part<R>(all: &mut [R], k: usize, width: usize) -> &mut [R] {
            &mut all[k * width..][..width]
        }
        WeightGradients {
            synapses: part(&mut self.synapses, k, widths.synapses),
            first_weight: part(&mut self.first_weight, k, widths.first_weight),
            first_bias: part(&mut self.first_bias, k, widths.first_bias),
            packed: part(&mut self.packed, k, widths.packed),
            readout: part(&mut self.readout, k, widths.memory),
            bias: &mut self.bias[k],
        }
    }
}

/// Numbers of one neuron's gradients.
struct Widths {
    synapses: usize,
    first_weight: usize,
    first_bias: usize,
    packed: usize,
    memory: usize,
}

/// What the members of a group share.
struct Group<R> {
    tiles: Range<usize>,
    barrier: Barrier,
    /// Sources of a block of steps, tile by tile, each source's steps together.
    sources: Shared<Row<R>>,
    layout: Layout,
    tile_rows: usize,
    /// Gradients of the activity one step earlier, as each member has them: `[member, parity of the step, tile,
    /// neuron]`. None where nothing is recurrent.
    activity: Shared<Row<R>>,
    /// Gradients of the block's input, as each member has them: `[member, tile, step, channel]`. None where not asked
    /// for.
    input: Shared<Row<R>>,
}

impl<R: LayerReal> Group<R> {
    fn new(view: &View<'_, R>, kept: &Kept<'_, R>, tiles: Range<usize>, members: usize) -> Self {
        let (block, spec) = (view.block(), view.spec());
        let tile_rows = block * view.sources();
        let activity = match view.call.plan.recurrent() {
            true => members * 2 * tiles.len() * spec.neurons,
            false => 0,
        };
        let input = match kept.input {
            true => members * tiles.len() * block * spec.inputs,
            false => 0,
        };
        Self {
            sources: Shared::new(tiles.len() * tile_rows),
            activity: Shared::new(activity),
            input: Shared::new(input),
            barrier: Barrier::new(members),
            layout: Layout {
                step: 1,
                source: block,
            },
            tile_rows,
            tiles,
        }
    }
}

struct Member<'a, R> {
    view: &'a View<'a, R>,
    kept: &'a Kept<'a, R>,
    group: &'a Group<R>,
    index: usize,
    members: usize,
    neurons: Range<usize>,
    out: &'a Outputs<R>,
}

/// What a member keeps for each of its neurons and tiles, neuron by neuron.
struct Work<R> {
    /// One frame per step of a block.
    frames: Vec<Row<R>>,
    /// State before the block.
    before: Vec<Row<R>>,
    memory: Vec<Row<R>>,
    trace: Vec<Row<R>>,
    mean: Vec<Row<R>>,
    decay: Vec<Row<R>>,
    gate: Vec<Row<R>>,
    part: Part<R>,
    widths: Widths,
}

/// A block of steps.
#[derive(Clone, Copy)]
struct Block {
    index: usize,
    first: usize,
    steps: usize,
}

impl<R: LayerReal> Kernel<R> for Member<'_, R> {
    type Out = Part<R>;

    #[inline(always)]
    fn run<V: Lanes<R = R>>(self) -> Part<R> {
        let _guard = self.group.barrier.guard();
        let view = self.view;
        let (time, length) = (view.call.time, view.block());
        let recurrent = view.call.plan.recurrent();
        let mut work = self.start();
        for index in (0..view.blocks()).rev() {
            let first = index * length;
            let block = Block {
                index,
                first,
                steps: length.min(time - first),
            };
            self.fill(block);
            self.group.barrier.wait();
            self.clear_input();
            self.recompute::<V>(&mut work, block);
            if recurrent {
                for t in (0..block.steps).rev() {
                    self.clear_activity(first + t);
                    self.back::<V>(&mut work, block, t..t + 1);
                    self.group.barrier.wait();
                }
            } else {
                self.back::<V>(&mut work, block, 0..block.steps);
            }
            self.accumulate::<V>(&mut work, block);
            // all are done with the block's sources and have added to its input's gradients
            self.group.barrier.wait();
            self.input_gradient(block);
        }
        self.finish(work)
    }
}

impl<R: LayerReal> Member<'_, R> {
    /// Tiles and neurons in the order of the member's work.
    fn each(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let tiles = self.group.tiles.clone();
        self.neurons
            .clone()
            .flat_map(move |n| tiles.clone().map(move |tile| (tile, n)))
    }

    /// Gradients of the final state.
    fn start(&self) -> Work<R> {
        let view = self.view;
        let spec = view.spec();
        let count = self.group.tiles.len() * self.neurons.len();
        let rows = |n: usize| vec![Row::default(); n];
        let (m, d, width) = (spec.memory, spec.trace_width(), spec.state_width());
        let mut work = Work {
            frames: rows(count * view.block() * view.constants.frame.len),
            before: rows(count * width),
            memory: rows(count * m),
            trace: rows(count * d),
            mean: rows(count),
            decay: rows(count * m),
            gate: rows(count * m),
            part: Part::zeros(view, self.neurons.clone()),
            widths: Widths {
                synapses: spec.synapses(),
                first_weight: spec.joined() * spec.first(),
                first_bias: spec.first(),
                packed: spec.packed_len(),
                memory: m,
            },
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
                if width > m + d {
                    put(&mut work.mean[k..k + 1], m + d);
                }
            }
        }
        work
    }

    /// Puts this member's share of the block's sources in place.
    fn fill(&self, block: Block) {
        let view = self.view;
        let spec = view.spec();
        let layout = self.group.layout;
        let input = Input {
            call: view.call,
            x: view.slices.x,
        };
        for (k, tile) in self.group.tiles.clone().enumerate() {
            for t in share(block.steps, self.index, self.members) {
                let at = |s: usize| k * self.group.tile_rows + t * layout.step + s * layout.source;
                // SAFETY: the steps of a block are shared out, so only this member touches the sources of step t; the
                // others read them after the barrier.
                let set = |s: usize, row: Row<R>| unsafe { self.group.sources.set(at(s), row) };
                for s in 0..spec.inputs {
                    set(s, Row::default());
                }
                input.each(tile, block.first + t, |s, lane, value| {
                    // SAFETY: as above.
                    unsafe { self.group.sources.write(at(s)..at(s) + 1)[0].0[lane] = value }
                });
                if view.call.plan.recurrent() {
                    for n in 0..spec.neurons {
                        set(
                            spec.inputs + n,
                            self.activity_before(tile, block.first + t, n),
                        );
                    }
                }
            }
        }
    }

    /// Activity of neuron n before a step, as recurrent synapses see it.
    fn activity_before(&self, tile: usize, time: usize, n: usize) -> Row<R> {
        let view = self.view;
        let mut row = Row::default();
        for (lane, b) in view.samples(tile).enumerate() {
            row.0[lane] = match time {
                0 => view.slices.activity[b * view.spec().neurons + n],
                _ => self.kept.result[view.activity_at(b, time - 1, n)],
            };
        }
        match view.recurrent_mask(tile, n) {
            None => row,
            Some(mask) => row.zip(mask, |a, mask| a * mask),
        }
    }

    /// The block's sources of one tile.
    #[inline(always)]
    fn sources(&self, tile: usize) -> Sources<'_, R> {
        let from = (tile - self.group.tiles.start) * self.group.tile_rows;
        Sources {
            // SAFETY: nobody writes the sources between the barrier after `fill` and that at the end of the block.
            rows: unsafe { self.group.sources.read(from..from + self.group.tile_rows) },
            step: self.group.layout.step,
            source: self.group.layout.source,
        }
    }

    /// Runs this member's neurons over the block again and keeps everything.
    #[inline(always)]
    fn recompute<V: Lanes<R = R>>(&self, work: &mut Work<R>, block: Block) {
        let view = self.view;
        let spec = view.spec();
        let (width, len) = (spec.state_width(), view.constants.frame.len);
        let per_block = view.block() * len;
        let tiles = self.group.tiles.clone();
        let mut state = vec![Row::default(); width];
        let mut k = 0;
        for n in self.neurons.clone() {
            let weights = view.neuron(n);
            for tile in tiles.clone() {
                let at = ((tile * view.blocks() + block.index) * spec.neurons + n) * width;
                let before = &mut work.before[k * width..][..width];
                for (j, row) in before.iter_mut().enumerate() {
                    let kept = &self.kept.checkpoints[(at + j) * W..];
                    row.0.copy_from_slice(&kept[..W]);
                }
                state.copy_from_slice(before);
                let run = Run {
                    frames: &mut work.frames[k * per_block..][..per_block],
                    stride: len,
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

    /// Rows of `[member, parity, tile, neuron]` where a member adds gradients of the activity before a step.
    fn activity_rows(&self, member: usize, time: usize, tile: usize) -> Range<usize> {
        let (tiles, neurons) = (self.group.tiles.len(), self.view.spec().neurons);
        let from = ((member * 2 + time % 2) * tiles + tile - self.group.tiles.start) * neurons;
        from..from + neurons
    }

    fn clear_activity(&self, time: usize) {
        for tile in self.group.tiles.clone() {
            let rows = self.activity_rows(self.index, time, tile);
            // SAFETY: only this member writes its buffer; the others read this parity before the last barrier and
            // after the next.
            unsafe { self.group.activity.write(rows).fill(Row::default()) }
        }
    }

    /// What all members have for the activity of neuron n after a step, from the step after it.
    #[inline(always)]
    fn activity_gradient(&self, tile: usize, time: usize, n: usize) -> Row<R> {
        let mut sum = Row::default();
        for member in 0..self.members {
            let at = self.activity_rows(member, time + 1, tile).start + n;
            // SAFETY: this parity was written before the last barrier and is cleared after the next.
            let row = unsafe { self.group.activity.read(at..at + 1)[0] };
            sum = sum.zip(row, |a, b| a + b);
        }
        match self.view.recurrent_mask(tile, n) {
            None => sum,
            Some(mask) => sum.zip(mask, |a, mask| a * mask),
        }
    }

    /// Rows of `[member, tile, step, channel]`.
    fn input_rows(&self, member: usize, tile: usize, t: usize) -> Range<usize> {
        let (inputs, block) = (self.view.spec().inputs, self.view.block());
        let tiles = self.group.tiles.len();
        let from = ((member * tiles + tile - self.group.tiles.start) * block + t) * inputs;
        from..from + inputs
    }

    fn clear_input(&self) {
        if self.kept.input {
            let len = self.group.tiles.len() * self.view.block() * self.view.spec().inputs;
            // SAFETY: only this member writes its buffer; the others read it between the barrier at the end of a block
            // and that after the next block's `fill`.
            unsafe {
                let own = self
                    .group
                    .input
                    .write(self.index * len..(self.index + 1) * len);
                own.fill(Row::default());
            }
        }
    }

    /// Takes this member's neurons back over some steps of the block.
    #[inline(always)]
    fn back<V: Lanes<R = R>>(&self, work: &mut Work<R>, block: Block, steps: Range<usize>) {
        let view = self.view;
        let spec = view.spec();
        let frame = &view.constants.frame;
        let (m, d, width) = (spec.memory, spec.trace_width(), spec.state_width());
        let per_block = view.block() * frame.len;
        let recurrent = view.call.plan.recurrent();
        let scale = R::of(1.0 / (view.call.time * m) as f64);
        let tiles = self.group.tiles.clone();
        let mut k = 0;
        for n in self.neurons.clone() {
            let weights = view.neuron(n);
            for tile in tiles.clone() {
                let magnitude = self
                    .lanes(tile, |b| self.kept.grad[view.magnitude_at(b, n)])
                    .map(|g| g * scale);
                let frames = &mut work.frames[k * per_block..][..per_block];
                let mut carry = Carry {
                    memory: &mut work.memory[k * m..][..m],
                    trace: &mut work.trace[k * d..][..d],
                    mean: &mut work.mean[k],
                    decay: &mut work.decay[k * m..][..m],
                    gate: &mut work.gate[k * m..][..m],
                };
                for t in steps.clone().rev() {
                    let time = block.first + t;
                    let (earlier, rows) = frames.split_at_mut(t * frame.len);
                    let rows = &mut rows[..frame.len];
                    let mut activity =
                        self.lanes(tile, |b| self.kept.grad[view.activity_at(b, time, n)]);
                    if recurrent && time + 1 < view.call.time {
                        let later = self.activity_gradient(tile, time, n);
                        activity = activity.zip(later, |a, b| a + b);
                    }
                    let step = Step {
                        activity,
                        magnitude,
                        mask: view.memory_mask(tile, n),
                        before: match t {
                            0 => &work.before[k * width..][..m],
                            _ => &earlier[(t - 1) * frame.len..][frame.memory.clone()],
                        },
                    };
                    step_back::<V>(&view.constants, &weights, &step, &mut carry, rows);
                    self.scatter::<V>(&weights, &rows[frame.branch.clone()], tile, time, t);
                }
                k += 1;
            }
        }
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

    /// Hands the gradients of the branch sums on to their sources.
    #[inline(always)]
    fn scatter<V: Lanes<R = R>>(
        &self,
        weights: &neuron::Weights<'_, R>,
        branch: &[Row<R>],
        tile: usize,
        time: usize,
        t: usize,
    ) {
        let activity = match self.view.call.plan.recurrent() {
            true => self.activity_rows(self.index, time, tile),
            false => 0..0,
        };
        // SAFETY: both buffers are this member's own until the next barrier.
        let activity = unsafe { self.group.activity.write(activity) };
        let input = self.kept.input.then(|| {
            // SAFETY: as above.
            unsafe { self.group.input.write(self.input_rows(self.index, tile, t)) }
        });
        scatter::<V>(&self.view.constants, weights, branch, activity, input);
    }

    /// Adds up this member's weight gradients over the block.
    #[inline(always)]
    fn accumulate<V: Lanes<R = R>>(&self, work: &mut Work<R>, block: Block) {
        let view = self.view;
        let per_block = view.block() * view.constants.frame.len;
        let tiles = self.group.tiles.clone();
        let mut k = 0;
        for (own, n) in self.neurons.clone().enumerate() {
            let weights = view.neuron(n);
            for tile in tiles.clone() {
                accumulate::<V>(
                    &view.constants,
                    &weights,
                    self.sources(tile),
                    &work.frames[k * per_block..][..per_block],
                    block.steps,
                    work.part.neuron(own, &work.widths),
                );
                k += 1;
            }
        }
    }

    /// Sums up this member's share of the block's input gradient over all members.
    fn input_gradient(&self, block: Block) {
        if !self.kept.input {
            return;
        }
        let (view, inputs) = (self.view, self.view.spec().inputs);
        let gain = R::of(view.call.gain);
        let mask = view.call.masks.input.as_ref();
        let mut sum = vec![Row::<R>::default(); inputs];
        for tile in self.group.tiles.clone() {
            for t in share(block.steps, self.index, self.members) {
                sum.fill(Row::default());
                for member in 0..self.members {
                    // SAFETY: all members have added what they have, and clear it only after the next barrier.
                    let rows = unsafe { self.group.input.read(self.input_rows(member, tile, t)) };
                    for (sum, row) in sum.iter_mut().zip(rows) {
                        *sum = sum.zip(*row, |a, b| a + b);
                    }
                }
                for (lane, b) in view.samples(tile).enumerate() {
                    let at = (b * view.call.time + block.first + t) * inputs;
                    // SAFETY: the steps of a block are shared out, so only this member writes here.
                    let out = unsafe { self.out.x.write(at..at + inputs) };
                    for (i, (out, sum)) in out.iter_mut().zip(&sum).enumerate() {
                        let factor = match mask {
                            Some(mask) => gain * R::of(mask[b * inputs + i]),
                            None => gain,
                        };
                        *out = factor * sum.0[lane];
                    }
                }
            }
        }
    }

    /// Gradients of the state handed in, and the sums over samples that are left.
    fn finish(&self, mut work: Work<R>) -> Part<R> {
        let view = self.view;
        let spec = view.spec();
        let (m, d, width) = (spec.memory, spec.trace_width(), spec.state_width());
        for (k, (tile, n)) in self.each().enumerate() {
            let own = n - self.neurons.start;
            for j in 0..m {
                work.part.decay[own * m + j] += row_sum(&work.decay[k * m + j]);
                work.part.gate[own * m + j] += row_sum(&work.gate[k * m + j]);
            }
            let activity = match view.call.plan.recurrent() {
                // the buffers of step 0 hold what reaches the activity before it
                true => self.activity_before_start(tile, n),
                false => Row::default(),
            };
            for (lane, b) in view.samples(tile).enumerate() {
                let at = (b * spec.neurons + n) * width;
                // SAFETY: each neuron and tile belongs to one member.
                unsafe {
                    let out = self.out.inner.write(at..at + width);
                    for (out, row) in out.iter_mut().zip(&work.memory[k * m..][..m]) {
                        *out = row.0[lane];
                    }
                    for (out, row) in out[m..].iter_mut().zip(&work.trace[k * d..][..d]) {
                        *out = row.0[lane];
                    }
                    if width > m + d {
                        out[m + d] = work.mean[k].0[lane];
                    }
                    self.out
                        .activity
                        .set(b * spec.neurons + n, activity.0[lane]);
                }
            }
        }
        work.part
    }

    fn activity_before_start(&self, tile: usize, n: usize) -> Row<R> {
        let mut sum = Row::default();
        for member in 0..self.members {
            let at = self.activity_rows(member, 0, tile).start + n;
            // SAFETY: written before the last barrier, and never again.
            let row = unsafe { self.group.activity.read(at..at + 1)[0] };
            sum = sum.zip(row, |a, b| a + b);
        }
        match self.view.recurrent_mask(tile, n) {
            None => sum,
            Some(mask) => sum.zip(mask, |a, mask| a * mask),
        }
    }
}
