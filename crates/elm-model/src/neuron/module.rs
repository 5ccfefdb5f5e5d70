//! The neuron as a Burn module.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};

use super::config::{ElmNeuronConfig, NeuronVersion, SynapseRectification};
use super::mlp::{self, Mlp};
use super::recording::Recording;
use super::routing::RoutingTable;
use super::state::ElmState;
use super::synapses::Synapses;
use super::timescales;
use crate::ElmError;
use crate::layer::MemoryGate;
use crate::scan::neuron::{
    LastMemory, NeuronInputs, NeuronResult, leaky_product, neuron_scan,
};
use crate::memory_scan::{self, ScanInputs, ScanPath, ScanSpec, reference};

/// The Expressive Leaky Memory neuron.
///
/// ```text
/// b_t = κ_b ⊙ b_{t−1} + Σ_branch relu(p_s) ⊙ x_t      branch activation (v1: traces per synapse, the same function)
/// u_t = κ_m ⊙ m_{t−1}                                 decayed memory
/// Δm_t = squash(MLP([b_t, u_t]))                      proposed update, squash(z) = 1.7159·tanh(2z/3)
/// m_t = u_t + g ⊙ Δm_t                                memory
/// y_t = W_y m_t + b_y                                 readout
/// ```
///
/// Only the memory is sequential: routing, weights, branch sum and trace run over the whole sequence
/// before it, the readout after it. Made with [`ElmNeuronConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct ElmNeuron {
    /// Synapses on their branches.
    pub synapses: Synapses,
    /// The MLP between branches and memory.
    pub mlp: Mlp,
    /// Memory timescales before bounding, `[memory]`.
    pub proto_tau: Param<Tensor<1>>,
    /// Readout from memory, `[memory, output]`.
    pub readout: Linear,
    #[module(skip)]
    config: ElmNeuronConfig,
    #[module(skip)]
    path: ScanPath,
}

impl ElmNeuronConfig {
    /// A neuron with the published start values: every synapse [`synapse_init`](Self::synapse_init), timescales
    /// log-spaced, linear maps uniform in ±1/√fan_in.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<ElmNeuron, ElmError> {
        self.validate()?;
        let spec = self.scan_spec();
        let proto = timescales::initial_proto_tau(self);
        let proto = TensorData::new(proto, [self.num_memory]);
        Ok(ElmNeuron {
            synapses: Synapses::new(
                Tensor::full([self.synapses()], self.synapse_init, device),
                SynapseRectification::Relu,
                RoutingTable::new(self),
                self.num_inputs,
                self.branches(),
            ),
            mlp: Mlp::new(self.branches(), &spec, device),
            proto_tau: Param::from_tensor(Tensor::from_data(proto, device))
                .set_require_grad(self.learn_memory_tau),
            readout: LinearConfig::new(self.num_memory, self.num_outputs).init(device),
            config: self.clone(),
            path: ScanPath::Auto,
        })
    }
}

impl ElmNeuronConfig {
    fn scan_spec(&self) -> ScanSpec {
        ScanSpec {
            memory: self.num_memory,
            hidden_layers: self.hidden_layers,
            hidden: self.hidden(),
            activation: self.activation,
        }
    }
}

impl ElmNeuron {
    /// The configuration that this neuron was made with.
    pub fn config(&self) -> &ElmNeuronConfig {
        &self.config
    }

    /// The same neuron with another choice of implementation, e.g. to compare with the reference.
    pub fn with_path(mut self, path: ScanPath) -> Self {
        self.path = path;
        self
    }

    /// Memory timescales in ms, `[memory]`.
    pub fn timescales_ms(&self) -> Tensor<1> {
        timescales::bounded(
            self.proto_tau.val(),
            self.config.memory_tau_min,
            self.config.tau_upper(),
        )
    }

    /// Number of trained numbers, as the paper counts them.
    pub fn num_trained(&self) -> usize {
        let count = |linear: &Linear| {
            let [inputs, outputs] = linear.weight.dims();
            inputs * outputs + outputs
        };
        let tau = if self.config.learn_memory_tau {
            self.config.num_memory
        } else {
            0
        };
        self.synapses.synapses()
            + self.mlp.layers.iter().map(count).sum::<usize>()
            + count(&self.readout)
            + tau
    }

