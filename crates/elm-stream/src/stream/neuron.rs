//! A single neuron, step by step.

use alloc::{vec, vec::Vec};

use super::bank::{Bank, Feed, restack, unstacked};
use super::state::{NeuronState, Trace};
use crate::error::{check_indices, check_len};
use crate::lanes::{Isa, Lane, Level, Matrix, WIDTH, by_level, flat, flat_mut, lanes};
use crate::{NeuronForm, NeuronParts, StreamError};

/// A neuron that takes one time step after another, in f32 and without allocating: for control loops, sound, or spikes
/// as they come in.
///
/// Every form of the neuron and any number of outputs; the equations are those of
/// [`equations`](crate::equations) (Spieler et al. 2024, section 2; Spieler, Martius, Levina 2026). Routing, synapse
/// weights, input scale and branch sum are one matrix, so that a channel that is not silent costs one row of it. NaN that
/// goes in comes out, whichever channel it is in; an infinity saturates, or is NaN where it meets a weight of 0.
///
/// ```
/// use elm_stream::{LinearParts, NeuronForm, NeuronParts};
///
/// # fn main() -> Result<(), elm_stream::StreamError> {
/// // three channels on a branch each, one memory unit, no hidden layer, two outputs
/// let parts = NeuronParts {
///     form: NeuronForm::v2().with_num_memory(1).with_hidden_layers(0),
///     inputs: 3,
///     outputs: 2,
///     channels: None,
///     valid: None,
///     proto_weight: vec![0.5; 3],
///     mlp: vec![LinearParts { weight: vec![0.3; 4], bias: vec![0.0] }],
///     proto_tau: vec![0.0],
///     readout: vec![1.0, -1.0],
///     bias: vec![0.0; 2],
/// };
/// let mut stream = parts.stream()?;
/// let y = stream.step(&[1.0, 0.0, 0.0])?; // the value of each channel
/// assert!(y[0] > 0.0 && y[1] == -y[0]);
/// stream.step_events(&[(2, 1.0)])?; // channel 2 spikes, all others are silent
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ElmStream {
    level: Level,
    inputs: usize,
    branches: usize,
    /// Width of the trace: D, or that of the first map where the matrix holds that map.
    width: usize,
    /// Routing, weights and branch sum, and the first map where that is narrower, `[input, width]`.
    matrix: Matrix,
    /// The first map's weights on the branches, `[branch, width]`, where the matrix holds them.
    folded: Option<Vec<f32>>,
    trace_decay: Option<f32>,
    trace: Vec<Lane>,
    bank: Bank,
}

impl ElmStream {
    /// A stream that starts at rest.
    ///
    /// # Errors
    /// [`StreamError`] if the options describe no neuron, a length or an index does not fit, or memory does not suffice.
    pub fn try_new(parts: &NeuronParts) -> Result<Self, StreamError> {
        let form = parts.checked_form()?;
        let (branches, first) = (form.branches(), form.first());
        let folded = (branches > first).then(|| {
            let weight = &parts.mlp[0].weight;
            weight[..branches * first].to_vec()
        });
        let width = if folded.is_some() { first } else { branches };
        let no_memory = StreamError::Memory {
            rows: parts.inputs,
            columns: width,
        };
        let matrix = matrix(parts, &form, width, folded.as_deref()).ok_or(no_memory)?;
        let mut bank = Bank::new(parts.bank(), &form, folded.is_some());
        bank.add_to_first_bias(
            0,
            silence(&matrix, parts, &form, folded.is_some()).into_iter(),
        );
        Ok(Self {
            level: Level::detect(),
            inputs: parts.inputs,
            branches,
            width,
            matrix,
            folded,
            trace_decay: form.branch_tau.decay(form.dt).map(|kappa| kappa as f32),
            trace: vec![Lane::ZERO; lanes(width)],
            bank,
        })
    }

    /// Input channels.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs.
    pub fn outputs(&self) -> usize {
        self.bank.outputs
    }

    /// One time step: the value of every channel, `[input]`, to the outputs, `[output]`.
    ///
    /// # Errors
    /// [`StreamError::Length`] if the number of channels is another.
    pub fn step(&mut self, x: &[f32]) -> Result<&[f32], StreamError> {
        check_len("x", x.len(), self.inputs)?;
        dense(self.level, self, x);
        Ok(self.bank.output())
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
        sparse(self.level, self, events);
        Ok(self.bank.output())
    }

    /// Outputs of the last step, `[output]`.
    pub fn output(&self) -> &[f32] {
        self.bank.output()
    }

    /// Memory after the last step, `[memory]`.
    pub fn memory(&self) -> &[f32] {
        self.bank.memory_of(0)
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.trace.fill(Lane::ZERO);
        self.bank.reset();
    }

    /// What the next step depends on, to go on from later or elsewhere.
    pub fn state(&self) -> NeuronState {
        let trace = || unstacked(&self.trace, self.width);
        NeuronState {
            trace: match (self.trace_decay, &self.folded) {
                (None, _) => Trace::Off,
                (Some(_), None) => Trace::Branch(trace()),
                (Some(_), Some(_)) => Trace::Drive(trace()),
            },
            memory: self.bank.memory(),
            readout_mean: self.bank.mean(),
        }
    }

