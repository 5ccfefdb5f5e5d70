//! Synapse weights, routing and branches: everything that is linear in the input.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Bool, Device, IndexingUpdateOp, Int, Tensor, TensorData};

use super::routing::RoutingTable;
use crate::ElmError;
use crate::equations::{NeuronForm, SynapseRectification, tensor};
use crate::error::read_ints;
use crate::parts::Cache;

/// The synapses of a neuron on their branches.
#[derive(Module, Debug)]
pub struct Synapses {
    /// Parameter of each synapse, its weight before it is rectified and scaled, `[synapse]`.
    pub proto_weight: Param<Tensor<1>>,
    channels: Option<Param<Tensor<1, Int>>>,
    valid: Option<Param<Tensor<1, Bool>>>,
    places: Cache<Places>,
    #[module(skip)]
    sizes: Sizes,
}

#[derive(Debug, Clone, Copy)]
struct Sizes {
    inputs: usize,
    branches: usize,
    per_branch: usize,
    rectification: SynapseRectification,
    scale: f64,
}

/// Where synapses read and where they sit, as indices; made once, after the channels have been checked.
#[derive(Debug, Clone)]
struct Places {
    /// Branch of each synapse, `[synapse]`.
    branch: Tensor<1, Int>,
    /// Its place in the branch matrix `[input, branch]`, row by row.
    cell: Tensor<1, Int>,
}

impl Synapses {
    /// Synapses with these parameters `[synapse]` of a neuron of `inputs` channels; without a routing table, synapse i
    /// reads channel i.
    pub(super) fn new(
        proto_weight: Tensor<1>,
        form: &NeuronForm,
        table: Option<&RoutingTable>,
        inputs: usize,
    ) -> Self {
        let device = &proto_weight.device();
        let mut synapses = Self {
            proto_weight: Param::from_tensor(proto_weight),
            channels: None,
            valid: None,
            places: Cache::default(),
            sizes: Sizes {
                inputs,
                branches: form.branches(),
                per_branch: form.per_branch(),
                rectification: form.synapse_rectification,
                scale: form.input_scale,
            },
        };
        if let Some(table) = table {
            synapses.set_routing(table, device);
        }
        synapses
    }

    /// Replaces the routing, e.g. by that of a checkpoint.
    pub(crate) fn set_routing(&mut self, table: &RoutingTable, device: &Device) {
        let count = table.channels.len();
        let channels: Vec<i64> = table.channels.iter().map(|c| *c as i64).collect();
        let channels = Tensor::from_data(TensorData::new(channels, [count]), device);
        let valid = Tensor::from_data(TensorData::new(table.valid.clone(), [count]), device);
        self.channels = Some(Param::initialized(ParamId::new(), channels));
        self.valid = Some(Param::initialized(ParamId::new(), valid));
        self.places = Cache::default();
    }

    /// Channel of each synapse, `[synapse]`; `None` where synapse i reads channel i.
    pub fn channels(&self) -> Option<Tensor<1, Int>> {
        self.channels.as_ref().map(Param::val)
    }

    /// Does a synapse count? `[synapse]`; `None` where all do.
    pub fn valid(&self) -> Option<Tensor<1, Bool>> {
        self.valid.as_ref().map(Param::val)
    }

    /// Number of synapses.
    pub fn synapses(&self) -> usize {
        self.sizes.branches * self.sizes.per_branch
    }

    /// Weight of each synapse, rectified and scaled, 0 for one that is not valid, `[synapse]`.
    pub fn weights(&self) -> Tensor<1> {
        let weights = tensor::rectify(self.proto_weight.val(), self.sizes.rectification);
        let weights = match &self.valid {
            Some(valid) => weights.mask_fill(valid.val().bool_not(), 0.0),
            None => weights,
        };
        match self.sizes.scale {
            1.0 => weights,
            scale => weights * scale,
        }
    }

    /// Routing, weights and branch sum as one matrix `[input, branch]`.
    ///
    /// Built once per forward pass; its gradient goes back to the weights through the scatter.
    ///
    /// # Errors
    /// [`ElmError::Connectome`] if a record was loaded whose channels are out of range.
    pub fn branch_matrix(&self) -> Result<Tensor<2>, ElmError> {
        let places = self.places()?;
        let Sizes {
            inputs, branches, ..
        } = self.sizes;
        let weights = self.weights();
        let zeros = Tensor::<1>::zeros([inputs * branches], (&weights.device(), weights.dtype()));
        let matrix = zeros.select_assign(0, places.cell, weights, IndexingUpdateOp::Add);
        Ok(matrix.reshape([inputs, branches]))
    }

    /// The branch matrix times a matrix `[branch, column]`, without building the former: `[input, column]`.
    ///
    /// # Errors
    /// As [`branch_matrix`](Self::branch_matrix).
    pub(super) fn fold(&self, columns: Tensor<2>) -> Result<Tensor<2>, ElmError> {
        let places = self.places()?;
        let width = columns.dims()[1];
        let of_synapse = match self.sizes.per_branch {
            1 => columns,
            _ => columns.select(0, places.branch),
        };
        let per_synapse = of_synapse * self.weights().unsqueeze_dim::<2>(1);
        Ok(match &self.channels {
            None => per_synapse,
            Some(channels) => {
                let options = (&per_synapse.device(), per_synapse.dtype());
                Tensor::<2>::zeros([self.sizes.inputs, width], options).select_assign(
                    0,
                    channels.val(),
                    per_synapse,
                    IndexingUpdateOp::Add,
                )
            }
        })
    }

    /// Branch sums of channel values: `[batch, input]` to `[batch, branch]`.
    pub(super) fn branch_sum(&self, channels: Tensor<2>) -> Tensor<2> {
        let batch = channels.dims()[0];
        let routed = match &self.channels {
            Some(indices) => channels.select(1, indices.val()),
            None => channels,
        };
        let weights = self.weights().cast(routed.dtype());
        (routed * weights.unsqueeze::<2>())
            .reshape([batch, self.sizes.branches, self.sizes.per_branch])
            .sum_dim(2)
            .reshape([batch, self.sizes.branches])
    }

    fn places(&self) -> Result<Places, ElmError> {
        self.places.get_or_try(|| {
            let Sizes {
                inputs,
                branches,
                per_branch,
                ..
            } = self.sizes;
            let count = self.synapses();
            let channels: Vec<i64> = match &self.channels {
                Some(channels) => read_ints("channels", channels.val())?,
                None => (0..count as i64).collect(),
            };
            if let Some(at) = channels
                .iter()
                .position(|c| !(0..inputs as i64).contains(c))
            {
                let found = channels[at];
                return Err(ElmError::Connectome {
                    what: "routing",
                    problem: format!("of synapse {at} reads channel {found}, expected 0..{inputs}"),
                });
            }
            let device = self.proto_weight.val().device();
            let branch: Vec<i64> = (0..count).map(|s| (s / per_branch) as i64).collect();
            let cells = channels.iter().zip(&branch);
            let cell: Vec<i64> = cells.map(|(c, b)| c * branches as i64 + b).collect();
            let indices =
                |values: Vec<i64>| Tensor::from_data(TensorData::new(values, [count]), &device);
            Ok(Places {
                branch: indices(branch),
                cell: indices(cell),
            })
        })
    }
}
