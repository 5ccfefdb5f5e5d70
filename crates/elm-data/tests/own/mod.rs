//! What the tests of a user's own sequences share.
#![allow(dead_code)] // each test file uses a part of it

use std::path::{Path, PathBuf};

use elm_data::arrays::{ArrayData, ArrayOptions, Inputs, SequenceData, TargetKind};

/// A file that `tests/data/arrays/make_arrays.py` wrote.
pub fn fixture(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/arrays");
    Path::new(folder).join(name)
}

/// What that script puts at `[sample, step, channel]`.
pub fn expected(sample: usize, steps: usize) -> Vec<f64> {
    let at = |t: usize, c: usize| (sample * 100 + t * 10 + c) as f64 + 0.5;
    (0..steps).flat_map(|t| [at(t, 0), at(t, 1)]).collect()
}

pub fn open(path: &Path, options: &ArrayOptions) -> elm_data::Result<ArrayData> {
    ArrayData::open(&[path.to_path_buf()], options, None)
}

pub fn data(path: &Path) -> ArrayData {
    open(path, &ArrayOptions::default()).unwrap()
}

/// Why a file cannot be read: one line.
pub fn problem(path: &Path, options: &ArrayOptions) -> String {
    let message = open(path, options).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

pub fn kind(kind: TargetKind) -> ArrayOptions {
    ArrayOptions {
        kind: Some(kind),
        ..ArrayOptions::default()
    }
}

pub fn values(data: &ArrayData, sample: usize) -> Vec<f64> {
    match data.sample(sample).unwrap().inputs {
        Inputs::Values(values) => values,
        Inputs::Symbols(_) => panic!("expected values"),
    }
}
