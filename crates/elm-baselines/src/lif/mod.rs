//! Leaky integrate-and-fire neurons with a surrogate gradient.

mod config;
mod membrane;
mod module;
mod state;

pub use config::{Adaptation, LifConfig, Recurrence, Reset};
pub use module::{Lif, LifOutput};
pub use state::LifState;
