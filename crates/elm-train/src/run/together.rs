//! Gradients that several devices sum together, each of which then has the sum: NVIDIA's NCCL, as Burn calls it.
//!
//! UNTESTED: no two cards were at hand. A device that fails lets the others wait for ever, as there is no time limit in Burn 0.22.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::distributed::{ReduceOperation, all_reduce};
use burn::tensor::{Device, Tensor};

/// Sums the gradients of a module over `devices`, on each of which a thread calls this at the same time.
pub(super) fn sum<M: Module>(module: &M, grads: &mut GradientsParams, devices: &[Device]) {
    // all threads walk through the parameters in the same order, so that the same ones meet
    module.visit(&mut Sum { grads, devices });
}

struct Sum<'a> {
    grads: &'a mut GradientsParams,
    devices: &'a [Device],
}

impl ModuleVisitor for Sum<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(grad) = self.grads.remove::<D>(param.id) {
            let sum = all_reduce(grad, ReduceOperation::Sum, self.devices.to_vec());
            self.grads.register(param.id, sum.resolve());
        }
    }
}
