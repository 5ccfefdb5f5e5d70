//! A single neuron of the third form, with any number of outputs.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};

use super::form::{FilterTau, NetForm, OutputActivation, SynapseInit, fail};
use crate::ElmError;
use crate::memory_scan::{self, ScanInputs, ScanPath, ScanSpec};
use crate::neuron::{Mlp, Routing, RoutingTable, SynapseRectification, Synapses};

/// Configuration of a [`NetNeuron`].
#[derive(Config, Debug, PartialEq)]
pub struct NetNeuronConfig {
    /// Input channels I.
    pub num_inputs: usize,
    /// Outputs O.
    pub num_outputs: usize,
    /// Sizes and constants; identity output and no high-pass unless set.
    #[config(
        default = "NetForm::new().with_high_pass_tau(FilterTau::Off).with_output_activation(OutputActivation::Identity)"
    )]
    pub neuron: NetForm,
    /// How channels reach synapses.
    #[config(default = "Routing::None")]
    pub routing: Routing,
    /// Start value of the bias of output 0, for NeuronIO's spike logit; the other biases start at 0.
    #[config(default = 0.0)]
    pub spike_bias: f64,
}

impl NetNeuronConfig {
    /// The third form on NeuronIO: 1278 channels routed to 45 branches of 100 rectified synapses, which start at the
    /// same value, a branch trace of 5 ms, timescales 1 to 150 ms, two outputs (spike logit with bias −5, scaled soma
    /// voltage).
    pub fn neuronio(num_memory: usize) -> Self {
        let base = Self::new(1278, 2)
            .with_routing(Routing::Neuronio)
            .with_spike_bias(-5.0);
        let neuron = base
            .neuron
            .clone()
            .with_num_memory(num_memory)
            .with_num_branches(Some(45))
            .with_synapses_per_branch(Some(100))
            .with_synapse_rectification(SynapseRectification::Relu)
            .with_synapse_init(SynapseInit::Constant { value: 0.5 })
            .with_branch_tau(FilterTau::Ms(5.0))
            .with_memory_tau_max(150.0);
        base.with_neuron(neuron)
    }

    /// Number of trained numbers: synapses, MLP, readout and output biases, and timescales where they are trained.
    pub fn num_trained(&self) -> usize {
        let (form, m) = (&self.neuron, self.neuron.num_memory);
        let tau = if form.learn_memory_tau { m } else { 0 };
        form.synapses() + form.mlp_parameters() + (m + 1) * self.num_outputs + tau
    }

    /// Checks that the sizes and constants describe a neuron.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        for (field, value) in [
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
        ] {
            if value == 0 {
                return fail(field, "must be at least 1, found 0".into());
            }
        }
        self.neuron.validate()?;
        if !self.spike_bias.is_finite() {
            return fail(
                "spike_bias",
                format!("must be a finite number, found {}", self.spike_bias),
            );
        }
        self.routing.validate(
            self.num_inputs,
            self.neuron.branches(),
            self.neuron.per_branch(),
        )
    }

    /// A neuron with the published start values.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<NetNeuron, ElmError> {
        self.validate()?;
        let form = &self.neuron;
        let (branches, per_branch) = (form.branches(), form.per_branch());
        let bound = 1.0 / (per_branch as f64).sqrt();
        let proto = match form.synapse_init {
            SynapseInit::Uniform => Tensor::random(
                [form.synapses()],
                Distribution::Uniform(-bound, bound),
                device,
            ),
            SynapseInit::Constant { value } => {
                Tensor::full([form.synapses()], value * bound, device)
            }
        };
        let mut bias = vec![0.0; self.num_outputs];
        bias[0] = self.spike_bias;
        let tau = TensorData::new(form.initial_proto_tau(), [form.num_memory]);
        Ok(NetNeuron {
            synapses: Synapses::new(
                proto,
                form.synapse_rectification,
                RoutingTable::draw(self.routing, self.num_inputs, branches, per_branch),
                self.num_inputs,
                branches,
            ),
            mlp: Mlp::new(branches, &self.scan_spec(), device),
            proto_tau: Param::from_tensor(Tensor::from_data(tau, device))
                .set_require_grad(form.learn_memory_tau),
            readout: LinearConfig::new(form.num_memory, self.num_outputs)
                .with_bias(false)
                .init(device),
            bias: Param::from_tensor(Tensor::from_data(
                TensorData::new(bias, [self.num_outputs]),
                device,
            )),
            config: self.clone(),
            path: ScanPath::Auto,
        })
    }

    fn scan_spec(&self) -> ScanSpec {
        ScanSpec {
            memory: self.neuron.num_memory,
            hidden_layers: self.neuron.hidden_layers,
            hidden: self.neuron.hidden(),
            activation: self.neuron.activation,
        }
    }
}

