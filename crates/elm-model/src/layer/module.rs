//! A layer of neurons as a Burn module.

use std::sync::Arc;

use burn::module::{Flag, Module, Param, ParamId};
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};

use super::config::ElmLayerConfig;
use super::dropout;
use super::form::SynapseInit;
use super::recording::{LayerRecording, Monitor, Recorder};
use super::scan::{
    self, LayerInputs, LayerSource, LayerSpec, LayerWeights, Masks, Plan, PlanCache, reference,
};
use super::stacked::StackedLinear;
use super::state::ElmLayerState;
use crate::ElmError;
use crate::memory_scan::ScanPath;

/// A layer of Expressive Leaky Memory neurons with recurrent synapses (Spieler et al. 2026).
///
/// N neurons of one [form](super::NetForm), each with synapses, MLP, memory and a readout of one output of its own. A
/// synapse reads an input channel, or the activity of a neuron of the layer one step earlier, as the connectome says.
///
/// ```text
/// b_t = input_scale · Σ_branch rectify(p_s) ⊙ [x_t ; a_{t−1}][connectome]   branch activation
/// m_t = κ ⊙ m_{t−1} + g ⊙ squash(MLP([b_t, κ ⊙ m_{t−1}]))                   memory
/// a_t = act(high_pass(W_y m_t) + b)                                         activity
/// ```
///
/// The whole sequence is one operation, see [`scan`]. Made with [`ElmLayerConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct ElmLayer {
    /// Source of each synapse, `[neuron, synapse]`: below I a channel, from I on a neuron.
    pub connectome: Param<Tensor<2, Int>>,
    /// Parameter of each synapse, its weight before it is rectified and scaled, `[neuron, synapse]`.
    pub proto_weight: Param<Tensor<2>>,
    /// The MLPs' linear maps in order; the first one's rows are the branches, then the memory.
    pub mlp: Vec<StackedLinear>,
    /// Memory timescales before bounding, `[neuron, memory]`.
    pub proto_tau: Param<Tensor<2>>,
    /// Readout from memory, `[neuron, memory]`.
    pub readout: Param<Tensor<2>>,
    /// Bias of the output, `[neuron]`.
    pub bias: Param<Tensor<1>>,
    /// Does dropout act? Cleared by [`freeze`](Module::freeze).
    pub training: Param<Flag>,
    #[module(skip)]
    config: ElmLayerConfig,
    #[module(skip)]
    path: ScanPath,
    #[module(skip)]
    plan: PlanCache,
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
        let uniform = |fan_in: usize| {
            let bound = 1.0 / (fan_in as f64).sqrt();
            Distribution::Uniform(-bound, bound)
        };
        let proto_weight = match form.synapse_init {
            SynapseInit::Uniform => {
                Tensor::random([n, synapses], uniform(form.per_branch()), device)
            }
            SynapseInit::Constant { value } => Tensor::full(
                [n, synapses],
                value / (form.per_branch() as f64).sqrt(),
                device,
            ),
        };
        let tau = TensorData::new(form.initial_proto_tau().repeat(n), [n, m]);
        let widths = core::iter::once(form.branches() + m)
            .chain(core::iter::repeat_n(form.hidden(), form.hidden_layers))
            .chain([m]);
        Ok(ElmLayer {
            connectome: Param::initialized(
                ParamId::new(),
                Tensor::from_data(TensorData::new(connectome, [n, synapses]), device),
            ),
            proto_weight: Param::from_tensor(proto_weight),
            mlp: widths
                .clone()
                .zip(widths.skip(1))
                .map(|(inputs, outputs)| StackedLinear::new(n, inputs, outputs, device))
                .collect(),
            proto_tau: Param::from_tensor(Tensor::from_data(tau, device))
                .set_require_grad(form.learn_memory_tau),
            readout: Param::from_tensor(Tensor::random([n, m], uniform(m), device)),
            bias: Param::from_tensor(Tensor::zeros([n], device)),
            training: Param::from_bool(true),
            config: self.clone(),
            path: ScanPath::Auto,
            plan: PlanCache::default(),
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

    /// How the layer's device runs it over `batch` samples of `time` steps, in words for people: fused, or as plain
    /// tensor steps and why.
    pub fn describe_path(&self, batch: usize, time: usize) -> String {
        match self.path {
            ScanPath::Reference => "plain tensor steps: asked for".into(),
            _ => scan::describe_path(&self.proto_tau.val().device(), &self.spec(), [batch, time]),
        }
    }

    /// Memory timescales in ms, `[neuron, memory]`.
    pub fn timescales_ms(&self) -> Tensor<2> {
        self.config.neuron.bounded_tau(self.proto_tau.val())
    }

    /// Synapse weights, rectified but not scaled, `[neuron, synapse]`.
    pub fn synapse_weights(&self) -> Tensor<2> {
        let rectification = self.config.neuron.synapse_rectification;
        rectification.apply(self.proto_weight.val())
    }

    /// Number of trained numbers, as Spieler et al. (2026) count them.
    pub fn num_trained(&self) -> usize {
        self.config.num_trained()
    }

    /// The state before the first step: all zeros.
    pub fn rest(&self, batch: usize) -> ElmLayerState {
        let tau = self.proto_tau.val();
        ElmLayerState::zeros(&self.spec(), batch, (&tau.device(), tau.dtype()))
    }

    /// Activity over a sequence that starts at rest.
    ///
    /// # Shapes
    /// - `x`: `[batch, time, input]`
    /// - output: `[batch, time, neuron]`
    ///
    /// # Panics
    /// If `x` has another number of channels, or a record was loaded whose connectome does not fit;
    /// [`run`](Self::run) returns an error.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        match self.run(LayerSource::Dense(x), None) {
            Ok(output) => output.activity,
            Err(error) => panic!("{error}"),
        }
    }

    /// Activity and final state over a sequence; two halves with the state carried over give the whole.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn forward_with_state(
        &self,
        x: Tensor<3>,
        state: Option<ElmLayerState>,
    ) -> Result<(Tensor<3>, ElmLayerState), ElmError> {
        let output = self.run(LayerSource::Dense(x), state)?;
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
        let (y, state) = self.forward_with_state(x.unsqueeze_dim::<3>(1), state)?;
        Ok((y.reshape([batch, self.config.num_neurons]), state))
    }

    /// Everything that a layer yields over a sequence, from numbers per channel or from tokens.
    ///
    /// Dropout acts on an autodiff device, as [`Dropout`](burn::nn::Dropout) does, unless the layer is frozen.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if input or state do not fit, [`ElmError::Token`] if a token stands for no channel,
    /// [`ElmError::Connectome`] if a record was loaded whose connectome does not fit.
    pub fn run(
        &self,
        source: LayerSource,
        state: Option<ElmLayerState>,
    ) -> Result<LayerOutput, ElmError> {
        self.run_scaled(source, 1.0, state)
    }

    /// The same with a factor on the input.
    pub(crate) fn run_scaled(
        &self,
        source: LayerSource,
        gain: f64,
        state: Option<ElmLayerState>,
    ) -> Result<LayerOutput, ElmError> {
        let spec = self.spec();
        let result = scan::layer_scan(self.inputs(source, gain, state)?, &spec, self.path);
        Ok(LayerOutput {
            activity: result.activity,
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
        source: LayerSource,
        state: Option<ElmLayerState>,
        monitors: &[Monitor],
    ) -> Result<LayerRecording, ElmError> {
        self.record_scaled(source, 1.0, state, monitors)
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
        let inputs = self.inputs(source, gain, state)?;
        let result = reference::layer_steps(inputs, &self.spec(), |step| recorder.watch(&step));
        Ok(recorder.finish(result.activity))
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
    ) -> Result<LayerInputs, ElmError> {
        self.check_source(&source)?;
        let [batch, _] = source.dims();
        let state = state.unwrap_or_else(|| self.rest(batch));
        let weights = self.weights();
        Ok(LayerInputs {
            masks: self.masks(&weights.decay.device(), batch)?,
            start: state.pack(&self.spec(), batch)?,
            connectome: self.connectome.val(),
            plan: self.plan()?,
            source,
            gain,
            weights,
        })
    }

    fn check_source(&self, source: &LayerSource) -> Result<(), ElmError> {
        let channels = self.config.num_inputs;
        let (found, fits) = match source {
            LayerSource::Dense(x) => (x.dims().to_vec(), x.dims()[2] == channels),
            LayerSource::OneHot(ids) => (ids.dims().to_vec(), true),
        };
        if fits && found[0] > 0 && found[1] > 0 {
            return check_tokens(source, channels);
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

    fn plan(&self) -> Result<Arc<Plan>, ElmError> {
        let data = self.connectome.val().into_data().convert::<i64>();
        let connectome = data.as_slice::<i64>().map_err(|e| ElmError::Read {
            what: "connectome",
            problem: format!("{e:?}"),
        })?;
        self.plan.get(connectome, &self.spec())
    }

    fn masks(&self, device: &Device, batch: usize) -> Result<Masks, ElmError> {
        match self.training.is_enabled() && device.is_autodiff() {
            true => dropout::draw(&self.config, batch, &device.clone().without_autodiff()),
            false => Ok(Masks::default()),
        }
    }

    fn weights(&self) -> LayerWeights {
        let (n, form) = (self.config.num_neurons, &self.config.neuron);
        let (decay, gate) = form.decay_and_gate(self.timescales_ms());
        let mut synapses = self.synapse_weights();
        if form.input_scale != 1.0 {
            synapses = synapses * form.input_scale;
        }
        let mut packed = Vec::new();
        for map in &self.mlp[1..] {
            packed.push(map.weight.val().flatten::<2>(1, 2));
            packed.push(map.bias.val());
        }
        LayerWeights {
            synapses,
            first_weight: self.mlp[0].weight.val(),
            first_bias: self.mlp[0].bias.val(),
            packed: match packed.is_empty() {
                true => Tensor::zeros([n, 1], (&decay.device(), decay.dtype())),
                false => Tensor::cat(packed, 1),
            },
            decay,
            gate,
            readout: self.readout.val(),
            bias: self.bias.val(),
        }
    }
}

/// Checks that every token names a channel.
fn check_tokens(source: &LayerSource, channels: usize) -> Result<(), ElmError> {
    let LayerSource::OneHot(ids) = source else {
        return Ok(());
    };
    let time = ids.dims()[1];
    let data = ids.clone().into_data().convert::<i64>();
    let ids = data.as_slice::<i64>().map_err(|e| ElmError::Read {
        what: "tokens",
        problem: format!("{e:?}"),
    })?;
    match ids.iter().position(|id| !(0..channels as i64).contains(id)) {
        None => Ok(()),
        Some(at) => Err(ElmError::Token {
            found: ids[at],
            sample: at / time,
            step: at % time,
            channels,
        }),
    }
}
