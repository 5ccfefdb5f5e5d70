//! Files of arrays that are cut, changed or made to harm: an error in one line, never a panic or all of the memory.
#![allow(clippy::unwrap_used)]

mod own;

use std::io::{Cursor, Write};
use std::path::Path;

use elm_data::arrays::{ArrayOptions, EventBinning, SequenceData, TargetKind, TimeUnit};
use own::{data, expected, fixture, kind, open, problem, values};
use proptest::prelude::*;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn npz(members: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn write(folder: &TempDir, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.path().join("x.npz");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let places: Vec<usize> = (0..=bytes.len() - from.len())
        .filter(|i| &bytes[*i..*i + from.len()] == from)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
}

/// Opens a file and reads everything, whatever comes of it.
fn read_all(path: &Path, options: &ArrayOptions) {
    match open(path, options) {
        Ok(data) => {
            for sample in 0..data.len().min(50) {
                let _ = data.sample(sample);
            }
        }
        Err(e) => assert!(!e.to_string().contains('\n'), "{e}"),
    }
}

#[test]
fn names_from_a_file_do_not_break_a_message() {
    let folder = TempDir::new().unwrap();
    let text = b"\"two\nlines\x1b[2J\",b\n1,2\nx,3\n";
    let message = problem(&write(&folder, text), &ArrayOptions::default());
    assert!(message.contains("column `two lines [2J`"), "{message}");
}

#[test]
fn cut_files_are_told() {
    let folder = TempDir::new().unwrap();
    for name in [
        "stored.npz",
        "deflated.npz",
        "tensors.safetensors",
        "X_train.npy",
    ] {
        let whole = std::fs::read(fixture(name)).unwrap();
        for length in (0..whole.len()).step_by(7) {
            let path = write(&folder, &whole[..length]);
            let message = problem(&path, &ArrayOptions::default());
            assert!(message.contains("x.npz"), "{message}");
        }
    }
    let mut longer = std::fs::read(fixture("X_train.npy")).unwrap();
    longer.extend([0; 8]);
    let message = problem(&write(&folder, &longer), &ArrayOptions::default());
    assert!(message.contains("takes 320 bytes, found 328"), "{message}");
}

#[test]
fn sizes_that_do_not_agree_are_told() {
    let folder = TempDir::new().unwrap();
    for name in ["stored.npz", "X_train.npy"] {
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        replace(&mut bytes, b"(4, 5, 2)", b"(9, 5, 2)");
        let message = problem(&write(&folder, &bytes), &ArrayOptions::default());
        assert!(message.contains("the shape [9, 5, 2]"), "{message}");
    }
    // a petabyte, and more than can be counted
    for shape in ["(1000000000, 1000000, 1)", "(4294967296, 4294967296, 4)"] {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let bytes = npz(&[("x.npy", npy("<f8", shape, &[0; 64]))], method);
            let message = problem(&write(&folder, &bytes), &ArrayOptions::default());
            let told = message.contains("the archive declares") || message.contains("too large");
            assert!(told, "{message}");
        }
    }
}

