//! A layer of neurons as a Burn module.

use burn::module::{Flag, Module, Param};
use burn::store::ModuleRecord;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::config::ElmLayerConfig;
use super::connectome::Connectome;
use super::dropout;
use super::recording::{LayerRecording, Monitor, Recorder};
use super::stacked::StackedLinear;
use super::state::ElmLayerState;
use crate::ElmError;
use crate::dispatch::{self, ScanPath};
use crate::equations::BiasInit;
use crate::equations::tensor::{self, cast};
use crate::error::check;
use crate::parts::{Cache, ConfigRecord, MemoryTimescales, Prepared, synapse_start, uniform};
use crate::scan::layer::{DropoutMasks, LayerInputs, LayerSource, LayerSpec, LayerWeights};
use crate::sequence::Recurrent;

/// A layer of Expressive Leaky Memory neurons with recurrent synapses (Spieler et al. 2026).
///
/// N neurons of one [form](crate::NeuronForm), each with synapses, MLP, memory and a readout of one output of its own. A
/// synapse reads an input channel, or the activity of a neuron of the layer one step earlier, as the connectome says.
///
/// ```text
/// b_t = input_scale · Σ_branch rectify(p_s) ⊙ [x_t ; a_{t−1}][connectome]   branch activation
/// m_t = κ ⊙ m_{t−1} + g ⊙ squash(MLP([b_t, κ ⊙ m_{t−1}]))                   memory
/// a_t = act(high_pass(W_y m_t) + b)                                         activity
/// ```
///
/// The whole sequence is one operation, see [`scan`](crate::scan::layer). Made with [`ElmLayerConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct ElmLayer {
    /// Source of each synapse.
    pub connectome: Connectome,
    /// Parameter of each synapse, its weight before it is rectified and scaled, `[neuron, synapse]`.
    pub proto_weight: Param<Tensor<2>>,
    /// The MLPs' linear maps in order; the first one's rows are the branches, then the memory.
    pub mlp: Vec<StackedLinear>,
    /// Memory timescales, trained or fixed.
    pub timescales: MemoryTimescales<2>,
    /// Readout from memory, `[neuron, memory]`.
    pub readout: Param<Tensor<2>>,
    /// Bias of the output, `[neuron]`.
    pub bias: Param<Tensor<1>>,
    /// Does dropout act? Cleared by [`freeze`](Module::freeze).
    pub training: Param<Flag>,
    record: ConfigRecord,
    weights: Cache<Prepared<LayerWeights>>,
    #[module(skip)]
    config: ElmLayerConfig,
    #[module(skip)]
    path: ScanPath,
}

impl ElmLayerConfig {
    /// A layer with the published start values: synapses uniform in ±1/√P or constant, linear maps and readout
    /// uniform in ±1/√fan_in, timescales log-spaced, no bias; the connectome is drawn from `seed`.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<ElmLayer, ElmError> {
        self.validate()?;
        let (n, form) = (self.num_neurons, &self.neuron);
        let (m, synapses) = (form.num_memory, form.synapses());
        let connectome = self.wiring.sample(self.wiring_sizes(), self.seed)?;
        let connectome: Vec<i64> = connectome.into_iter().map(|s| s as i64).collect();
        let proto_tau = form.initial_proto_tau().repeat(n);
        let widths = form.mlp_widths();
        Ok(ElmLayer {
            connectome: Connectome::new(Tensor::from_data(
                TensorData::new(connectome, [n, synapses]),
                device,
            )),
            proto_weight: Param::from_tensor(synapse_start(form, [n, synapses], device)),
            mlp: widths
                .clone()
                .zip(widths.skip(1))
                .map(|(inputs, outputs)| StackedLinear::new(n, inputs, outputs, device))
                .collect(),
            timescales: MemoryTimescales::new(&proto_tau, [n, m], form, device),
            readout: Param::from_tensor(Tensor::random([n, m], uniform(m), device)),
            bias: Param::from_tensor(match form.bias_init {
                BiasInit::Zero => Tensor::zeros([n], device),
                BiasInit::Uniform => Tensor::random([n], uniform(m), device),
            }),
            training: Param::from_bool(true),
            record: ConfigRecord::new(self, device)?,
            weights: Cache::default(),
            config: self.clone(),
            path: ScanPath::Auto,
        })
    }
}

/// What a layer yields over a sequence.
#[derive(Debug, Clone)]
pub struct LayerOutput {
    /// Activity after each step, `[batch, time, neuron]`.
    pub activity: Tensor<3>,
    /// Mean over time and memory units of |MLP output| as it enters the squashing function, `[batch, neuron]`.
    pub magnitude: Tensor<2>,
    /// State after the last step.
    pub state: ElmLayerState,
}

impl ElmLayer {
    /// The configuration that this layer was made with.
    pub fn config(&self) -> &ElmLayerConfig {
        &self.config
    }

    /// The same layer with another choice of implementation, e.g. to compare with the reference.
    pub fn with_path(mut self, path: ScanPath) -> Self {
        self.path = path;
        self
    }

