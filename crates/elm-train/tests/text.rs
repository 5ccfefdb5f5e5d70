//! A text as language model, from files to a report and to new text.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{elm, failure, resume, stdout, timeless};
use serde_json::Value;
use tempfile::TempDir;

/// A text that follows rules, in two files.
fn text(folder: &Path) -> PathBuf {
    let path = folder.join("texts");
    std::fs::create_dir(&path).unwrap();
    let animals = ["cat", "dog", "owl", "fox", "cow"];
    let (mut all, mut state) = (String::new(), 7u64);
    while all.len() < 24_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let animal = animals[(state >> 33) as usize % animals.len()];
        all += &format!("the {animal} sees the {animal}. ");
    }
    let (a, b) = all.split_at(12_000);
    std::fs::write(path.join("a.txt"), a).unwrap();
    std::fs::write(path.join("b.md"), b).unwrap();
    path
}

/// Arguments of a training on the text `data` in the folder `out`.
fn arguments(data: &Path, out: &Path, set: &[&str]) -> Vec<String> {
    let mut all = vec!["train", "--recipe", "text-lm", "--device", "cpu", "--out"];
    all.push(out.to_str().unwrap());
    let file = format!("data.train=[{:?}]", data.to_str().unwrap());
    let quick = [
        file.as_str(),
        "network.hidden_neurons=[24]",
        "network.num_branches=12",
        "train.batches_per_epoch=40",
        "train.epochs=3",
        "train.batch_size=8",
        "train.warmup_steps=5",
        "text.steps=25",
        "text.state_drop={first=0.5, last=0.05, steps=60}",
    ];
    for assignment in quick.iter().chain(set) {
        all.extend(["--set", assignment]);
    }
    all.into_iter().map(String::from).collect()
}

fn train(data: &Path, out: &Path, set: &[&str]) -> String {
    let arguments = arguments(data, out, set);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    stdout(&arguments)
}

#[test]
fn a_text_is_learnt_and_gone_on_with() {
    let folder = TempDir::new().unwrap();
    let data = text(folder.path());
    let out = folder.path().join("run");
    let said = train(&data, &out, &[]);
    assert!(said.contains("5-grams"), "{said}");
    let test: Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("test.json")).unwrap()).unwrap();
    let row = &test["rows"][0];
    assert_eq!(row["metric"], "Bits per character");
    // about twenty different bytes, 4.1 bits by their number alone
    let (bits, ngrams) = (
        row["ours"].as_f64().unwrap(),
        row["published"].as_f64().unwrap(),
    );
    assert!(bits < 2.5 && ngrams < 1.0, "{bits} {ngrams}");
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    for part in [
        "bits per character",
        "5-grams",
        "the model goes on from",
        "2 files",
    ] {
        assert!(report.contains(part), "`{part}` is missing");
    }
    assert!(!report.contains("Spike detection"));
    let run = out.to_str().unwrap();
    let make = |more: &[&str]| {
        let arguments = [
            &["generate", run, "--prompt", "the c", "--length", "60"],
            more,
        ]
        .concat();
        stdout(&arguments)
    };
    let made = make(&["--seed", "3"]);
    assert!(
        made.starts_with("the c") && made.len() == 5 + 60 + 1,
        "{made}"
    );
    assert_eq!(make(&["--seed", "3"]), made);
    assert_ne!(make(&["--seed", "4", "--temperature", "1.5"]), made);
    assert_eq!(
        make(&["--temperature", "0", "--seed", "1"]),
        make(&["--temperature", "0", "--seed", "2"])
    );
    let (code, message) = failure(&["generate", run, "--prompt", "ÄÖ"]);
    assert_eq!(code, 2, "{message}");
    assert!(message.contains("--prompt"), "{message}");
    assert_eq!(failure(&["generate", run, "--temperature", "-1"]).0, 2);
    assert_eq!(failure(&["generate", run, "--prompt", ""]).0, 2);
    // every order of n-grams
    let ngrams = test["details"]["ngram_bits_per_character"].as_array();
    let ngrams: Vec<f64> = ngrams
        .unwrap()
        .iter()
        .map(|b| b.as_f64().unwrap())
        .collect();
    assert_eq!(ngrams.len(), 5);
    assert!(
        ngrams[0] > 3.0 && ngrams[1] < 1.5 && ngrams[2] < 0.5,
        "{ngrams:?}"
    );
    assert!(report.contains("of order 1"));
    used(folder.path(), run);
}

