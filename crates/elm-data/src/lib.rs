//! Data sets for the ELM neuron.
//!
//! Data flows one way: files -> simulations (sparse events) -> windows and batches. This crate knows neither a
//! model nor a tensor library; its batches are plain `f32` arrays in row-major order.
//!
//! What is read, where the published files or common tools leave it open:
//! - The content of a file decides what it is, not its name. Compressed files are read where it costs nothing (pickles and
//!   enwik8 by gzip), and are otherwise refused with the command that unpacks them.
//! - Tables (ListOps, Retrieval, the metadata of Pathfinder) may have blank lines, a byte-order mark, and classes written
//!   as `9.0`; JSON may have a byte-order mark, and `10.0` for an integer.
//! - Pickles may be of any protocol, with numpy arrays of numbers and texts and the containers of the standard library;
//!   every other name is refused. What a pickle makes may take eight times its bytes, or 64 MiB.
//! - HDF5: soft links are followed within a file, external links refused by name; how often the structure of a file is
//!   visited is bounded by its size.
//! - Spikes: times are in seconds. Where no sample has a spike in the first second, which is what is used, the file is
//!   refused; where some have none, that is told.
//! - NeuronIO: output spikes lie inside their simulation, or the file is refused. Simulations may be of any length below
//!   35 minutes, and windows as long as they allow. Parts that share simulations are found by content
//!   ([`neuronio::check_disjoint`]).
//! - Pathfinder: of several folders with images of the same size and difficulty one is taken, and the others are told.
//!   An image that the metadata list twice counts once (listed with both labels, it is refused), so that none is in two
//!   parts. That every image is there, and not empty, is looked at before anything is read.
//! - A part without samples is refused with its name, the file and the numbers.
//! - Files that this project made have a note on how ([`made`]), which is compared with what is asked for.

pub mod arrays;
mod container;
mod cut;
pub mod error;
mod files;
mod group;
mod hdf5;
pub mod json;
pub mod lra;
pub mod made;
pub mod neuronio;

mod pickle;
pub mod sequence;
pub mod shd;
mod split;
mod stream;
pub mod task;
mod tasks;
pub mod text;

pub use cut::{Cut, part_sizes};
pub use error::{DataError, Result};
pub use sequence::{BatchValues, BinnedSpikes, Encoding, Sample, Sequence, SequenceBatch};
pub use split::Split;
pub use stream::{BatchSource, BatchStream, default_workers};
pub use task::Task;
