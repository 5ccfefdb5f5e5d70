//! What the modules are put together from, besides trained parameters.

mod cache;
mod record;
mod start;
mod timescales;

pub(crate) use cache::Cache;
pub use record::ConfigRecord;
pub(crate) use start::{synapse_start, uniform};
pub use timescales::MemoryTimescales;
