//! What this crate is built from stays what it may be built from on small devices.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn nothing_but_small_crates_without_std_is_linked() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "elm-stream",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--offline",
            "-f",
            "{p} {f}",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    if !tree.status.success() {
        return eprintln!(
            "skipped: cargo tree: {}",
            String::from_utf8_lossy(&tree.stderr)
        );
    }
    let allowed = [
        "elm-stream",
        "libm",
        "serde",
        "serde_core",
        "serde_json",
        "itoa",
        "ryu",
        "zmij",
        "memchr",
        // run in the compiler
        "serde_derive",
        "proc-macro2",
        "quote",
        "syn",
        "unicode-ident",
    ];
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        assert!(allowed.contains(&name), "a new dependency: {line}");
        let features = line
            .rsplit(' ')
            .find(|word| !word.starts_with('('))
            .unwrap();
        if ["serde", "serde_core", "serde_json", "libm", "memchr"].contains(&name) {
            assert!(
                !features.split(',').any(|f| f == "std"),
                "needs the standard library: {line}"
            );
        }
    }
    assert!(tree.contains("libm"), "{tree}");
}
