#![allow(clippy::unwrap_used)]
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{BatchSource, Split};

fn text(paths: &[&Path]) -> TextOptions {
    TextOptions {
        train: paths.iter().map(|p| p.to_path_buf()).collect(),
        ..TextOptions::default()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bytes(text: &Text, split: Split) -> Vec<u8> {
    text.vocabulary().decode(text.part(split)).unwrap()
}

#[test]
fn folders_are_read_in_order_without_what_is_no_text() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("b/2.txt", b"second ");
    write("a.md", b"first ");
    write(
        "c.TXT.gz",
        &gzip(b"third, which has to be long enough to be split"),
    );
    write("d.png", b"\x89PNG\0\0");
    write("e.txt.xz", b"\xfd7zXZ\0\0");
    write(".hidden.txt", b"hidden");
    let all = Text::open(&text(&[folder.path()])).unwrap();
    let parts = [Split::Train, Split::Valid, Split::Test].map(|s| bytes(&all, s));
    let whole = b"first second third, which has to be long enough to be split";
    assert_eq!(parts.concat(), whole);
    assert_eq!(parts[2].len(), whole.len() / 20);
    assert_eq!(all.files(), 3);
    assert_eq!(all.notes().len(), 1);
    assert!(
        all.notes()[0].contains("2 files are left out"),
        "{:?}",
        all.notes()
    );
    let mut only = text(&[folder.path()]);
    only.extensions = vec![".txt".into()];
    only.valid_fraction = 0.0;
    only.test_fraction = 0.0;
    let only = Text::open(&only).unwrap();
    assert!(bytes(&only, Split::Train).starts_with(b"second third"));
    let mut none = text(&[folder.path()]);
    none.extensions = vec!["rs".into()];
    let message = Text::open(&none).unwrap_err().to_string();
    assert!(message.contains("texts that end in rs"), "{message}");
}

#[test]
fn the_content_says_how_a_file_is_packed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("enwik8");
    let long = b"some words ".repeat(20);
    std::fs::write(&path, gzip(&long)).unwrap();
    let read = Text::open(&text(&[&path])).unwrap();
    assert_eq!(read.part(Split::Train).len(), long.len() * 9 / 10);
    let mut cut = gzip(&long);
    cut.truncate(30);
    std::fs::write(&path, cut).unwrap();
    let message = Text::open(&text(&[&path])).unwrap_err().to_string();
    assert!(message.contains("gzip file is damaged"), "{message}");
    std::fs::write(&path, b"BZh91AY").unwrap();
    let message = Text::open(&text(&[&path])).unwrap_err().to_string();
    assert!(message.contains("packed with bzip2"), "{message}");
    std::fs::write(&path, b"").unwrap();
    let message = Text::open(&text(&[&path])).unwrap_err().to_string();
    assert!(message.contains("empty file"), "{message}");
}

/// The parts are those of the published setting: the first 90 %, 5 % and 5 % of the bytes.
#[test]
fn enwik8_is_one_such_text() {
    let folder = TempDir::new().unwrap();
    let whole: Vec<u8> = (0..1000_u32).map(|i| (i * i % 251) as u8).collect();
    std::fs::write(folder.path().join("enwik8"), &whole).unwrap();
    std::fs::write(folder.path().join("enwik8.zip"), b"not taken").unwrap();
    let options = TextOptions::enwik8(folder.path()).unwrap();
    let text = Text::open(&options).unwrap();
    let parts = [Split::Train, Split::Valid, Split::Test].map(|split| {
        let bytes = text
            .part(split)
            .iter()
            .map(|token| text.vocabulary().byte(usize::from(*token)).unwrap());
        bytes.collect::<Vec<u8>>()
    });
    assert_eq!(parts.concat(), whole);
    assert_eq!(parts.map(|part| part.len()), [900, 50, 50]);
    let empty = TempDir::new().unwrap();
    let message = TextOptions::enwik8(empty.path()).unwrap_err().to_string();
    assert!(
        message.contains("expected enwik8 or enwik8.zip"),
        "{message}"
    );
}

