//! `.elmspk`: the spikes of many samples in one file, for sets that a program draws.
//!
//! The header is that of all files of records here; its word is the size of the note, which is how the set was made, as
//! JSON. A record's word is the label, and above its 16 bits the speaker; its checksum is that of the record before
//! compression: the times of all spikes (`f16`, s), then their channels (`u16`).

use std::path::{Path, PathBuf};

use half::f16;

use super::SpikeTrain;
use crate::container::{Form, Record, RecordWriter, Row, inflate};
use crate::files::{Content, crc};
use crate::made::Provenance;
use crate::{DataError, Result};

const FORM: Form = Form {
    magic: MAGIC,
    what: "a file of spikes drawn by a program (.elmspk)",
    record: "sample",
    words: &[1],
    note_since: 1,
};
/// First bytes of a file.
pub(super) const MAGIC: [u8; 8] = *b"ELMSPK\r\n";
/// Bytes of a spike.
const SPIKE: usize = 4;
/// Most bytes of a sample: as many spikes as a published file has in all of its samples.
const MOST: usize = 1 << 28;

/// A file of drawn spikes, mapped: it must not be changed while it is in use.
#[derive(Debug)]
pub(super) struct SpikeArchive {
    path: PathBuf,
    content: Content,
    rows: Vec<Row>,
    provenance: Provenance,
}

impl SpikeArchive {
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::new(path, Content::map(path, FORM.what)?)
    }

    pub(super) fn new(path: &Path, content: Content) -> Result<Self> {
        let bad = |problem| DataError::format(path, problem);
        let header = FORM.read(&content).map_err(bad)?;
        let provenance = Provenance::from_json(&content[header.note]).map_err(bad)?;
        Ok(Self {
            path: path.to_path_buf(),
            rows: header.rows,
            content,
            provenance,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Label and speaker of each sample, not checked.
    pub(super) fn labels(&self) -> impl Iterator<Item = (u32, u32)> {
        self.rows
            .iter()
            .map(|row| (row.word & 0xffff, row.word >> 16))
    }

    /// The spikes of a sample, not checked but for the checksum.
    pub(super) fn spikes(&self, sample: usize) -> Result<SpikeTrain> {
        let bad = |problem| DataError::format(&self.path, format!("sample {sample}: {problem}"));
        let row = self
            .rows
            .get(sample)
            .ok_or_else(|| bad(format!("expected one below {}", self.rows.len())))?;
        let deflated = &self.content[row.place()];
        let bytes = inflate(deflated, MOST).map_err(|e| bad(e.to_string()))?;
        if crc(&bytes) != row.checksum || !bytes.len().is_multiple_of(SPIKE) {
            return Err(bad("it is damaged: its checksum does not fit".into()));
        }
        let (times, units) = bytes.split_at(bytes.len() / 2);
        let words = |bytes: &[u8]| -> Vec<u16> {
            let words = bytes.as_chunks().0.iter();
            words.map(|word| u16::from_le_bytes(*word)).collect()
        };
        let second = |bits: u16| f16::from_bits(bits).to_f64();
        Ok(SpikeTrain {
            times: words(times).into_iter().map(second).collect(),
            units: words(units),
        })
    }
}

/// A sample that is to be written: label, speaker, and spikes as time (the bits of a half float, s) and channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) label: u8,
    pub(super) speaker: u8,
    pub(super) spikes: Vec<(u16, u16)>,
}

impl Sample {
    /// The sample, compressed.
    pub(super) fn record(&self) -> std::io::Result<Record> {
        let times = self.spikes.iter().map(|(time, _)| time);
        let units = self.spikes.iter().map(|(_, unit)| unit);
        let plain: Vec<u8> = times.chain(units).flat_map(|w| w.to_le_bytes()).collect();
        Record::deflate(
            &plain,
            u32::from(self.label) | u32::from(self.speaker) << 16,
        )
    }
}

/// Starts a file of `count` samples.
pub(super) fn writer(path: &Path, count: usize, provenance: &Provenance) -> Result<RecordWriter> {
    RecordWriter::create(&FORM, path, vec![], count, provenance.to_json()?)
        .map_err(|e| DataError::io(path, "create it", e))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn any_sample() -> impl Strategy<Value = Sample> {
        let spikes = prop::collection::vec((any::<u16>(), any::<u16>()), 0..200);
        (any::<u8>(), any::<u8>(), spikes).prop_map(|(label, speaker, spikes)| Sample {
            label,
            speaker,
            spikes,
        })
    }

    fn file(samples: &[Sample]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.elmspk");
        let made = Provenance::new("a test", 1, 2);
        let mut writer = writer(&path, samples.len(), &made).unwrap();
        for sample in samples {
            writer.append(&sample.record().unwrap()).unwrap();
        }
        writer.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    fn open(bytes: Vec<u8>) -> Result<SpikeArchive> {
        SpikeArchive::new(Path::new("a.elmspk"), Content::Owned(bytes))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_written_reads_back_and_damage_is_noticed(
            samples in prop::collection::vec(any_sample(), 1..5), at: prop::sample::Index, bit in 0..8,
        ) {
            let whole = file(&samples);
            let read = open(whole.clone()).unwrap();
            let labels = samples.iter().map(|s| (u32::from(s.label), u32::from(s.speaker)));
            prop_assert!(read.labels().eq(labels));
            prop_assert_eq!(read.provenance().seed, 2);
            for (index, sample) in samples.iter().enumerate() {
                let found = read.spikes(index).unwrap();
                let bits = |t: &f64| f16::from_f64(*t).to_bits();
                let expected = sample.spikes.iter().map(|(time, _)| bits(&f16::from_bits(*time).to_f64()));
                prop_assert!(found.times.iter().map(bits).eq(expected));
                prop_assert!(found.units.iter().eq(sample.spikes.iter().map(|(_, unit)| unit)));
            }
            prop_assert!(read.spikes(samples.len()).is_err());
            let read_all = |bytes: Vec<u8>| -> Result<Vec<_>> {
                let file = open(bytes)?;
                (0..samples.len()).map(|i| file.spikes(i).map(|s| (s.times, s.units))).collect()
            };
            let mut damaged = whole.clone();
            damaged[at.index(whole.len())] ^= 1u8 << bit;
            // a bit that the compressed stream does not use changes nothing
            if let Ok(found) = read_all(damaged) {
                let bits = |all: Vec<(Vec<f64>, Vec<u16>)>| -> Vec<_> {
                    let bits = |(times, units): (Vec<f64>, _)| (times.into_iter().map(f64::to_bits).collect::<Vec<_>>(), units);
                    all.into_iter().map(bits).collect()
                };
                prop_assert_eq!(bits(found), bits(read_all(whole.clone()).unwrap()));
            }
            prop_assert!(read_all(whole[..at.index(whole.len())].to_vec()).is_err());
        }

        #[test]
        fn random_bytes_do_not_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(open([&MAGIC[..], b"\x01\0\0\0", &tail].concat()).is_err());
        }
    }
}