/// A model of a text is evaluated on one and predicts it.
fn used(folder: &Path, run: &str) {
    let (model, file) = (format!("{run}/model.safetensors"), folder.join("new.txt"));
    let new = "the cat sees the cat. the owl sees the owl. ".repeat(40);
    std::fs::write(&file, &new).unwrap();
    let file = file.to_str().unwrap();
    let score = stdout(&["eval", &model, "--data", file, "--json", "--device", "cpu"]);
    let score: Value = serde_json::from_str(&score).unwrap();
    assert_eq!(score["answers"], new.len() - 1);
    let bits = score["metrics"]["bits_per_symbol"].as_f64().unwrap();
    assert!(bits < 2.5, "{score}");
    let csv = stdout(&["predict", &model, "--data", file, "--device", "cpu"]);
    assert!(
        csv.starts_with("sample,step,predicted next,p(next="),
        "{}",
        &csv[..80]
    );
    // a row a byte, with the state of all bytes before: pieces go on where the last one ended
    assert_eq!(csv.lines().count(), 1 + new.len());
    let rows: Vec<Vec<&str>> = csv
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect())
        .collect();
    let symbols = csv.lines().next().unwrap().split(',').skip(3);
    let symbols: Vec<&str> = symbols.collect();
    let nats: f64 = rows
        .iter()
        .zip(new[1..].chars())
        .map(|(row, next)| {
            let place = symbols.iter().position(|s| *s == format!("p(next={next})"));
            -row[3 + place.unwrap()].parse::<f64>().unwrap().ln()
        })
        .sum();
    let expected = nats / (new.len() - 1) as f64 / std::f64::consts::LN_2;
    assert!((bits - expected).abs() < 1e-4, "{bits} {expected}");
    std::fs::write(folder.join("new.txt"), "ÄÖ").unwrap();
    let (code, message) = failure(&["eval", &model, "--data", file]);
    assert_eq!(code, 2);
    assert!(
        message.contains("new.txt") && message.contains("vocabulary"),
        "{message}"
    );
    let (_, message) = failure(&["eval", &model]);
    assert!(message.contains("--data: expected texts"), "{message}");
}

#[test]
fn other_models_learn_texts() {
    let folder = TempDir::new().unwrap();
    let data = text(folder.path());
    let file = format!("data.train=[{:?}]", data.to_str().unwrap());
    for kind in ["elm", "chrono-lstm", "lif", "transformer", "tcn"] {
        let out = folder.path().join(kind);
        let mut args = vec![
            "train", "--recipe", "text-lm", "--model", kind, "--device", "cpu",
        ];
        args.extend(["--out", out.to_str().unwrap(), "--set", &file]);
        for set in [
            "train.batches_per_epoch=3",
            "train.epochs=1",
            "train.batch_size=4",
            "train.warmup_steps=0",
            "text.steps=20",
        ] {
            args.extend(["--set", set]);
        }
        stdout(&args);
        let run = out.to_str().unwrap();
        let made = elm(&["generate", run, "--prompt", "the ", "--length", "8"]);
        assert!(made.status.success(), "{kind}");
        assert_eq!(made.stdout.len(), 4 + 8 + 1, "{kind}");
    }
}

#[test]
fn a_stopped_run_carries_its_states_on() {
    let folder = TempDir::new().unwrap();
    let data = text(folder.path());
    for dropout in ["0.0", "0.2"] {
        let dropout_key = format!("network.memory_dropout={dropout}");
        let set = [
            dropout_key.as_str(),
            "train.epochs=4",
            "checkpoint.every_steps=7",
        ];
        let whole = folder.path().join(format!("whole-{dropout}"));
        train(&data, &whole, &set);
        let stopped = folder.path().join(format!("stopped-{dropout}"));
        let arguments = arguments(&data, &stopped, &set);
        common::stop(&stopped, &arguments, 9);
        let text = resume(&stopped);
        assert!(text.contains("from step"), "{text}");
        assert_eq!(timeless(&whole), timeless(&stopped));
        let model = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
        assert!(model(&whole) == model(&stopped));
    }
}

#[test]
fn what_is_no_text_is_told() {
    let folder = TempDir::new().unwrap();
    let data = text(folder.path());
    let file = format!("data.train=[{:?}]", data.to_str().unwrap());
    for (set, words) in [
        ("text.steps=0", "text.steps"),
        ("text.valid_fraction=0", "data.valid"),
        ("text.state_drop={first=2.0}", "0 to 1"),
        ("text.ngram=9", "0 to 8"),
        ("text.extensions=['rs']", "rs"),
        ("network.input_embedding={two_hot={}}", "one_hot"),
        ("data.train=['none.txt']", "none.txt"),
        ("data.test=['none.txt']", "none.txt"),
        ("train.readout=mean", "no use in the task text-lm"),
    ] {
        let (code, message) =
            failure(&["train", "--recipe", "text-lm", "--set", &file, "--set", set]);
        assert_eq!(code, 2, "{message}");
        assert!(message.contains(words), "{set}: {message}");
    }
}
