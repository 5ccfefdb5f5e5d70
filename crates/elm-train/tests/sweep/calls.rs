//! Calls of `elm sweep` on tiny neurons, and what they leave.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(super) const ELM: &str = env!("CARGO_BIN_EXE_elm");

/// A sweep of tiny neurons: keys of `[set]` that are the same for all, then what varies.
pub(super) fn sweep_file(folder: &Path, set: &str, rest: &str) -> PathBuf {
    let file = folder.join("tiny.toml");
    let text = format!(
        "base = \"quick\"\n{rest}\n[set]\ntrain.batch_size = 2\n\
         train.window_ms = 50\ntrain.log_every = 1\n{set}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

pub(super) const SHORT: &str = "train.epochs = 2\ntrain.batches_per_epoch = 3";
/// Some seconds.
pub(super) const LONG: &str =
    "train.epochs = 1\ntrain.batches_per_epoch = 600\ncheckpoint.every_steps = 10";
pub(super) const SIX: &str = "seeds = [0, 1]\n[grid]\nmodel.num_memory = [3, 4, 5]";

pub(super) fn command(file: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(ELM);
    command.arg("sweep").arg(file).arg("--out").arg(out);
    command
        .args(["--device", "cpu", "--threads", "1"])
        .args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(super) fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// What a call says that ends with this code.
pub(super) fn ends_with(code: i32, mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{command:?}: {}",
        said(&output)
    );
    said(&output)
}

pub(super) fn json(path: PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Folders of the members that were begun, in their order.
pub(super) fn members(out: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(out.join("members")).into_iter().flatten();
    let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    all.retain(|run| run.join("recipe.toml").is_file());
    all.sort();
    all
}

/// How the calls that worked on a run ended; null for one that was killed.
pub(super) fn endings(run: &Path) -> Vec<Value> {
    let record = json(run.join("run.json"));
    let sessions = record["sessions"].as_array().unwrap().iter();
    sessions.map(|s| s["ended"]["how"].clone()).collect()
}

pub(super) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed().as_secs() < 120,
            "waited too long for {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until `n` members have a checkpoint.
pub(super) fn wait_for_checkpoints(out: &Path, n: usize) {
    wait_until("checkpoints", || {
        let with = members(out).into_iter().filter(|run| {
            let entries = std::fs::read_dir(run.join("checkpoints"))
                .into_iter()
                .flatten();
            entries
                .flatten()
                .any(|e| e.file_name().to_string_lossy().starts_with("step-"))
        });
        with.count() >= n
    });
}

pub(super) fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args([name, &process.to_string()])
        .status();
    assert!(status.unwrap().success());
}

pub(super) fn process_of(run: &Path) -> u32 {
    std::fs::read_to_string(run.join("lock"))
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

pub(super) fn wait(child: Child) -> Output {
    child.wait_with_output().unwrap()
}
