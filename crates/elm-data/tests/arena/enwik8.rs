use std::io::{Cursor, Write};
use std::path::Path;

use elm_data::Split;
use elm_data::enwik8::{Enwik8, Vocabulary, bits_per_character};
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{complains, data, put};

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn text(bytes: impl Into<Vec<u8>>) -> Enwik8 {
    Enwik8::from_bytes("some", bytes.into()).unwrap()
}

#[test]
fn the_text_is_split_and_tokens_are_ordered_by_frequency() {
    let content = b"aaaaabbbbbccccdd\nddd".repeat(5); // a and b and d 25 times, c 20, the line feed 5
    let read = text(content.clone());
    assert_eq!(read.vocabulary().len(), 5);
    assert_eq!(
        read.vocabulary().decode(&[0, 1, 2, 3, 4]).unwrap(),
        b"abdc\n"
    );
    assert!(read.vocabulary().decode(&[5]).is_err());
    let parts = [Split::Train, Split::Valid, Split::Test].map(|split| read.part(split));
    assert_eq!(parts.map(<[u8]>::len), [90, 5, 5]);
    assert_eq!(read.vocabulary().decode(&parts.concat()).unwrap(), content);
    assert_eq!(parts[0][..12], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 3, 3]);
}

#[test]
fn raw_and_zipped_files_are_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let content = b"abracadabra, ".repeat(40);
    let raw = put(folder.path(), "raw/enwik8", &content);
    let archive = put(
        folder.path(),
        "zipped/enwik8.zip",
        zipped(&[("notes", b"x"), ("enwik8", &content)]),
    );
    let alone = put(folder.path(), "alone.zip", zipped(&[("text8", &content)]));
    let python = data("arena/text.zip");
    let folders = [raw.parent().unwrap(), archive.parent().unwrap()];
    for path in [&raw, &archive, &alone, &python, folders[0], folders[1]] as [&Path; 6] {
        let read = Enwik8::open(path).unwrap();
        let all = [Split::Train, Split::Valid, Split::Test]
            .map(|split| read.part(split))
            .concat();
        assert_eq!(
            read.vocabulary().decode(&all).unwrap(),
            content,
            "{}",
            path.display()
        );
    }
}

#[test]
fn compressed_texts_are_read_or_refused_by_their_content() {
    let content = b"the text of an encyclopedia, byte by byte";
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(content).unwrap();
    let gz = gz.finish().unwrap();
    let plain = text(*content);
    for name in ["enwik8.gz", "enwik8", "text.txt"] {
        let read = Enwik8::from_bytes(name, gz.clone()).unwrap();
        assert_eq!(read.part(Split::Train), plain.part(Split::Train));
    }
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "enwik8.gz", &gz);
    assert_eq!(
        Enwik8::open(folder.path()).unwrap().vocabulary(),
        plain.vocabulary()
    );
    let name = Path::new("enwik8");
    let damaged = [&gz[..gz.len() / 2], &[0xff; 9]].concat();
    complains(
        Enwik8::from_bytes("enwik8", damaged),
        name,
        &["gzip file is damaged"],
    );
    for (magic, command) in [
        (&b"\xfd7zXZ\0\0"[..], "unxz 'enwik8'"),
        (b"BZh91AY&SY", "bunzip2 'enwik8'"),
        (b"\x28\xb5\x2f\xfd\0", "unzstd 'enwik8'"),
        (b"7z\xbc\xaf\x27\x1c", "7z x 'enwik8'"),
    ] {
        complains(
            Enwik8::from_bytes("enwik8", magic.to_vec()),
            name,
            &["expected a text, found", command],
        );
    }
}

#[test]
fn streams_go_through_the_text_side_by_side() {
    // 20 bytes of 18 to train on: two streams of 9 tokens, so 8 steps with a successor.
    let read = text(*b"abcdefghijklmnopqrst");
    let streams = read.streams(Split::Train, 2, 3).unwrap();
    let batches: Vec<_> = (0..streams.len()).map(|i| streams.batch(i)).collect();
    let texts =
        |tokens: &[u8]| String::from_utf8(read.vocabulary().decode(tokens).unwrap()).unwrap();
    assert_eq!((batches.len(), streams.len()), (3, 3));
    let inputs: Vec<String> = batches.iter().map(|b| texts(&b.inputs)).collect();
    let targets: Vec<String> = batches.iter().map(|b| texts(&b.targets)).collect();
    assert_eq!(inputs, ["abcjkl", "defmno", "ghpq"]);
    assert_eq!(targets, ["bcdklm", "efgnop", "hiqr"]);
    assert_eq!(
        batches.iter().map(|b| b.shape).collect::<Vec<_>>(),
        [[2, 3], [2, 3], [2, 2]]
    );
    assert_eq!(
        batches.iter().map(|b| b.reset).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert_eq!(streams.batch(1), batches[1]);
    let x = batches[0].one_hot(20, 3.0).unwrap();
    assert_eq!((x.len(), x.iter().sum::<f32>()), (6 * 20, 18.0));
    assert_eq!((x[0], x[2 * 20 + 2], x[3 * 20 + 9]), (3.0, 3.0, 3.0));
    assert!(batches[0].one_hot(5, 1.0).is_err());
}

#[test]
fn streams_that_do_not_fit_are_refused() {
    let read = text(*b"abcdefghijklmnopqrst");
    let says = |batch, time, words: &str| {
        let message = read
            .streams(Split::Train, batch, time)
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message}");
    };
    says(0, 3, "at least 1 stream and 1 step");
    says(2, 0, "at least 1 stream and 1 step");
    says(
        10,
        3,
        "10 streams need a text of at least 20 tokens, this one has 18",
    );
    says(usize::MAX, 3, "this one has 18");
    assert!(read.streams(Split::Valid, 1, 1).is_err());
    assert_eq!(read.streams(Split::Train, 9, usize::MAX).unwrap().len(), 1);
}

