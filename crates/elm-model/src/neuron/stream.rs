//! One neuron driven sample by sample in real time, on the CPU.

use burn::tensor::Tensor;

use super::config::HiddenActivation;
use super::module::ElmNeuron;
use super::state::ElmState;
use crate::ElmError;
use crate::kernels::cpu::isa::{Isa, Level, by_isa};
use crate::kernels::cpu::pack::{Packed, padded};
use crate::kernels::cpu::product::add_rows;
use crate::kernels::cpu::real::Real;
use crate::kernels::cpu::memory::activate;
use crate::kernels::cpu::sparse::SparseRows;
use crate::equations::{SQUASH_GAIN, SQUASH_SLOPE};

/// A neuron that takes one time step after another, in f32 on the CPU and without allocating: for control loops,
/// sound, or spikes as they come in.
///
/// Made with [`ElmNeuron::stream`], from a neuron on any device; it holds a copy of the weights, so that later
/// training of the neuron does not change it.
///
/// ```
/// use burn::tensor::Device;
/// use elm_model::ElmNeuronConfig;
///
/// # fn main() -> Result<(), elm_model::ElmError> {
/// let neuron = ElmNeuronConfig::new(12, 2).init(&Device::flex())?;
/// let mut stream = neuron.stream()?;
/// let y = stream.step(&[0.0; 12])?; // dense input
/// assert_eq!(y.len(), 2);
/// let y = stream.step_events(&[(3, 1.0)])?; // channel 3 spikes, all others are silent
/// assert_eq!(y.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ElmStream {
    inputs: usize,
    outputs: usize,
    activation: HiddenActivation,
    /// Routing, weights and branch sum, and the first layer's share of it where that is narrower: `[input, trace]`,
    /// rows padded to whole lanes.
    matrix: Vec<f32>,
    trace_decay: f32,
    trace: Vec<f32>,
    /// The first layer's weights on the branches, where the matrix does not hold them.
    branch_weights: Option<Packed<f32>>,
    stages: Vec<Stage>,
    decay: Vec<f32>,
    /// Gate times the gain of the squashing function.
    gate: Vec<f32>,
    memory: Vec<f32>,
    decayed: Vec<f32>,
    readout: Packed<f32>,
    readout_bias: Vec<f32>,
    output: Vec<f32>,
    /// Channels of the step that are not zero.
    active: SparseRows<f32>,
}

/// One linear map of the MLP.
#[derive(Debug)]
struct Stage {
    weight: Packed<f32>,
    bias: Vec<f32>,
    /// Pre-activation, in place activated for the next map.
    value: Vec<f32>,
}

impl ElmNeuron {
    /// This neuron as a stream that starts at rest.
    ///
    /// # Errors
    /// [`ElmError::Device`] if the weights cannot be read back from their device.
    pub fn stream(&self) -> Result<ElmStream, ElmError> {
        ElmStream::new(self, None)
    }

    /// This neuron as a stream that goes on from a state of one sample, e.g. after a
    /// [`forward_with_state`](Self::forward_with_state).
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the state does not fit or holds more than one sample; [`ElmError::Device`] if the
    /// weights cannot be read back from their device.
    pub fn stream_from(&self, state: &ElmState) -> Result<ElmStream, ElmError> {
        self.check_state(state, 1)?;
        ElmStream::new(self, Some(state))
    }
}

impl ElmStream {
    fn new(neuron: &ElmNeuron, state: Option<&ElmState>) -> Result<Self, ElmError> {
        let config = neuron.config();
        let spec = neuron.scan_spec();
        let lanes = f32::max_lanes(Level::detect(), 1);
        let first = spec.first();
        let branch_weights = neuron.mlp.branch_weights(spec.memory);
        let over_branches = config.branches() <= first;
        let matrix = if over_branches {
            neuron.synapses.branch_matrix()
        } else {
            neuron.synapses.fold(branch_weights.clone())
        };
        let width = matrix.dims()[1];
        let mut trace = vec![0.0; padded::<f32>(width)];
        let mut memory = vec![0.0; padded::<f32>(spec.memory)];
        if let Some(state) = state {
            let branches = neuron.branch_state(state.trace.clone());
            let start = if over_branches {
                branches
            } else {
                branches.matmul(branch_weights.clone())
            };
            trace[..width].copy_from_slice(&host(start)?);
            memory[..spec.memory].copy_from_slice(&host(state.memory.clone())?);
        }
        let (decay, gate) = neuron.decay_and_gate();
        let (decay, gate) = (host(decay)?, host(gate)?);
        let decayed = padded_row(&decay)
            .iter()
            .zip(&memory)
            .map(|(k, m)| k * m)
            .collect();
        let packed = host(neuron.mlp.packed(&spec))?;
        let first_bias = host(neuron.mlp.first_bias())?;
        let stages = spec
            .stages()
            .iter()
            .map(|s| {
                let weight = &packed[s.weight..][..s.inputs * s.outputs];
                let bias = s
                    .bias
                    .map_or(&first_bias[..], |at| &packed[at..][..s.outputs]);
                Stage {
                    weight: Packed::new(weight, s.inputs, s.outputs, lanes),
                    bias: padded_row(bias),
                    value: vec![0.0; padded::<f32>(s.outputs)],
                }
            })
            .collect();
        let branch_weights = over_branches
            .then(|| host(branch_weights))
            .transpose()?
            .map(|weights| Packed::new(&weights, width, first, lanes));
        let outputs = config.num_outputs;
        Ok(Self {
            inputs: config.num_inputs,
            outputs,
            activation: config.activation,
            matrix: host(matrix)?
                .chunks_exact(width)
                .flat_map(padded_row)
                .collect(),
            trace_decay: neuron.trace_decay() as f32,
            trace,
            branch_weights,
            stages,
            decay: padded_row(&decay),
            gate: padded_row(
                &gate
                    .iter()
                    .map(|g| g * SQUASH_GAIN as f32)
                    .collect::<Vec<_>>(),
            ),
            active: SparseRows::with_room(config.num_inputs),
            memory,
            decayed,
            readout: Packed::new(
                &host(neuron.readout.weight.val())?,
                spec.memory,
                outputs,
                lanes,
            ),
            readout_bias: match &neuron.readout.bias {
                Some(bias) => padded_row(&host(bias.val())?),
                None => vec![0.0; padded::<f32>(outputs)],
            },
            output: vec![0.0; padded::<f32>(outputs)],
        })
    }

