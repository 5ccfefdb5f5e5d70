//! What a layer carries from one step, or one piece of a sequence, to the next.

use burn::tensor::{DType, Device, Tensor};

use super::scan::{LayerSpec, ScanState};
use crate::ElmError;

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
    pub(crate) fn zeros(spec: &LayerSpec, batch: usize, options: (&Device, DType)) -> Self {
        let n = spec.neurons;
        Self {
            memory: Tensor::zeros([batch, n, spec.memory], options),
            branch: spec
                .branch_decay
                .map(|_| Tensor::zeros([batch, n, spec.branches], options)),
            readout_mean: spec
                .high_pass_decay
                .map(|_| Tensor::zeros([batch, n], options)),
            activity: Tensor::zeros([batch, n], options),
        }
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

    /// Checks the shapes and packs them for the scan.
    pub(crate) fn pack(self, spec: &LayerSpec, batch: usize) -> Result<ScanState, ElmError> {
        let n = spec.neurons;
        check("state.memory", self.memory.dims(), [batch, n, spec.memory])?;
        check("state.activity", self.activity.dims(), [batch, n])?;
        let mut parts = vec![self.memory];
        match (self.branch, spec.branch_decay) {
            (Some(branch), Some(_)) => {
                check("state.branch", branch.dims(), [batch, n, spec.branches])?;
                parts.push(branch);
            }
            (found, expected) => presence("state.branch", found.is_some(), expected.is_some())?,
        }
        match (self.readout_mean, spec.high_pass_decay) {
            (Some(mean), Some(_)) => {
                check("state.readout_mean", mean.dims(), [batch, n])?;
                parts.push(mean.unsqueeze_dim::<3>(2));
            }
            (found, expected) => {
                presence("state.readout_mean", found.is_some(), expected.is_some())?;
            }
        }
        Ok(ScanState {
            inner: Tensor::cat(parts, 2),
            activity: self.activity,
        })
    }

    /// The other way round.
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

fn check<const D: usize>(
    what: &'static str,
    found: [usize; D],
    expected: [usize; D],
) -> Result<(), ElmError> {
    if found == expected {
        return Ok(());
    }
    Err(ElmError::Shape {
        what,
        expected: format!("{expected:?}"),
        found: found.to_vec(),
    })
}

fn presence(what: &'static str, found: bool, expected: bool) -> Result<(), ElmError> {
    let name = |there: bool| if there { "a tensor" } else { "none" };
    if found == expected {
        return Ok(());
    }
    Err(ElmError::Shape {
        what,
        expected: format!("{} as these neurons are configured", name(expected)),
        found: Vec::new(),
    })
}
