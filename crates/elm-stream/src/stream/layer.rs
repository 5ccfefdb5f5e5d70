//! A layer of neurons, step by step.

use alloc::{vec, vec::Vec};

use super::bank::{Bank, Feed, restack, unstacked};
use super::state::LayerState;
use super::wires::{Wires, broken_neurons};
use crate::error::{check_indices, check_len};
use crate::lanes::{Isa, Lane, Level, by_level, flat_mut, lanes};
use crate::{LayerParts, StreamError};

/// A layer of neurons that takes one time step after another, in f32 and without allocating.
///
/// Each of the N neurons has one output; a synapse reads a channel, or the activity of a neuron of the layer one step
/// earlier (Spieler, Martius, Levina 2026). Sources that are silent cost nothing. What is NaN or infinite reaches every
/// neuron that reads it.
///
/// ```
/// use elm_stream::{LayerParts, LinearParts, NeuronForm};
///
/// # fn main() -> Result<(), elm_stream::StreamError> {
/// // two neurons of one synapse: the first reads channel 0, the second the first
/// let parts = LayerParts {
///     form: NeuronForm::network()
///         .with_num_memory(1)
///         .with_hidden_layers(0)
///         .with_num_branches(Some(1))
///         .with_synapses_per_branch(Some(1)),
///     inputs: 1,
///     neurons: 2,
///     connectome: vec![0, 1],
///     proto_weight: vec![1.0; 2],
///     mlp: vec![LinearParts { weight: vec![0.5; 4], bias: vec![0.0; 2] }],
///     proto_tau: vec![0.0; 2],
///     readout: vec![1.0; 2],
///     bias: vec![0.0; 2],
/// };
/// let mut stream = parts.stream()?;
/// let first = stream.step(&[1.0])?.to_vec();
/// let second = stream.step(&[0.0])?;
/// assert!(first[0] > 0.0 && first[1] == 0.0 && second[1] > 0.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct LayerStream {
    level: Level,
    inputs: usize,
    branches: usize,
    wires: Wires,
    trace_decay: Option<f32>,
    /// `[neuron, branch]`, rows in whole lanes.
    branch: Vec<Lane>,
    bank: Bank,
    activity: Vec<f32>,
}

