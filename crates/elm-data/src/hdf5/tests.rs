//! What is written reads back equal, by this module's reader over `hdf5-pure`, which checks every checksum.
#![allow(clippy::unwrap_used)]

use half::f16;
use proptest::prelude::*;

use super::*;
use crate::DataError;

const WHAT: &str = "a test file";

/// Writes `rows` of halves and bytes, and reads the file.
fn round_trip(rows: &[(Vec<u16>, Vec<u8>)]) -> Hdf5File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("round.h5");
    let mut writer = Hdf5Writer::create(&path).unwrap();
    let (mut halves, mut bytes) = (vec![], vec![]);
    for (row_halves, row_bytes) in rows {
        let raw: Vec<u8> = row_halves.iter().flat_map(|h| h.to_le_bytes()).collect();
        let both = [(row_halves.len(), &raw[..]), (row_bytes.len(), row_bytes)];
        let [a, b] = writer.elements(both).unwrap();
        halves.push(a);
        bytes.push(b);
    }
    let links = [
        writer.ragged("halves", StoredType::F16, &halves).unwrap(),
        writer.ragged("bytes", StoredType::U8, &bytes).unwrap(),
    ];
    let group = writer.group("group", &links, &[]).unwrap();
    let count: Vec<u8> = (0..rows.len() as u16).flat_map(u16::to_le_bytes).collect();
    let count = writer.list("count", StoredType::U16, rows.len(), &count);
    let words = writer.list("words", StoredType::Text(4), 2, b"one\0four");
    let links = [group, count.unwrap(), words.unwrap()];
    let root = writer.group("", &links, &[("made", "by a test")]).unwrap();
    let size = writer.finish(root).unwrap();
    let content = std::fs::read(&path).unwrap();
    assert_eq!(size, content.len() as u64);
    Hdf5File::from_bytes("round.h5", WHAT, content).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn written_files_read_back_equal(rows: Vec<(Vec<u16>, Vec<u8>)>) {
        let file = round_trip(&rows);
        let halves = file.ragged("group/halves", NumberKind::Float).unwrap();
        let bytes = file.ragged("group/bytes", NumberKind::Integer).unwrap();
        prop_assert_eq!((halves.len(), bytes.len()), (rows.len(), rows.len()));
        for (row, (row_halves, row_bytes)) in rows.iter().enumerate() {
            let expected = row_halves.iter().map(|h| f16::from_bits(*h).to_f64().to_bits());
            let found = halves.floats(row).unwrap();
            prop_assert!(expected.eq(found.iter().map(|f| f.to_bits())), "row {}", row);
            let expected = row_bytes.iter().map(|b| i64::from(*b));
            prop_assert!(expected.eq(bytes.integers(row).unwrap()), "row {}", row);
        }
        let count = file.integers("count").unwrap();
        prop_assert!(count.into_iter().eq(0..rows.len() as i64));
        prop_assert_eq!(file.strings("words").unwrap(), ["one", "four"]);
        prop_assert!(file.is_marked("made") && !file.is_marked("found"));
        prop_assert!(file.has("group/halves").unwrap() && !file.has("halves").unwrap());
    }
}

#[test]
fn elements_share_a_collection_whatever_their_size() {
    let long = vec![7; 70_000];
    let file = round_trip(&[(vec![], vec![]), (vec![0x3c00; 40_000], long.clone())]);
    let halves = file.ragged("group/halves", NumberKind::Float).unwrap();
    assert!(halves.floats(0).unwrap().is_empty());
    assert_eq!(halves.floats(1).unwrap(), vec![1.0; 40_000]);
    let bytes = file.ragged("group/bytes", NumberKind::Integer).unwrap();
    assert_eq!(bytes.integers(1).unwrap().len(), long.len());
    let message = halves.floats(2).unwrap_err().to_string();
    assert!(message.contains("expected a row below 2"), "{message}");
}

#[test]
fn lists_of_another_kind_are_errors() {
    let file = round_trip(&[(vec![1], vec![1])]);
    let kind = |error: DataError| error.to_string();
    for (message, words) in [
        (
            kind(file.integers("words").unwrap_err()),
            "dataset words: expected integers, found",
        ),
        (
            kind(file.integers("group/bytes").unwrap_err()),
            "expected integers, found",
        ),
        (
            kind(file.strings("count").unwrap_err()),
            "dataset count: expected strings, found u16",
        ),
        (
            kind(file.ragged("group/bytes", NumberKind::Float).err().unwrap()),
            "expected variable-length arrays of floats",
        ),
        (
            kind(file.ragged("count", NumberKind::Integer).err().unwrap()),
            "expected variable-length arrays of integers, found u16",
        ),
        (kind(file.integers("nothing").unwrap_err()), "nothing"),
    ] {
        assert!(
            message.contains("round.h5") && message.contains(words),
            "{message}"
        );
    }
}
