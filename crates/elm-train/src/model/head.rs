//! What compares the two documents of a pair.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation};

/// `relu(W₁·[u, v, u − v, u·v] + b₁)`, then a linear map to the classes (Tay et al. 2021, section on Retrieval).
#[derive(Module, Debug)]
pub struct PairHead {
    hidden: Linear,
    out: Linear,
}

impl PairHead {
    /// For vectors of `features` numbers, with as many hidden units.
    pub fn new(features: usize, classes: usize, device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(4 * features, features).init(device),
            out: LinearConfig::new(features, classes).init(device),
        }
    }

    /// Logits `[batch, class]` from two vectors `[batch, feature]`.
    pub fn forward(&self, u: Tensor<2>, v: Tensor<2>) -> Tensor<2> {
        let compared = vec![u.clone(), v.clone(), u.clone() - v.clone(), u * v];
        let hidden = self.hidden.forward(Tensor::cat(compared, 1));
        self.out.forward(activation::relu(hidden))
    }
}