#[test]
fn names_in_an_archive_are_only_keys() {
    let folder = TempDir::new().unwrap();
    let x = npy("<f4", "(1, 2, 1)", &[0; 8]);
    let names = ["../../x.npy", "/etc/x.npy", "a\\..\\x.npy", "x.npy"];
    let members: Vec<(&str, Vec<u8>)> = names.iter().map(|n| (*n, x.clone())).collect();
    let path = write(&folder, &npz(&members, CompressionMethod::Deflated));
    assert_eq!(data(&path).len(), 1);
    let mut options = ArrayOptions::default();
    options.keys.x = "../../x".into();
    assert_eq!(
        open(&path, &options).unwrap().len(),
        1,
        "a key like any other"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let members = [("x.npy", x.clone()), ("z.npy", x)];
    let mut bytes = npz(&members, CompressionMethod::Stored);
    replace(&mut bytes, b"z.npy", b"x.npy");
    let message = problem(&write(&folder, &bytes), &ArrayOptions::default());
    assert!(message.contains("two arrays of one name"), "{message}");
    let none = npz(&[("readme.txt", vec![1])], CompressionMethod::Stored);
    let message = problem(&write(&folder, &none), &ArrayOptions::default());
    assert!(message.contains("members named *.npy"), "{message}");
}

#[test]
fn damaged_compressed_data_are_told() {
    let folder = TempDir::new().unwrap();
    let numbers: Vec<u8> = (0..4000_u32)
        .flat_map(|i| (i as f32).to_le_bytes())
        .collect();
    let mut bytes = npz(
        &[("x.npy", npy("<f4", "(4, 500, 2)", &numbers))],
        CompressionMethod::Deflated,
    );
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    let message = problem(&write(&folder, &bytes), &ArrayOptions::default());
    assert!(
        message.contains("`x`: the compressed data are damaged"),
        "{message}"
    );
}

#[test]
fn a_large_compressed_array_is_read_through_a_temporary_file() {
    let folder = TempDir::new().unwrap();
    let (samples, steps) = (700, 100_000);
    let mut numbers = vec![0; samples * steps];
    numbers[699 * steps + 5] = 42;
    let bytes = npz(
        &[("x.npy", npy("|u1", "(700, 100000)", &numbers))],
        CompressionMethod::Deflated,
    );
    let path = write(&folder, &bytes);
    let data = open(&path, &kind(TargetKind::NextValue)).unwrap();
    let last = values(&data, 699);
    assert_eq!((last[5], last.iter().sum::<f64>()), (42.0, 42.0));
}

#[test]
fn lists_with_gaps_and_other_shapes_are_told() {
    let folder = TempDir::new().unwrap();
    let array = |shape: &str, count: usize| npy("<f4", shape, &vec![0; 4 * count]);
    for (members, word) in [
        (
            vec![
                ("x_0.npy", array("(2, 1)", 2)),
                ("x_2.npy", array("(2, 1)", 2)),
            ],
            "expected `x_1` before `x_2`",
        ),
        (
            vec![("x_5.npy", array("(2, 1)", 2))],
            "expected `x_0` before `x_5`",
        ),
        (
            vec![
                ("x_0.npy", array("(2, 1)", 2)),
                ("x_1.npy", array("(1, 2)", 2)),
            ],
            "expected 1 channels as in `x_0`",
        ),
        (
            vec![("x_0.npy", array("(2, 1, 1)", 2))],
            "expected [time, channel]",
        ),
        (
            vec![("x.npy", array("(2,)", 2))],
            "expected [sample, time, channel]",
        ),
        (vec![("x.npy", array("()", 1))], "found [] of float32"),
        (
            vec![("x.npy", array("(0, 5, 2)", 0))],
            "at least one sample",
        ),
        (
            vec![
                ("x.npy", array("(2, 5)", 10)),
                ("lengths.npy", npy("|u1", "(2,)", &[3, 6])),
            ],
            "`lengths`: [1]: expected a length of 1 to 5 steps, found 6",
        ),
        (
            vec![
                ("x.npy", array("(2, 5)", 10)),
                ("lengths.npy", array("(2,)", 2)),
            ],
            "expected a length of 1 to 5 steps, found 0",
        ),
        (
            vec![
                ("x.npy", array("(2, 5)", 10)),
                ("y.npy", npy("|u1", "(3,)", &[0, 1, 2])),
            ],
            "`y`: expected one for each of the 2 sequences, found [3] of uint8",
        ),
        (
            vec![
                ("x.npy", array("(2, 5)", 10)),
                ("y.npy", npy("|u1", "(2,)", &[1, 1])),
            ],
            "expected at least 2 classes, found 1 (1)",
        ),
        (
            vec![
                ("x.npy", array("(2, 5)", 10)),
                ("y.npy", npy("|u1", "(2, 3)", &[1; 6])),
            ],
            "expected labels [sample] (classify)",
        ),
        (
            vec![
                ("x.npy", array("(2, 5)", 10)),
                (
                    "y.npy",
                    npy("<f4", "(2,)", &f32::NAN.to_le_bytes().repeat(2)),
                ),
            ],
            "`y`: [sample 0, step 0, channel 0]: expected a finite number, found NaN",
        ),
        (
            vec![
                ("x.npy", array("(2, 5)", 10)),
                ("split.npy", npy("|u1", "(2,)", &[1, 3])),
            ],
            "`split`[1]: expected train, valid or test (or 0, 1 or 2), found `3`",
        ),
        (
            vec![("y.npy", array("(2,)", 2))],
            "expected `x` [sample, time, channel]",
        ),
    ] {
        let path = write(&folder, &npz(&members, CompressionMethod::Stored));
        let message = problem(&path, &ArrayOptions::default());
        assert!(message.contains(word), "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_files_are_read_or_refused(
        name in prop::sample::select(vec![
            "stored.npz", "deflated.npz", "fortran.npz", "list.npz", "tensors.safetensors", "X_train.npy", "version3.npy",
            "steps.npz", "events.npz",
        ]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let folder = TempDir::new().unwrap();
        let mut bytes = std::fs::read(fixture(name)).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let path = write(&folder, &bytes);
        let mut options = ArrayOptions::default();
        if name == "events.npz" {
            options.events = Some(EventBinning {
                unit: TimeUnit::Seconds,
                bin_ms: 10.0,
                duration_ms: Some(100.0),
                channels: None,
                binary: false,
            });
        }
        read_all(&path, &options);
    }

    #[test]
    fn any_text_is_a_table_or_an_error(
        text in r#"(sample|time|y|x|a|[0-9]{1,3}|-1\.5|,|;|	|
|"| |é|nan){0,60}"#,
    ) {
        let folder = TempDir::new().unwrap();
        let path = write(&folder, text.as_bytes());
        read_all(&path, &ArrayOptions::default());
    }

    #[test]
    fn any_bytes_are_a_file_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = TempDir::new().unwrap();
        let path = write(&folder, &bytes);
        read_all(&path, &ArrayOptions::default());
    }
}

/// What the changed files start from.
#[test]
fn the_untouched_file_is_read() {
    assert_eq!(values(&data(&fixture("stored.npz")), 1), expected(1, 2));
}