    /// Goes on from a state of this neuron; its trace may always be that of the branches.
    ///
    /// # Errors
    /// [`StreamError::Length`] or [`StreamError::Kind`] if the state is none of this neuron.
    pub fn set_state(&mut self, state: &NeuronState) -> Result<(), StreamError> {
        let mean = state.readout_mean.as_deref();
        self.bank.check_state(&state.memory, mean)?;
        self.set_trace(&state.trace)?;
        self.bank.set_state(&state.memory, mean);
        Ok(())
    }

    fn set_trace(&mut self, trace: &Trace) -> Result<(), StreamError> {
        let refuse = |expected, found| StreamError::Kind {
            what: "state.trace".into(),
            expected,
            found,
        };
        match (self.trace_decay, trace, &self.folded) {
            (None, Trace::Off, _) => {}
            (None, _, _) => return Err(refuse("none, as the neuron has none", "a trace")),
            (Some(_), Trace::Off, _) => return Err(refuse("a trace", "none")),
            (Some(_), Trace::Branch(b), None) => {
                check_len("state.trace.branch", b.len(), self.branches)?;
                restack(b, self.width, &mut self.trace);
            }
            (Some(_), Trace::Branch(b), Some(weights)) => {
                check_len("state.trace.branch", b.len(), self.branches)?;
                restack(&times(b, weights, self.width), self.width, &mut self.trace);
            }
            (Some(_), Trace::Drive(drive), Some(_)) => {
                check_len("state.trace.drive", drive.len(), self.width)?;
                restack(drive, self.width, &mut self.trace);
            }
            (Some(_), Trace::Drive(_), None) => {
                return Err(refuse("that of the branches", "that of the first map"));
            }
        }
        Ok(())
    }

    /// The trace before the step's channels are added: decayed, or none of it.
    #[inline(always)]
    fn decay_trace(&mut self) {
        match self.trace_decay {
            None => self.trace.fill(Lane::ZERO),
            Some(kappa) => flat_mut(&mut self.trace)
                .iter_mut()
                .for_each(|b| *b *= kappa),
        }
    }

    #[inline(always)]
    fn advance(&mut self, isa: impl Isa) {
        let feed = match self.folded {
            None => Feed::Branches(&self.trace),
            Some(_) => Feed::Drive(&self.trace),
        };
        self.bank.advance(isa, 0, feed);
    }
}

by_level!(fn dense(stream: &mut ElmStream, x: &[f32]) => dense_step);
#[inline(always)]
fn dense_step(isa: impl Isa, stream: &mut ElmStream, x: &[f32]) {
    stream.decay_trace();
    stream.matrix.add_dense(isa, x, &mut stream.trace);
    stream.advance(isa);
}

by_level!(fn sparse(stream: &mut ElmStream, events: &[(usize, f32)]) => sparse_step);
#[inline(always)]
fn sparse_step(isa: impl Isa, stream: &mut ElmStream, events: &[(usize, f32)]) {
    stream.decay_trace();
    stream.matrix.add_sparse(isa, events, &mut stream.trace);
    stream.advance(isa);
}

/// Routing, rectified and scaled weights, branch sum, and the first map where it is folded in, as one matrix.
fn matrix(
    parts: &NeuronParts,
    form: &NeuronForm,
    width: usize,
    folded: Option<&[f32]>,
) -> Option<Matrix> {
    let mut matrix = Matrix::zeros(parts.inputs, width)?;
    let per_branch = form.per_branch();
    for (s, proto) in parts.proto_weight.iter().enumerate() {
        let channel = parts
            .channels
            .as_ref()
            .map_or(s, |channels| channels[s] as usize);
        if parts.valid.as_ref().is_some_and(|valid| !valid[s]) {
            continue;
        }
        let weight = form.input_scale * form.synapse_rectification.weight(f64::from(*proto));
        let branch = s / per_branch;
        match folded {
            None => matrix.add(channel, branch, weight as f32),
            Some(first) => {
                for (j, w) in first[branch * width..][..width].iter().enumerate() {
                    matrix.add(channel, j, (weight * f64::from(*w)) as f32);
                }
            }
        }
    }
    Some(matrix)
}

/// What channels that are zero add to the first map, `[first]`: zeros, but NaN where a weight is infinite or NaN. As
/// steps leave silent channels out, it stands in the bias.
fn silence(matrix: &Matrix, parts: &NeuronParts, form: &NeuronForm, folded: bool) -> Vec<f32> {
    let mut sums = vec![
        0.0;
        lanes(if folded {
            form.first()
        } else {
            form.branches()
        }) * WIDTH
    ];
    for row in matrix.rows() {
        let row = flat(row);
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, w)| *sum += 0.0 * w);
    }
    match folded {
        true => sums,
        false => times(&sums[..form.branches()], &parts.mlp[0].weight, form.first()),
    }
}

/// `x · W` for the first rows of a row-major matrix with so many columns.
fn times(x: &[f32], matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    for (x, row) in x.iter().zip(matrix.chunks_exact(columns)) {
        for (sum, w) in sums.iter_mut().zip(row) {
            *sum += f64::from(*x) * f64::from(*w);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}
