//! Runs the `elm` command.
#![allow(dead_code)] // each test file uses its own part

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

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

/// The same for arguments that were put together.
pub fn finished(args: &[String]) -> String {
    stdout(&args.iter().map(String::as_str).collect::<Vec<_>>())
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

/// Numbers of a run's metrics, a row an epoch; null where there is none. No rows before the first epoch is over.
pub fn history(run: &Path) -> Vec<Value> {
    let Ok(text) = std::fs::read_to_string(run.join("metrics.csv")) else {
        return Vec::new();
    };
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| -> Value {
        let values = line.split(',').map(|v| match v {
            "" => Value::Null,
            number => serde_json::from_str(number).unwrap(),
        });
        names
            .iter()
            .map(|n| n.to_string())
            .zip(values)
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    lines.map(row).collect()
}

/// Loss and gradient norm of every step; none before the first one.
pub fn steps(run: &Path) -> Vec<[f64; 2]> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    let line = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        ["loss", "gradient_norm"].map(|key| record[key].as_f64().unwrap())
    };
    text.lines().map(line).collect()
}

/// So many steps each, the same to `tolerance`, relative to values above 1.
pub fn assert_steps_close(
    a: &[[f64; 2]],
    b: &[[f64; 2]],
    count: usize,
    tolerance: f64,
    what: &str,
) {
    assert_eq!((a.len(), b.len()), (count, count), "{what}");
    for (step, (a, b)) in a.iter().zip(b).enumerate() {
        for (a, b) in a.iter().zip(b) {
            assert!(
                (a - b).abs() <= tolerance * (1.0 + b.abs()),
                "{what}, step {step}: {a} and {b}"
            );
        }
    }
}

/// Everything of a run's epochs but the times.
pub fn timeless(run: &Path) -> Vec<Value> {
    let mut rows = history(run);
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        row.remove("seconds");
        row.remove("train_seconds");
    }
    rows
}

/// Goes on with a run; what it says.
pub fn resume(run: &Path) -> String {
    stdout(&[
        "train",
        "--resume",
        run.to_str().unwrap(),
        "--device",
        "cpu",
    ])
}

/// Starts a training with these arguments in the folder `run` and interrupts it once it has taken so many steps, however
/// fast the machine is.
#[cfg(unix)]
pub fn stop(run: &Path, arguments: &[String], steps: usize) {
    let every_step = ["--set", "train.log_every=1"].map(String::from);
    let arguments = [arguments, &every_step].concat();
    stop_when(run, &arguments, || {
        let logged = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
        logged.lines().count() >= steps
    });
}

/// Lets the last checkpoint of a run say that it has taken so many seconds.
pub fn say_spent(run: &Path, seconds: f64) {
    let folders = std::fs::read_dir(run.join("checkpoints")).unwrap();
    let step = |path: &PathBuf| -> u64 {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.trim_start_matches("step-").parse().unwrap()
    };
    let last = folders.map(|f| f.unwrap().path()).max_by_key(step).unwrap();
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(last.join(name)).unwrap()).unwrap()
    };
    let mut state = read("state.json");
    state["seconds"] = seconds.into();
    let state = serde_json::to_vec(&state).unwrap();
    let mut manifest = read("manifest.json");
    manifest["files"]["state.json"] = serde_json::json!({
        "bytes": state.len(),
        "crc32c": crc32c::crc32c(&state),
    });
    std::fs::write(last.join("state.json"), state).unwrap();
    std::fs::write(last.join("manifest.json"), manifest.to_string()).unwrap();
}

#[cfg(unix)]
fn stop_when(run: &Path, arguments: &[String], mut now: impl FnMut() -> bool) {
    use std::process::Stdio;
    let child = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    while !now() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(130),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("--resume"),
        "it was not stopped but ran through:\n{text}"
    );
    assert!(!run.join("test.json").exists());
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
