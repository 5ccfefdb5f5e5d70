//! What follows the branches: MLP, memory, readout; for one neuron or for each neuron of a layer.

use alloc::{vec, vec::Vec};

use crate::equations::{HiddenActivation, OutputActivation, SQUASH_GAIN, SQUASH_SLOPE, fast};
use crate::error::check_len;
use crate::lanes::{Isa, Lane, Matrix, copy_to_lanes, flat, flat_mut, lanes, push_lanes};
use crate::parts::BankParts;
use crate::{NeuronForm, StreamError};

/// What the first map of the MLP gets from the branches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Feed<'a> {
    /// Branch activation `b`, `[branch]`.
    Branches(&'a [Lane]),
    /// The map's share of it, `W_1b b`, `[first]`.
    Drive(&'a [Lane]),
}

/// Neurons that share a form, weights and memory one behind the other.
#[derive(Debug, Clone)]
pub(crate) struct Bank {
    neurons: usize,
    memory_units: usize,
    pub outputs: usize,
    hidden_activation: HiddenActivation,
    output_activation: OutputActivation,
    /// The first map's weights on the branches; `None` where the drive comes ready.
    branch: Option<Matrix>,
    /// The first map's weights on the decayed memory.
    first: Map,
    maps: Vec<Map>,
    /// `[neuron, memory]` in lanes, as all that follows.
    decay: Vec<Lane>,
    /// Gate times the gain of the squashing function.
    gate: Vec<Lane>,
    readout: Matrix,
    bias: Vec<Lane>,
    high_pass: Option<f32>,
    memory: Vec<Lane>,
    /// Running mean of the readout, `[neuron, output]`.
    mean: Vec<Lane>,
    scratch: Scratch,
}

/// One linear map of each neuron.
#[derive(Debug, Clone)]
struct Map {
    weight: Matrix,
    /// `[neuron, out]`.
    bias: Vec<Lane>,
    /// Lanes of one neuron's result.
    lanes: usize,
}

/// Room for the values of one neuron at one step.
#[derive(Debug, Clone)]
struct Scratch {
    decayed: Vec<Lane>,
    value: Vec<Lane>,
    next: Vec<Lane>,
    output: Vec<Lane>,
}

impl Map {
    /// The rows from `skip` on of the map `[inputs, outputs]` of each neuron.
    fn new(weight: &[f32], bias: &[f32], inputs: usize, outputs: usize, skip: usize) -> Self {
        Self {
            weight: rows(weight, inputs, outputs, skip..inputs),
            bias: stacked(bias, outputs),
            lanes: lanes(outputs),
        }
    }

    /// Bias of a neuron to `value`.
    #[inline(always)]
    fn start(&self, neuron: usize, value: &mut [Lane]) {
        value.copy_from_slice(&self.bias[neuron * self.lanes..][..self.lanes]);
    }
}

/// Some rows of the matrix `[inputs, outputs]` of each neuron.
fn rows(weight: &[f32], inputs: usize, outputs: usize, range: core::ops::Range<usize>) -> Matrix {
    let mut picked = Vec::with_capacity(weight.len() / inputs * range.len());
    for matrix in weight.chunks_exact(inputs * outputs) {
        picked.extend_from_slice(&matrix[range.start * outputs..range.end * outputs]);
    }
    Matrix::new(&picked, range.len(), outputs)
}

/// A row of each neuron, each in whole lanes.
fn stacked(values: &[f32], width: usize) -> Vec<Lane> {
    let mut out = Vec::with_capacity(values.len() / width * lanes(width));
    values
        .chunks_exact(width)
        .for_each(|row| push_lanes(row, &mut out));
    out
}

impl Bank {
    /// From parts that were checked; `folded` where the drive comes ready.
    pub fn new(parts: BankParts<'_>, form: &NeuronForm, folded: bool) -> Self {
        let (d, m, n) = (form.branches(), form.num_memory, parts.neurons);
        let widths: Vec<usize> = form.mlp_widths().collect();
        let mut maps = Vec::with_capacity(parts.mlp.len());
        for (k, map) in parts.mlp.iter().enumerate() {
            let skip = if k == 0 { d } else { 0 };
            maps.push(Map::new(
                &map.weight,
                &map.bias,
                widths[k],
                widths[k + 1],
                skip,
            ));
        }
        let first = maps.remove(0);
        let (mut decay, mut gate) = (Vec::new(), Vec::new());
        for proto in parts.proto_tau {
            let (kappa, g) = form.decay_and_gate(f64::from(*proto));
            decay.push(kappa as f32);
            gate.push((g * SQUASH_GAIN) as f32);
        }
        let widest = widths.iter().skip(1).copied().max().unwrap_or(m);
        let (m_lanes, o_lanes) = (lanes(m), lanes(parts.outputs));
        Self {
            neurons: n,
            memory_units: m,
            outputs: parts.outputs,
            hidden_activation: form.activation,
            output_activation: form.output_activation,
            branch: (!folded).then(|| rows(&parts.mlp[0].weight, d + m, widths[1], 0..d)),
            first,
            maps,
            decay: stacked(&decay, m),
            gate: stacked(&gate, m),
            readout: Matrix::new(parts.readout, m, parts.outputs),
            bias: stacked(parts.bias, parts.outputs),
            high_pass: form.high_pass_tau.decay(form.dt).map(|kappa| kappa as f32),
            memory: vec![Lane::ZERO; n * m_lanes],
            mean: vec![Lane::ZERO; n * o_lanes],
            scratch: Scratch {
                decayed: vec![Lane::ZERO; m_lanes],
                value: vec![Lane::ZERO; lanes(widest)],
                next: vec![Lane::ZERO; lanes(widest)],
                output: vec![Lane::ZERO; o_lanes],
            },
        }
    }

    /// Adds to the first map's bias what silent channels add: nothing, unless a weight is infinite or NaN.
    pub fn add_to_first_bias(&mut self, neuron: usize, extra: impl Iterator<Item = f32>) {
        let bias = &mut self.first.bias[neuron * self.first.lanes..][..self.first.lanes];
        for (bias, extra) in flat_mut(bias).iter_mut().zip(extra) {
            *bias += extra;
        }
    }

    /// One step of a neuron; its outputs stand in [`output`](Self::output) then.
    #[inline(always)]
    pub fn advance(&mut self, isa: impl Isa, neuron: usize, feed: Feed<'_>) {
        let width = self.scratch.decayed.len();
        let memory = &self.memory[neuron * width..][..width];
        let decay = &self.decay[neuron * width..][..width];
        let decayed = flat_mut(&mut self.scratch.decayed).iter_mut();
        for ((u, m), kappa) in decayed.zip(flat(memory)).zip(flat(decay)) {
            *u = m * kappa;
        }
        self.update(isa, neuron, feed);
        self.remember(neuron);
        self.read_out(isa, neuron);
    }

    /// The MLP on branches and decayed memory, to `scratch.value`.
    #[inline(always)]
    fn update(&mut self, isa: impl Isa, neuron: usize, feed: Feed<'_>) {
        let Scratch {
            decayed,
            value,
            next,
            ..
        } = &mut self.scratch;
        let start = &mut value[..self.first.lanes];
        self.first.start(neuron, start);
        match (feed, &self.branch) {
            (Feed::Drive(drive), _) => add(flat(drive), flat_mut(start)),
            (Feed::Branches(b), Some(weight)) => weight.multiply_add(isa, neuron, b, start),
            (Feed::Branches(_), None) => {}
        }
        self.first.weight.multiply_add(isa, neuron, decayed, start);
        for map in &self.maps {
            activate(self.hidden_activation, flat_mut(value));
            map.start(neuron, &mut next[..map.lanes]);
            map.weight
                .multiply_add(isa, neuron, value, &mut next[..map.lanes]);
            core::mem::swap(value, next);
        }
    }

    /// `m = u + g · squash(z)`.
    #[inline(always)]
    fn remember(&mut self, neuron: usize) {
        let Scratch { decayed, value, .. } = &self.scratch;
        let width = decayed.len();
        let memory = &mut self.memory[neuron * width..][..width];
        let gate = &self.gate[neuron * width..][..width];
        let each = flat(decayed).iter().zip(flat(gate)).zip(flat(value));
        for (m, ((u, g), z)) in flat_mut(memory).iter_mut().zip(each) {
            *m = u + g * fast::tanh(SQUASH_SLOPE as f32 * z);
        }
    }

    /// Readout, high-pass, bias and output activation, to `scratch.output`.
    #[inline(always)]
    fn read_out(&mut self, isa: impl Isa, neuron: usize) {
        let (width, m_width) = (self.scratch.output.len(), self.scratch.decayed.len());
        let output = &mut self.scratch.output;
        output.fill(Lane::ZERO);
        let memory = &self.memory[neuron * m_width..][..m_width];
        self.readout.multiply_add(isa, neuron, memory, output);
        if let Some(kappa) = self.high_pass {
            let mean = &mut self.mean[neuron * width..][..width];
            for (r, o) in flat_mut(mean).iter_mut().zip(flat_mut(output)) {
                *r = kappa * *r + (1.0 - kappa) * *o;
                *o -= *r;
            }
        }
        let output = flat_mut(output);
        add(flat(&self.bias[neuron * width..][..width]), output);
        match self.output_activation {
            OutputActivation::Identity => {}
            OutputActivation::Relu => output.iter_mut().for_each(|v| *v = relu(*v)),
            OutputActivation::Spike => output.iter_mut().for_each(|v| *v = spike(*v)),
        }
    }
}

/// State in and out, padding left away.
impl Bank {
    /// All zeros.
    pub fn reset(&mut self) {
        self.memory.fill(Lane::ZERO);
        self.mean.fill(Lane::ZERO);
    }

    /// Memory of a neuron, `[memory]`.
    pub fn memory_of(&self, neuron: usize) -> &[f32] {
        let width = self.scratch.decayed.len();
        &flat(&self.memory[neuron * width..][..width])[..self.memory_units]
    }

    /// Outputs of the neuron that stepped last, `[output]`.
    pub fn output(&self) -> &[f32] {
        &flat(&self.scratch.output)[..self.outputs]
    }

    /// Memory, `[neuron, memory]`.
    pub fn memory(&self) -> Vec<f32> {
        unstacked(&self.memory, self.memory_units)
    }

    /// Running mean of the readout, `[neuron, output]`; `None` without a high-pass.
    pub fn mean(&self) -> Option<Vec<f32>> {
        self.high_pass.map(|_| unstacked(&self.mean, self.outputs))
    }

    /// Checks that a state of these lengths fits.
    pub fn check_state(&self, memory: &[f32], mean: Option<&[f32]>) -> Result<(), StreamError> {
        check_len(
            "state.memory",
            memory.len(),
            self.neurons * self.memory_units,
        )?;
        match (mean, self.high_pass) {
            (None, None) => Ok(()),
            (Some(mean), Some(_)) => check_len(
                "state.readout_mean",
                mean.len(),
                self.neurons * self.outputs,
            ),
            (found, _) => Err(StreamError::Kind {
                what: "state.readout_mean".into(),
                expected: ["a mean, as there is a high-pass", "none"][usize::from(found.is_some())],
                found: ["none", "a mean, but there is no high-pass"][usize::from(found.is_some())],
            }),
        }
    }

    /// Takes over a state that was checked.
    pub fn set_state(&mut self, memory: &[f32], mean: Option<&[f32]>) {
        restack(memory, self.memory_units, &mut self.memory);
        if let Some(mean) = mean {
            restack(mean, self.outputs, &mut self.mean);
        }
    }
}

/// The other way round than [`stacked`].
pub(crate) fn unstacked(values: &[Lane], width: usize) -> Vec<f32> {
    let rows = values.chunks_exact(lanes(width));
    rows.flat_map(|row| &flat(row)[..width]).copied().collect()
}

/// [`stacked`] in place.
pub(crate) fn restack(values: &[f32], width: usize, to: &mut [Lane]) {
    let rows = to.chunks_exact_mut(lanes(width));
    for (to, row) in rows.zip(values.chunks_exact(width)) {
        copy_to_lanes(row, to);
    }
}

/// `max(v, 0)`; NaN of NaN, which `f32::max` would hide.
#[inline(always)]
fn relu(v: f32) -> f32 {
    if v < 0.0 { 0.0 } else { v }
}

/// 1 above 0, else 0; NaN of NaN.
#[inline(always)]
fn spike(v: f32) -> f32 {
    let fired = if v > 0.0 { 1.0 } else { 0.0 };
    if v.is_nan() { v } else { fired }
}

/// `sum += values`.
#[inline(always)]
fn add(values: &[f32], sum: &mut [f32]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

#[inline(always)]
fn activate(activation: HiddenActivation, values: &mut [f32]) {
    let each = values.iter_mut();
    match activation {
        HiddenActivation::Relu => each.for_each(|a| *a = relu(*a)),
        HiddenActivation::Silu => each.for_each(|a| *a *= fast::sigmoid(*a)),
        HiddenActivation::SquaredRelu => each.for_each(|a| *a = relu(*a) * relu(*a)),
    }
}
