//! Runs the `elm` command.
#![allow(dead_code)] // each test file uses its own part

use std::path::PathBuf;
use std::process::{Command, Output};

/// `elm` with these arguments, in a folder of its own.
pub fn elm(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(args)
        .output()
        .unwrap()
}

/// Standard output of a successful call.
pub fn stdout(args: &[&str]) -> String {
    let output = elm(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "elm {args:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Exit code and the one line of error of a call that fails.
pub fn failure(args: &[&str]) -> (i32, String) {
    let output = elm(args);
    let error = String::from_utf8_lossy(&output.stderr).trim().to_string();
    assert!(
        !output.status.success(),
        "elm {args:?} succeeded: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(!error.contains("panicked"), "{error}");
    (output.status.code().unwrap_or(-1), error)
}

/// Starts a training with these arguments, interrupts it `after` its beginning, goes on with it to its end, and returns
/// the gradient steps that its metrics tell of.
#[cfg(unix)]
pub fn stop_and_go_on(args: &[&str], after: std::time::Duration) -> Vec<u64> {
    use std::process::Stdio;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let child = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(["train", "--out", out.to_str().unwrap()])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // training begins when the run has been described
    let begun = std::time::Instant::now();
    while !out.join("run.json").exists() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(after);
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
    let resumed = [
        "train",
        "--resume",
        out.to_str().unwrap(),
        "--device",
        "cpu",
    ];
    let text = stdout(&resumed);
    assert!(text.contains("report.html"), "{text}");
    let metrics = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    metrics
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["step"].as_u64().unwrap()
        })
        .collect()
}

/// A folder of the shared reference data, if this machine has it.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}
