//! Tells whether the compiler knows AVX-512: Rust does from 1.89 on, while this crate compiles from 1.85 on.

use std::env::var;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(avx512)");
    // the copies with run-time choice are for x86-64 processors that have SSE switched on
    let features = var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let x86 = var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64");
    if x86 && features.split(',').any(|f| f == "sse2") && minor().is_some_and(|minor| minor >= 89) {
        println!("cargo::rustc-cfg=avx512");
    }
}

/// The 95 of `rustc 1.95.0 (59807616e 2026-04-14)`.
fn minor() -> Option<u32> {
    let output = Command::new(var("RUSTC").ok()?)
        .arg("--version")
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.split('.').nth(1)?.parse().ok()
}
