//! What Burn's optimizers lack: AdaMax, the bound on the global norm of the gradient, and a schedule from a recipe.

mod adamax;
mod clip;
mod schedule;

pub use adamax::{Adamax, AdamaxConfig};
pub use clip::clip_global_norm;
pub use schedule::{Clock, optimizer, schedule, scheduler};
