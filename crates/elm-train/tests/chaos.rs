//! Runs that are killed, and end as if they had not been.
//!
//! What is compared is everything that a run leaves but for its times: the best model byte for byte, every epoch's
//! metrics, the test's result. `elm-benches`' program `chaos` does the same a hundred times.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{stdout, timeless};

const ELM: &str = env!("CARGO_BIN_EXE_elm");

/// Arguments of a training of `recipe` in `run`, with dropout, an average and checkpoints every few steps.
fn arguments(recipe: &str, run: &Path, set: &[&str]) -> Vec<String> {
    let mut args = vec![
        "train",
        "--recipe",
        recipe,
        "--device",
        "cpu",
        "--threads",
        "1",
    ];
    args.extend(["--out", run.to_str().unwrap()]);
    for assignment in set {
        args.extend(["--set", assignment]);
    }
    args.into_iter().map(String::from).collect()
}

/// Everything of a run that must not depend on how often it was killed.
fn outcome(run: &Path) -> (Vec<u8>, Vec<serde_json::Value>, String) {
    (
        std::fs::read(run.join("model.safetensors")).unwrap(),
        timeless(run),
        std::fs::read_to_string(run.join("test.json")).unwrap(),
    )
}

/// The call that begins a run, or goes on with it where there is one.
fn next_call(args: &[String], run: &Path) -> Command {
    let mut command = Command::new(ELM);
    match run.join("recipe.toml").exists() {
        true => command
            .args(["train", "--device", "cpu", "--threads", "1", "--resume"])
            .arg(run),
        false => command.args(args),
    };
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Numbers that look random, the same in each call of the test.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn spikes(folder: &Path) -> String {
    let dir = folder.join("spikes");
    let out = dir.to_str().unwrap();
    let mut args = vec!["data", "generate", "shd", "--out", out, "--seed", "3"];
    args.extend(["--train", "60", "--test", "20"]);
    stdout(&args);
    format!("data.dir={out}")
}

/// A training of every built-in recipe's kind of model that has something random in its steps, killed again and again.
#[test]
fn killed_runs_end_as_undisturbed_ones() {
    let folder = tempfile::tempdir().unwrap();
    let data = spikes(folder.path());
    let common = [
        "train.epochs=3",
        "train.batches_per_epoch=60",
        "train.batch_size=2",
        "checkpoint.every_steps=7",
        "train.average_decay=0.9",
    ];
    let spiking = [
        &*data,
        "data.bin_ms=100",
        "train.warmup_steps=5",
        "data.valid_samples=8",
        "data.test_samples=8",
    ];
    let network = ["network.hidden_neurons=[6]", "network.memory_dropout=0.2"];
    let cases: [(&str, Vec<&str>); 4] = [
        ("quick", vec!["model.num_memory=4", "train.window_ms=200"]),
        ("spikes", [&spiking[..], &["model.num_memory=4"]].concat()),
        ("spikes-adding-network", [&spiking[..], &network].concat()),
        (
            "spikes",
            [
                &spiking[..],
                &[
                    "model.kind=transformer",
                    "transformer.embedding=8",
                    "transformer.num_heads=2",
                ],
            ]
            .concat(),
        ),
    ];
    let mut numbers = Numbers(7);
    for (number, (recipe, set)) in cases.iter().enumerate() {
        let mut set = set.clone();
        // the model is chosen before its sizes
        set.sort_by_key(|s| !s.starts_with("model.kind"));
        set.extend(common);
        let whole = folder.path().join(format!("whole-{number}"));
        let args = arguments(recipe, &whole, &set);
        stdout(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let run = folder.path().join(format!("killed-{number}"));
        let args = arguments(recipe, &run, &set);
        let mut kills = 0;
        loop {
            let mut child = next_call(&args, &run).spawn().unwrap();
            let wait = 20 + numbers.next(150 + 100 * kills);
            std::thread::sleep(Duration::from_millis(wait));
            if kills < 5 && child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                continue;
            }
            let output = child.wait_with_output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{recipe}: {error}");
            break;
        }
        assert!(
            outcome(&run) == outcome(&whole),
            "{recipe}, after {kills} kills"
        );
    }
}

/// Dies at the first write, then at the second, and so on: before each, in its middle, and after it.
#[test]
fn a_run_may_die_at_any_of_its_writes() {
    let folder = tempfile::tempdir().unwrap();
    let data = spikes(folder.path());
    let set = [
        &*data,
        "data.bin_ms=100",
        "data.valid_samples=4",
        "data.test_samples=4",
        "model.num_memory=2",
        "train.batch_size=1",
        "train.epochs=2",
        "train.batches_per_epoch=2",
        "train.log_every=1",
        "checkpoint.every_steps=1",
        "checkpoint.keep=1",
    ];
    let whole = folder.path().join("whole");
    let args = arguments("spikes", &whole, &set);
    stdout(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = outcome(&whole);
    let mut at = 1;
    loop {
        let run = folder.path().join(format!("run-{at}"));
        let args = arguments("spikes", &run, &set);
        let died = next_call(&args, &run)
            .env("ELM_TEST_KILL_AT_WRITE", at.to_string())
            .output()
            .unwrap();
        if died.status.success() {
            break;
        }
        assert_eq!(
            died.status.code(),
            None,
            "{}",
            String::from_utf8_lossy(&died.stderr)
        );
        let output = next_call(&args, &run).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "write {at}: {error}");
        assert!(outcome(&run) == expected, "write {at}");
        let left = std::fs::read_dir(run.join("checkpoints")).unwrap();
        assert_eq!(left.count(), 1, "write {at} left something behind");
        std::fs::remove_dir_all(&run).unwrap();
        // every point near the start, then a part of those that come again and again
        at += if at < 60 { 1 } else { 5 };
    }
    assert!(at > 100, "{at} points");
}
