//! A trained model is used: predicted with, evaluated, trained further, shown.
#![allow(clippy::unwrap_used)]

mod answers;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod tuning;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{elm, failure, stdout};
use serde_json::Value;

/// Trains a small model of a recipe; its folder.
fn train(recipe: &str, folder: &Path, name: &str, more: &[&str]) -> PathBuf {
    let out = folder.join(name);
    let mut args = vec!["train", "--recipe", recipe, "--device", "cpu", "--out"];
    args.push(out.to_str().unwrap());
    for set in [
        "train.epochs=1",
        "train.batches_per_epoch=2",
        "train.batch_size=4",
        "train.warmup_steps=0",
    ] {
        args.extend(["--set", set]);
    }
    args.extend(more);
    stdout(&args);
    out
}

fn spikes(folder: &Path) -> (String, String) {
    let dir = folder.join("spikes").to_str().unwrap().to_string();
    let sizes = ["--train", "50", "--valid", "10", "--test", "21"];
    let mut args = vec!["data", "generate", "shd", "--out", &dir, "--seed", "3"];
    args.extend(sizes);
    stdout(&args);
    let set = format!("data.dir={dir}");
    (dir, set)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in:\n{text}"))
}

fn read_json(path: &Path) -> Value {
    json(&std::fs::read_to_string(path).unwrap())
}

/// `elm` with something on standard input.
fn piped(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_string();
    // a command that refuses its input early closes it
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Standard output of a successful call with something on standard input.
fn piped_ok(args: &[&str], input: &str) -> (String, String) {
    let output = piped(args, input);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "elm {args:?}: {error}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), error)
}

fn close(a: f64, b: f64, what: &str) {
    assert!(
        (a - b).abs() <= 1e-5 * b.abs().max(1.0),
        "{what}: {a} and {b}"
    );
}

fn shipped_weights(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../elm-model/tests/pretrained");
    let path = folder.join(format!("{name}.safetensors"));
    path.to_str().unwrap().to_string()
}