/// What a layer reads at a step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    /// The value of each channel.
    Dense(&'a [f32]),
    /// Channel and value of those that are not zero.
    Events(&'a [(usize, f32)]),
}

impl LayerStream {
    /// A stream that starts at rest.
    ///
    /// # Errors
    /// [`StreamError`] if the options describe no neurons, or a length or an index does not fit.
    pub fn try_new(parts: &LayerParts) -> Result<Self, StreamError> {
        parts.check()?;
        let form = &parts.form;
        let mut bank = Bank::new(parts.bank(), form, false);
        for neuron in broken_neurons(parts) {
            bank.add_to_first_bias(neuron, core::iter::repeat_n(f32::NAN, form.first()));
        }
        Ok(Self {
            level: Level::detect(),
            inputs: parts.inputs,
            branches: form.branches(),
            wires: Wires::new(parts),
            trace_decay: form.branch_tau.decay(form.dt).map(|kappa| kappa as f32),
            branch: vec![Lane::ZERO; parts.neurons * lanes(form.branches())],
            bank,
            activity: vec![0.0; parts.neurons],
        })
    }

    /// Input channels.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Neurons.
    pub fn neurons(&self) -> usize {
        self.activity.len()
    }

    /// One time step: the value of every channel, `[input]`, to the activity, `[neuron]`.
    ///
    /// # Errors
    /// [`StreamError::Length`] if the number of channels is another.
    pub fn step(&mut self, x: &[f32]) -> Result<&[f32], StreamError> {
        check_len("x", x.len(), self.inputs)?;
        Ok(self.run(Source::Dense(x), 1.0))
    }

    /// One time step with few active channels: channel and value of each that is not zero, in any order; a channel that
    /// occurs twice adds up.
    ///
    /// # Errors
    /// [`StreamError::Index`] if a channel is out of range.
    pub fn step_events(&mut self, events: &[(usize, f32)]) -> Result<&[f32], StreamError> {
        check_indices(
            "channel of an event",
            events.iter().map(|e| e.0),
            self.inputs,
        )?;
        Ok(self.run(Source::Events(events), 1.0))
    }

    /// A step on an input that was checked, times a factor.
    pub(super) fn run(&mut self, source: Source<'_>, gain: f32) -> &[f32] {
        run_layer(self.level, self, source, gain);
        &self.activity
    }

    /// Activity after the last step, `[neuron]`.
    pub fn activity(&self) -> &[f32] {
        &self.activity
    }

    /// Memory of a neuron after the last step, `[memory]`; `None` if there is no such neuron.
    pub fn memory(&self, neuron: usize) -> Option<&[f32]> {
        (neuron < self.neurons()).then(|| self.bank.memory_of(neuron))
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.branch.fill(Lane::ZERO);
        self.activity.fill(0.0);
        self.bank.reset();
    }

    /// What the next step depends on, to go on from later or elsewhere.
    pub fn state(&self) -> LayerState {
        LayerState {
            memory: self.bank.memory(),
            branch: self
                .trace_decay
                .map(|_| unstacked(&self.branch, self.branches)),
            readout_mean: self.bank.mean(),
            activity: self.activity.clone(),
        }
    }

    /// Goes on from a state of this layer.
    ///
    /// # Errors
    /// [`StreamError::Length`] or [`StreamError::Kind`] if the state is none of this layer.
    pub fn set_state(&mut self, state: &LayerState) -> Result<(), StreamError> {
        self.check_state(state)?;
        if let Some(branch) = &state.branch {
            restack(branch, self.branches, &mut self.branch);
        }
        self.activity.copy_from_slice(&state.activity);
        self.bank
            .set_state(&state.memory, state.readout_mean.as_deref());
        Ok(())
    }

    /// Does a state fit?
    pub(super) fn check_state(&self, state: &LayerState) -> Result<(), StreamError> {
        self.bank
            .check_state(&state.memory, state.readout_mean.as_deref())?;
        check_len("state.activity", state.activity.len(), self.neurons())?;
        match (&state.branch, self.trace_decay) {
            (None, None) => Ok(()),
            (Some(branch), Some(_)) => {
                check_len("state.branch", branch.len(), self.neurons() * self.branches)
            }
            (found, _) => Err(StreamError::Kind {
                what: "state.branch".into(),
                expected: ["a trace", "none, as the neurons have none"]
                    [usize::from(found.is_some())],
                found: ["none", "a trace"][usize::from(found.is_some())],
            }),
        }
    }

    /// Branch sums of all neurons, on top of what is left of the trace.
    #[inline(always)]
    fn integrate(&mut self, source: Source<'_>, gain: f32) {
        match self.trace_decay {
            None => self.branch.fill(Lane::ZERO),
            Some(kappa) => flat_mut(&mut self.branch)
                .iter_mut()
                .for_each(|b| *b *= kappa),
        }
        let Self { wires, branch, .. } = self;
        // NaN is not zero
        match source {
            Source::Dense(x) => {
                let active = x.iter().enumerate().filter(|(_, x)| **x != 0.0);
                active.for_each(|(channel, x)| wires.send(channel, gain * x, branch));
            }
            Source::Events(events) => {
                events
                    .iter()
                    .for_each(|(channel, x)| wires.send(*channel, gain * x, branch));
            }
        }
        for (neuron, a) in self.activity.iter().enumerate().filter(|(_, a)| **a != 0.0) {
            wires.send(self.inputs + neuron, *a, branch);
        }
    }
}

by_level!(fn run_layer(stream: &mut LayerStream, source: Source<'_>, gain: f32) => layer_step);
#[inline(always)]
fn layer_step(isa: impl Isa, stream: &mut LayerStream, source: Source<'_>, gain: f32) {
    stream.integrate(source, gain);
    let width = lanes(stream.branches);
    let branches = stream.branch.chunks_exact(width);
    for (neuron, (branches, activity)) in branches.zip(&mut stream.activity).enumerate() {
        stream.bank.advance(isa, neuron, Feed::Branches(branches));
        *activity = stream.bank.output()[0];
    }
}
