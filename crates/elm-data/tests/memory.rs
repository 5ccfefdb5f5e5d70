//! Memory of the pickle reader; the only test of its process, whose peak it looks at.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::path::Path;

use elm_data::neuronio::{SpikeEvent, read_pickle};

/// A line of `/proc/self/status` in bytes.
fn status(name: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    1024 * line
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
}

#[test]
fn reading_takes_less_than_four_times_the_result() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/neuronio");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not here", folder.display());
        return;
    };
    // one pickle of eight simulations, 27 MB when decompressed
    let file = entries
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with("randomSeed_103.p.gz"))
        .unwrap();
    let before = status("VmRSS:");
    let simulations = read_pickle(&file).unwrap();
    let taken = status("VmHWM:") - before;
    let result: usize = simulations
        .iter()
        .map(|s| {
            size_of::<SpikeEvent>() * s.events.len()
                + 4 * (s.soma_mv.len() + s.output_spikes_ms.len())
        })
        .sum();
    assert!(taken < 4 * result, "{taken} bytes for a result of {result}");
    eprintln!("{taken} bytes for a result of {result}");
}
