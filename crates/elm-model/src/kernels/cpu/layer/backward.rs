//! The backward pass of a layer: blocks of steps from the last to the first.
//!
//! Within a block each neuron first computes the block anew from the state before it, which needs no other neuron since
//! all activities are known. Then the gradients go back step by step, and what synapses have for their sources goes
//! through a [`GradientExchange`]. Last, each neuron sums its weight gradients over the block.

mod share;

use core::ops::Range;
use std::sync::Mutex;
use std::time::Instant;

use super::exchange::GradientExchange;
use super::lanes::{Kernel, Lanes, LayerReal, Row};
use super::neuron_gradients::NeuronGradients;
use super::pace::{Course, Cpu, Paces};
use super::rounds::Rounds;
use super::schedule::{self, Partition};
use super::shared::SharedSlice;
use super::source::{SourceBlock, SourceOrder};
use super::view::{LayerFields, View};

/// What the backward pass reads besides the call.
#[derive(Debug, Clone, Copy)]
pub struct BackwardInputs<'a, R> {
    /// The forward pass's flat result.
    pub result: &'a [R],
    /// States before every block.
    pub checkpoints: &'a [R],
    /// Gradient of the result.
    pub grad: &'a [R],
    /// Is the gradient of the input asked for?
    pub input: bool,
    /// Are those of decay and gate?
    pub timescales: bool,
}

/// Gradients of a call's tensors; that of the input is empty where it is not asked for.
pub type LayerGradients<R> = LayerFields<Vec<R>>;

/// Gradients of all inputs.
pub fn backward<R: LayerReal>(
    view: &View<'_, R>,
    kept: &BackwardInputs<'_, R>,
    partition: &Partition,
) -> LayerGradients<R> {
    let (spec, call) = (view.spec(), view.call);
    let (batch, shares) = (call.batch, partition.shares.len());
    let inputs = if kept.input { spec.inputs } else { 0 };
    let out = Outputs {
        x: SharedSlice::new(batch * call.time * inputs),
        inner: SharedSlice::new(batch * spec.neurons * spec.state_width()),
        activity: SharedSlice::new(batch * spec.neurons),
    };
    let groups: Vec<Group<R>> = partition
        .groups
        .iter()
        .map(|tiles| Group {
            sources: SourceBlock::new(view, tiles.clone(), SourceOrder::BySources),
            exchange: GradientExchange::new(view, tiles.clone(), shares, kept.input),
            rounds: Rounds::new(shares),
            work: (0..shares).map(|_| Mutex::default()).collect(),
            tiles: tiles.clone(),
        })
        .collect();
    let paces = call.plan.copies().get(&Cpu, Paces::default);
    let pace = &paces.backward;
    let most = partition.threads();
    let (threads, start) = (pace.threads(most), Instant::now());
    schedule::run(partition, threads, |group, own| {
        R::dispatch(Thread {
            view,
            kept,
            group: &groups[group],
            own,
            shares: &partition.shares,
            out: &out,
        });
        pace.report(Course {
            most,
            threads,
            size: call.batch * call.time,
            took: start.elapsed(),
            waited: groups.iter().map(|group| group.rounds.waited()).sum(),
        });
    });
    let parts = groups.into_iter().map(|group| {
        let work = group.work.into_iter();
        work.map(|work| lock_out(work).part).collect()
    });
    let [
        walking,
        first_weight,
        first_bias,
        packed,
        decay,
        gate,
        readout,
        bias,
    ] = parts
        .filter_map(NeuronGradients::join)
        .reduce(NeuronGradients::add)
        .unwrap_or_else(|| NeuronGradients::zeros(view, 0..spec.neurons))
        .into_kinds();
    LayerGradients {
        x: out.x.into_vec(),
        synapses: connectome_order(view, &walking),
        first_weight,
        first_bias,
        packed,
        decay,
        gate,
        readout,
        bias,
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
    x: SharedSlice<R>,
    inner: SharedSlice<R>,
    activity: SharedSlice<R>,
}

/// What the threads of a group have in common.
struct Group<R> {
    tiles: Range<usize>,
    rounds: Rounds,
    sources: SourceBlock<Row<R>>,
    exchange: GradientExchange<R>,
    /// One for each share.
    work: Vec<Mutex<Work<R>>>,
}

/// One thread of a group.
struct Thread<'a, R: LayerReal> {
    view: &'a View<'a, R>,
    kept: &'a BackwardInputs<'a, R>,
    group: &'a Group<R>,
    /// The share that it begins every round with.
    own: usize,
    shares: &'a [Range<usize>],
    out: &'a Outputs<R>,
}

