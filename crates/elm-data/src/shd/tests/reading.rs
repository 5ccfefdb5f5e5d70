//! Files as h5py and PyTables write them.

use super::*;

#[test]
fn files_of_all_kinds_hold_the_same() {
    for name in [
        "f16",                // contiguous, oldest format
        "f32_latest",         // newest format, 64-bit units and labels, keys of variable length
        "f64_gz",             // chunked, shuffled, deflated
        "big_endian_gz_v114", // and the same in the format of 1.14, with bytes the other way round, extensible
        "userblock",          // address 0 is not the start of the file
        "links_earliest",     // behind soft links, in groups of the oldest format
        "links_v114",         // and of a newer one
        "pytables", // as the published files were written: extensible arrays with attributes
    ] {
        let file = ShdFile::from_bytes(name, fixture(name)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((file.len(), file.is_empty()), (SAMPLES, false), "{name}");
        let labels: Vec<u8> = (0..SAMPLES as u8).map(|i| i * 3 % 20).collect();
        assert_eq!(file.labels(), labels, "{name}");
        assert_eq!(file.speakers().unwrap(), [0, 1, 2, 3, 0, 1, 2], "{name}");
        let keys = file.keys().unwrap().unwrap();
        assert_eq!(keys, ["zero", "one", "neun"], "{name}");
        assert!(!file.is_synthetic(), "{name}");
        for sample in 0..SAMPLES {
            let spikes = file.spikes(sample).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(spikes, fixture_spikes(sample), "{name}, sample {sample}");
        }
    }
}

#[test]
fn speakers_and_keys_may_be_missing() {
    let file = ShdFile::from_bytes("plain.h5", fixture("small/plain")).unwrap();
    assert_eq!(file.labels(), [3, 19]);
    assert_eq!((file.speakers(), file.keys().unwrap()), (None, None));
    assert_eq!(file.spikes(1).unwrap().units, [1, 1]);
    assert!((file.provenance(), file.is_synthetic()) == (None, false));
    let none = ShdFile::from_bytes("none.h5", fixture("small/none")).unwrap();
    assert!(none.is_empty());
}

#[test]
fn drawn_files_hold_what_published_ones_do() {
    let file = drawn(&[3, 19, 0]);
    assert_eq!(file.labels(), [3, 19, 0]);
    assert_eq!(
        (file.speakers().unwrap(), file.keys().unwrap()),
        (&[3; 3][..], None)
    );
    let expected = SpikeTrain {
        times: vec![1.0 / 512.0, 0.25 + 1.0 / 512.0],
        units: vec![1, 1],
    };
    assert_eq!(file.spikes(1).unwrap(), expected);
    assert!(file.is_synthetic() && file.provenance().is_some_and(|p| p.generator == "a test"));
    assert!(file.spikes(3).is_err() && drawn(&[]).is_empty());
}

#[test]
fn folders_hold_published_or_synthetic_files() {
    let folder = tempfile::tempdir().unwrap();
    let find = || ShdFolder::find(folder.path());
    let message = find().unwrap_err().to_string();
    assert!(
        message.contains("expected shd_train.h5 or synthetic_shd_train.elmspk"),
        "{message}"
    );
    // an older version wrote HDF5
    for name in ["synthetic_shd_train.h5", "synthetic_shd_train.elmspk"] {
        std::fs::write(folder.path().join(name), "").unwrap();
        let found = find().unwrap();
        assert_eq!(
            (found.kind, found.train),
            (ShdKind::Synthetic, folder.path().join(name))
        );
    }
    let published = folder.path().join("shd_train.h5");
    std::fs::write(&published, "").unwrap();
    let found = find().unwrap();
    assert_eq!((found.kind, &found.train), (ShdKind::Published, &published));
    let message = ShdFile::open(&found.test).unwrap_err().to_string();
    assert!(message.contains("shd_test.h5: cannot open it"), "{message}");
}
