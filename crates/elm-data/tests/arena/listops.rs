use std::path::Path;

use elm_data::lra::ByteSequences;
use elm_data::lra::listops::{self, ENCODING, MAX_LENGTH, SYMBOLS};
use elm_data::{DataError, SequenceBatch, Split};
use proptest::prelude::*;

use super::{complains, put, tokens};

const HEADER: &str = "Source\tTarget\n";

/// Three lines as published: the parentheses show the tree from which the expression was written.
fn published() -> String {
    [
        HEADER,
        "( ( ( [MAX 2 ) 9 ) ] )\t9\n",
        "( ( ( [SM 5 ) ( ( ( [MIN 8 ) 6 ) ] ) ) ] )\t1\n",
        "( ( ( [MED 1 ) 4 ) ] )\t2\n",
    ]
    .concat()
}

fn parse(text: impl AsRef<[u8]>) -> Result<ByteSequences, DataError> {
    listops::from_bytes("some.tsv", text.as_ref(), MAX_LENGTH)
}

fn symbols(sample_tokens: &[u16]) -> Vec<&'static str> {
    sample_tokens
        .iter()
        .map(|t| SYMBOLS[usize::from(*t) - 1])
        .collect()
}

#[test]
fn published_lines_are_read_without_their_parentheses() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "listops-1000/basic_train.tsv", published());
    put(
        folder.path(),
        "listops-1000/basic_val.tsv",
        format!("{HEADER}( ( ( [MAX 0 ) 3 ) ] )\t3\r\n"),
    );
    put(
        folder.path(),
        "listops-1000/basic_test.tsv",
        format!("{HEADER}7\t7"),
    );
    let open = |folder: &Path, split| listops::open(folder, split, MAX_LENGTH).unwrap();
    let train = open(folder.path(), Split::Train);
    assert_eq!(train.len(), 3);
    let samples: Vec<_> = (0..3).map(|i| train.sample(i)).collect();
    assert_eq!(symbols(tokens(&samples[0])), ["[MAX", "2", "9", "]"]);
    assert_eq!(
        symbols(tokens(&samples[1])),
        ["[SM", "5", "[MIN", "8", "6", "]", "]"]
    );
    assert_eq!(symbols(tokens(&samples[2])), ["[MED", "1", "4", "]"]);
    assert_eq!([0, 1, 2].map(|i| train.label(i)), [9, 1, 2]);
    assert_eq!(samples[1].label, 1);
    let folder = folder.path().join("listops-1000");
    assert_eq!(
        symbols(tokens(&open(&folder, Split::Valid).sample(0))),
        ["[MAX", "0", "3", "]"]
    );
    assert_eq!(
        symbols(tokens(&open(&folder, Split::Test).sample(0))),
        ["7"]
    );
    let batch = SequenceBatch::encode(&samples, &ENCODING)
        .unwrap()
        .remove(0);
    assert_eq!(
        (batch.shape, &batch.lengths[..]),
        ([3, 7, 15], &[4, 7, 4][..])
    );
}

#[test]
fn long_sequences_are_cut_and_checked_to_their_end() {
    let cut =
        |text: &str| listops::from_bytes("some.tsv", format!("{HEADER}{text}\t0\n").as_bytes(), 3);
    assert_eq!(tokens(&cut("1 2 3 4 5").unwrap().sample(0)), [2, 3, 4]);
    complains(
        cut("1 2 3 4 x"),
        Path::new("some.tsv"),
        &["line 2", "\"x\""],
    );
    assert!(listops::from_bytes("some.tsv", published().as_bytes(), 0).is_err());
}

