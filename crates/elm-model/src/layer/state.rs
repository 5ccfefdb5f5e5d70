//! What a layer carries from one step, or one piece of a sequence, to the next.

use burn::tensor::{DType, Device, Tensor};

use super::config::ElmLayerConfig;
use crate::ElmError;
use crate::equations::tensor::wide;
use crate::error::check;
use crate::scan::layer::{LayerSpec, ScanState};
use crate::sequence::{RecurrentState, flattened, refilled};
use crate::state_methods;

/// State of a layer between two steps.
#[derive(Debug, Clone)]
pub struct ElmLayerState {
    /// Memory `m`, `[batch, neuron, memory]`.
    pub memory: Tensor<3>,
    /// Branch trace `b`, `[batch, neuron, branch]`; `None` for neurons without one.
    pub branch: Option<Tensor<3>>,
    /// Running mean `r` of the readout, `[batch, neuron]`; `None` for neurons without a high-pass.
    pub readout_mean: Option<Tensor<2>>,
    /// Activity `a`, `[batch, neuron]`, as recurrent synapses read it one step later.
    pub activity: Tensor<2>,
}

impl ElmLayerState {
    /// The state before the first step: all zeros.
    pub fn zeros(config: &ElmLayerConfig, batch: usize, dtype: DType, device: &Device) -> Self {
        let (n, form) = (config.num_neurons, &config.neuron);
        let options = (device, wide(dtype));
        let branch = form.branch_tau.decay(form.dt);
        let mean = form.high_pass_tau.decay(form.dt);
        Self {
            memory: Tensor::zeros([batch, n, form.num_memory], options),
            branch: branch.map(|_| Tensor::zeros([batch, n, form.branches()], options)),
            readout_mean: mean.map(|_| Tensor::zeros([batch, n], options)),
            activity: Tensor::zeros([batch, n], options),
        }
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        self.activity.dims()[0]
    }

    /// Checks the shapes and packs them for the scan.
    pub(crate) fn pack(self, spec: &LayerSpec, batch: usize) -> Result<ScanState, ElmError> {
        let n = spec.neurons;
        check::shape("state.memory", self.memory.dims(), [batch, n, spec.memory])?;
        check::shape("state.activity", self.activity.dims(), [batch, n])?;
        let mut parts = vec![self.memory];
        match (self.branch, spec.branch_decay) {
            (Some(branch), Some(_)) => {
                check::shape("state.branch", branch.dims(), [batch, n, spec.branches])?;
                parts.push(branch);
            }
            (found, expected) => {
                check::presence("state.branch", found.is_some(), expected.is_some())?
            }
        }
        match (self.readout_mean, spec.high_pass_decay) {
            (Some(mean), Some(_)) => {
                check::shape("state.readout_mean", mean.dims(), [batch, n])?;
                parts.push(mean.unsqueeze_dim::<3>(2));
            }
            (found, expected) => {
                check::presence("state.readout_mean", found.is_some(), expected.is_some())?;
            }
        }
        Ok(ScanState {
            inner: Tensor::cat(parts, 2),
            activity: self.activity,
        })
    }

    /// The state that the scan returned.
    pub(crate) fn unpack(state: ScanState, spec: &LayerSpec) -> Self {
        let [batch, n, _] = state.inner.dims();
        let part = |from: usize, len: usize| state.inner.clone().narrow(2, from, len);
        let (m, d) = (spec.memory, spec.trace_width());
        Self {
            memory: part(0, m),
            branch: spec.branch_decay.map(|_| part(m, d)),
            readout_mean: spec
                .high_pass_decay
                .map(|_| part(m + d, 1).reshape([batch, n])),
            activity: state.activity,
        }
    }
}

impl RecurrentState for ElmLayerState {
    fn tensors(&self) -> Vec<Tensor<2>> {
        let mut tensors = vec![flattened(&self.memory)];
        tensors.extend(self.branch.as_ref().map(flattened));
        tensors.extend(self.readout_mean.clone());
        tensors.push(self.activity.clone());
        tensors
    }

    fn with_tensors(&self, tensors: Vec<Tensor<2>>) -> Self {
        let tensors = &mut tensors.into_iter();
        Self {
            memory: refilled(&self.memory, tensors),
            branch: self.branch.as_ref().map(|like| refilled(like, tensors)),
            readout_mean: self
                .readout_mean
                .as_ref()
                .map(|like| refilled(like, tensors)),
            activity: refilled(&self.activity, tensors),
        }
    }
}

state_methods!(ElmLayerState);
