//! The readers of the Long Range Arena's files and of Enwik8, on small files in exactly the published formats: written
//! here, or by the Python of their time (`tests/data`).
#![allow(clippy::unwrap_used)]

mod image;
mod listops;
mod packed;
mod pathfinder;
mod retrieval;
mod text;

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use elm_data::{DataError, Sample, Sequence};

/// Writes `content` to `folder/name`, making the folders between.
fn put(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

/// Asserts that `result` is an error that begins with `path` and says all `words`.
fn complains<T: Debug>(result: Result<T, DataError>, path: &Path, words: &[&str]) {
    let message = result.unwrap_err().to_string();
    let begins = message.starts_with(&format!("{}: ", path.display()));
    let says = words.iter().all(|word| message.contains(word));
    assert!(begins && says, "{message}\nexpected {words:?}");
}

/// Tokens of the only input of a sample.
fn tokens(sample: &Sample) -> &[u16] {
    match &sample.inputs[..] {
        [Sequence::Tokens(tokens)] => tokens,
        other => panic!("expected one sequence of tokens, found {other:?}"),
    }
}

/// Pixels of the only input of a sample.
fn pixels(sample: &Sample) -> &[u8] {
    match &sample.inputs[..] {
        [Sequence::Pixels(pixels)] => pixels,
        other => panic!("expected one sequence of pixels, found {other:?}"),
    }
}

/// A file of `tests/data`.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}
