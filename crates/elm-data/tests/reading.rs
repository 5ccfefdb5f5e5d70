//! Reading NeuronIO data: published files, archives, shipped data, and every kind of bad input.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use elm_data::neuronio::read_pickle;

/// The published-format files of the workshop, or `None` (with a message) where they are not.
fn real_files() -> Option<Vec<PathBuf>> {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/neuronio"
    ));
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is not here", folder.display());
        return None;
    };
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.to_string_lossy().ends_with(".p.gz"));
    files.sort();
    Some(files)
}

#[test]
fn real_files_are_read() {
    let Some(files) = real_files() else { return };
    for file in files {
        let start = std::time::Instant::now();
        let simulations = read_pickle(&file).unwrap();
        eprintln!(
            "{:?} {} {}",
            start.elapsed(),
            simulations.len(),
            simulations[0].events.len()
        );
        assert!(
            simulations
                .iter()
                .all(|s| s.soma_mv.len() == 6000 && s.events.len() > 50_000)
        );
    }
}
