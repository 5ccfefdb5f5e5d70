//! Damaged SHD files: whatever is wrong with them, reading ends with an error or with samples in range, without a panic
//! and without memory beyond what such small files can need.
#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::path::Path;

use elm_data::shd::{CHANNELS, CLASSES, ShdFile};
use proptest::prelude::*;

/// Files that h5py and PyTables wrote, unpacked.
fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/shd");
    let mut files = vec![];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "gz") {
            let mut bytes = vec![];
            let file = std::fs::File::open(path).unwrap();
            flate2::read::GzDecoder::new(file)
                .read_to_end(&mut bytes)
                .unwrap();
            files.push(bytes);
        }
    }
    assert_eq!(files.len(), 11);
    files
}

/// Reads everything that there is.
fn read_all(bytes: Vec<u8>) -> elm_data::Result<usize> {
    let file = ShdFile::from_bytes("damaged.h5", bytes)?;
    file.is_synthetic();
    let mut first_error = file.keys().err();
    let mut spikes = 0;
    for sample in 0..file.len().min(1000) {
        match file.spikes(sample) {
            Ok(train) => {
                assert!(usize::from(file.labels()[sample]) < CLASSES);
                assert_eq!(train.times.len(), train.units.len());
                assert!(train.times.iter().all(|t| *t >= 0.0));
                assert!(train.units.iter().all(|u| usize::from(*u) < CHANNELS));
                spikes += train.units.len();
            }
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(spikes), Err)
}

/// Most memory that this process has used so far (bytes), where the system says.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// A change of one place: a bit, a byte, or eight bytes that can be an address or a size.
#[derive(Debug, Clone)]
enum Damage {
    Bit(u8),
    Byte(u8),
    Number(u64),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0..8_u8).prop_map(Damage::Bit),
        any::<u8>().prop_map(Damage::Byte),
        prop_oneof![
            any::<u64>(),
            0..20_000_u64,
            Just(u64::MAX),
            Just(u64::MAX - 15),
            Just(1 << 40)
        ]
        .prop_map(Damage::Number),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn damage_is_an_error_or_harmless(
        file in 0..11_usize,
        places in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = fixtures().swap_remove(file);
        for (place, damage) in places {
            let place = place.index(bytes.len());
            match damage {
                Damage::Bit(bit) => bytes[place] ^= 1 << bit,
                Damage::Byte(byte) => bytes[place] = byte,
                Damage::Number(number) => {
                    let end = bytes.len().min(place + 8);
                    let number = number.to_le_bytes();
                    bytes[place..end].copy_from_slice(&number[..end - place]);
                }
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = read_all(bytes) {
            let message = error.to_string();
            prop_assert!(message.starts_with("damaged.h5: "), "{message}");
            prop_assert_eq!(message.lines().count(), 1);
        }
        if let Some(peak) = peak_memory() {
            prop_assert!(peak < 100 << 20, "{} MB", peak >> 20);
        }
    }
}
