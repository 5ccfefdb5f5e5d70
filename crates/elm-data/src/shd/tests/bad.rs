//! Bad files: every one gives a sentence with its name, none a panic. Random damage is in `tests/shd_damaged.rs`.

use super::*;

/// Asserts that an error is one line with these words.
fn says(error: crate::DataError, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    for word in words {
        assert!(message.contains(word), "expected {word:?} in {message:?}");
    }
}

/// Asserts that a fixture in `small` is refused, at the latest by its first sample.
fn refused(name: &str, words: &[&str]) {
    let bytes = fixture(&format!("small/{name}"));
    let error = ShdFile::from_bytes("small.h5", bytes).and_then(|f| f.spikes(0));
    says(error.unwrap_err(), &[&["small.h5"], words].concat());
}

#[test]
fn missing_files_and_folders_in_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("shd_train.h5");
    says(
        ShdFile::open(&missing).unwrap_err(),
        &["shd_train.h5: cannot open it"],
    );
    says(
        ShdFile::open(folder.path()).unwrap_err(),
        &["expected a file of Spiking Heidelberg Digits, found a folder"],
    );
}

#[test]
fn files_of_another_kind_and_corrupt_superblocks() {
    let whole = fixture("f16");
    let refused = |bytes: Vec<u8>, word: &str| {
        let what = "expected a file of Spiking Heidelberg Digits (HDF5), found no readable one";
        says(
            ShdFile::from_bytes("a.h5", bytes).unwrap_err(),
            &["a.h5", what, word],
        );
    };
    refused(vec![], "");
    refused(b"time,channel\n1,2\n".to_vec(), "");
    for at in [0, 7, 8, 13] {
        let mut bytes = whole.clone();
        bytes[at] = 77; // signature, its end, version, size of addresses
        refused(bytes, "");
    }
    let mut bytes = fixture("f32_latest");
    bytes[44] ^= 1;
    refused(bytes, "checksum");
}

#[test]
fn storage_of_hdf5_2() {
    says(
        ShdFile::from_bytes("new.h5", fixture("hdf5_2_gz")).unwrap_err(),
        &[
            "new.h5: dataset labels",
            "layout version 5",
            "h5py: libver=('earliest', 'v114')",
        ],
    );
}

#[test]
fn links_that_cannot_be_followed_are_named() {
    for name in ["links_bad_earliest", "links_bad_v114"] {
        let what = "a test file";
        let file = crate::hdf5::Hdf5File::from_bytes("l.h5", what, fixture(name)).unwrap();
        says(
            file.strings("extra/keys").unwrap_err(),
            &["`/extra/keys` is an external link to `/extra/keys` in the file `other.h5`"],
        );
        says(
            file.has("extra/speaker").unwrap_err(),
            &["`/extra/speaker` is a soft link to `/gone/speaker`, where nothing is"],
        );
        says(
            file.integers("circle").unwrap_err(),
            &["`/circle` is a soft link that leads in a circle"],
        );
        assert!(!file.has("nothing").unwrap());
    }
    // many links in a group of the newer form
    refused(
        "indexed",
        &[
            "dataset labels: expected it in the file, found no labels",
            "soft links are not followed",
        ],
    );
}

/// A root group whose header names `width` blocks, each of which names the next one `width` times, and so on.
fn chained(levels: u64, width: u64) -> Vec<u8> {
    let size = 24 * width; // a message of 8 bytes before its body of 16
    let block = |level: u64| 256 + level * size;
    let mut bytes = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec();
    let word = |bytes: &mut Vec<u8>, word: u64| bytes.extend(word.to_le_bytes());
    for address in [0, u64::MAX, block(levels) + 64, u64::MAX, 0, 96, 0, 0, 0] {
        word(&mut bytes, address); // base, free space, end, driver; name and header of the root group
    }
    bytes.extend([1, 0]);
    bytes.extend((levels * width).min(60_000).to_le_bytes()[..2].iter());
    bytes.extend([1, 0, 0, 0]);
    word(&mut bytes, size);
    let blocks = |bytes: &mut Vec<u8>, level| {
        for _ in 0..width {
            bytes.extend([0x10, 0, 16, 0, 0, 0, 0, 0]);
            bytes.extend(block(level).to_le_bytes());
            bytes.extend(size.to_le_bytes());
        }
    };
    blocks(&mut bytes, 0);
    for level in 0..levels {
        bytes.resize(block(level) as usize, 0);
        blocks(&mut bytes, level + 1);
    }
    bytes.resize(block(levels) as usize + 64, 0);
    bytes
}

#[test]
fn a_small_file_cannot_ask_for_many_visits() {
    // 2^30 visits would take minutes
    let bytes = chained(30, 2);
    assert!(bytes.len() < 2000);
    says(
        ShdFile::from_bytes("small.h5", bytes).unwrap_err(),
        &["small.h5: dataset labels: ", "visits in a file of"],
    );
}

