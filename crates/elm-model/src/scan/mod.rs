//! The operations as Burn sees them: shapes, backend extensions, gradients, and the same in plain tensor steps.
//!
//! - [`memory`]: the memory recurrence, the leaky trace and the input product;
//! - [`neuron`]: a whole neuron from input to output;
//! - [`layer`]: a layer of neurons that listen to each other.
//!
//! A further backend implements `FusedOps`, `NeuronOps` or `LayerOps` with kernels of its own.

/// `into_array` and `from_array` for a struct whose fields are all of one type.
#[cfg(feature = "fused")]
macro_rules! fields_as_array {
    ([$($generics:tt)*] $name:ty: [$item:ty; $count:literal] { $($field:ident),* $(,)? }) => {
        impl<$($generics)*> $name {
            /// The fields in the order of their declaration.
            pub fn into_array(self) -> [$item; $count] {
                [$(self.$field),*]
            }

            /// The reverse of [`into_array`](Self::into_array).
            pub fn from_array([$($field),*]: [$item; $count]) -> Self {
                Self { $($field),* }
            }
        }
    };
}
#[cfg(feature = "fused")]
pub(crate) use fields_as_array;

/// Why the halves of a differentiable operation are never called on the autodiff version of a backend.
#[cfg(feature = "fused")]
const INNER: &str = "inner half of a fused operation: the autodiff version never calls itself";

pub mod layer;
pub mod memory;
pub mod neuron;
