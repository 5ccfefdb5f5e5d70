//! The tasks of the Long Range Arena (Tay et al., "Long Range Arena", ICLR 2021), read from the files as published.
//!
//! Every data set is a [`TaskData`](crate::task::TaskData), can be read from several threads, and keeps the order of
//! its files: shuffling is the loader's. Each module states its number of classes and the [`Encoding`](crate::Encoding)
//! of its steps.

mod grey;
pub mod image;
pub mod listops;
pub mod pathfinder;
pub mod retrieval;
mod store;
mod table;
pub mod text;

pub use store::ByteSequences;
