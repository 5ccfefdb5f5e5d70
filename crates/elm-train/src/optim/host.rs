//! Updates of parameters in one pass over the numbers, where those lie in host memory.
//!
//! As tensor operations an update of Adam is a dozen passes over the parameters, each with a new tensor for its result: a
//! tenth of a training step of a small neuron with many inputs.

use burn::optim::AdaptiveMomentumState;
use burn::tensor::{DType, Tensor, TensorData};
use rayon::prelude::*;

use crate::device::is_cpu;

/// Numbers that one thread does at a time.
const PIECE: usize = 1 << 15;

/// One number of a parameter, and of the two averages that an optimizer keeps of its gradients.
#[derive(Debug)]
pub(super) struct Number<'a> {
    pub parameter: &'a mut f32,
    pub moment_1: &'a mut f32,
    pub moment_2: &'a mut f32,
}

/// Can [`update`] do it? Only where all numbers are f32 in host memory, and as many as the parameter's.
pub(super) fn is_on_host<const D: usize>(
    parameter: &Tensor<D>,
    grad: &Tensor<D>,
    state: Option<&AdaptiveMomentumState<D>>,
) -> bool {
    let moments = state.map(|state| [&state.moment_1, &state.moment_2]);
    let mut all = [parameter, grad]
        .into_iter()
        .chain(moments.into_iter().flatten());
    is_cpu(&parameter.device())
        && all.all(|tensor| tensor.dtype() == DType::F32 && tensor.dims() == parameter.dims())
}

/// The parameter and the state after a step, each number by the rule of that step, which is counted from 1, and with its
/// gradient. Without a state it is the first step, with averages of 0.
pub(super) fn update<const D: usize, R: Fn(Number<'_>, f32) + Sync>(
    parameter: Tensor<D>,
    grad: Tensor<D>,
    state: Option<AdaptiveMomentumState<D>>,
    rule: impl FnOnce(usize) -> R,
) -> (Tensor<D>, AdaptiveMomentumState<D>) {
    let options = (&parameter.device(), DType::F32);
    let state = state.unwrap_or_else(|| {
        AdaptiveMomentumState::new(0, parameter.zeros_like(), parameter.zeros_like())
    });
    let time = state.time + 1;
    let mut grad = grad.into_data();
    let mut all = [parameter, state.moment_1, state.moment_2].map(Tensor::into_data);
    each(all.each_mut().map(numbers), numbers(&mut grad), rule(time));
    let [parameter, moment_1, moment_2] = all.map(|data| Tensor::from_data(data, options));
    (
        parameter,
        AdaptiveMomentumState::new(time, moment_1, moment_2),
    )
}

/// Goes once through parameter, averages and gradient, in pieces on all threads.
fn each(
    [parameter, moment_1, moment_2]: [&mut [f32]; 3],
    grad: &[f32],
    rule: impl Fn(Number<'_>, f32) + Sync,
) {
    let moments = (
        moment_1.par_chunks_mut(PIECE),
        moment_2.par_chunks_mut(PIECE),
    );
    (parameter.par_chunks_mut(PIECE), grad.par_chunks(PIECE))
        .into_par_iter()
        .zip(moments)
        .for_each(|((parameter, grad), (moment_1, moment_2))| {
            let moments = moment_1.iter_mut().zip(moment_2);
            for ((parameter, (moment_1, moment_2)), grad) in
                parameter.iter_mut().zip(moments).zip(grad)
            {
                let number = Number {
                    parameter,
                    moment_1,
                    moment_2,
                };
                rule(number, *grad);
            }
        });
}

fn numbers(data: &mut TensorData) -> &mut [f32] {
    match data.as_mut_slice() {
        Ok(numbers) => numbers,
        Err(error) => unreachable!("{error}: the number type was looked at"),
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// As a record from elsewhere may hold it: such a step is left to tensor operations.
    #[test]
    fn states_of_other_numbers_or_shapes_are_not_for_one_pass() {
        let device = Device::flex();
        let zeros = |len: usize, dtype| Tensor::<1>::zeros([len], (&device, dtype));
        let may = |len, dtype| {
            let state = AdaptiveMomentumState::new(1, zeros(3, DType::F32), zeros(len, dtype));
            is_on_host(&zeros(3, DType::F32), &zeros(3, DType::F32), Some(&state))
        };
        assert!(may(3, DType::F32));
        assert!(!may(3, DType::F64));
        assert!(!may(2, DType::F32));
        assert!(!is_on_host(
            &zeros(3, DType::F16),
            &zeros(3, DType::F16),
            None
        ));
    }
}
