use std::path::Path;

use elm_data::lra::ByteSequences;
use elm_data::lra::text::{self, ENCODING, MAX_LENGTH};
use elm_data::{DataError, SequenceBatch, Split};

use super::{complains, put, tokens};

fn imdb() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let reviews = [
        ("train/pos/10_9.txt", &b"good"[..]),
        ("train/pos/2_10.txt", b"very <br /> good"),
        ("train/neg/0_3.txt", b"bad\xc3\xa9\x00\xff"),
        ("train/unsup/0_0.txt", b"unknown"),
        ("train/urls_pos.txt", b"http://"),
        ("train/pos/.hidden.txt", b"hidden"),
        ("train/pos/notes.md", b"no review"),
        ("test/pos/0_10.txt", b"fine"),
        ("test/neg/0_2.txt", b"poor"),
        ("test/neg/1_1.txt", b"worse"),
    ];
    for (name, content) in reviews {
        put(folder.path(), &format!("aclImdb/{name}"), content);
    }
    folder
}

fn open(folder: &Path, split: Split) -> Result<ByteSequences, DataError> {
    text::open(folder, split, MAX_LENGTH)
}

fn bytes(text: &ByteSequences, index: usize) -> Vec<u8> {
    tokens(&text.sample(index))
        .iter()
        .map(|t| u8::try_from(t - 1).unwrap())
        .collect()
}

#[test]
fn reviews_are_read_by_class_and_name() {
    let folder = imdb();
    let train = open(folder.path(), Split::Train).unwrap();
    assert_eq!(train.len(), 3);
    assert_eq!([0, 1, 2].map(|i| train.label(i)), [0, 1, 1]);
    assert_eq!(bytes(&train, 0), b"bad\xc3\xa9\x00\xff");
    assert_eq!(bytes(&train, 1), b"good");
    assert_eq!(bytes(&train, 2), b"very <br /> good");
    let inside = folder.path().join("aclImdb");
    for split in [Split::Valid, Split::Test] {
        let test = open(&inside, split).unwrap();
        assert_eq!((test.len(), test.sample(2).label), (3, 1));
        assert_eq!(bytes(&test, 1), b"worse");
    }
    let samples = [train.sample(0), train.sample(1)];
    let batch = SequenceBatch::encode(&samples, &ENCODING)
        .unwrap()
        .remove(0);
    assert_eq!(
        (batch.shape, &batch.lengths[..]),
        ([2, 7, 256], &[7, 4][..])
    );
    assert_eq!(batch.dense()[6 * 256 + 255], 1.0); // byte 0xff has the last channel
}

#[test]
fn long_reviews_are_cut() {
    let folder = imdb();
    let text = text::open(folder.path(), Split::Train, 4).unwrap();
    assert_eq!(bytes(&text, 2), b"very");
    let message = text::open(folder.path(), Split::Train, 0)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("max_length: expected at least 1"),
        "{message}"
    );
}

#[test]
fn bad_folders_are_named() {
    let folder = imdb();
    let nowhere = folder.path().join("nowhere");
    complains(open(&nowhere, Split::Train), &nowhere, &["cannot open it"]);
    complains(
        open(&folder.path().join("aclImdb/train"), Split::Train),
        &folder.path().join("aclImdb/train"),
        &["expected train"],
    );
    let empty = put(folder.path(), "aclImdb/test/neg/2_1.txt", "");
    complains(
        open(folder.path(), Split::Test),
        &empty,
        &["found an empty file"],
    );
    let neg = folder.path().join("aclImdb/train/neg");
    std::fs::remove_file(neg.join("0_3.txt")).unwrap();
    complains(
        open(folder.path(), Split::Train),
        &neg,
        &["expected files ending in .txt"],
    );
    std::fs::remove_dir(&neg).unwrap();
    complains(open(folder.path(), Split::Train), &neg, &["cannot list it"]);
}
