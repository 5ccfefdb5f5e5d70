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
use crate::hdf5::{Hdf5Writer, StoredType};

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

/// A small file of our own.
struct Content {
    times: Vec<Vec<f32>>,
    units: Vec<Vec<u16>>,
    labels: Vec<u8>,
}

impl Content {
    /// Some samples with one or two spikes each.
    fn new(labels: &[u8]) -> Self {
        let numbers = 0..labels.len() as u16;
        let times = |n| {
            (0..=n % 2)
                .map(|k| f32::from(k) / 4.0 + f32::from(n) / 512.0)
                .collect()
        };
        Self {
            times: numbers.clone().map(times).collect(),
            units: numbers
                .map(|n| vec![n % 700; 1 + usize::from(n % 2)])
                .collect(),
            labels: labels.to_vec(),
        }
    }

    fn write(&self, path: &Path) {
        let mut writer = Hdf5Writer::create(path).unwrap();
        let bytes = |values: &[u16]| {
            values
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let mut write = |name, kind, rows: Vec<Vec<u16>>| {
            let one = |row: &Vec<u16>| writer.elements([(row.len(), &bytes(row)[..])]).unwrap()[0];
            let references: Vec<_> = rows.iter().map(one).collect();
            writer.ragged(name, kind, &references).unwrap()
        };
        let half = |row: &Vec<f32>| row.iter().map(|t| f16::from_f32(*t).to_bits()).collect();
        let spikes = [
            write(
                "times",
                StoredType::F16,
                self.times.iter().map(half).collect(),
            ),
            write("units", StoredType::U16, self.units.clone()),
        ];
        let count = self.labels.len();
        let labels = writer
            .list("labels", StoredType::U8, count, &self.labels)
            .unwrap();
        let spikes = writer.group("spikes", &spikes, &[]).unwrap();
        let root = writer.group("", &[labels, spikes], &[]).unwrap();
        writer.finish(root).unwrap();
    }

    /// The file, opened.
    fn open(&self) -> crate::Result<ShdFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.h5");
        self.write(&path);
        ShdFile::from_bytes("small.h5", std::fs::read(&path).unwrap())
    }
}
