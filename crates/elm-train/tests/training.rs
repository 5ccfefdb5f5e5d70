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

#[cfg(unix)]
#[test]
fn a_stopped_run_goes_on_where_it_was() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let child = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(["train", "--out", out.to_str().unwrap(), "--device", "cpu"])
        .args(["--set", "model.num_memory=4", "--set", "train.epochs=2"])
        .args([
            "--set",
            "train.batches_per_epoch=150",
            "--set",
            "train.batch_size=2",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // training has begun when the run is described
    let begun = std::time::Instant::now();
    while !out.join("run.json").exists() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("--resume"),
        "it was not stopped but ran through:\n{text}"
    );
    assert!(!out.join("report.html").exists());
    let text = stdout(&[
        "train",
        "--resume",
        out.to_str().unwrap(),
        "--device",
        "cpu",
    ]);
    assert!(text.contains("report.html"), "{text}");
    let metrics = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let steps: Vec<u64> = metrics
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["step"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(steps, [150, 300]);
}
