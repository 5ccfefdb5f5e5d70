//! The neuron as a Burn module.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::store::ModuleRecord;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::config::ElmNeuronConfig;
use super::mlp::Mlp;
use super::recording::Recording;
use super::routing::RoutingTable;
use super::state::{ElmState, PendingTrace};
use super::synapses::Synapses;
use crate::ElmError;
use crate::dispatch::{self, ScanPath, leaky_product};
use crate::equations::tensor::{self, cast};
use crate::equations::{BiasInit, NeuronForm};
use crate::error::check;
use crate::parts::{Cache, ConfigRecord, MemoryTimescales, Prepared, synapse_start, uniform};
use crate::scan::memory::{ScanInputs, ScanSpec};
use crate::scan::neuron::NeuronInputs;
use crate::sequence::Recurrent;

/// The Expressive Leaky Memory neuron, of any published form.
///
/// ```text
/// b_t = κ_b b_{t−1} + input_scale · Σ_branch rectify(p_s) ⊙ x_t      branch activation
/// u_t = κ_m ⊙ m_{t−1}                                                decayed memory
/// m_t = u_t + g ⊙ squash(MLP([b_t, u_t]))                            memory
/// o_t = W_y m_t;  r_t = κ_r r_{t−1} + (1 − κ_r) o_t                  readout, and its running mean
/// y_t = act(o_t − r_t + b)                                           output
/// ```
///
/// What of it is there, and with which constants, [`NeuronForm`] says. Only the memory is sequential: routing, weights,
/// branch sum and trace run over the whole sequence before it, readout and high-pass after it. Made with
/// [`ElmNeuronConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct ElmNeuron {
    /// Synapses on their branches.
    pub synapses: Synapses,
    /// The MLP between branches and memory.
    pub mlp: Mlp,
    /// Memory timescales, trained or fixed.
    pub timescales: MemoryTimescales<1>,
    /// Readout from memory without bias, `[memory, output]`.
    pub readout: Linear,
    /// Bias of the outputs, `[output]`.
    pub bias: Param<Tensor<1>>,
    record: ConfigRecord,
    weights: Cache<Prepared<NeuronWeights>>,
    #[module(skip)]
    config: ElmNeuronConfig,
    #[module(skip)]
    form: NeuronForm,
    #[module(skip)]
    path: ScanPath,
    #[module(skip)]
    product_type: Option<DType>,
}

/// What a call reads of the parameters, see [`NeuronInputs`].
#[derive(Debug, Clone)]
struct NeuronWeights {
    /// Does the matrix hold the first layer's weights on the branches?
    folded: bool,
    /// These weights.
    branch: Tensor<2>,
    matrix: Tensor<2>,
    /// What channels that are zero add to a trace, `[1, column]`: zeros, but NaN where a weight is infinite or NaN, which
    /// operations that leave zeros out would lose.
    silence: Tensor<2>,
    bias: Tensor<1>,
    packed: Tensor<1>,
    decay: Tensor<1>,
    gate: Tensor<1>,
    readout: Tensor<2>,
    readout_bias: Tensor<1>,
}

