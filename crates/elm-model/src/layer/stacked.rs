//! Linear maps of many neurons at once.

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Tensor};

/// One linear map per neuron, `y[n] = x[n] · W[n] + b[n]`.
#[derive(Module, Debug)]
pub struct StackedLinear {
    /// Weights, `[neuron, in, out]`.
    pub weight: Param<Tensor<3>>,
    /// Biases, `[neuron, out]`.
    pub bias: Param<Tensor<2>>,
}

impl StackedLinear {
    /// Maps with PyTorch's start values: weight and bias uniform in ±1/√in.
    pub fn new(neurons: usize, inputs: usize, outputs: usize, device: &Device) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        let uniform = Distribution::Uniform(-bound, bound);
        Self {
            weight: Param::from_tensor(Tensor::random([neurons, inputs, outputs], uniform, device)),
            bias: Param::from_tensor(Tensor::random([neurons, outputs], uniform, device)),
        }
    }
}