    /// How the layer's device runs it over `batch` samples of `time` steps, in words for people: fused and how, or as
    /// plain tensor steps and why.
    pub fn describe_path(&self, batch: usize, time: usize) -> String {
        let bias = self.bias.val();
        dispatch::describe_layer(
            self.path,
            &bias.device(),
            bias.dtype(),
            &self.spec(),
            [batch, time],
        )
    }

    /// Memory timescales in ms, `[neuron, memory]`.
    ///
    /// # Errors
    /// [`ElmError::Read`] if the device does not hand fixed ones out.
    pub fn timescales_ms(&self) -> Result<Tensor<2>, ElmError> {
        self.timescales.ms()
    }

    /// Synapse weights, rectified but not scaled, `[neuron, synapse]`.
    pub fn synapse_weights(&self) -> Tensor<2> {
        let how = self.config.neuron.synapse_rectification;
        tensor::rectify(self.proto_weight.val(), how)
    }

    /// Activity over a sequence, and the state after it; two halves with the state carried over give the whole.
    ///
    /// # Shapes
    /// - `source`: `[batch, time, input]`, or tokens `[batch, time]`
    /// - output: `[batch, time, neuron]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    #[track_caller]
    pub fn forward(
        &self,
        source: impl Into<LayerSource>,
        state: Option<ElmLayerState>,
    ) -> (Tensor<3>, ElmLayerState) {
        check::or_panic(self.try_forward(source, state))
    }

