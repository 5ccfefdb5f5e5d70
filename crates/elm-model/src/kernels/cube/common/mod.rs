//! What the kernels of the neuron and of the layer share: launches, device limits, arithmetic.

pub(crate) mod launch;
pub(crate) mod layout;
pub(crate) mod limits;
pub(crate) mod math;
