//! Synapse weights, routing and branches: everything that is linear in the input.

use burn::module::{Module, Param};
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};

use super::config::SynapseRectification;
use super::routing::RoutingTable;

/// The synapses of a neuron on their branches.
#[derive(Module, Debug)]
pub struct Synapses {
    /// Parameter of each synapse, its weight before it is rectified, `[synapse]`.
    pub proto_weight: Param<Tensor<1>>,
    /// Channel of each synapse, `[synapse]`; `None` where synapse i reads channel i.
    pub channels: Option<Param<Tensor<1, Int>>>,
    /// 1 for a valid synapse, 0 for one that never counts, `[synapse]`.
    pub valid: Option<Param<Tensor<1>>>,
    /// Number of input channels.
    pub inputs: usize,
    /// Number of branches.
    pub branches: usize,
    #[module(skip)]
    rectification: SynapseRectification,
}

impl Synapses {
    /// Synapses with these parameters `[synapse]` on `branches` branches of equal size, of a neuron with `inputs`
    /// channels; without a routing table, synapse i reads channel i.
    pub(crate) fn new(
        proto_weight: Tensor<1>,
        rectification: SynapseRectification,
        table: Option<RoutingTable>,
        inputs: usize,
        branches: usize,
    ) -> Self {
        let device = &proto_weight.device();
        let (channels, valid) = match table {
            None => (None, None),
            Some(table) => (
                Some(channel_param(&table.channels, device)),
                Some(valid_param(&table.valid, device)),
            ),
        };
        Self {
            proto_weight: Param::from_tensor(proto_weight),
            channels,
            valid,
            inputs,
            branches,
            rectification,
        }
    }

    /// Replaces the routing, e.g. by that of a checkpoint.
    pub(crate) fn set_routing(&mut self, table: &RoutingTable, device: &Device) {
        self.channels = Some(channel_param(&table.channels, device));
        self.valid = Some(valid_param(&table.valid, device));
    }

    /// Number of synapses.
    pub fn synapses(&self) -> usize {
        self.proto_weight.dims()[0]
    }

    /// Rectified weight of each synapse, 0 for one that is not valid, `[synapse]`.
    pub fn weights(&self) -> Tensor<1> {
        let weights = self.rectification.apply(self.proto_weight.val());
        match &self.valid {
            Some(valid) => weights * valid.val(),
            None => weights,
        }
    }

    /// Routing, weights and branch sum as one matrix `[input, branch]`.
    ///
    /// Built once per forward pass; its gradient goes back to the weights through the scatter.
    pub fn branch_matrix(&self) -> Tensor<2> {
        let device = self.proto_weight.device();
        let branch = self.branch_of(&device);
        let flat = match &self.channels {
            Some(channels) => channels.val() * self.branches as i64 + branch,
            None => {
                Tensor::arange(0..self.synapses() as i64, &device) * self.branches as i64 + branch
            }
        };
        Tensor::<1>::zeros([self.inputs * self.branches], &device)
            .cast(self.proto_weight.val().dtype())
            .select_assign(0, flat, self.weights(), IndexingUpdateOp::Add)
            .reshape([self.inputs, self.branches])
    }

    /// The branch matrix times a matrix `[branch, column]`, without building the former: `[input, column]`.
    pub fn fold(&self, columns: Tensor<2>) -> Tensor<2> {
        let device = self.proto_weight.device();
        let width = columns.dims()[1];
        let per_synapse =
            columns.select(0, self.branch_of(&device)) * self.weights().unsqueeze_dim::<2>(1);
        match &self.channels {
            None => per_synapse,
            Some(channels) => Tensor::<2>::zeros([self.inputs, width], &device)
                .cast(self.proto_weight.val().dtype())
                .select_assign(0, channels.val(), per_synapse, IndexingUpdateOp::Add),
        }
    }

    /// Channel values as each synapse sees them, weighted: `[batch, input]` to `[batch, synapse]`.
    pub fn currents(&self, channels: Tensor<2>) -> Tensor<2> {
        let routed = match &self.channels {
            Some(indices) => channels.select(1, indices.val()),
            None => channels,
        };
        routed * self.weights().unsqueeze::<2>()
    }

    /// Sum over each branch: `[batch, synapse]` to `[batch, branch]`.
    pub fn branch_sum(&self, synapses: Tensor<2>) -> Tensor<2> {
        let [batch, count] = synapses.dims();
        synapses
            .reshape([batch, self.branches, count / self.branches])
            .sum_dim(2)
            .reshape([batch, self.branches])
    }

    /// Branch of each synapse, `[synapse]`: consecutive synapses share one.
    fn branch_of(&self, device: &Device) -> Tensor<1, Int> {
        let per_branch = self.synapses() / self.branches;
        let branch: Vec<i64> = (0..self.synapses())
            .map(|s| (s / per_branch) as i64)
            .collect();
        let count = branch.len();
        Tensor::from_data(TensorData::new(branch, [count]), device)
    }
}

fn channel_param(channels: &[usize], device: &Device) -> Param<Tensor<1, Int>> {
    let values: Vec<i64> = channels.iter().map(|c| *c as i64).collect();
    let count = values.len();
    Param::initialized(
        burn::module::ParamId::new(),
        Tensor::from_data(TensorData::new(values, [count]), device),
    )
}

fn valid_param(valid: &[bool], device: &Device) -> Param<Tensor<1>> {
    let values: Vec<f32> = valid.iter().map(|v| f32::from(u8::from(*v))).collect();
    let count = values.len();
    Param::from_tensor(Tensor::<1>::from_data(
        TensorData::new(values, [count]),
        device,
    ))
    .set_require_grad(false)
}
