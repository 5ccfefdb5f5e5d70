//! The equations over tensors, differentiable by Burn itself. Not a number comes out where it goes in.

use burn::tensor::{DType, Tensor, activation};

use super::{
    HiddenActivation, MemoryGate, NeuronForm, OutputActivation, SPIKE_STEEPNESS, SQUASH_GAIN,
    SQUASH_SLOPE, SynapseRectification, TAU_FLOOR,
};

/// Synapse weights from their parameters, see [`SynapseRectification`].
pub fn rectify<const D: usize>(proto: Tensor<D>, how: SynapseRectification) -> Tensor<D> {
    match how {
        SynapseRectification::Identity => proto,
        SynapseRectification::Relu => activation::relu(proto),
        SynapseRectification::Abs => proto.abs(),
        SynapseRectification::Exp => proto.exp(),
    }
}

/// `squash(z) = 1.7159 · tanh(2/3 · z)`.
pub fn squash<const D: usize>(z: Tensor<D>) -> Tensor<D> {
    (z * SQUASH_SLOPE).tanh() * SQUASH_GAIN
}

/// The activation of a hidden layer, see [`HiddenActivation`].
pub fn activate<const D: usize>(a: Tensor<D>, activation: HiddenActivation) -> Tensor<D> {
    match activation {
        HiddenActivation::Relu => activation::relu(a),
        HiddenActivation::Silu => activation::silu(a),
        HiddenActivation::SquaredRelu => {
            let r = activation::relu(a);
            r.clone() * r
        }
    }
}

/// The activation of an output, see [`OutputActivation`].
pub fn output<const D: usize>(v: Tensor<D>, activation: OutputActivation) -> Tensor<D> {
    match activation {
        OutputActivation::Identity => v,
        OutputActivation::Relu => activation::relu(v),
        OutputActivation::Spike => {
            let plain = v.clone().detach();
            let step = plain.clone().greater_elem(0.0).float().cast(v.dtype());
            let step = step.mask_where(plain.clone().is_nan(), plain);
            // zero in value, and the fast sigmoid's slope as its gradient; kept from dividing infinity by itself
            let near = v.clamp(-1e15, 1e15);
            let smooth = near.clone() / (near.abs() * SPIKE_STEEPNESS + 1.0);
            smooth.clone() - smooth.detach() + step
        }
    }
}

/// The number type in which timescales, decays, gates and memory are computed for tensors of this one: half precision
/// would round the decay of a long timescale to 1.
pub fn wide(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        other => other,
    }
}

/// A tensor in another number type; itself where it has that type.
pub(crate) fn cast<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    match tensor.dtype() == dtype {
        true => tensor,
        false => tensor.cast(dtype),
    }
}

/// Memory timescales in ms from their parameters, in a [`wide`] number type.
pub fn timescales<const D: usize>(proto: Tensor<D>, form: &NeuronForm) -> Tensor<D> {
    let (lo, hi) = form.tau_bounds();
    let wide = wide(proto.dtype());
    activation::sigmoid(proto.cast(wide)) * (hi - lo) + lo
}

/// Decay `κ_m` and gate `g` of memory units with timescales `tau` in ms, both of `tau`'s shape.
pub fn decay_and_gate<const D: usize>(tau: Tensor<D>, form: &NeuronForm) -> (Tensor<D>, Tensor<D>) {
    let rate = tau.clamp_min(TAU_FLOOR).recip() * -form.dt;
    let decay = rate.clone().exp();
    let gate = match form.gate {
        MemoryGate::Scaled => (-decay.clone() + 1.0) * form.lambda,
        MemoryGate::TimescaleRatio => -(rate * form.lambda).exp() + 1.0,
    };
    (decay, gate)
}
