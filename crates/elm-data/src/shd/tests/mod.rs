//! Tests of the whole: files that h5py and PyTables wrote, files that are wrong, and what is made of the right ones.
#![allow(clippy::unwrap_used)]

mod adding;
mod bad;
mod dataset;
mod reading;
mod synthetic;

use std::io::Read;
use std::path::Path;

use half::f16;

use super::*;
use crate::made::Provenance;

/// Samples in every fixture.
const SAMPLES: usize = 7;

/// Spikes of sample `index` of the fixtures; see `tests/data/shd/make_fixtures.py`.
fn fixture_spikes(index: usize) -> SpikeTrain {
    let spikes = 0..index * 11;
    SpikeTrain {
        times: spikes
            .clone()
            .map(|k| (k * 37 % 70) as f64 / 64.0)
            .collect(),
        units: spikes.map(|k| ((k * 101 + index) % 700) as u16).collect(),
    }
}

/// Content of a fixture.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/shd");
    let zipped = std::fs::read(folder.join(format!("{name}.h5.gz"))).unwrap();
    let mut bytes = vec![];
    flate2::read::GzDecoder::new(&zipped[..])
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// A small file of our own: some samples with one or two spikes each, of these labels.
fn drawn(labels: &[u8]) -> ShdFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.elmspk");
    write_drawn(&path, labels);
    ShdFile::from_bytes("small.elmspk", std::fs::read(&path).unwrap()).unwrap()
}

fn write_drawn(path: &Path, labels: &[u8]) {
    let made = Provenance::new("a test", 1, 0);
    let mut writer = archive::writer(path, labels.len(), &made).unwrap();
    for (n, label) in (0u16..).zip(labels) {
        let time = |k| f16::from_f32(f32::from(k) / 4.0 + f32::from(n) / 512.0).to_bits();
        let sample = archive::Sample {
            label: *label,
            speaker: 3,
            spikes: (0..=n % 2).map(|k| (time(k), n % 700)).collect(),
        };
        writer.append(&sample.record().unwrap()).unwrap();
    }
    writer.finish().unwrap();
}
