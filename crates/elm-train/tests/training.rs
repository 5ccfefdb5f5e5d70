//! A training from start to report, stopped and gone on with.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

#[cfg(unix)]
use common::stop;
use common::{elm, failure, history, resume, stdout};
use serde_json::Value;

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
        "test.json",
    ] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    let metrics = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 2, "{metrics}");
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
        assert!((a - b).abs() < 1e-6 * a.abs(), "{a} and {b}");
    }
}

/// Starts a training of `epochs` of `batches` in the folder `run`, interrupts it `after` its beginning, goes on with
/// it, and returns the gradient steps that its metrics tell of.
#[cfg(unix)]
fn stop_and_go_on(run: &Path, epochs: u64, batches: u64, after: std::time::Duration) -> Vec<u64> {
    stop(run, &arguments(run, epochs, batches), after);
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
    let steps = stop_and_go_on(&run, 2, 1000, std::time::Duration::from_millis(300));
    assert_eq!(steps, [1000, 2000]);
    let arguments = arguments(&whole, 2, 1000);
    stdout(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    for (a, b) in history(&run).iter().zip(history(&whole)) {
        for key in [
            "train_loss",
            "valid_loss",
            "valid_soma_rmse_mv",
            "learning_rate",
        ] {
            let (a, b) = (a[key].as_f64().unwrap(), b[key].as_f64().unwrap());
            assert!((a - b).abs() <= 1e-6 * b.abs(), "{key}: {a} and {b}");
        }
    }
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
    let steps = stop_and_go_on(&run, 60, 1, std::time::Duration::from_millis(200));
    assert_eq!(steps, (1..=60).collect::<Vec<u64>>());
}

#[test]
fn damaged_checkpoints_are_passed_over_or_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let arguments = arguments(&run, 2, 3);
    stdout(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let (name, before) = (run.to_str().unwrap(), history(&run));
    let damage = |file: &str| std::fs::write(run.join("checkpoint").join(file), "x").unwrap();
    damage("optim-6.bpk");
    let output = elm(&["train", "--resume", name, "--device", "cpu"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && told.contains("optim-6.bpk") && told.contains("from step 3"),
        "{told}"
    );
    let number = |record: &Value| record["valid_loss"].as_f64().unwrap();
    let (a, b) = (number(&history(&run)[1]), number(&before[1]));
    assert!((a - b).abs() <= 1e-6 * b.abs(), "{a} and {b}");
    for file in ["model-6.bpk", "model-3.bpk"] {
        damage(file);
    }
    let (code, error) = failure(&["train", "--resume", name, "--device", "cpu"]);
    assert!(
        code == 2 && error.contains(name) && error.contains("no checkpoint can be read"),
        "{error}"
    );
    std::fs::remove_dir_all(run.join("checkpoint")).unwrap();
    let (code, error) = failure(&["train", "--resume", name, "--device", "cpu"]);
    assert!(code == 2 && error.contains("found none"), "{error}");
    // stopped before its first checkpoint
    for file in ["metrics.jsonl", "metrics.csv", "model.safetensors"] {
        std::fs::remove_file(run.join(file)).unwrap();
    }
    assert!(resume(&run).contains("report.html"));
    assert_eq!(history(&run).len(), 2);
}