    /// The same as [`forward`](Self::forward), with an error in place of the panic.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn try_forward(
        &self,
        source: impl Into<LayerSource>,
        state: Option<ElmLayerState>,
    ) -> Result<(Tensor<3>, ElmLayerState), ElmError> {
        let output = self.run(source, state)?;
        Ok((output.activity, output.state))
    }

    /// One time step: `[batch, input]` to `[batch, neuron]`.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn step(
        &self,
        x: Tensor<2>,
        state: Option<ElmLayerState>,
    ) -> Result<(Tensor<2>, ElmLayerState), ElmError> {
        let batch = x.dims()[0];
        let (y, state) = self.try_forward(x.unsqueeze_dim::<3>(1), state)?;
        Ok((y.reshape([batch, self.config.num_neurons]), state))
    }

    /// Everything that a layer yields over a sequence, from numbers per channel or from tokens.
    ///
    /// Dropout acts on an autodiff device, as [`Dropout`](burn::nn::Dropout) does, unless the layer is frozen.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if input or state do not fit, [`ElmError::Token`] if a token stands for no channel (on graphics
    /// cards, where tokens are not read back, all activity becomes NaN instead), [`ElmError::Connectome`] if a record was
    /// loaded whose connectome does not fit, [`ElmError::Environment`] if `ELM_ISA` names no instruction set.
    pub fn run(
        &self,
        source: impl Into<LayerSource>,
        state: Option<ElmLayerState>,
    ) -> Result<LayerOutput, ElmError> {
        let source = source.into();
        let masks = self.draw_masks(source.dims()[0])?;
        self.run_masked(source, 1.0, state, masks)
    }

    /// The same with a factor on the input, and dropout masks that have been drawn.
    pub(crate) fn run_masked(
        &self,
        source: LayerSource,
        gain: f64,
        state: Option<ElmLayerState>,
        masks: DropoutMasks,
    ) -> Result<LayerOutput, ElmError> {
        let spec = self.spec();
        let output_type = match &source {
            LayerSource::Dense(x) => x.dtype(),
            LayerSource::OneHot(_) => self.bias.val().dtype(),
        };
        let inputs = self.inputs(source, gain, state, masks)?;
        let result = dispatch::layer_scan(inputs, &spec, self.path)?;
        Ok(LayerOutput {
            activity: cast(result.activity, output_type),
            magnitude: result.magnitude,
            state: ElmLayerState::unpack(result.state, &spec),
        })
    }

    /// A forward pass that also records what the monitors see; runs as plain tensor steps on every device.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn record(
        &self,
        source: impl Into<LayerSource>,
        state: Option<ElmLayerState>,
        monitors: &[Monitor],
    ) -> Result<LayerRecording, ElmError> {
        self.record_scaled(source.into(), 1.0, state, monitors)
    }

    /// The same with a factor on the input.
    pub(crate) fn record_scaled(
        &self,
        source: LayerSource,
        gain: f64,
        state: Option<ElmLayerState>,
        monitors: &[Monitor],
    ) -> Result<LayerRecording, ElmError> {
        let mut recorder = Recorder::new(monitors);
        let masks = self.draw_masks(source.dims()[0])?;
        let inputs = self.inputs(source, gain, state, masks)?;
        let result = dispatch::layer_steps(inputs, &self.spec(), |step| recorder.watch(&step))?;
        Ok(recorder.finish(result.activity))
    }

    /// Loads a record of a layer with the same configuration.
    ///
    /// # Errors
    /// [`ElmError::Record`] with both values of every option that differs, or with what does not fit.
    pub fn try_load_record(self, record: ModuleRecord) -> Result<Self, ElmError> {
        let loaded = Module::try_load_record(self, record).map_err(|e| ElmError::Record {
            problems: vec![e.to_string()],
        })?;
        loaded.check_record()?;
        Ok(loaded)
    }

    /// The layer that a record is of, with the configuration that the record holds.
    ///
    /// # Errors
    /// [`ElmError::Record`] if it is no record of a layer.
    pub fn from_record(record: ModuleRecord, device: &Device) -> Result<Self, ElmError> {
        let config: ElmLayerConfig = ConfigRecord::of(&record, device)?;
        config.init(device)?.try_load_record(record)
    }

    pub(crate) fn check_record(&self) -> Result<(), ElmError> {
        self.record.check()
    }

    fn spec(&self) -> LayerSpec {
        LayerSpec::new(
            &self.config.neuron,
            self.config.num_inputs,
            self.config.num_neurons,
        )
    }

    /// Checks everything that a call brings, and gathers what the scan reads.
    fn inputs(
        &self,
        source: LayerSource,
        gain: f64,
        state: Option<ElmLayerState>,
        masks: DropoutMasks,
    ) -> Result<LayerInputs, ElmError> {
        dispatch::check_environment()?;
        self.record.check()?;
        self.check_source(&source)?;
        let [batch, _] = source.dims();
        let (device, dtype) = (self.bias.val().device(), self.bias.val().dtype());
        let state = match state {
            Some(state) => state,
            None => ElmLayerState::zeros(&self.config, batch, dtype, &device),
        };
        check::number_type("state.memory", state.memory.dtype(), tensor::wide(dtype))?;
        Ok(LayerInputs {
            masks,
            start: state.pack(&self.spec(), batch)?,
            connectome: self.connectome.sources(),
            plan: self.connectome.plan(&self.spec())?,
            source: match source {
                LayerSource::Dense(x) => LayerSource::Dense(cast(x, tensor::wide(dtype))),
                tokens => tokens,
            },
            gain,
            weights: self.weights.prepare(self, tensor::wide(dtype), || {
                self.make_weights(tensor::wide(dtype))
            })?,
        })
    }

    fn check_source(&self, source: &LayerSource) -> Result<(), ElmError> {
        let channels = self.config.num_inputs;
        let (found, fits) = match source {
            LayerSource::Dense(x) => (x.dims().to_vec(), x.dims()[2] == channels),
            LayerSource::OneHot(ids) => (ids.dims().to_vec(), true),
        };
        if fits && found[0] > 0 && found[1] > 0 {
            if let LayerSource::Dense(x) = source {
                check::number_type("x", x.dtype(), self.bias.val().dtype())?;
            }
            return Ok(());
        }
        let expected = match source {
            LayerSource::Dense(_) => format!("[batch, time, {channels}]"),
            LayerSource::OneHot(_) => "[batch, time]".into(),
        };
        Err(ElmError::Shape {
            what: "x",
            expected: format!("{expected} with at least one sample and one step"),
            found,
        })
    }

    /// The trained tensors in this number type; a layer of half precision is computed in f32.
    fn make_weights(&self, dtype: DType) -> Result<LayerWeights, ElmError> {
        let (n, form) = (self.config.num_neurons, &self.config.neuron);
        let (decay, gate) = self.timescales.decay_and_gate(dtype)?;
        let mut synapses = self.synapse_weights();
        if form.input_scale != 1.0 {
            synapses = synapses * form.input_scale;
        }
        let mut packed = Vec::new();
        for map in &self.mlp[1..] {
            packed.push(map.weight.val().flatten::<2>(1, 2));
            packed.push(map.bias.val());
        }
        Ok(LayerWeights {
            synapses: cast(synapses, dtype),
            first_weight: cast(self.mlp[0].weight.val(), dtype),
            first_bias: cast(self.mlp[0].bias.val(), dtype),
            packed: match packed.is_empty() {
                true => Tensor::zeros([n, 1], (&decay.device(), dtype)),
                false => cast(Tensor::cat(packed, 1), dtype),
            },
            decay,
            gate,
            readout: cast(self.readout.val(), dtype),
            bias: cast(self.bias.val(), dtype),
        })
    }
}

impl Recurrent for ElmLayer {
    type Input = LayerSource;
    type State = ElmLayerState;
    type Masks = DropoutMasks;

    fn draw_masks(&self, batch: usize) -> Result<DropoutMasks, ElmError> {
        let bias = self.bias.val();
        let (device, dtype) = (bias.device(), tensor::wide(bias.dtype()));
        Ok(match self.training.is_enabled() && device.is_autodiff() {
            true => dropout::draw(&self.config, batch, (&device.without_autodiff(), dtype)),
            false => DropoutMasks::default(),
        })
    }

    fn select_masks(masks: &DropoutMasks, rows: Tensor<1, Int>) -> DropoutMasks {
        masks.select(&rows)
    }

    fn piece(
        &self,
        input: LayerSource,
        state: Option<ElmLayerState>,
        masks: &DropoutMasks,
    ) -> Result<(Tensor<3>, ElmLayerState), ElmError> {
        let output = self.run_masked(input, 1.0, state, masks.clone())?;
        Ok((output.activity, output.state))
    }
}
