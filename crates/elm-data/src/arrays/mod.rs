//! A user's own sequences: files of arrays, tables or events become batches.
//!
//! [`ArraySet::open`] reads files, finds out what is to be learnt, and splits them; [`Scaler`] learns a normalisation from
//! the part to train on; [`Buckets`] plans batches of about the same length, and [`ArrayBatches`] makes them. What is not
//! in files implements [`SequenceData`] and takes the same way.
//!
//! # Files
//!
//! The content says what a file is, not its name.
//!
//! | format | what is read |
//! |---|---|
//! | `.npz` | arrays by their keys; as `np.savez` writes them, they are mapped and only what a batch needs is read; as `np.savez_compressed` does, they are inflated (more than 64 MiB into a temporary file) |
//! | `.safetensors` | tensors by their names, mapped |
//! | `.npy` | `x`; with `X_train.npy` also `y_train.npy`, `lengths_train.npy`, `group_train.npy` and `split_train.npy` where they are beside it |
//! | folder with `x.npy` | arrays by the names of their files |
//! | folder of `.npy` or `.csv` | one sequence in each file, by name; `labels.csv` with a column `file` (and `y`, `group`, `split`), or `y.npy` in the order of the names |
//! | folder of such folders | one folder for each class |
//! | CSV | rows are steps, columns channels; the columns `sample`, `time`, `y`, `group`, `split` say what their names say; separated by comma, semicolon or tab |
//! | events | with [`ArrayOptions::events`]: `sample`, `time`, `channel` and maybe `value` of each event, as arrays or as columns; or HDF5 in the layout of SHD |
//!
//! Parquet is not read: its crate brings ten others, one of C, and builds for over a minute, for what `df.to_csv` does in
//! one line.
//!
//! # Keys
//!
//! | key | shape |
//! |---|---|
//! | `x` | `[sample, time, channel]`, or `[sample, time]` of one channel; or a list `x_0`, `x_1`, … of `[time, channel]` |
//! | `lengths` | `[sample]`: real steps of each sequence of an array that is padded |
//! | `y` | see below; left out to predict the next step |
//! | `group` | `[sample]`, numbers or texts: samples of one group never come into two parts |
//! | `split` | `[sample]`: `train`, `valid` or `test` (or 0, 1, 2) |
//!
//! Numbers are floats of 16, 32 and 64 bits, integers of 8 to 64 bits with and without sign, and truth values, in either
//! byte order, row by row or column by column (which is slow to read of a large file: `np.ascontiguousarray`); labels may be
//! texts. An array of Python objects is not read: that would run
//! pickle. Values that are not finite are refused with their place, or missing ones are filled ([`Missing::Fill`]).
//!
//! # What is learnt
//!
//! | `y` | [`TargetKind`] |
//! |---|---|
//! | `[sample]`, integers or texts | `classify` |
//! | `[sample, time]`, integers or texts (or a list) | `classify-steps` |
//! | `[sample]` or `[sample, output]`, floats | `regress` |
//! | `[sample, time]` or `[sample, time, output]`, floats (or a list) | `regress-steps` |
//! | none, `x` has floats | `next-value` |
//! | none, `x` has one channel of integers or texts | `next-symbol` |
//!
//! [`ArrayOptions::kind`] says it where this is not what is meant: integers to be regressed, or `[sample, output]` with as
//! many outputs as steps. Classes are the different labels, numbered in their order ([`ClassNames`]).
//!
//! # Python that writes such files
//!
//! ```python
//! import numpy as np
//! x = np.random.randn(100, 50, 3)                  # 100 sequences of 50 steps and 3 channels
//! y = np.where(x.mean((1, 2)) > 0, "up", "down")
//! np.savez("data.npz", x=x, y=y)
//!
//! sequences = [np.random.randn(n, 3) for n in (20, 35, 50)]   # of different lengths
//! np.savez("ragged.npz", **{f"x_{i}": s for i, s in enumerate(sequences)}, y=[0, 1, 0])
//!
//! np.savez("spikes.npz", sample=[0, 0, 1], time=[1.5, 20.0, 3.0], channel=[0, 4, 2], y=[0, 1])  # ms
//! ```

mod array;
mod batches;
mod builder;
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
