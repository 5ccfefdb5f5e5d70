//! The life of a run: signals and exit codes, one process at a time, numbers that are none, disks that are full.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod settings;
mod signals;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{failure, finished, history, stdout, timeless};
use serde_json::Value;

const ELM: &str = env!("CARGO_BIN_EXE_elm");

/// Arguments of a small training in `run`.
fn small(run: &Path, set: &[&str]) -> Vec<String> {
    let mut args = vec!["train", "--device", "cpu", "--out", run.to_str().unwrap()];
    let sizes = [
        "model.num_memory=4",
        "train.epochs=3",
        "train.batches_per_epoch=4",
        "train.batch_size=2",
        "train.window_ms=200",
        "train.log_every=1",
    ];
    for assignment in sizes.iter().chain(set) {
        args.extend(["--set", assignment]);
    }
    args.into_iter().map(String::from).collect()
}

fn start(args: &[String]) -> Child {
    let mut command = Command::new(ELM);
    command
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until `run` has taken a step.
fn wait_for_steps(run: &Path) {
    let begun = Instant::now();
    let some = || std::fs::metadata(run.join("metrics.jsonl")).is_ok_and(|m| m.len() > 0);
    while !some() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .unwrap()
            .success()
    );
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const LONG: &str = "train.batches_per_epoch=100000";