#[test]
fn compressed_files_are_told_how_to_unpack() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shd_train.h5");
    std::fs::write(&path, b"\x1f\x8b\x08\0and more").unwrap();
    says(
        ShdFile::open(&path).unwrap_err(),
        &["found a gzip file: unpack it first (gunzip 'shd_train.h5')"],
    );
}

#[test]
fn truncated_files() {
    for name in ["f16", "f32_latest", "f64_gz", "pytables"] {
        let whole = fixture(name);
        for end in (0..whole.len()).step_by(97) {
            let spikes = ShdFile::from_bytes("cut.h5", whole[..end].to_vec()).and_then(|file| {
                (0..SAMPLES)
                    .map(|i| file.spikes(i))
                    .collect::<crate::Result<Vec<_>>>()
            });
            // What is missing at the very end may be padding that nobody needs.
            match spikes {
                Err(error) => says(error, &["cut.h5"]),
                Ok(spikes) => {
                    let expected: Vec<_> = (0..SAMPLES).map(fixture_spikes).collect();
                    assert!(end > whole.len() / 2 && spikes == expected, "{name} {end}");
                }
            }
        }
    }
}

#[test]
fn labels_out_of_range() {
    refused("label_20", &["labels, row 1: expected 0 to 19, found 20"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drawn.elmspk");
    write_drawn(&path, &[0, 20]);
    says(
        ShdFile::open(&path).unwrap_err(),
        &["drawn.elmspk: sample 1: expected a label of 0 to 19, found 20"],
    );
}

#[test]
fn lengths_that_differ() {
    refused(
        "more_labels",
        &["spikes/times: expected 3 rows, as many as labels, found 2"],
    );
    refused("fewer_units", &["spikes/units: expected 2 rows", "found 1"]);
    refused("two_times", &["sample 0", "found 2 times and 1 units"]);
}

#[test]
fn times_and_units_out_of_range() {
    refused(
        "unit_700",
        &["sample 0: unit of spike 0: expected 0 to 699, found 700"],
    );
    for name in ["negative", "nan", "infinite"] {
        refused(
            name,
            &["sample 0: time of spike 0: expected 0 s or later, found"],
        );
    }
    let one = ShdFile::from_bytes("small.h5", fixture("small/one")).unwrap();
    says(
        one.spikes(1).unwrap_err(),
        &["spikes/times, row 1: expected a row below 1"],
    );
}

#[test]
fn missing_datasets_and_wrong_types() {
    for (name, words) in [
        (
            "no_labels",
            "dataset labels: expected it in the file, found no labels",
        ),
        ("float_labels", "dataset labels: expected integers, found"),
        (
            "no_times",
            "dataset spikes/times: expected it in the file, found no",
        ),
        (
            "flat_times",
            "dataset spikes/times: expected variable-length arrays of floats of 16, 32 or 64 bits",
        ),
    ] {
        refused(name, &[words]);
    }
}

/// A file of one sample with one time and one unit; where its collection and the reference to its time are.
fn one_sample() -> (Vec<u8>, usize, usize) {
    let bytes = fixture("small/one");
    let collection = bytes.windows(4).position(|w| w == b"GCOL").unwrap();
    let address = (collection as u64).to_le_bytes();
    // A reference is its length, the address of its collection, and its index there: the time came first.
    let reference = [&1_u32.to_le_bytes()[..], &address, &1_u32.to_le_bytes()].concat();
    let at = bytes.windows(16).position(|w| w == reference).unwrap();
    (bytes, collection, at)
}

#[test]
fn bad_heap_references() {
    let (whole, collection, reference) = one_sample();
    let read = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        ShdFile::from_bytes("heap.h5", bytes).and_then(|f| f.spikes(0))
    };
    assert!(read(&|_| ()).is_ok());
    type Change<'a> = &'a dyn Fn(&mut [u8]);
    let cases: [(Change<'_>, &str); 9] = [
        (&|b| b[reference + 3] = 0xff, "expected 4278190081 numbers"),
        (&|b| b[reference + 4] ^= 8, "expected GCOL, version 1"),
        (&|b| b[reference + 11] = 0xff, "heap collection at"),
        (
            &|b| b[reference + 4..][..8].fill(0xff),
            "heap collection at 18446744073709551615",
        ),
        (
            &|b| b[reference + 12] = 9,
            "expected object 9 in the collection",
        ),
        (
            &|b| b[reference + 14] = 1,
            "expected object 65537 in the collection",
        ),
        (&|b| b[collection + 15] = 0x7f, "within the"),
        (&|b| b[collection + 8..][..8].fill(0), "within the"),
        (
            &|b| b[collection + 16 + 15] = 0xff,
            "does not fit into the collection",
        ),
    ];
    for (change, words) in cases {
        says(
            read(change).unwrap_err(),
            &["heap.h5", "spikes/times, row 0", words],
        );
    }
}