    /// One time step: the value of every input channel to the outputs.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the number of channels is another.
    pub fn step(&mut self, x: &[f32]) -> Result<&[f32], ElmError> {
        if x.len() != self.inputs {
            return Err(ElmError::Shape {
                what: "x",
                expected: format!("[{}]", self.inputs),
                found: vec![x.len()],
            });
        }
        dense_isa(self, x);
        Ok(&self.output[..self.outputs])
    }

    /// One time step with few active channels: channel and value of each; a channel that occurs twice adds up.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if a channel is out of range; the stream has then not moved.
    pub fn step_events(&mut self, events: &[(usize, f32)]) -> Result<&[f32], ElmError> {
        if let Some((channel, _)) = events.iter().find(|(channel, _)| *channel >= self.inputs) {
            return Err(ElmError::Shape {
                what: "channel of an event",
                expected: format!("below {}", self.inputs),
                found: vec![*channel],
            });
        }
        sparse_isa(self, events);
        Ok(&self.output[..self.outputs])
    }

    /// Memory after the last step, one value per memory unit.
    pub fn memory(&self) -> &[f32] {
        &self.memory[..self.readout.inputs]
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        for values in [&mut self.trace, &mut self.memory, &mut self.decayed] {
            values.fill(0.0);
        }
    }

    /// Adds one channel's row of the matrix to the trace.
    #[inline(always)]
    fn add_channel<I: Isa>(&mut self, channel: usize, value: f32) {
        let width = self.trace.len();
        let row = &self.matrix[channel * width..][..width];
        f32::add_scaled::<I>(&mut self.trace, value, row);
    }

    #[inline(always)]
    fn decay_trace(&mut self) {
        let decay = self.trace_decay;
        self.trace.iter_mut().for_each(|t| *t *= decay);
    }

    /// Everything after the trace: MLP, memory, readout.
    #[inline(always)]
    fn advance<I: Isa>(&mut self) {
        let last = self.stages.len() - 1;
        for k in 0..=last {
            let (before, rest) = self.stages.split_at_mut(k);
            let stage = &mut rest[0];
            stage.value.copy_from_slice(&stage.bias);
            match before.last() {
                None => {
                    match &self.branch_weights {
                        Some(weights) => {
                            weights.multiply_add::<I, 1>(&self.trace, 0, &mut stage.value);
                        }
                        None => stage
                            .value
                            .iter_mut()
                            .zip(&self.trace)
                            .for_each(|(v, t)| *v += *t),
                    }
                    stage
                        .weight
                        .multiply_add::<I, 1>(&self.decayed, 0, &mut stage.value);
                }
                Some(before) => {
                    stage
                        .weight
                        .multiply_add::<I, 1>(&before.value, 0, &mut stage.value);
                }
            }
            if k < last {
                activate(&mut stage.value, self.activation);
            }
        }
        let z = &self.stages[last].value;
        let (decay, gate) = (&self.decay[..z.len()], &self.gate[..z.len()]);
        let (memory, decayed) = (&mut self.memory[..z.len()], &mut self.decayed[..z.len()]);
        for (j, z) in z.iter().enumerate() {
            memory[j] = decayed[j] + gate[j] * (SQUASH_SLOPE as f32 * *z).tanh_fast();
            decayed[j] = decay[j] * memory[j];
        }
        self.output.copy_from_slice(&self.readout_bias);
        self.readout
            .multiply_add::<I, 1>(&self.memory, 0, &mut self.output);
    }
}

by_isa!(dense_isa => dense [] [] (stream: &mut ElmStream, x: &[f32]));

#[inline(always)]
fn dense<I: Isa>(stream: &mut ElmStream, x: &[f32]) {
    stream.decay_trace();
    stream.active.clear();
    stream.active.push::<I>(x);
    add_rows::<I, f32>(&mut stream.trace, stream.active.row(0), &stream.matrix);
    stream.advance::<I>();
}

by_isa!(sparse_isa => sparse [] [] (stream: &mut ElmStream, events: &[(usize, f32)]));

#[inline(always)]
fn sparse<I: Isa>(stream: &mut ElmStream, events: &[(usize, f32)]) {
    stream.decay_trace();
    for &(channel, value) in events {
        stream.add_channel::<I>(channel, value);
    }
    stream.advance::<I>();
}

/// A row with zeros up to whole lanes.
fn padded_row(row: &[f32]) -> Vec<f32> {
    let mut padded_row = row.to_vec();
    padded_row.resize(padded::<f32>(row.len()), 0.0);
    padded_row
}

fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ElmError> {
    let data = tensor
        .try_into_data()
        .map_err(|e| ElmError::Device(e.to_string()))?;
    data.convert::<f32>()
        .try_to_vec()
        .map_err(|e| ElmError::Device(e.to_string()))
}
