//! The whole sequence of a layer as one operation.
//!
//! Per time step and neuron, with the sources `z_t = [x_t ; a_{t−1}]`:
//!
//! ```text
//! b_t = Σ_branch w ⊙ z_t[sources]  (+ κ_b b_{t−1})    recurrent synapses read the layer's activity one step earlier
//! u_t = κ ⊙ m_{t−1}
//! m_t = u_t + g ⊙ squash(mask ⊙ MLP([b_t, u_t]))
//! o_t = w_y · m_t;  r_t = κ_r r_{t−1} + (1 − κ_r) o_t;  o_t ← o_t − r_t
//! a_t = act(o_t + bias)
//! ```
//!
//! [`mod@reference`] is the specification in plain tensor steps, differentiable by Burn itself, for every backend. The
//! fused version has its own gradient, keeps little of what it computes, and runs on Flex, NdArray and graphics cards.
//!
//! Layout of this folder: `spec` (sizes and layouts), `call` (what one call fixes), `plan` (the connectome for the kernels), `reference`, `ops` (the
//! backend extension), `autodiff` (its gradient).

#[cfg(feature = "fused")]
mod autodiff;
mod call;
#[cfg(feature = "fused")]
pub(crate) mod ops;
mod plan;
pub mod reference;
mod spec;

pub use call::{LayerCall, Masked, SourceKind};
pub use plan::ConnectomePlan;
pub use spec::{LayerMap, LayerSpec};

use std::sync::Arc;

use burn::tensor::{Int, Tensor};

use crate::equations::NeuronForm;

/// What a layer reads.
#[derive(Debug, Clone)]
pub enum LayerSource {
    /// Numbers per channel, `[batch, time, input]`.
    Dense(Tensor<3>),
    /// One channel that is 1 while all others are 0, by its index below I, `[batch, time]`.
    OneHot(Tensor<2, Int>),
}

impl From<Tensor<3>> for LayerSource {
    fn from(x: Tensor<3>) -> Self {
        Self::Dense(x)
    }
}

impl From<Tensor<2, Int>> for LayerSource {
    fn from(tokens: Tensor<2, Int>) -> Self {
        Self::OneHot(tokens)
    }
}

impl LayerSource {
    /// Samples and steps.
    pub fn dims(&self) -> [usize; 2] {
        match self {
            Self::Dense(x) => {
                let [batch, time, _] = x.dims();
                [batch, time]
            }
            Self::OneHot(ids) => ids.dims(),
        }
    }
}

/// The trained tensors of a layer as the scan reads them.
#[derive(Debug, Clone)]
pub struct LayerWeights {
    /// Synapse weights, rectified and scaled, `[neuron, synapse]`.
    pub synapses: Tensor<2>,
    /// Weight of the MLP's first map, `[neuron, branch + memory, first]`.
    pub first_weight: Tensor<3>,
    /// Bias of the MLP's first map, `[neuron, first]`.
    pub first_bias: Tensor<2>,
    /// The other maps, `[neuron, packed]` as [`LayerSpec`] says; one zero per neuron where there are none.
    pub packed: Tensor<2>,
    /// Decay of each memory unit per step, `[neuron, memory]`.
    pub decay: Tensor<2>,
    /// Gate on the memory update, `[neuron, memory]`.
    pub gate: Tensor<2>,
    /// Readout from memory, `[neuron, memory]`.
    pub readout: Tensor<2>,
    /// Bias of the output, `[neuron]`.
    pub bias: Tensor<1>,
}

/// State of a layer between two steps, as the scan reads and returns it.
#[derive(Debug, Clone)]
pub struct ScanState {
    /// Memory, then the branch trace and the high-pass's running mean where there are such,
    /// `[batch, neuron, state]`; see [`LayerSpec::state_width`].
    pub inner: Tensor<3>,
    /// Activity, `[batch, neuron]`.
    pub activity: Tensor<2>,
}

/// Factors of a whole sequence that dropout has drawn; `None` stands for ones. Nothing is differentiated in them.
#[derive(Debug, Clone, Default)]
pub struct DropoutMasks {
    /// On the input channels, `[batch, input]`.
    pub input: Option<Tensor<2>>,
    /// On the recurrent activity, `[batch, neuron]`.
    pub recurrent: Option<Tensor<2>>,
    /// On the MLP's output, `[batch, neuron, memory]`.
    pub memory: Option<Tensor<3>>,
}

impl DropoutMasks {
    /// The masks of these samples, in this order.
    pub fn select(&self, rows: &Tensor<1, Int>) -> Self {
        fn some<const D: usize>(
            mask: &Option<Tensor<D>>,
            rows: &Tensor<1, Int>,
        ) -> Option<Tensor<D>> {
            mask.clone().map(|mask| mask.select(0, rows.clone()))
        }
        Self {
            input: some(&self.input, rows),
            recurrent: some(&self.recurrent, rows),
            memory: some(&self.memory, rows),
        }
    }

    /// Which of them there are.
    pub fn masked(&self) -> Masked {
        Masked {
            input: self.input.is_some(),
            recurrent: self.recurrent.is_some(),
            memory: self.memory.is_some(),
        }
    }
}

/// Everything that the scan reads.
#[derive(Debug, Clone)]
pub struct LayerInputs {
    /// The input over time.
    pub source: LayerSource,
    /// Factor on the input.
    pub gain: f64,
    /// Trained tensors.
    pub weights: LayerWeights,
    /// State before the first step.
    pub start: ScanState,
    /// Source of each synapse, `[neuron, synapse]`.
    pub connectome: Tensor<2, Int>,
    /// The same, checked and ordered.
    pub plan: Arc<ConnectomePlan>,
    /// Dropout masks.
    pub masks: DropoutMasks,
}

/// What the scan yields.
#[derive(Debug, Clone)]
pub struct LayerResult {
    /// Activity after each step, `[batch, time, neuron]`.
    pub activity: Tensor<3>,
    /// Mean over time and memory units of |MLP output| as it enters the squashing function, `[batch, neuron]`.
    pub magnitude: Tensor<2>,
    /// State after the last step.
    pub state: ScanState,
}

impl LayerSpec {
    /// The scan of a layer of `neurons` neurons of this form with `inputs` channels.
    pub fn new(form: &NeuronForm, inputs: usize, neurons: usize) -> Self {
        Self {
            inputs,
            neurons,
            branches: form.branches(),
            per_branch: form.per_branch(),
            memory: form.num_memory,
            hidden_layers: form.hidden_layers,
            hidden: form.hidden(),
            activation: form.activation,
            branch_decay: form.branch_tau.decay(form.dt),
            high_pass_decay: form.high_pass_tau.decay(form.dt),
            output: form.output_activation,
        }
    }
}