/// One neuron of the third form (Spieler et al. 2026) with O outputs that share its memory; [`NetForm`] holds the
/// equations.
///
/// A layer's neuron has one output and reads other neurons; this one reads channels alone, so that branches, readout
/// and high-pass run over the whole sequence outside the recurrence. Made with [`NetNeuronConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct NetNeuron {
    /// Synapses on their branches.
    pub synapses: Synapses,
    /// The MLP between branches and memory.
    pub mlp: Mlp,
    /// Memory timescales before bounding, `[memory]`.
    pub proto_tau: Param<Tensor<1>>,
    /// Readout from memory without bias, `[memory, output]`.
    pub readout: Linear,
    /// Bias of the outputs, `[output]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    config: NetNeuronConfig,
    #[module(skip)]
    path: ScanPath,
}

/// State of a [`NetNeuron`] between two steps.
#[derive(Debug, Clone)]
pub struct NetNeuronState {
    /// Branch trace, `[batch, branch]`; not read where there is none.
    pub branch: Tensor<2>,
    /// Memory, `[batch, memory]`.
    pub memory: Tensor<2>,
    /// Running mean of the readout, `[batch, output]`; not read where there is no high-pass.
    pub readout_mean: Tensor<2>,
}

impl NetNeuronState {
    /// The same state without its history, for truncated backpropagation.
    pub fn detach(self) -> Self {
        Self {
            branch: self.branch.detach(),
            memory: self.memory.detach(),
            readout_mean: self.readout_mean.detach(),
        }
    }
}

impl NetNeuron {
    /// The configuration that this neuron was made with.
    pub fn config(&self) -> &NetNeuronConfig {
        &self.config
    }

    /// The same neuron with another choice of implementation, e.g. to compare with the reference.
    pub fn with_path(mut self, path: ScanPath) -> Self {
        self.path = path;
        self
    }

    /// Memory timescales in ms, `[memory]`.
    pub fn timescales_ms(&self) -> Tensor<1> {
        self.config.neuron.bounded_tau(self.proto_tau.val())
    }

    /// Number of trained numbers.
    pub fn num_trained(&self) -> usize {
        self.config.num_trained()
    }

