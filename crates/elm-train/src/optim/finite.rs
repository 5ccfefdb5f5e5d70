//! Which tensor holds a number that is none.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Path of the first parameter whose gradient is not finite.
pub fn not_finite_gradient<M: Module>(module: &M, grads: &GradientsParams) -> Option<String> {
    search(module, Some(grads))
}

/// Path of the first parameter that is not finite.
pub fn not_finite_parameter<M: Module>(module: &M) -> Option<String> {
    search(module, None)
}

fn search<M: Module>(module: &M, grads: Option<&GradientsParams>) -> Option<String> {
    let mut search = Search {
        grads,
        path: Vec::new(),
        found: None,
    };
    module.visit(&mut search);
    search.found
}

struct Search<'a> {
    /// Where to look; the parameters themselves where this is none.
    grads: Option<&'a GradientsParams>,
    path: Vec<String>,
    found: Option<String>,
}

impl ModuleVisitor for Search<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.found.is_some() {
            return;
        }
        let tensor = match self.grads {
            Some(grads) => grads.get::<D>(param.id),
            None => Some(param.val()),
        };
        let finite = |tensor: Tensor<D>| {
            let data = tensor.try_into_data().ok();
            let values = data.and_then(|data| data.try_into_vec_as::<f32>().ok());
            values.is_some_and(|values| values.iter().all(|v| v.is_finite()))
        };
        if tensor.is_some_and(|tensor| !finite(tensor)) {
            self.found = Some(self.path.join("."));
        }
    }

    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_tensor_at_fault_is_named() {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(2, 2).init(&device);
        let gradients = |x: [f32; 2]| {
            let x = Tensor::<2>::from_data([x], &device);
            GradientsParams::from_grads(layer.forward(x).sum().backward(), &layer)
        };
        assert_eq!(not_finite_gradient(&layer, &gradients([1.0, 2.0])), None);
        let bad = not_finite_gradient(&layer, &gradients([1.0, f32::NAN]));
        assert_eq!(bad.as_deref(), Some("weight"));
        assert_eq!(not_finite_parameter(&layer), None);
        let mut broken = layer.clone();
        broken.bias = broken.bias.map(|bias| bias.map(|b| b * f32::INFINITY));
        assert_eq!(not_finite_parameter(&broken).as_deref(), Some("bias"));
    }
}
