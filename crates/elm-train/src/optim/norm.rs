//! The norm of the gradient over all parameters, and a bound on it.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The norm over all gradients, `[1]`, kept on the device; none where there are no gradients.
pub fn global_norm<M: Module>(module: &M, grads: &GradientsParams) -> Option<Tensor<1>> {
    let mut sum = SumOfSquares { grads, total: None };
    module.visit(&mut sum);
    sum.total.map(Tensor::sqrt)
}

/// Scales all gradients by one factor so that the norm over all of them, which is `norm`, is at most `bound`; Burn's own
/// clipping works tensor by tensor.
pub fn clip_global_norm<M: Module>(
    module: &M,
    grads: &mut GradientsParams,
    norm: Tensor<1>,
    bound: f64,
) {
    scale(
        module,
        grads,
        (norm.add_scalar(1e-6).recip() * bound).clamp_max(1.0),
    );
}

/// Multiplies all gradients by `factor` `[1]`.
pub fn scale<M: Module>(module: &M, grads: &mut GradientsParams, factor: Tensor<1>) {
    module.visit(&mut Scale { grads, factor });
}

struct SumOfSquares<'a> {
    grads: &'a GradientsParams,
    total: Option<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.get::<D>(param.id) {
            let part = (grad.clone() * grad).sum();
            self.total = Some(match self.total.take() {
                Some(total) => total + part,
                None => part,
            });
        }
    }
}

struct Scale<'a> {
    grads: &'a mut GradientsParams,
    factor: Tensor<1>,
}

impl Scale<'_> {
    fn scale<const D: usize>(&mut self, id: ParamId) {
        if let Some(grad) = self.grads.remove::<D>(id) {
            let factor = self.factor.clone().reshape([1; D]);
            self.grads.register(id, grad * factor);
        }
    }
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.scale::<D>(param.id);
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn clipping_bounds_the_norm_over_all_tensors_and_keeps_the_direction() {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(2, 1).init(&device);
        let x = Tensor::<2>::from_data([[3.0, 0.0]], &device);
        let gradients = |bound: f64| {
            let grads = layer.forward(x.clone()).sum().backward();
            let mut grads = GradientsParams::from_grads(grads, &layer);
            let norm = global_norm(&layer, &grads).unwrap();
            clip_global_norm(&layer, &mut grads, norm, bound);
            let mut all = grads
                .get::<2>(layer.weight.id)
                .unwrap()
                .into_data()
                .try_to_vec::<f32>()
                .unwrap();
            all.extend(
                grads
                    .get::<1>(layer.bias.as_ref().unwrap().id)
                    .unwrap()
                    .into_data()
                    .try_to_vec::<f32>()
                    .unwrap(),
            );
            all
        };
        assert_eq!(gradients(100.0), [3.0, 0.0, 1.0]);
        let clipped = gradients(1.0);
        let norm = clipped.iter().map(|g| g * g).sum::<f32>().sqrt();
        assert!((norm - 1.0).abs() < 1e-4, "{clipped:?}");
        assert!((clipped[0] / clipped[2] - 3.0).abs() < 1e-4, "{clipped:?}");
    }
}
