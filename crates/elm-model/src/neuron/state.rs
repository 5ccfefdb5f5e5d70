//! What a neuron carries from one step, or one piece of a sequence, to the next.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::config::ElmNeuronConfig;
use super::synapses::Synapses;
use crate::ElmError;
use crate::equations::FilterTau;
use crate::error::check;
use crate::sequence::RecurrentState;
use crate::state_methods;

/// State of a neuron between two steps; in f32 where the neuron computes in half precision.
#[derive(Debug, Clone)]
pub struct ElmState {
    branch: Option<BranchTrace>,
    memory: Tensor<2>,
    readout_mean: Option<Tensor<2>>,
}

/// Many callers never look at the state after a sequence, so that the trace is only computed when it is asked for.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // a handful of tensor handles, one for each state
enum BranchTrace {
    /// Zeros.
    AtRest(Tensor<2>),
    Known(Tensor<2>),
    Pending(PendingTrace),
}

/// The trace after a sequence that started with `start`: `κ^T b_0 + Σ_t κ^{T−1−t} Σ_branch w ⊙ x_t`.
#[derive(Debug, Clone)]
pub(super) struct PendingTrace {
    pub x: Tensor<3>,
    pub start: Tensor<2>,
    pub synapses: Synapses,
    pub decay: f64,
}

impl PendingTrace {
    fn compute(self) -> Tensor<2> {
        let [batch, time, inputs] = self.x.dims();
        let power = |steps: usize| self.decay.powi(steps.min(i32::MAX as usize) as i32);
        let powers: Vec<f64> = (0..time).map(|t| power(time - 1 - t)).collect();
        let (device, dtype) = (self.start.device(), self.start.dtype());
        let powers = Tensor::<1>::from_data(TensorData::new(powers, [time]), (&device, dtype));
        let summed = powers
            .reshape([1, 1, time])
            .expand([batch, 1, time])
            .matmul(self.x.cast(dtype))
            .reshape([batch, inputs]);
        self.start * power(time) + self.synapses.branch_sum(summed)
    }
}

impl ElmState {
    /// The state before the first step: all zeros.
    pub fn zeros(config: &ElmNeuronConfig, batch: usize, dtype: DType, device: &Device) -> Self {
        let form = config.form();
        let options = (device, crate::equations::tensor::wide(dtype));
        let zeros = |width: usize| Tensor::zeros([batch, width], options);
        let when = |filter: FilterTau, width: usize| match filter {
            FilterTau::Off => None,
            FilterTau::Ms(_) => Some(zeros(width)),
        };
        Self {
            branch: when(form.branch_tau, form.branches()).map(BranchTrace::AtRest),
            memory: zeros(form.num_memory),
            readout_mean: when(form.high_pass_tau, config.num_outputs),
        }
    }

    /// A state of these parts: branch trace `[batch, branch]` (none for a neuron without), memory `[batch, memory]`,
    /// running mean of the readout `[batch, output]` (none for a neuron without high-pass).
    pub fn new(
        branch: Option<Tensor<2>>,
        memory: Tensor<2>,
        readout_mean: Option<Tensor<2>>,
    ) -> Self {
        Self {
            branch: branch.map(BranchTrace::Known),
            memory,
            readout_mean,
        }
    }

    pub(super) fn after(
        branch: Option<PendingTrace>,
        memory: Tensor<2>,
        readout_mean: Option<Tensor<2>>,
    ) -> Self {
        Self {
            branch: branch.map(BranchTrace::Pending),
            memory,
            readout_mean,
        }
    }

    /// Branch trace, `[batch, branch]`; none for a neuron without. Computed on demand: a weighted sum over the
    /// sequence before.
    pub fn branch(&self) -> Option<Tensor<2>> {
        self.branch.clone().map(|trace| match trace {
            BranchTrace::AtRest(trace) | BranchTrace::Known(trace) => trace,
            BranchTrace::Pending(pending) => pending.compute(),
        })
    }

    /// The branch trace where it may be other than zero.
    pub(super) fn branch_if_any(&self) -> Option<Tensor<2>> {
        match &self.branch {
            Some(BranchTrace::AtRest(_)) => None,
            _ => self.branch(),
        }
    }

    /// Memory, `[batch, memory]`.
    pub fn memory(&self) -> Tensor<2> {
        self.memory.clone()
    }

    /// Running mean of the readout, `[batch, output]`; none for a neuron without high-pass.
    pub fn readout_mean(&self) -> Option<Tensor<2>> {
        self.readout_mean.clone()
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        self.memory.dims()[0]
    }

    pub(super) fn check(&self, config: &ElmNeuronConfig, batch: usize) -> Result<(), ElmError> {
        let form = config.form();
        check::shape("state.memory", self.memory.dims(), [batch, form.num_memory])?;
        let wanted = |filter: FilterTau| filter != FilterTau::Off;
        check::presence(
            "state.branch",
            self.branch.is_some(),
            wanted(form.branch_tau),
        )?;
        if let Some(BranchTrace::Known(trace)) = &self.branch {
            check::shape("state.branch", trace.dims(), [batch, form.branches()])?;
        }
        let mean = &self.readout_mean;
        check::presence(
            "state.readout_mean",
            mean.is_some(),
            wanted(form.high_pass_tau),
        )?;
        match mean {
            Some(mean) => check::shape(
                "state.readout_mean",
                mean.dims(),
                [batch, config.num_outputs],
            ),
            None => Ok(()),
        }
    }
}

impl RecurrentState for ElmState {
    fn tensors(&self) -> Vec<Tensor<2>> {
        let branch = self.branch().into_iter();
        let rest = [self.memory()].into_iter().chain(self.readout_mean());
        branch.chain(rest).collect()
    }

    fn with_tensors(&self, tensors: Vec<Tensor<2>>) -> Self {
        let mut tensors = tensors.into_iter();
        let mut next = || {
            let Some(tensor) = tensors.next() else {
                panic!("fewer tensors than the state has");
            };
            tensor
        };
        Self::new(
            self.branch.as_ref().map(|_| next()),
            next(),
            self.readout_mean.as_ref().map(|_| next()),
        )
    }
}

state_methods!(ElmState);
