//! A training from start to report, stopped and gone on with.
#![allow(clippy::unwrap_used)]

mod common;

use common::stdout;

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
        let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
        text.lines()
            .map(|line| {
                let record: serde_json::Value = serde_json::from_str(line).unwrap();
                record["train_loss"].as_f64().unwrap()
            })
            .collect::<Vec<f64>>()
    };
    let (a, b) = (losses("a"), losses("b"));
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-6 * a.abs(), "{a} and {b}");
    }
}

/// Interrupts a training of `epochs` of `batches` `after` its beginning, goes on with it, and returns the gradient
/// steps that its metrics tell of.
#[cfg(unix)]
fn stop_and_go_on(epochs: u64, batches: u64, after: std::time::Duration) -> Vec<u64> {
    let (epochs, batches) = (
        format!("train.epochs={epochs}"),
        format!("train.batches_per_epoch={batches}"),
    );
    let mut args = SMALL.to_vec();
    args.extend(["--set", &epochs, "--set", &batches]);
    common::stop_and_go_on(&args, after)
}

#[cfg(unix)]
#[test]
fn a_run_stopped_within_an_epoch_goes_on_where_it_was() {
    let steps = stop_and_go_on(2, 1000, std::time::Duration::from_millis(300));
    assert_eq!(steps, [1000, 2000]);
}

/// With one step to an epoch nearly all the time goes into validation and checkpoints.
#[cfg(unix)]
#[test]
fn a_run_stopped_while_it_validates_loses_no_epoch() {
    let steps = stop_and_go_on(60, 1, std::time::Duration::from_millis(200));
    assert_eq!(steps, (1..=60).collect::<Vec<u64>>());
}
