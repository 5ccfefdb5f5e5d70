//! Checkpoints: folders that are there whole or not at all, and what is in them.

mod manifest;
mod state;
mod store;

pub(super) use state::{Best, Partial, State};
pub(super) use store::{Checkpoints, Found, Saved};