#[test]
fn bad_files_are_named_with_their_line() {
    let says = |text: &str, words: &[&str]| complains(parse(text), Path::new("some.tsv"), words);
    says("", &["empty", "Source<TAB>Target"]);
    says(
        "Source,Target\n1\t1\n",
        &["line 1", "expected the header", "\"Source,Target\""],
    );
    says("( ( 1 ) )\t1\n", &["line 1", "header"]);
    says(HEADER, &["expected samples after the header"]);
    let line = |text: &str, words: &[&str]| {
        says(
            &format!("{}{text}\n", published()),
            &[&["line 5"], words].concat(),
        );
    };
    line("( 1 )", &["expected 2 columns (Source, Target), found 1"]);
    line("( 1 )\t1\t1", &["found 3"]);
    line("( [AVG 1 )\t1", &["[MIN [MAX [MED [SM ]", "found \"[AVG\""]);
    line("( 10 )\t1", &["found \"10\""]);
    line("( ( ) )\t1", &["expected symbols, found none"]);
    line("( 1 )\t10", &["expected a target of 0 to 9, found \"10\""]);
    line("( 1 )\t-1", &["found \"-1\""]);
    line("( 1 )\t", &["found \"\""]);
    let bytes = [HEADER.as_bytes(), b"( 1\xff )\t1\n"].concat();
    complains(parse(bytes), Path::new("some.tsv"), &["line 2", "1\\xff"]);
}

#[test]
fn files_that_other_tools_saved_are_read() {
    let plain = parse("Source\tTarget\n( 7 )\t7\n( 9 )\t9\n").unwrap();
    let other = parse("\u{feff}Source\tTarget\r\n\r\n( 7 )\t7.0\r\n   \n( 9 )\t9.0\r\n\n").unwrap();
    assert_eq!(other, plain);
    let says = |text: &str, words: &[&str]| complains(parse(text), Path::new("some.tsv"), words);
    says(
        "\u{feff}Source\tTarget\n\n\n( 7 )\t9.5\n",
        &["line 4", "found \"9.5\""],
    );
    says("\n\n", &["the file is empty"]);
}

#[test]
fn compressed_files_are_told_how_to_unpack() {
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "basic_train.tsv", b"\x1f\x8b\x08\0\0");
    complains(
        listops::open(folder.path(), Split::Train, MAX_LENGTH),
        &path,
        &["found a gzip file: unpack it first (gunzip 'basic_train.tsv')"],
    );
}

#[test]
fn line_numbers_are_right_beyond_the_first_block_of_lines() {
    let mut text = published();
    for _ in 0..5000 {
        text.push_str("( ( ( [MAX 2 ) 9 ) ] )\t9\n");
    }
    assert_eq!(parse(&text).unwrap().len(), 5003);
    text.push_str("( ( ( [MAX 2 ) 9 ) ] )\tx\n");
    complains(parse(&text), Path::new("some.tsv"), &["line 5005"]);
}

#[test]
fn missing_files_and_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| listops::open(path, Split::Valid, MAX_LENGTH);
    let nowhere = folder.path().join("nowhere");
    complains(open(&nowhere), &nowhere, &["cannot open it"]);
    complains(
        open(folder.path()),
        folder.path(),
        &["expected basic_val.tsv", "listops-1000"],
    );
    let file = put(folder.path(), "basic_val.tsv", published());
    complains(
        open(&file),
        &file,
        &["expected a folder with basic_val.tsv, found a file"],
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    complains(
        open(folder.path()),
        &file,
        &["expected a ListOps file, found a folder"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_reads_back(
        samples in prop::collection::vec((prop::collection::vec(0usize..15, 1..30), 0usize..10), 1..20),
    ) {
        let mut text = HEADER.to_owned();
        for (symbols, label) in &samples {
            let words: Vec<String> = symbols.iter().map(|s| format!("( {} )", SYMBOLS[*s])).collect();
            text.push_str(&format!("{}\t{label}\n", words.join(" ")));
        }
        let read = parse(&text).unwrap();
        prop_assert_eq!(read.len(), samples.len());
        for (i, (symbols, label)) in samples.iter().enumerate() {
            let wanted: Vec<u16> = symbols.iter().map(|s| *s as u16 + 1).collect();
            let sample = read.sample(i);
            prop_assert_eq!(tokens(&sample), &wanted[..]);
            prop_assert_eq!(read.label(i), *label);
        }
    }

    #[test]
    fn random_bytes_do_not_panic(tail in prop::collection::vec(any::<u8>(), 0..200), like in "[(\\[0-9MINAX\t\n ]{0,60}") {
        let _ = parse(&tail);
        let _ = parse([HEADER.as_bytes(), &tail].concat());
        let _ = parse(format!("{HEADER}{like}"));
    }
}