impl ElmNeuronConfig {
    /// A neuron with the published start values: synapses as [`NeuronForm::synapse_init`] says, timescales log-spaced,
    /// linear maps uniform in ±1/√fan_in.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<ElmNeuron, ElmError> {
        self.validate()?;
        let form = self.form();
        let proto = synapse_start(&form, [form.synapses()], device);
        let table = RoutingTable::new(self);
        let (m, outputs) = (form.num_memory, self.num_outputs);
        Ok(ElmNeuron {
            synapses: Synapses::new(proto, &form, table.as_ref(), self.num_inputs),
            mlp: Mlp::new(&form, device),
            timescales: MemoryTimescales::new(&form.initial_proto_tau(), [m], &form, device),
            readout: LinearConfig::new(m, outputs).with_bias(false).init(device),
            bias: Param::from_tensor(self.bias_start(device)),
            record: ConfigRecord::new(self, device)?,
            weights: Cache::default(),
            config: self.clone(),
            form,
            path: ScanPath::Auto,
            product_type: None,
        })
    }

    fn bias_start(&self, device: &Device) -> Tensor<1> {
        let bias = match self.neuron.bias_init {
            BiasInit::Zero => Tensor::zeros([self.num_outputs], device),
            BiasInit::Uniform => {
                Tensor::random([self.num_outputs], uniform(self.neuron.num_memory), device)
            }
        };
        if self.spike_bias == 0.0 {
            return bias;
        }
        let mut first = vec![0.0; self.num_outputs];
        first[0] = self.spike_bias;
        bias + Tensor::from_data(TensorData::new(first, [self.num_outputs]), device)
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

    /// The same neuron with its products with the input, which most of the time goes into, in another number type: the
    /// input and the matrix that its synapses make are rounded to it, and what comes out is summed up in the type of before.
    /// Traces, memory, decays, gates and outputs, parameters and their gradients stay what they are.
    ///
    /// Half precision is for graphics cards; CPUs compute it by way of f32, and slower.
    pub fn with_product_type(mut self, product_type: Option<DType>) -> Self {
        self.product_type = product_type;
        self
    }

    /// How the neuron's device runs it over `batch` samples, in words for people: fused and how, or as plain tensor
    /// steps.
    pub fn describe_path(&self, batch: usize) -> String {
        let bias = self.bias.val();
        let dtype = tensor::wide(bias.dtype());
        dispatch::describe_path(self.path, &bias.device(), dtype, &self.scan_spec(), batch)
    }

    /// Memory timescales in ms, `[memory]`.
    ///
    /// # Errors
    /// [`ElmError::Read`] if the device does not hand fixed ones out.
    pub fn timescales_ms(&self) -> Result<Tensor<1>, ElmError> {
        self.timescales.ms()
    }

    /// Output over a sequence, and the state after it; two halves with the state carried over give the whole.
    ///
    /// # Shapes
    /// - `x`: `[batch, time, input]`
    /// - output: `[batch, time, output]`
    ///
    /// `x` may be in half precision while the parameters are in f32; the output then is too. Without a state, the
    /// sequence starts at rest.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    #[track_caller]
    pub fn forward(&self, x: Tensor<3>, state: Option<ElmState>) -> (Tensor<3>, ElmState) {
        check::or_panic(self.try_forward(x, state))
    }

    /// The same as [`forward`](Self::forward), with an error in place of the panic.
    ///
    /// # Errors
    /// [`ElmError::Shape`] or [`ElmError::NumberType`] if input or state do not fit, [`ElmError::Record`] or
    /// [`ElmError::Connectome`] if a record was loaded that does not, [`ElmError::Environment`] if `ELM_ISA` names no
    /// instruction set, [`ElmError::Read`] if the device is lost.
    pub fn try_forward(
        &self,
        x: Tensor<3>,
        state: Option<ElmState>,
    ) -> Result<(Tensor<3>, ElmState), ElmError> {
        let state = self.checked_state(&x, state)?;
        let output_type = x.dtype();
        let dtype = tensor::wide(output_type);
        let x = cast(x, dtype);
        let decay = self.form.branch_tau.decay(self.form.dt);
        let pending = state
            .branch()
            .zip(decay)
            .map(|(start, decay)| PendingTrace {
                x: x.clone(),
                start,
                synapses: self.synapses.clone(),
                decay,
            });
        let (mut inputs, mean) = (self.inputs(x, &state, dtype)?, state.readout_mean());
        if let Some(product_type) = self.product_type {
            inputs.x = cast(inputs.x, product_type);
        }
        let found = dispatch::neuron_scan(inputs, &self.scan_spec(), self.path);
        let (y, mean) = self.output(found.y, mean);
        let memory = cast(found.memory, tensor::wide(dtype));
        let state = ElmState::after(pending, memory, mean);
        Ok((cast(y, output_type), state))
    }

    /// One time step: `[batch, input]` to `[batch, output]`.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn step(
        &self,
        x: Tensor<2>,
        state: Option<ElmState>,
    ) -> Result<(Tensor<2>, ElmState), ElmError> {
        let batch = x.dims()[0];
        let (y, state) = self.try_forward(x.unsqueeze_dim::<3>(1), state)?;
        Ok((y.reshape([batch, self.config.num_outputs]), state))
    }

    /// A forward pass that also returns branch, memory and update over time.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn record(
        &self,
        x: Tensor<3>,
        state: Option<ElmState>,
    ) -> Result<(Recording, ElmState), ElmError> {
        let state = self.checked_state(&x, state)?;
        let [batch, time, _] = x.dims();
        let spec = self.scan_spec();
        let dtype = tensor::wide(x.dtype());
        let matrix = cast(self.synapses.branch_matrix()?, dtype);
        let trace_decay = self.form.branch_tau.decay(self.form.dt);
        let branch = leaky_product(
            cast(x, dtype),
            matrix,
            trace_decay,
            state.branch(),
            self.path,
        );
        let (decay, gate) = self.timescales.decay_and_gate(dtype)?;
        let start = state.memory();
        let inputs = ScanInputs {
            drive: self.mlp.drive(branch.clone()),
            weights: cast(self.mlp.packed(&spec), dtype),
            decay: decay.clone(),
            gate,
            memory: start.clone(),
        };
        let memory = dispatch::memory_scan(inputs, &spec, self.path);
        // the update of every step at once, from the memory before it
        let mut before = vec![cast(start, memory.dtype()).unsqueeze_dim::<3>(1)];
        if time > 1 {
            before.push(memory.clone().narrow(1, 0, time - 1));
        }
        let decayed = Tensor::cat(before, 1) * cast(decay, memory.dtype()).unsqueeze::<3>();
        let update = tensor::squash(self.mlp.forward(branch.clone(), decayed, spec.activation));
        let o = self.readout_of(memory.clone());
        let (output, mean) = match self.form.high_pass_tau.decay(self.form.dt) {
            None => (o + self.bias.val().unsqueeze::<3>(), None),
            Some(_) => (o, state.readout_mean()),
        };
        let (output, mean) = self.output(output, mean);
        let last = |over_time: Tensor<3>| {
            let width = over_time.dims()[2];
            over_time.narrow(1, time - 1, 1).reshape([batch, width])
        };
        let state = ElmState::new(
            trace_decay.map(|_| last(branch.clone())),
            last(memory.clone()),
            mean,
        );
        let recording = Recording {
            output,
            branch,
            memory,
            update,
        };
        Ok((recording, state))
    }

    /// Loads a record of a neuron with the same configuration.
    ///
    /// # Errors
    /// [`ElmError::Record`] with both values of every option that differs, or with what does not fit.
    pub fn try_load_record(self, record: ModuleRecord) -> Result<Self, ElmError> {
        let loaded = Module::try_load_record(self, record).map_err(|e| ElmError::Record {
            problems: vec![e.to_string()],
        })?;
        loaded.record.check()?;
        Ok(loaded)
    }

    /// The neuron that a record is of, with the configuration that the record holds.
    ///
    /// # Errors
    /// [`ElmError::Record`] if it is no record of a neuron.
    pub fn from_record(record: ModuleRecord, device: &Device) -> Result<Self, ElmError> {
        let config: ElmNeuronConfig = ConfigRecord::of(&record, device)?;
        config.init(device)?.try_load_record(record)
    }

    /// Sizes of the memory recurrence.
    pub(crate) fn scan_spec(&self) -> ScanSpec {
        ScanSpec {
            memory: self.form.num_memory,
            hidden_layers: self.form.hidden_layers,
            hidden: self.form.hidden(),
            activation: self.form.activation,
        }
    }

    pub(crate) fn form(&self) -> &NeuronForm {
        &self.form
    }

    fn checked_state(&self, x: &Tensor<3>, state: Option<ElmState>) -> Result<ElmState, ElmError> {
        dispatch::check_environment()?;
        self.record.check()?;
        check::input(x.dims(), self.config.num_inputs)?;
        check::number_type("x", x.dtype(), self.bias.val().dtype())?;
        let batch = x.dims()[0];
        let Some(state) = state else {
            return Ok(ElmState::zeros(&self.config, batch, x.dtype(), &x.device()));
        };
        state.check(&self.config, batch)?;
        check::number_type(
            "state.memory",
            state.memory().dtype(),
            tensor::wide(x.dtype()),
        )?;
        Ok(state)
    }

    /// Gathers what the whole neuron reads, in this number type.
    fn inputs(
        &self,
        x: Tensor<3>,
        state: &ElmState,
        dtype: DType,
    ) -> Result<NeuronInputs, ElmError> {
        let form = &self.form;
        let weights = self
            .weights
            .prepare(self, dtype, || self.make_weights(dtype))?;
        let trace = state.branch_if_any().map(|trace| cast(trace, dtype));
        let (trace, branch_weights) = match weights.folded {
            true => (trace.map(|trace| trace.matmul(weights.branch)), None),
            false => (trace, Some(weights.branch)),
        };
        let trace = match trace {
            Some(trace) => trace + weights.silence,
            None => weights.silence.repeat_dim(0, x.dims()[0]),
        };
        Ok(NeuronInputs {
            x,
            matrix: weights.matrix,
            trace_decay: form.branch_tau.decay(form.dt),
            trace,
            branch_weights,
            bias: weights.bias,
            weights: weights.packed,
            decay: weights.decay,
            gate: weights.gate,
            memory: state.memory(),
            readout: weights.readout,
            readout_bias: weights.readout_bias,
        })
    }

    /// What a call reads of the parameters, in this number type.
    ///
    /// The trace is linear and has one timescale, so it may be taken before or after the first layer: it runs over
    /// whichever is narrower.
    fn make_weights(&self, dtype: DType) -> Result<NeuronWeights, ElmError> {
        let (spec, form) = (self.scan_spec(), &self.form);
        let branch = cast(self.mlp.branch_weights(form.num_memory), dtype);
        let folded = form.branches() > spec.first();
        let matrix = match folded {
            true => self.synapses.fold(branch.clone())?,
            false => self.synapses.branch_matrix()?,
        };
        let matrix = cast(matrix, dtype);
        let (decay, gate) = self.timescales.decay_and_gate(dtype)?;
        let bias = cast(self.bias.val(), dtype);
        Ok(NeuronWeights {
            folded,
            branch,
            silence: (matrix.clone().detach() * 0.0).sum_dim(0),
            matrix,
            bias: cast(self.mlp.first_bias(), dtype),
            packed: cast(self.mlp.packed(&spec), dtype),
            decay,
            gate,
            readout: cast(self.readout.weight.val(), dtype),
            readout_bias: match form.high_pass_tau.decay(form.dt) {
                // what is constant must not reach the high-pass
                Some(_) => bias.zeros_like(),
                None => bias,
            },
        })
    }

    fn readout_of(&self, memory: Tensor<3>) -> Tensor<3> {
        let [batch, time, width] = memory.dims();
        let weight = cast(self.readout.weight.val(), memory.dtype());
        let o = memory.reshape([batch * time, width]).matmul(weight);
        o.reshape([batch, time, self.config.num_outputs])
    }

    /// High-pass and activation of the readout, and the running mean after the last step; without a high-pass the
    /// readout has its bias already.
    fn output(&self, o: Tensor<3>, mean: Option<Tensor<2>>) -> (Tensor<3>, Option<Tensor<2>>) {
        let form = &self.form;
        let (Some(decay), Some(start)) = (form.high_pass_tau.decay(form.dt), mean) else {
            return (tensor::output(o, form.output_activation), None);
        };
        let [batch, time, width] = o.dims();
        let wide = tensor::wide(o.dtype());
        let o = cast(o, wide);
        let decays = Tensor::full([width], decay, (&o.device(), wide));
        let means = dispatch::leaky_trace(o.clone() * (1.0 - decay), decays, start, self.path);
        let last = means.clone().narrow(1, time - 1, 1).reshape([batch, width]);
        let y = o - means + cast(self.bias.val(), wide).unsqueeze::<3>();
        (tensor::output(y, form.output_activation), Some(last))
    }
}

impl Recurrent for ElmNeuron {
    type Input = Tensor<3>;
    type State = ElmState;
    type Masks = ();

    fn draw_masks(&self, _: usize) -> Result<(), ElmError> {
        Ok(())
    }

    fn select_masks((): &(), _: Tensor<1, Int>) {}

    fn piece(
        &self,
        input: Tensor<3>,
        state: Option<ElmState>,
        (): &(),
    ) -> Result<(Tensor<3>, ElmState), ElmError> {
        self.try_forward(input, state)
    }
}