#[test]
fn another_text_is_read_in_a_models_vocabulary() {
    let folder = tempfile::tempdir().unwrap();
    let trained = text(*b"aaabbcaaabbcaaabbcaaab");
    let saved = serde_json::to_string(trained.vocabulary()).unwrap();
    let vocabulary: Vocabulary = serde_json::from_str(&saved).unwrap();
    assert_eq!(vocabulary, *trained.vocabulary());
    let path = put(folder.path(), "other", "cab");
    let other = Enwik8::open_with(&path, vocabulary.clone()).unwrap();
    assert_eq!(other.part(Split::Train), [2, 0, 1]);
    let path = put(folder.path(), "foreign", b"cab\xff");
    complains(
        Enwik8::open_with(&path, vocabulary),
        &path,
        &["byte 3", "3 bytes of the vocabulary", "0xff"],
    );
    assert!(serde_json::from_str::<Vocabulary>("[97, 98, 97]").is_err());
}

#[test]
fn bad_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let says = |content: &[u8], words: &[&str]| {
        let path = put(folder.path(), "enwik8.zip", content);
        complains(Enwik8::open(&path), &path, words);
        complains(Enwik8::open(folder.path()), &path, words);
    };
    let whole = zipped(&[("enwik8", &b"some text, and some more of it. ".repeat(20))]);
    says(b"", &["found an empty file"]);
    says(&whole[..whole.len() / 2], &["zip archive is damaged"]);
    says(b"PK\x03\x04 and no more", &["zip archive is damaged"]);
    says(
        &zipped(&[("a", b"x"), ("b", b"y")]),
        &["of one file, or with enwik8, found 2 files"],
    );
    says(&zipped(&[("enwik8", b"")]), &["found an empty file"]);
    let mut changed = whole.clone();
    changed[45] ^= 0x10;
    says(&changed, &["zip archive is damaged"]);
    let nowhere = folder.path().join("nowhere");
    complains(Enwik8::open(&nowhere), &nowhere, &["cannot open it"]);
    std::fs::remove_file(folder.path().join("enwik8.zip")).unwrap();
    complains(
        Enwik8::open(folder.path()),
        folder.path(),
        &["expected enwik8 or enwik8.zip"],
    );
    std::fs::create_dir(folder.path().join("enwik8")).unwrap();
    complains(
        Enwik8::open(folder.path()),
        &folder.path().join("enwik8"),
        &["expected a text, found a folder"],
    );
}

#[test]
fn bits_are_nats_in_base_two() {
    assert_eq!(bits_per_character(std::f64::consts::LN_2), 1.0);
    assert!((bits_per_character((204.0f64).ln()) - 7.672_425).abs() < 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_step_of_every_stream_comes_once(
        content in prop::collection::vec(any::<u8>(), 40..400), batch in 1usize..6, time in 1usize..40,
    ) {
        let read = Enwik8::from_bytes("some", content).unwrap();
        let part = read.part(Split::Train);
        let streams = read.streams(Split::Train, batch, time).unwrap();
        let length = part.len() / batch;
        let mut rows = vec![(Vec::new(), Vec::new()); batch];
        for one in (0..streams.len()).map(|i| streams.batch(i)) {
            for (row, stream) in rows.iter_mut().enumerate() {
                let range = row * one.shape[1]..(row + 1) * one.shape[1];
                stream.0.extend_from_slice(&one.inputs[range.clone()]);
                stream.1.extend_from_slice(&one.targets[range]);
            }
        }
        for (row, (inputs, targets)) in rows.iter().enumerate() {
            let stream = &part[row * length..(row + 1) * length];
            prop_assert_eq!((&inputs[..], &targets[..]), (&stream[..length - 1], &stream[1..]));
        }
    }

    #[test]
    fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let _ = Enwik8::from_bytes("some", bytes.clone());
        let _ = Enwik8::from_bytes("some", [b"PK\x03\x04", &bytes[..]].concat());
        let mut archive = zipped(&[("enwik8", &[&bytes[..], b"x"].concat())]);
        let at = at.index(archive.len());
        archive[at] = to;
        let _ = Enwik8::from_bytes("some", archive);
    }
}
