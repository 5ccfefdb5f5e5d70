//! What Burn's optimizers lack: Adam in one pass on the CPU, AdaMax, the global norm of the gradient, an average of the weights, a check for numbers
//! that are none, and a learning rate that follows from a recipe and the step alone.

mod adam;
mod adamax;
mod average;
mod finite;
mod host;
mod norm;
mod rate;

pub use adam::{Adam, AdamConfig};
pub use adamax::{Adamax, AdamaxConfig};
pub use average::Average;
pub use finite::{not_finite_gradient, not_finite_parameter};
pub use norm::{clip_global_norm, global_norm, scale};
pub use rate::{Schedule, optimizer, rates, timescale_parameters};
