//! Bad NeuronIO files: every one gives a sentence with its path, none a panic.
#![allow(clippy::unwrap_used)]

mod files;
#[path = "../pickles/mod.rs"]
mod pickles;
mod properties;

use std::io::Write;
use std::path::{Path, PathBuf};

use elm_data::neuronio::{
    Simulation, SpikeEvent, open_simulations, read_archive, read_archive_bytes, read_pickle,
    read_pickle_bytes, write_archive,
};
use half::f16;
use pickles::{Content, python2};
use proptest::prelude::*;

/// Writes `bytes` to a file and gives the reader's complaint, which must name the file.
fn complaint(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input.p");
    std::fs::write(&path, bytes).unwrap();
    let message = read_pickle(&path).unwrap_err().to_string();
    assert!(
        message.contains("input.p") && message.lines().count() == 1,
        "{message}"
    );
    message
}

fn says(bytes: &[u8], words: &[&str]) {
    let message = complaint(bytes);
    for word in words {
        assert!(message.contains(word), "expected {word:?} in {message:?}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn one_simulation() -> Simulation {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.p");
    std::fs::write(&path, python2(&Content::default())).unwrap();
    read_pickle(&path).unwrap().remove(0)
}

fn archive_of(simulations: &[Simulation]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.elmnio");
    write_archive(&path, simulations).unwrap();
    std::fs::read(path).unwrap()
}