#[test]
fn files_of_parts_are_those_parts() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (train, other) = (file("a", "0123456789"), file("b", "xyz"));
    let open = |valid: &[&Path], test: &[&Path], fraction| {
        let mut options = text(&[&train]);
        options.valid = valid.iter().map(|p| p.to_path_buf()).collect();
        options.test = test.iter().map(|p| p.to_path_buf()).collect();
        options.valid_fraction = fraction;
        Text::open(&options).map(|all| {
            [Split::Train, Split::Valid, Split::Test]
                .map(|s| String::from_utf8(bytes(&all, s)).unwrap())
        })
    };
    assert_eq!(
        open(&[&other], &[], 0.3).unwrap(),
        ["0123456789", "xyz", ""]
    );
    assert_eq!(
        open(&[], &[&other], 0.3).unwrap(),
        ["0123456", "789", "xyz"]
    );
    assert_eq!(
        open(&[&other], &[&other], 0.3).unwrap(),
        ["0123456789", "xyz", "xyz"]
    );
    let message = open(&[], &[], 0.05).unwrap_err().to_string();
    assert!(
        message.contains("found 10 bytes: 10 to train on, 0 to validate"),
        "{message}"
    );
    assert!(
        open(&[], &[], 1.0)
            .unwrap_err()
            .to_string()
            .contains("fractions")
    );
    // another model's vocabulary
    let known = Vocabulary::of([&b"0123"[..]]).unwrap();
    let error = Text::open_known(&text(&[&train]), Some(&known));
    let message = error.unwrap_err().to_string();
    assert!(message.contains("found 10 bytes"), "split first: {message}");
}

fn streams(tokens: usize, batch: usize, time: usize) -> Streams {
    let tokens: Vec<u8> = (0..tokens).map(|t| t as u8).collect();
    let end = tokens.len();
    Streams::new(tokens.into(), 0..end, batch, time).unwrap()
}

#[test]
fn rows_are_streams_that_go_on() {
    let streams = streams(11, 2, 3);
    assert_eq!((streams.batches(), streams.predictions()), (2, 8));
    let first = streams.batch(0).unwrap();
    assert_eq!(first.inputs, [0, 1, 2, 5, 6, 7]);
    assert_eq!(first.targets, [1, 2, 3, 6, 7, 8]);
    assert_eq!(first.fresh, [true, true]);
    let last = streams.batch(1).unwrap();
    assert_eq!((last.shape, &last.inputs[..]), ([2, 1], &[3, 8][..]));
    assert_eq!(last.fresh, [false, false]);
    assert!(streams.batch(2).is_err());
    let short = Streams::new(vec![0; 5].into(), 0..5, 3, 1).unwrap_err();
    assert!(
        short.to_string().contains("at least 6 tokens, found 5"),
        "{short}"
    );
}

#[test]
fn states_are_dropped_less_and_less_and_the_same_again() {
    let drop = StateDrop {
        first: 1.0,
        last: 0.25,
        steps: 100,
    };
    assert_eq!(drop.probability(0), 1.0);
    assert_eq!(drop.probability(50), 0.625);
    assert_eq!(drop.probability(1000), 0.25);
    let batches = StreamBatches::new(streams(2000, 50, 2), drop, 7).unwrap();
    let share = |numbers: std::ops::Range<u64>| {
        let count = (numbers.end - numbers.start) as f64 * 50.0;
        let fresh = numbers.flat_map(|n| batches.make(n).unwrap().fresh);
        fresh.filter(|f| *f).count() as f64 / count
    };
    // one batch of twenty begins the text
    let expected = 0.25 + 0.75 / 20.0;
    assert!((share(2000..3000) - expected).abs() < 0.01);
    assert!(share(0..10) > 0.9);
    assert_eq!(batches.make(345).unwrap(), batches.make(345).unwrap());
    let never = StreamBatches::new(streams(2000, 50, 2), StateDrop::NEVER, 7).unwrap();
    assert!((1..20).all(|n| never.make(n).unwrap().fresh == [false; 50]));
    assert!(
        never.make(20).unwrap().fresh.iter().all(|f| *f),
        "a new epoch"
    );
    let wrong = StateDrop { first: 1.5, ..drop };
    assert!(StreamBatches::new(streams(9, 1, 2), wrong, 7).is_err());
}

