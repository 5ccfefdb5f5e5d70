//! Updates of parameters in one pass over the numbers, where those lie in host memory.
//!
//! As tensor operations an update of Adam is a dozen passes over the parameters, each with a new tensor for its result: a
//! tenth of a training step of a small neuron with many inputs.

use burn::tensor::{DType, Tensor, TensorData};
use rayon::prelude::*;

use crate::device::is_cpu;

/// Numbers that one thread does at a time.
const PIECE: usize = 1 << 15;

/// A parameter and the two averages that an optimizer keeps of its gradients, all of one shape.
#[derive(Debug, Clone)]
pub(super) struct Updated<const D: usize> {
    pub parameter: Tensor<D>,
    pub moment_1: Tensor<D>,
    pub moment_2: Tensor<D>,
}

/// One number of a parameter and of its averages.
#[derive(Debug)]
pub(super) struct Number<'a> {
    pub parameter: &'a mut f32,
    pub moment_1: &'a mut f32,
    pub moment_2: &'a mut f32,
}

impl<const D: usize> Updated<D> {
    /// Can [`update`](Self::update) do it? Only for f32 in host memory.
    pub fn is_on_host(parameter: &Tensor<D>, grad: &Tensor<D>) -> bool {
        let f32s = [parameter, grad].map(|tensor| tensor.dtype() == DType::F32);
        f32s == [true; 2] && is_cpu(&parameter.device()) && is_cpu(&grad.device())
    }

    /// Each number by `rule`, with its gradient.
    pub fn update(self, grad: Tensor<D>, rule: impl Fn(Number<'_>, f32) + Sync) -> Self {
        let device = self.parameter.device();
        let grad = grad.into_data();
        let mut all = [self.parameter, self.moment_1, self.moment_2].map(Tensor::into_data);
        {
            let [parameter, moment_1, moment_2] = all.each_mut().map(numbers);
            let grad = match grad.as_slice::<f32>() {
                Ok(grad) => grad,
                Err(error) => unreachable!("{error}: the number type was looked at"),
            };
            (parameter.par_chunks_mut(PIECE), grad.par_chunks(PIECE))
                .into_par_iter()
                .zip((
                    moment_1.par_chunks_mut(PIECE),
                    moment_2.par_chunks_mut(PIECE),
                ))
                .for_each(|((parameter, grad), (moment_1, moment_2))| {
                    let moments = moment_1.iter_mut().zip(moment_2);
                    let numbers = parameter.iter_mut().zip(moments).zip(grad);
                    for ((parameter, (moment_1, moment_2)), grad) in numbers {
                        let number = Number {
                            parameter,
                            moment_1,
                            moment_2,
                        };
                        rule(number, *grad);
                    }
                });
        }
        let [parameter, moment_1, moment_2] = all.map(|data| Tensor::from_data(data, &device));
        Self {
            parameter,
            moment_1,
            moment_2,
        }
    }
}

fn numbers(data: &mut TensorData) -> &mut [f32] {
    match data.as_mut_slice() {
        Ok(numbers) => numbers,
        Err(error) => unreachable!("{error}: the number type was looked at"),
    }
}