    /// Output over a sequence that starts at rest.
    ///
    /// # Shapes
    /// - `x`: `[batch, time, input]`
    /// - output: `[batch, time, output]`
    ///
    /// # Panics
    /// If `x` has another number of channels; [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self.try_forward(x) {
            Ok(y) => y,
            Err(error) => panic!("{error}"),
        }
    }

    /// The same as [`forward`](Self::forward), with an error in place of the panic.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the input does not fit.
    pub fn try_forward(&self, x: Tensor<3>) -> Result<Tensor<3>, ElmError> {
        self.check_input(x.dims())?;
        Ok(self.over_time(x, None, LastMemory::NotWanted).y)
    }

    /// Output and final state over a sequence; two halves with the state carried over give the whole.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the input or the state does not fit.
    pub fn forward_with_state(
        &self,
        x: Tensor<3>,
        state: Option<ElmState>,
    ) -> Result<(Tensor<3>, ElmState), ElmError> {
        self.check_input(x.dims())?;
        let [batch, _, _] = x.dims();
        let state = match state {
            Some(state) => state,
            None => {
                let zeros = ElmState::zeros(&self.config, batch, &x.device());
                ElmState {
                    trace: zeros.trace.cast(x.dtype()),
                    memory: zeros.memory.cast(x.dtype()),
                }
            }
        };
        self.check_state(&state, batch)?;
        let trace = self.final_trace(x.clone(), state.trace.clone());
        let start = state.memory.clone();
        let found = self.over_time(x, Some(state), LastMemory::Wanted);
        // it is there, as it was asked for
        let memory = found.memory.unwrap_or(start);
        Ok((found.y, ElmState { trace, memory }))
    }

    /// One time step: `[batch, input]` to `[batch, output]`.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the input or the state does not fit.
    pub fn step(
        &self,
        x: Tensor<2>,
        state: Option<ElmState>,
    ) -> Result<(Tensor<2>, ElmState), ElmError> {
        let batch = x.dims()[0];
        let (y, state) = self.forward_with_state(x.unsqueeze_dim::<3>(1), state)?;
        Ok((y.reshape([batch, self.config.num_outputs]), state))
    }

    /// A forward pass that also returns branch, memory and update over time.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the input does not fit.
    pub fn record(&self, x: Tensor<3>) -> Result<Recording, ElmError> {
        self.check_input(x.dims())?;
        let [batch, time, _] = x.dims();
        let spec = self.config.scan_spec();
        let matrix = self.synapses.branch_matrix();
        let branch = leaky_product(x, matrix, self.trace_decay(), None, self.path);
        let drive = self.drive_of_branches(branch.clone());
        let (decay, gate) = self.decay_and_gate();
        let start = self.rest(batch, &drive);
        let inputs = ScanInputs {
            drive,
            weights: self.mlp.packed(&spec),
            decay: decay.clone(),
            gate,
            memory: start.clone(),
        };
        let memory = memory_scan::memory_scan(inputs, &spec, self.path);
        // the update of every step at once, from the memory before it
        let previous = match time {
            1 => start.unsqueeze_dim::<3>(1),
            _ => Tensor::cat(
                vec![
                    start.unsqueeze_dim::<3>(1),
                    memory.clone().narrow(1, 0, time - 1),
                ],
                1,
            ),
        };
        let decayed = previous * decay.unsqueeze::<3>();
        let mut z = self.mlp.layers[0].forward(Tensor::cat(vec![branch.clone(), decayed], 2));
        for layer in &self.mlp.layers[1..] {
            z = layer.forward(reference::activate(z, spec.activation));
        }
        Ok(Recording {
            output: self.readout.forward(memory.clone()),
            branch,
            memory,
            update: reference::squash(z),
        })
    }

    fn check_input(&self, dims: [usize; 3]) -> Result<(), ElmError> {
        let expected = self.config.num_inputs;
        if dims[2] == expected && dims[0] > 0 && dims[1] > 0 {
            return Ok(());
        }
        Err(ElmError::Shape {
            what: "x",
            expected: format!("[batch, time, {expected}] with at least one sample and one step"),
            found: dims.to_vec(),
        })
    }

    pub(super) fn check_state(&self, state: &ElmState, batch: usize) -> Result<(), ElmError> {
        let rest = match self.config.version {
            NeuronVersion::V1 => self.config.synapses(),
            NeuronVersion::V2 => self.config.branches(),
        };
        for (what, tensor, width) in [
            ("state.trace", &state.trace, rest),
            ("state.memory", &state.memory, self.config.num_memory),
        ] {
            if tensor.dims() != [batch, width] {
                let expected = format!("[{batch}, {width}]");
                return Err(ElmError::Shape {
                    what,
                    expected,
                    found: tensor.dims().to_vec(),
                });
            }
        }
        Ok(())
    }

    /// Output after each step and, if asked for, the last memory.
    ///
    /// The trace is linear and has one timescale, so it may be taken before or after the first layer: it runs over
    /// whichever is narrower.
    fn over_time(&self, x: Tensor<3>, state: Option<ElmState>, last: LastMemory) -> NeuronResult {
        let spec = self.config.scan_spec();
        let options = (&x.device(), x.dtype());
        let batch = x.dims()[0];
        let (trace, memory) = match state {
            Some(state) => (self.branch_state(state.trace), state.memory),
            None => (
                Tensor::zeros([batch, self.config.branches()], options),
                Tensor::zeros([batch, spec.memory], options),
            ),
        };
        let weights = self.mlp.branch_weights(spec.memory);
        let (matrix, trace, branch_weights) = if self.config.branches() <= spec.first() {
            (self.synapses.branch_matrix(), trace, Some(weights))
        } else {
            let trace = trace.matmul(weights.clone());
            (self.synapses.fold(weights), trace, None)
        };
        let (decay, gate) = self.decay_and_gate();
        let inputs = NeuronInputs {
            x,
            matrix,
            trace_decay: self.trace_decay(),
            trace,
            branch_weights,
            bias: self.mlp.first_bias(),
            weights: self.mlp.packed(&spec),
            decay,
            gate,
            memory,
            readout: self.readout.weight.val(),
            readout_bias: mlp::bias(&self.readout),
        };
        neuron_scan(inputs, &spec, self.path, last)
    }

    fn rest(&self, batch: usize, like: &Tensor<3>) -> Tensor<2> {
        Tensor::zeros(
            [batch, self.config.num_memory],
            (&like.device(), like.dtype()),
        )
    }

    pub(super) fn decay_and_gate(&self) -> (Tensor<1>, Tensor<1>) {
        let gate = match self.config.version {
            NeuronVersion::V1 => MemoryGate::Scaled,
            NeuronVersion::V2 => MemoryGate::TimescaleRatio,
        };
        timescales::decay_and_gate(
            self.timescales_ms(),
            gate,
            self.config.lambda,
            self.config.dt,
        )
    }

    /// Sizes of the memory recurrence, e.g. for [`describe_path`](memory_scan::describe_path).
    pub fn scan_spec(&self) -> ScanSpec {
        ScanSpec {
            memory: self.config.num_memory,
            hidden_layers: self.config.hidden_layers,
            hidden: self.config.hidden(),
            activation: self.config.activation,
        }
    }

    fn drive_of_branches(&self, branch: Tensor<3>) -> Tensor<3> {
        let [batch, time, branches] = branch.dims();
        let weights = self.mlp.branch_weights(self.config.num_memory);
        let drive = branch.reshape([batch * time, branches]).matmul(weights)
            + self.mlp.first_bias().unsqueeze::<2>();
        let first = drive.dims()[1];
        drive.reshape([batch, time, first])
    }

    pub(super) fn trace_decay(&self) -> f64 {
        timescales::decay(self.config.synapse_tau, self.config.dt)
    }

    /// The trace state as seen by the branches, `[batch, branch]`.
    pub(super) fn branch_state(&self, trace: Tensor<2>) -> Tensor<2> {
        match self.config.version {
            NeuronVersion::V1 => self.synapses.branch_sum(trace),
            NeuronVersion::V2 => trace,
        }
    }

    /// The trace state after the sequence: `κ^T s_0 + Σ_t κ^{T−1−t} w x_t`, one weighted sum over time.
    fn final_trace(&self, x: Tensor<3>, start: Tensor<2>) -> Tensor<2> {
        let [batch, time, inputs] = x.dims();
        let decay = self.trace_decay();
        let powers: Vec<f64> = (0..time)
            .map(|t| decay.powi((time - 1 - t).min(i32::MAX as usize) as i32))
            .collect();
        let powers =
            Tensor::<1>::from_data(TensorData::new(powers, [time]), (&x.device(), x.dtype()));
        let summed = powers
            .reshape([1, 1, time])
            .expand([batch, 1, time])
            .matmul(x)
            .reshape([batch, inputs]);
        let currents = self.synapses.currents(summed);
        let added = match self.config.version {
            NeuronVersion::V1 => currents,
            NeuronVersion::V2 => self.synapses.branch_sum(currents),
        };
        start * decay.powi(time.min(i32::MAX as usize) as i32) + added
    }
}
