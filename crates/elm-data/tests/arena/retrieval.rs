use std::path::Path;

use elm_data::lra::retrieval::{ENCODING, MAX_LENGTH, Retrieval};
use elm_data::{DataError, Sample, Sequence, SequenceBatch, Split};
use proptest::prelude::*;

use super::{complains, put};

fn texts(sample: &Sample) -> [Vec<u8>; 2] {
    let bytes = |input: &Sequence| match input {
        Sequence::Tokens(tokens) => tokens
            .iter()
            .map(|t| u8::try_from(t - 1).unwrap())
            .collect(),
        other => panic!("expected tokens, found {other:?}"),
    };
    let [first, second] = &sample.inputs[..] else {
        panic!("expected two inputs, found {}", sample.inputs.len());
    };
    [bytes(first), bytes(second)]
}

fn parse(bytes: impl Into<Vec<u8>>) -> Result<Retrieval, DataError> {
    Retrieval::from_bytes("some.tsv", bytes.into(), MAX_LENGTH)
}

/// Lines as published: no header, quotes that mean nothing, bytes that are no text.
const PUBLISHED: &[u8] = b"1.0\tP84-1044\tC88-2130\tthe \"first\ttext, second\n0\tA\tB\tcaf\xe9\t\"quoted\"\r\n1\tC\tD\tx\ty";

#[test]
fn pairs_are_read_from_the_mapped_file() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "tsv_data/new_aan_pairs.train.tsv", PUBLISHED);
    put(
        folder.path(),
        "tsv_data/new_aan_pairs.eval.tsv",
        "0.0\ta\tb\tc\td\n",
    );
    put(
        folder.path(),
        "tsv_data/new_aan_pairs.test.tsv",
        "1\ta\tb\te\tf\n",
    );
    let open = |folder: &Path, split| Retrieval::open(folder, split, MAX_LENGTH).unwrap();
    let train = open(folder.path(), Split::Train);
    assert_eq!(train.len(), 3);
    let samples: Vec<Sample> = (0..3).map(|i| train.sample(i)).collect();
    assert_eq!(texts(&samples[0]), [&b"the \"first"[..], b"text, second"]);
    assert_eq!(texts(&samples[1]), [&b"caf\xe9"[..], b"\"quoted\""]);
    assert_eq!(texts(&samples[2]), [b"x", b"y"]);
    assert_eq!(
        [0, 1, 2].map(|i| (train.label(i), samples[i].label)),
        [(1, 1), (0, 0), (1, 1)]
    );
    let folder = folder.path().join("tsv_data");
    assert_eq!(open(&folder, Split::Valid).label(0), 0);
    assert_eq!(texts(&open(&folder, Split::Test).sample(0)), [b"e", b"f"]);
    let batches = SequenceBatch::encode(&samples, &ENCODING).unwrap();
    assert_eq!(
        [batches[0].shape, batches[1].shape],
        [[3, 10, 256], [3, 12, 256]]
    );
    assert_eq!(batches[1].lengths, [12, 8, 1]);
}

#[test]
fn each_text_is_cut() {
    let cut = Retrieval::from_bytes("some.tsv", b"1\ta\tb\tlonger\tlong\n".to_vec(), 4).unwrap();
    assert_eq!(texts(&cut.sample(0)), [b"long", b"long"]);
    assert!(Retrieval::from_bytes("some.tsv", PUBLISHED.to_vec(), 0).is_err());
}

#[test]
fn bad_lines_are_named() {
    let says = |text: &str, words: &[&str]| {
        let content = format!("1\ta\tb\tc\td\n{text}\n");
        complains(
            parse(content),
            Path::new("some.tsv"),
            &[&["line 2"], words].concat(),
        );
    };
    says("1\ta\tb\tc", &["expected 5 columns", "found 4"]);
    says("1\ta\tb\tc\td\te\tf", &["found 7"]);
    says("2\ta\tb\tc\td", &["expected the label 0 or 1, found \"2\""]);
    says("label\tid1\tid2\ttext1\ttext2", &["found \"label\""]);
    says("\ta\tb\tc\td", &["found \"\""]);
    says("1\ta\tb\t\td", &["text1: expected a text"]);
    says("1\ta\tb\tc\t", &["text2: expected a text"]);
    complains(parse(""), Path::new("some.tsv"), &["empty"]);
    let folder = tempfile::tempdir().unwrap();
    let open = || Retrieval::open(folder.path(), Split::Valid, MAX_LENGTH);
    complains(open(), folder.path(), &["expected new_aan_pairs.eval.tsv"]);
    let empty = put(folder.path(), "new_aan_pairs.eval.tsv", "");
    complains(open(), &empty, &["empty"]);
}

#[test]
fn files_that_other_tools_saved_are_read() {
    let plain = parse("1\ta\tb\tc\td\n0\ta\tb\te\tf\n").unwrap();
    let other = parse("\u{feff}1.0\ta\tb\tc\td\r\n\r\n0.0\ta\tb\te\tf\r\n \n").unwrap();
    assert_eq!(other.len(), 2);
    for index in 0..2 {
        assert_eq!(other.sample(index), plain.sample(index));
    }
    complains(parse("\n1\ta\tb\tc\n"), Path::new("some.tsv"), &["line 2"]);
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("separators", |b| !matches!(b, b'\t' | b'\n' | b'\r'));
    prop::collection::vec(byte, 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_reads_back(pairs in prop::collection::vec((text(), text(), 0u8..2), 1..10)) {
        let mut file = Vec::new();
        for (first, second, label) in &pairs {
            file.extend([&[b'0' + label, b'\t', b'\t', b'\t'], &first[..], b"\t", second, b"\n"].concat());
        }
        let read = parse(file).unwrap();
        prop_assert_eq!(read.len(), pairs.len());
        for (i, (first, second, label)) in pairs.iter().enumerate() {
            prop_assert_eq!(texts(&read.sample(i)), [first.clone(), second.clone()]);
            prop_assert_eq!(read.label(i), usize::from(*label));
        }
    }

    #[test]
    fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), like in "[01\t\n\r.a]{0,60}") {
        let _ = parse(bytes);
        let _ = parse(like);
    }
}
