//! Start values.

use burn::tensor::{Device, Distribution, Tensor};

use crate::equations::{NeuronForm, SynapseInit};

/// Uniform in `±1/√fan_in`, as PyTorch's linear maps start.
pub(crate) fn uniform(fan_in: usize) -> Distribution {
    let bound = 1.0 / (fan_in as f64).sqrt();
    Distribution::Uniform(-bound, bound)
}

/// Start values of the synapses' parameters.
pub(crate) fn synapse_start<const D: usize>(
    form: &NeuronForm,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    let scale = 1.0 / (form.per_branch() as f64).sqrt();
    match form.synapse_init {
        SynapseInit::Uniform => Tensor::random(shape, uniform(form.per_branch()), device),
        SynapseInit::Constant { value } => Tensor::full(shape, value * scale, device),
        SynapseInit::Unscaled { value } => Tensor::full(shape, value, device),
    }
}
