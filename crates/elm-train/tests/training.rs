//! A training from start to report, stopped and gone on with.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

#[cfg(unix)]
use common::stop;
use common::{elm, failure, history, resume, stdout, timeless};

const SMALL: [&str; 12] = [
    "--device",
    "cpu",
    "--set",
    "model.num_memory=4",
    "--set",
    "train.epochs=2",
    "--set",
    "train.batches_per_epoch=3",
    "--set",
    "train.batch_size=2",
    "--set",
    "train.window_ms=200",
];

#[test]
fn a_run_leaves_everything_that_is_promised() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut args = vec!["train", "--out", out.to_str().unwrap()];
    args.extend(SMALL);
    let text = stdout(&args);
    for part in [
        "AUC",
        "TPR at 0.01 FPR",
        "Soma RMSE (mV)",
        "explained variance",
        "report.html",
        "published, M = 3",
    ] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    for file in [
        "recipe.toml",
        "run.json",
        "model.safetensors",
        "metrics.jsonl",
        "metrics.csv",
        "log.txt",
        "test.json",
    ] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    assert_eq!(history(&out).len(), 2);
    let log = std::fs::read_to_string(out.join("log.txt")).unwrap();
    assert!(log.contains("INFO") && log.contains("epoch   2/2"), "{log}");
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("<svg") && !report.contains("NaN"));
    for outside in ["src=", "href=\"http", "@import", "url(http", "<script"] {
        assert!(
            !report.contains(outside),
            "`{outside}` in the report: it would not open offline"
        );
    }
    // the model carries its configuration
    let info = stdout(&["info", out.join("model.safetensors").to_str().unwrap()]);
    assert!(info.contains("memory units         4"), "{info}");
}

#[test]
fn the_same_seed_gives_the_same_losses() {
    let folder = tempfile::tempdir().unwrap();
    let losses = |name: &str| {
        let out = folder.path().join(name);
        let mut args = vec!["train", "--out", out.to_str().unwrap()];
        args.extend(SMALL);
        stdout(&args);
        history(&out)
            .iter()
            .map(|record| record["train_loss"].as_f64().unwrap())
            .collect::<Vec<f64>>()
    };
    let (a, b) = (losses("a"), losses("b"));
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a, b);
    }
}

/// Starts a training of `epochs` of `batches` in the folder `run`, interrupts it after so many steps, goes on with
/// it, and returns the gradient steps that its metrics tell of.
#[cfg(unix)]
fn stop_and_go_on(run: &Path, epochs: u64, batches: u64, steps: usize) -> Vec<u64> {
    stop(run, &arguments(run, epochs, batches), steps);
    let text = resume(run);
    assert!(text.contains("report.html"), "{text}");
    history(run)
        .iter()
        .map(|record| record["step"].as_u64().unwrap())
        .collect()
}

/// Arguments of a training of `epochs` of `batches` in the folder `run`.
fn arguments(run: &Path, epochs: u64, batches: u64) -> Vec<String> {
    let (epochs, batches) = (
        format!("train.epochs={epochs}"),
        format!("train.batches_per_epoch={batches}"),
    );
    let out = ["train", "--out", run.to_str().unwrap()];
    let sizes = ["--set", &epochs, "--set", &batches];
    let all = out.iter().chain(&SMALL).chain(&sizes);
    all.map(|argument| argument.to_string()).collect()
}

/// A run stopped within an epoch ends with the model and the history of one that was not.
#[cfg(unix)]
#[test]
fn a_run_stopped_within_an_epoch_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (run, whole) = (folder.path().join("run"), folder.path().join("whole"));
    let steps = stop_and_go_on(&run, 2, 1000, 20);
    assert_eq!(steps, [1000, 2000]);
    let arguments = arguments(&whole, 2, 1000);
    stdout(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(timeless(&run), timeless(&whole));
    let model = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(&run) == model(&whole), "the models differ");
    // a finished run is only tested once more
    let before = history(&run);
    assert!(resume(&run).contains("report.html"));
    assert_eq!(history(&run), before);
}

/// With one step to an epoch nearly all the time goes into validation and checkpoints.
#[cfg(unix)]
#[test]
fn a_run_stopped_while_it_validates_loses_no_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let steps = stop_and_go_on(&run, 60, 1, 10);
    assert_eq!(steps, (1..=60).collect::<Vec<u64>>());
}

#[test]
fn damaged_checkpoints_are_passed_over_or_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let arguments = arguments(&run, 2, 3);
    stdout(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let (name, before) = (run.to_str().unwrap(), timeless(&run));
    let model = std::fs::read(run.join("model.safetensors")).unwrap();
    let checkpoints = run.join("checkpoints");
    std::fs::write(checkpoints.join("step-6/optimizer.bpk"), "x").unwrap();
    let output = elm(&["train", "--resume", name, "--device", "cpu"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("optimizer.bpk") && told.contains("from step 3"),
        "{told}"
    );
    assert_eq!(timeless(&run), before);
    assert!(std::fs::read(run.join("model.safetensors")).unwrap() == model);
    for step in [3, 6] {
        std::fs::write(checkpoints.join(format!("step-{step}/model.bpk")), "x").unwrap();
    }
    let (code, error) = failure(&["train", "--resume", name, "--device", "cpu"]);
    assert!(
        code == 2 && error.contains(name) && error.contains("no checkpoint can be read"),
        "{error}"
    );
    // without any it begins again, whatever else is there
    std::fs::remove_dir_all(&checkpoints).unwrap();
    assert!(resume(&run).contains("report.html"));
    assert_eq!(timeless(&run), before);
    assert!(std::fs::read(run.join("model.safetensors")).unwrap() == model);
}

#[test]
fn runs_of_earlier_versions_are_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("old");
    let name = run.to_str().unwrap();
    std::fs::create_dir_all(run.join("checkpoint")).unwrap();
    std::fs::write(run.join("recipe.toml"), stdout(&["recipes", "quick"])).unwrap();
    std::fs::write(run.join("run.json"), "{\"elm\": \"0.1.0\"}").unwrap();
    let (code, error) = failure(&["train", "--resume", name]);
    assert!(
        code == 2 && error.contains("another version of elm"),
        "{error}"
    );
}

#[test]
fn memory_and_half_precision_are_bought_with_time_and_digits() {
    let folder = tempfile::tempdir().unwrap();
    let losses = |name: &str, set: &[&str]| -> Vec<f64> {
        let run = folder.path().join(name);
        let mut args = vec!["train", "--device", "cpu", "--out", run.to_str().unwrap()];
        // what the backward pass of a step keeps is 1.3 MB
        let sizes = [
            "model.num_memory=20",
            "train.steps=6",
            "train.batches_per_epoch=6",
            "train.batch_size=8",
            "train.window_ms=250",
            "train.log_every=1",
        ];
        for assignment in sizes.iter().chain(set) {
            args.extend(["--set", assignment]);
        }
        stdout(&args);
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let loss = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64();
        text.lines().map(|line| loss(line).unwrap()).collect()
    };
    let plain = losses("plain", &[]);
    let short = losses("short", &["train.memory_budget=1"]);
    let half = losses("half", &["train.precision=bf16"]);
    assert_eq!((plain.len(), short.len(), half.len()), (6, 6, 6));
    for ((plain, short), half) in plain.iter().zip(&short).zip(&half) {
        assert!((plain - short).abs() < 1e-6, "{plain} and {short}");
        assert!((plain - half).abs() < 1e-2 * plain, "{plain} and {half}");
    }
    assert_ne!(plain, half);
}
