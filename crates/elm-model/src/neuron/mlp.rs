//! The MLP between branches and memory.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use crate::equations::tensor;
use crate::equations::{HiddenActivation, NeuronForm};
use crate::scan::memory::ScanSpec;

/// `hidden_layers + 1` linear maps from `[branches, decayed memory]` to the memory update.
///
/// The activation between them belongs to the recurrence (see [`crate::scan::memory`]), so this type only
/// holds the weights and hands them out in the parts that are needed.
#[derive(Module, Debug)]
pub struct Mlp {
    /// The maps in order, `[in, out]` each; the first one's rows are the branches, then the memory.
    pub layers: Vec<Linear>,
}

impl Mlp {
    /// The MLP of a neuron, with PyTorch's start values: uniform in ±1/√fan_in.
    pub(super) fn new(form: &NeuronForm, device: &Device) -> Self {
        let widths = form.mlp_widths();
        let layers = widths
            .clone()
            .zip(widths.skip(1))
            .map(|(inputs, outputs)| LinearConfig::new(inputs, outputs).init(device))
            .collect();
        Self { layers }
    }

    /// What goes into the squashing function, `[batch, time, memory]`, from branches and decayed memory over time.
    pub(super) fn forward(
        &self,
        branch: Tensor<3>,
        decayed: Tensor<3>,
        activation: HiddenActivation,
    ) -> Tensor<3> {
        let mut z = self.layers[0].forward(Tensor::cat(vec![branch, decayed], 2));
        for layer in &self.layers[1..] {
            z = layer.forward(tensor::activate(z, activation));
        }
        z
    }

    /// The first map's share of the branches with its bias, `[batch, time, first]`.
    pub(super) fn drive(&self, branch: Tensor<3>) -> Tensor<3> {
        let [batch, time, branches] = branch.dims();
        let [joined, first] = self.layers[0].weight.dims();
        let weights = self.branch_weights(joined - branches).cast(branch.dtype());
        let bias = self.first_bias().cast(branch.dtype());
        let drive = branch.reshape([batch * time, branches]).matmul(weights);
        (drive + bias.unsqueeze::<2>()).reshape([batch, time, first])
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
