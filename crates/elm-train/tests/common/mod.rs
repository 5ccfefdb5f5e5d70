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