#[test]
fn bits_are_nats_by_the_logarithm_of_two() {
    assert!((bits_per_character(8.0_f64.ln()) - 3.0).abs() < 1e-12);
}

/// By hand: tokens 0 1 0 1 2, pairs 01 (twice), 10, 12. The discount of pairs is 2 / (2 + 2·1) = 0.5; as continuations,
/// every token has one context (1 after 0; 0 and 2 after 1), so that three are seen once, none twice, and 0.95 is taken.
#[test]
fn n_grams_are_smoothed_as_kneser_and_ney_say() {
    let model = NGram::train(&[0, 1, 0, 1, 2], 4, 2).unwrap();
    let single = |seen: f64| (seen * 0.05 + 0.95 * 3.0 * 0.25) / 3.0;
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    close(model.probability(&[], 1), single(1.0));
    close(model.probability(&[], 3), single(0.0));
    close(
        model.probability(&[9, 0], 1),
        (1.5 + 0.5 * single(1.0)) / 2.0,
    );
    close(model.probability(&[1], 3), (0.5 * 2.0 * single(0.0)) / 2.0);
    close(model.probability(&[2], 1), single(1.0)); // nothing follows 2
}

#[test]
fn longer_n_grams_predict_a_text_better() {
    let sentence = b"the quick brown fox jumps over the lazy dog while the other dogs sleep. ";
    let text: Vec<u8> = (0..40)
        .flat_map(|i| sentence.iter().cycle().skip(i * 7 % 60).take(50))
        .copied()
        .collect();
    let (train, test) = text.split_at(1500);
    let bits = [1, 2, 3, 5].map(|order| {
        let model = NGram::train(train, 256, order).unwrap();
        model.bits_per_token(test).unwrap()
    });
    assert!(bits.is_sorted_by(|a, b| a > b), "{bits:?}");
    assert!(bits[0] > 3.5 && bits[3] < 1.0, "{bits:?}");
    for bad in [0, 9] {
        assert!(NGram::train(train, 256, bad).is_err());
    }
    assert!(NGram::train(&[1], 256, 2).is_err());
}

proptest! {
    #[test]
    fn probabilities_add_up_to_one(
        tokens in prop::collection::vec(0..5_u8, 8..60),
        context in prop::collection::vec(0..5_u8, 0..9),
        order in 1..=8_usize,
    ) {
        let model = NGram::train(&tokens, 5, order).unwrap();
        let all: Vec<f64> = (0..5).map(|t| model.probability(&context, t)).collect();
        prop_assert!(all.iter().all(|p| *p > 0.0));
        prop_assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{:?}", all);
    }

    #[test]
    fn any_bytes_are_a_text_or_an_error(start in 0..6_usize, rest in prop::collection::vec(any::<u8>(), 0..200)) {
        let magics: [&[u8]; 6] = [b"", b"\x1f\x8b\x08\0", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];
        let bytes = [magics[start], &rest].concat();
        let _ = files::unpack(Path::new("t"), bytes);
    }

    #[test]
    fn every_token_is_predicted_once(tokens in 4..300_usize, batch in 1..5_usize, time in 1..40_usize) {
        prop_assume!(tokens / batch >= 2);
        let streams = streams(tokens, batch, time);
        let all: Vec<StreamBatch> = (0..streams.batches()).map(|i| streams.batch(i).unwrap()).collect();
        let count: usize = all.iter().map(|b| b.targets.len()).sum();
        prop_assert_eq!(count, streams.predictions());
        for pair in all.windows(2) {
            let time = pair[0].shape[1];
            // the last target of a row is the next input of its row
            for row in 0..batch {
                prop_assert_eq!(pair[0].targets[(row + 1) * time - 1], pair[1].inputs[row * pair[1].shape[1]]);
            }
        }
    }
}
