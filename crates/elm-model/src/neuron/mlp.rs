//! The MLP between branches and memory.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use crate::scan::memory::ScanSpec;

/// `hidden_layers + 1` linear maps from `[branches, decayed memory]` to the memory update.
///
/// The activation between them belongs to the recurrence (see [`crate::memory_scan`]), so this type only
/// holds the weights and hands them out in the parts that are needed.
#[derive(Module, Debug)]
pub struct Mlp {
    /// The maps in order, `[in, out]` each; the first one's rows are the branches, then the memory.
    pub layers: Vec<Linear>,
}

impl Mlp {
    /// The MLP of a neuron with `branches` branches, with PyTorch's start values: uniform in ±1/√fan_in.
    pub(crate) fn new(branches: usize, spec: &ScanSpec, device: &Device) -> Self {
        let mut inputs = branches + spec.memory;
        let mut layers = Vec::with_capacity(spec.hidden_layers + 1);
        for _ in 0..spec.hidden_layers {
            layers.push(LinearConfig::new(inputs, spec.hidden).init(device));
            inputs = spec.hidden;
        }
        layers.push(LinearConfig::new(inputs, spec.memory).init(device));
        Self { layers }
    }

    /// The first map's weights on the branches, `[branch, first]`.
    pub(crate) fn branch_weights(&self, memory: usize) -> Tensor<2> {
        let weight = self.layers[0].weight.val();
        let rows = weight.dims()[0] - memory;
        weight.narrow(0, 0, rows)
    }

    /// The first map's bias, `[first]`.
    pub(crate) fn first_bias(&self) -> Tensor<1> {
        bias(&self.layers[0])
    }

    /// Everything but the branches' share and the first bias, packed as [`ScanSpec`] says.
    pub(crate) fn packed(&self, spec: &ScanSpec) -> Tensor<1> {
        let first = self.layers[0].weight.val();
        let branches = first.dims()[0] - spec.memory;
        let mut parts: Vec<Tensor<1>> = vec![first.narrow(0, branches, spec.memory).flatten(0, 1)];
        for layer in &self.layers[1..] {
            parts.push(layer.weight.val().flatten(0, 1));
            parts.push(bias(layer));
        }
        Tensor::cat(parts, 0)
    }
}

/// Bias of a map; they are all made and loaded with one.
pub(crate) fn bias(layer: &Linear) -> Tensor<1> {
    match &layer.bias {
        Some(bias) => bias.val(),
        None => Tensor::zeros([layer.weight.dims()[1]], &layer.weight.device()),
    }
}