/// One share of a group's work: what happens to its neurons.
struct Share<'a, R: LayerReal> {
    view: &'a View<'a, R>,
    kept: &'a BackwardInputs<'a, R>,
    group: &'a Group<R>,
    index: usize,
    shares: usize,
    neurons: Range<usize>,
    out: &'a Outputs<R>,
}

/// What a share keeps for its neurons and tiles, neuron by neuron.
#[derive(Debug)]
struct Work<R> {
    /// One frame per step of a block, neuron and tile, step by step.
    frames: Vec<Row<R>>,
    /// Rows from one step to the next.
    stride: usize,
    /// State before the block.
    before: Vec<Row<R>>,
    memory: Vec<Row<R>>,
    trace: Vec<Row<R>>,
    mean: Vec<Row<R>>,
    decay: Vec<Row<R>>,
    gate: Vec<Row<R>>,
    part: NeuronGradients<R>,
}

impl<R> Default for Work<R> {
    fn default() -> Self {
        Self {
            frames: Vec::new(),
            stride: 0,
            before: Vec::new(),
            memory: Vec::new(),
            trace: Vec::new(),
            mean: Vec::new(),
            decay: Vec::new(),
            gate: Vec::new(),
            part: NeuronGradients::default(),
        }
    }
}

/// A block of steps.
#[derive(Clone, Copy)]
struct Block {
    index: usize,
    first: usize,
    steps: usize,
}

impl<R: LayerReal> Kernel<R> for Thread<'_, R> {
    type Out = ();

    #[inline(always)]
    fn run<V: Lanes<R = R>>(self) {
        let recurrent = self.view.call.plan.recurrent();
        let mut turns = self.group.rounds.turns(self.own);
        while let Some(share) = turns.share() {
            self.share(share).start();
        }
        for index in (0..self.view.blocks()).rev() {
            let block = self.block(index);
            turns.meet();
            while let Some(share) = turns.share() {
                // SAFETY: all have read the block after this one.
                unsafe { self.share(share).clear(block) };
            }
            turns.meet();
            while let Some(share) = turns.share() {
                // SAFETY: all have cleared the block, and none reads it yet.
                unsafe { self.share(share).fill(block) };
            }
            turns.meet();
            let piece = match recurrent {
                true => 1,
                false => block.steps,
            };
            for t in (0..block.steps).step_by(piece).rev() {
                while let Some(share) = turns.share() {
                    let share = self.share(share);
                    if t + piece == block.steps {
                        share.recompute::<V>(block);
                    }
                    // SAFETY: all have summed up the step after the next, and sum up this one in the next round.
                    unsafe { share.clear_activity(block.first + t) };
                    share.back::<V>(block, t..t + piece);
                }
                turns.meet();
            }
            while let Some(share) = turns.share() {
                let share = self.share(share);
                share.accumulate::<V>(block);
                // all have added to the gradients of the block's input
                share.input_gradient(block);
            }
        }
        turns.meet();
        while let Some(share) = turns.share() {
            self.share(share).finish();
        }
        turns.meet();
    }
}

impl<'a, R: LayerReal> Thread<'a, R> {
    fn block(&self, index: usize) -> Block {
        let length = self.view.block();
        let first = index * length;
        Block {
            index,
            first,
            steps: length.min(self.view.call.time - first),
        }
    }

    #[inline(always)]
    fn share(&self, index: usize) -> Share<'a, R> {
        Share {
            view: self.view,
            kept: self.kept,
            group: self.group,
            index,
            shares: self.shares.len(),
            neurons: self.shares[index].clone(),
            out: self.out,
        }
    }
}

/// What a mutex holds, see [`lock`].
fn lock_out<T>(mutex: Mutex<T>) -> T {
    mutex
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
