//! What the modules are put together from, besides trained parameters.

mod cache;
mod prepared;
mod record;
mod start;
mod timescales;

pub(crate) use cache::Cache;
pub(crate) use prepared::Prepared;
pub use record::ConfigRecord;
pub(crate) use start::{synapse_start, uniform};
pub use timescales::MemoryTimescales;
