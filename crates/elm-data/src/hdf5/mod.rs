//! HDF5, as far as the data sets of this crate need it: lists of numbers, ragged lists of numbers (variable-length
//! arrays), lists of strings.
//!
//! `hdf5-pure` reads the structure of a file (superblocks, groups, datasets, filters). It gives the elements of a
//! variable-length dataset as references into the file's global heap, which are resolved here, as soft links are; how
//! often it visits the blocks of a file is bounded (`source.rs`). Section numbers in this module are those of the "HDF5
//! File Format Specification", version 3.0.

mod heap;
mod links;
mod number;
#[allow(unexpected_cfgs)] // `fuzzing`, which fuzz/run.sh sets
mod read;
mod source;

pub(crate) use number::NumberKind;
pub(crate) use read::{Hdf5File, Ragged};

/// Size of a reference into the global heap: length (4 bytes), address of the collection (8), index in it (4).
const REFERENCE: usize = 16;
