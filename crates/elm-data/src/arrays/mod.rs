//! A user's own sequences.
mod array;
mod batches;
mod data;
mod dataset;
mod element;
mod events;
mod labels;
mod layout;
mod npy;
mod npz;
mod open;
mod options;
mod rows;
mod scaling;
mod set;
mod source;
mod split;
mod table;

pub use batches::{ArrayBatch, ArrayBatches, BatchTargets, Buckets};
pub use data::{InputKind, Inputs, SequenceData, SequenceSample, Target, TargetKind, Targets};
pub use dataset::{ArrayData, Known};
pub use labels::ClassNames;
pub use options::{ArrayFiles, ArrayKeys, ArrayOptions, EventBinning, Missing, TimeUnit};
pub use scaling::{Normalization, Scaler};
pub use set::ArraySet;
pub use split::{Parts, SplitRule};

#[cfg(test)]
mod tests;