    /// Output over a sequence that starts at rest.
    ///
    /// # Shapes
    /// - `x`: `[batch, time, input]`
    /// - output: `[batch, time, output]`
    ///
    /// # Panics
    /// If `x` has another number of channels; [`forward_with_state`](Self::forward_with_state) returns an error.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self.forward_with_state(x, None) {
            Ok((y, _)) => y,
            Err(error) => panic!("{error}"),
        }
    }

    /// Output and final state over a sequence; two halves with the state carried over give the whole.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if the input or the state does not fit.
    pub fn forward_with_state(
        &self,
        x: Tensor<3>,
        state: Option<NetNeuronState>,
    ) -> Result<(Tensor<3>, NetNeuronState), ElmError> {
        let config = &self.config;
        let [batch, time, channels] = x.dims();
        if channels != config.num_inputs || batch == 0 || time == 0 {
            return Err(ElmError::Shape {
                what: "x",
                expected: format!(
                    "[batch, time, {}] with at least one sample and one step",
                    config.num_inputs
                ),
                found: x.dims().to_vec(),
            });
        }
        let options = (&x.device(), x.dtype());
        let state = state.unwrap_or_else(|| self.rest(batch, options));
        self.check_state(&state, batch)?;
        let branch = self.branches(x, state.branch);
        let memory = self.memory(branch.clone(), state.memory);
        let (y, mean) = self.output(memory.clone(), state.readout_mean);
        let state = NetNeuronState {
            branch: last(branch),
            memory: last(memory),
            readout_mean: mean,
        };
        Ok((y, state))
    }

    fn rest(&self, batch: usize, options: (&Device, DType)) -> NetNeuronState {
        let form = &self.config.neuron;
        NetNeuronState {
            branch: Tensor::zeros([batch, form.branches()], options),
            memory: Tensor::zeros([batch, form.num_memory], options),
            readout_mean: Tensor::zeros([batch, self.config.num_outputs], options),
        }
    }

    fn check_state(&self, state: &NetNeuronState, batch: usize) -> Result<(), ElmError> {
        let form = &self.config.neuron;
        for (what, tensor, width) in [
            ("state.branch", &state.branch, form.branches()),
            ("state.memory", &state.memory, form.num_memory),
            (
                "state.readout_mean",
                &state.readout_mean,
                self.config.num_outputs,
            ),
        ] {
            if tensor.dims() != [batch, width] {
                return Err(ElmError::Shape {
                    what,
                    expected: format!("[{batch}, {width}]"),
                    found: tensor.dims().to_vec(),
                });
            }
        }
        Ok(())
    }

    /// Branch activation `b`, `[batch, time, branch]`.
    fn branches(&self, x: Tensor<3>, start: Tensor<2>) -> Tensor<3> {
        let form = &self.config.neuron;
        let [batch, time, inputs] = x.dims();
        let matrix = self.synapses.branch_matrix() * form.input_scale;
        let sums = memory_scan::input_product(x.reshape([batch * time, inputs]), matrix, self.path)
            .reshape([batch, time, form.branches()]);
        match form.branch_tau.decay(form.dt) {
            None => sums,
            Some(decay) => self.leaky(sums, decay, start),
        }
    }

    /// Memory after each step, `[batch, time, memory]`.
    fn memory(&self, branch: Tensor<3>, start: Tensor<2>) -> Tensor<3> {
        let form = &self.config.neuron;
        let [batch, time, branches] = branch.dims();
        let weights = self.mlp.branch_weights(form.num_memory);
        let drive = branch.reshape([batch * time, branches]).matmul(weights)
            + self.mlp.first_bias().unsqueeze::<2>();
        let spec = self.config.scan_spec();
        let (decay, gate) = form.decay_and_gate(self.timescales_ms());
        let inputs = ScanInputs {
            drive: drive.reshape([batch, time, spec.first()]),
            weights: self.mlp.packed(&spec),
            decay,
            gate,
            memory: start,
        };
        memory_scan::memory_scan(inputs, &spec, self.path)
    }

    /// Readout, high-pass and activation, and the running mean after the last step.
    fn output(&self, memory: Tensor<3>, start: Tensor<2>) -> (Tensor<3>, Tensor<2>) {
        let form = &self.config.neuron;
        let mut o = self.readout.forward(memory);
        let mut mean = start;
        if let Some(decay) = form.high_pass_tau.decay(form.dt) {
            let means = self.leaky(o.clone() * (1.0 - decay), decay, mean);
            mean = last(means.clone());
            o = o - means;
        }
        let y = o + self.bias.val().unsqueeze::<3>();
        (form.output_activation.apply(y), mean)
    }

    fn leaky(&self, input: Tensor<3>, decay: f64, start: Tensor<2>) -> Tensor<3> {
        let width = input.dims()[2];
        let decay = Tensor::full([width], decay, (&input.device(), input.dtype()));
        memory_scan::leaky_trace(input, decay, start, self.path)
    }
}

/// The last step of `[batch, time, channel]`.
fn last(over_time: Tensor<3>) -> Tensor<2> {
    let [batch, time, width] = over_time.dims();
    over_time.narrow(1, time - 1, 1).reshape([batch, width])
}

impl ModuleDisplay for NetNeuron {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new()
            .with_new_line_after_attribute(false)
            .optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let (config, form) = (&self.config, &self.config.neuron);
        content
            .add("inputs", &config.num_inputs)
            .add("synapses", &form.synapses())
            .add("branches", &form.branches())
            .add("memory", &form.num_memory)
            .add("hidden", &form.hidden())
            .add("outputs", &config.num_outputs)
            .optional()
    }
}
