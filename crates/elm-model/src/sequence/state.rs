//! What states of recurrent models have in common.

use burn::module::{Module, Param};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Int, Tensor};

use crate::ElmError;

/// What a recurrent model carries from one step to the next, for a batch of samples.
///
/// What is required is the way to its tensors and back; everything else here follows from it. The states of this crate
/// have these methods as their own too, so that they can be called without this trait.
pub trait RecurrentState: Clone {
    /// The tensors of the state in a fixed order, each as `[batch, width]`.
    fn tensors(&self) -> Vec<Tensor<2>>;

    /// A state of the same model with these tensors, in the order and widths of [`tensors`](Self::tensors); their
    /// number of samples may be another.
    ///
    /// # Panics
    /// If there are fewer tensors than the state has, or of other widths.
    fn with_tensors(&self, tensors: Vec<Tensor<2>>) -> Self;

    /// The same state with every tensor `[batch, width]` mapped.
    fn map(self, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        self.with_tensors(self.tensors().into_iter().map(f).collect())
    }

    /// The same state without its history, for truncated backpropagation.
    fn detach(self) -> Self {
        self.map(Tensor::detach)
    }

    /// The state of these samples, in this order; `rows` holds indices below the number of samples.
    fn select(self, rows: Tensor<1, Int>) -> Self {
        self.map(|tensor| tensor.select(0, rows.clone()))
    }

    /// The same state on another device.
    fn to_device(self, device: &Device) -> Self {
        self.map(|tensor| tensor.to_device(device))
    }

    /// The samples of several states of the same model one after the other; `None` for no states.
    fn cat(states: Vec<Self>) -> Option<Self> {
        let first = states.first()?;
        let parts: Vec<_> = states.iter().map(Self::tensors).collect();
        let joined = (0..parts[0].len()).map(|i| {
            let parts = parts.iter().map(|tensors| tensors[i].clone());
            Tensor::cat(parts.collect(), 0)
        });
        Some(first.with_tensors(joined.collect()))
    }

    /// The state as a record, to go on with it in another process.
    fn into_record(self) -> ModuleRecord {
        StateRecord::new(&self).into_record()
    }

    /// The state that a record is of; this one tells the model, the number of samples and the device.
    ///
    /// # Errors
    /// [`ElmError::Record`] if the record is of another model or number of samples.
    fn try_load_record(self, record: ModuleRecord) -> Result<Self, ElmError> {
        let loaded = Module::try_load_record(StateRecord::new(&self), record);
        let loaded = loaded.map_err(|error| ElmError::Record {
            problems: vec![error.to_string()],
        })?;
        let tensors = loaded.tensors.iter().map(Param::val);
        Ok(self.with_tensors(tensors.map(Tensor::detach).collect()))
    }
}

/// The tensors of a state as a module, since records are of modules.
#[derive(Module, Debug)]
struct StateRecord {
    tensors: Vec<Param<Tensor<2>>>,
}

impl StateRecord {
    fn new(state: &impl RecurrentState) -> Self {
        let tensors = state.tensors().into_iter();
        Self {
            tensors: tensors
                .map(|tensor| Param::from_tensor(tensor.detach()))
                .collect(),
        }
    }
}

/// A tensor of a state as `[batch, width]`.
pub fn flattened<const D: usize>(tensor: &Tensor<D>) -> Tensor<2> {
    let batch = tensor.dims()[0];
    let width = tensor.dims()[1..].iter().product();
    tensor.clone().reshape([batch, width])
}

/// The next of these tensors in the shape of `like`, but for its number of samples.
///
/// # Panics
/// If there is none, or it has another width.
pub fn refilled<const D: usize>(
    like: &Tensor<D>,
    tensors: &mut impl Iterator<Item = Tensor<2>>,
) -> Tensor<D> {
    let Some(tensor) = tensors.next() else {
        panic!("fewer tensors than the state has");
    };
    let mut shape = like.dims();
    shape[0] = tensor.dims()[0];
    tensor.reshape(shape)
}

/// Gives a type that is a [`RecurrentState`] the methods of that trait as its own.
#[macro_export]
macro_rules! state_methods {
    ($state:ty) => {
        impl $state {
            /// The same state without its history, for truncated backpropagation.
            pub fn detach(self) -> Self {
                $crate::RecurrentState::detach(self)
            }

            /// The state of these samples, in this order; `rows` holds indices below the number of samples.
            pub fn select(self, rows: ::burn::tensor::Tensor<1, ::burn::tensor::Int>) -> Self {
                $crate::RecurrentState::select(self, rows)
            }

            /// The same state on another device.
            pub fn to_device(self, device: &::burn::tensor::Device) -> Self {
                $crate::RecurrentState::to_device(self, device)
            }

            /// The samples of several states of the same model one after the other; `None` for no states.
            pub fn cat(states: Vec<Self>) -> Option<Self> {
                $crate::RecurrentState::cat(states)
            }

            /// The state as a record, to go on with it in another process.
            pub fn into_record(self) -> ::burn::store::ModuleRecord {
                $crate::RecurrentState::into_record(self)
            }

            /// The state that a record is of; this one tells the model, the number of samples and the device.
            ///
            /// # Errors
            /// `ElmError::Record` if the record is of another model or number of samples.
            pub fn try_load_record(
                self,
                record: ::burn::store::ModuleRecord,
            ) -> Result<Self, $crate::ElmError> {
                $crate::RecurrentState::try_load_record(self, record)
            }
        }
    };
}
