//! What a module computes from its tensors alone before each call, kept from call to call.

use burn::backend::DispatchTensor;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Bool, DType, Int, Tensor};

use super::Cache;

#[cfg(feature = "flex")]
type Held = burn_flex::FlexTensor;
#[cfg(not(feature = "flex"))]
type Held = core::convert::Infallible;

/// A value that was computed from all tensors of a module, in one number type, and these tensors.
///
/// They are held so that nobody else can write into their memory or get it for another tensor: a tensor that lies in the
/// same place is the same tensor.
#[derive(Debug, Clone)]
pub struct Prepared<T> {
    dtype: DType,
    tensors: Vec<Held>,
    value: T,
}

impl<T: Clone> Cache<Prepared<T>> {
    /// The value that `make` computes from the tensors of `module` in this number type: the one of the call before if no
    /// tensor is another one, however it was changed, else a new one.
    ///
    /// It is kept where tensors can be told apart: on Flex. Values under autodiff are computed each time, for gradients
    /// go through them.
    pub fn prepare<E>(
        &self,
        module: &impl Module,
        dtype: DType,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut found = Found(Some(Vec::new()));
        module.visit(&mut found);
        let Some(tensors) = found.0 else {
            return make();
        };
        let same = |kept: &Prepared<T>| {
            let pairs = kept.tensors.iter().zip(&tensors);
            kept.dtype == dtype
                && kept.tensors.len() == tensors.len()
                && pairs.into_iter().all(|(a, b)| is_same(a, b))
        };
        let kept = self.get_if_or_try(same, || {
            Ok(Prepared {
                dtype,
                value: make()?,
                tensors: tensors.clone(),
            })
        })?;
        Ok(kept.value)
    }
}

/// All tensors of a module, or none if one of them is not to be told apart.
struct Found(Option<Vec<Held>>);

impl Found {
    fn add(&mut self, tensor: DispatchTensor) {
        match (&mut self.0, held(tensor)) {
            (Some(found), Some(tensor)) => found.push(tensor),
            _ => self.0 = None,
        }
    }
}

impl ModuleVisitor for Found {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.add(param.val().into_dispatch());
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.add(param.val().into_dispatch());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.add(param.val().into_dispatch());
    }
}

/// A tensor without autodiff that can be compared with others.
fn held(tensor: DispatchTensor) -> Option<Held> {
    #[cfg(feature = "flex")]
    {
        use BackendTensor::{Bool, Float, Int};
        use burn::backend::{BackendTensor, DispatchAutodiffContext, DispatchTensorKind};
        match (tensor.autodiff, tensor.kind) {
            (
                DispatchAutodiffContext::Disabled,
                DispatchTensorKind::Flex(Float(tensor) | Int(tensor) | Bool(tensor)),
            ) => Some(tensor),
            _ => None,
        }
    }
    #[cfg(not(feature = "flex"))]
    {
        let _ = tensor;
        None
    }
}

/// Are both the same numbers in the same memory?
#[cfg(feature = "flex")]
fn is_same(a: &Held, b: &Held) -> bool {
    a.bytes().as_ptr_range() == b.bytes().as_ptr_range()
        && a.layout() == b.layout()
        && a.dtype() == b.dtype()
}

#[cfg(not(feature = "flex"))]
fn is_same(a: &Held, _: &Held) -> bool {
    match *a {}
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use burn::module::{ModuleMapper, ParamId};
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct Pair {
        weight: Param<Tensor<1>>,
        places: Param<Tensor<1, Int>>,
        double: Cache<Prepared<Tensor<1>>>,
    }

    fn places(values: [i64; 2], device: &Device) -> Param<Tensor<1, Int>> {
        Param::initialized(ParamId::new(), Tensor::from_ints(values, device))
    }

    struct AddOne;

    impl ModuleMapper for AddOne {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| tensor + 1.0)
        }
    }

    impl Pair {
        fn new(device: &Device) -> Self {
            Self {
                weight: Param::from_tensor(Tensor::from_floats([1.0, 2.0], device)),
                places: places([0, 1], device),
                double: Cache::default(),
            }
        }

        fn double(&self, made: &Cell<usize>) -> Vec<f32> {
            let value = self.double.prepare(self, DType::F32, || {
                made.set(made.get() + 1);
                Ok::<_, Infallible>(self.weight.val() * 2.0)
            });
            let Ok(value) = value;
            value.into_data().try_to_vec().expect("numbers")
        }
    }

    #[test]
    fn what_is_prepared_is_made_once_and_never_stale() {
        let made = Cell::new(0);
        let mut pair = Pair::new(&Device::flex());
        for _ in 0..3 {
            assert_eq!(pair.double(&made), [2.0, 4.0]);
        }
        assert_eq!(made.get(), 1);
        pair = pair.map(&mut AddOne);
        assert_eq!((pair.double(&made), made.get()), (vec![4.0, 6.0], 2));
        // a field that is put in its place goes through no module
        pair.weight = Param::from_tensor(pair.weight.val() * 3.0);
        assert_eq!((pair.double(&made), made.get()), (vec![12.0, 18.0], 3));
        pair.places = places([1, 0], &Device::flex());
        pair.double(&made);
        assert_eq!(made.get(), 4);
        // memory that was given back may be that of the next tensor
        for i in 0..64 {
            pair.weight = Param::from_tensor(Tensor::from_floats([i as f32, 0.0], &Device::flex()));
            assert_eq!(pair.double(&made), [2.0 * i as f32, 0.0]);
        }
        // two modules that share the cache and not the weight
        let other = Pair {
            weight: Param::from_tensor(pair.weight.val() + 1.0),
            ..pair.clone()
        };
        for _ in 0..2 {
            assert_eq!(other.double(&made), [128.0, 2.0]);
            assert_eq!(pair.double(&made), [126.0, 0.0]);
        }
    }

    #[test]
    fn under_autodiff_it_is_made_each_time() {
        let made = Cell::new(0);
        let pair = Pair::new(&Device::flex().autodiff());
        pair.double(&made);
        pair.double(&made);
        assert_eq!(made.get(), 2);
        let plain = pair.valid();
        plain.double(&made);
        plain.double(&made);
        assert_eq!(made.get(), 3);
    }
}
