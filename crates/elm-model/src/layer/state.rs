//! What a layer carries from one step, or one piece of a sequence, to the next.

use burn::tensor::{DType, Device, Int, Tensor};

use super::config::ElmLayerConfig;
use crate::ElmError;
use crate::equations::tensor::wide;
use crate::error::check;
use crate::scan::layer::{LayerSpec, ScanState};
use crate::sequence::RecurrentState;

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

    /// The same state without its history, for truncated backpropagation.
    pub fn detach(self) -> Self {
        Self {
            memory: self.memory.detach(),
            branch: self.branch.map(Tensor::detach),
            readout_mean: self.readout_mean.map(Tensor::detach),
            activity: self.activity.detach(),
        }
    }

    /// The state of these samples, in this order; `rows` holds indices below the number of samples.
    pub fn select(self, rows: Tensor<1, Int>) -> Self {
        Self {
            memory: self.memory.select(0, rows.clone()),
            branch: self.branch.map(|t| t.select(0, rows.clone())),
            readout_mean: self.readout_mean.map(|t| t.select(0, rows.clone())),
            activity: self.activity.select(0, rows),
        }
    }

    /// The same state on another device.
    pub fn to_device(self, device: &Device) -> Self {
        Self {
            memory: self.memory.to_device(device),
            branch: self.branch.map(|t| t.to_device(device)),
            readout_mean: self.readout_mean.map(|t| t.to_device(device)),
            activity: self.activity.to_device(device),
        }
    }

    /// The samples of several states one after the other; `None` for no states.
    pub fn cat(states: Vec<Self>) -> Option<Self> {
        if states.is_empty() {
            return None;
        }
        let branch: Option<Vec<_>> = states.iter().map(|s| s.branch.clone()).collect();
        let mean: Option<Vec<_>> = states.iter().map(|s| s.readout_mean.clone()).collect();
        let (memory, activity) = states.into_iter().map(|s| (s.memory, s.activity)).unzip();
        Some(Self {
            memory: Tensor::cat(memory, 0),
            branch: branch.map(|parts| Tensor::cat(parts, 0)),
            readout_mean: mean.map(|parts| Tensor::cat(parts, 0)),
            activity: Tensor::cat(activity, 0),
        })
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
    fn detach(self) -> Self {
        self.detach()
    }

    fn select(self, rows: Tensor<1, Int>) -> Self {
        self.select(rows)
    }

    fn to_device(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn cat(states: Vec<Self>) -> Option<Self> {
        Self::cat(states)
    }
}
