//! Reading NeuronIO data: published files, archives, shipped data, and every kind of bad input.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use elm_data::neuronio::{Simulation, Split, read_archive, read_pickle, shipped, write_archive};

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

fn real_file(seed: u32) -> Option<PathBuf> {
    let ending = format!("randomSeed_{seed}.p.gz");
    real_files()?
        .into_iter()
        .find(|f| f.to_string_lossy().ends_with(&ending))
}

#[test]
fn shipped_simulations_equal_the_files_they_come_from() {
    if real_files().is_none() {
        return;
    }
    let read = |seed| read_pickle(&real_file(seed).unwrap()).unwrap();
    let mut divided = read(102);
    let valid = divided.split_off(4);
    let train: Vec<Simulation> = [read(101), read(104), read(201), divided].concat();
    assert!(shipped(Split::Train).unwrap() == train);
    assert!(shipped(Split::Valid).unwrap() == valid);
    assert!(shipped(Split::Test).unwrap() == read(103));
}

/// Facts read from the file with Python: `numpy` and `pickle.load(..., encoding='latin1')`.
#[test]
fn shipped_simulations_hold_what_python_reads() {
    let test = shipped(Split::Test).unwrap();
    let spikes: Vec<usize> = test.iter().map(|s| s.output_spikes_ms.len()).collect();
    assert_eq!(spikes, [0, 20, 0, 0, 12, 16, 13, 19]);
    assert_eq!(test[0].events.len(), 43306 + 34787);
    assert_eq!(
        test[0].events.iter().filter(|e| e.channel < 639).count(),
        43306
    );
    assert!(
        test.iter()
            .all(|s| s.duration_ms == 6000 && s.soma_mv.len() == 6000)
    );
}

#[test]
fn a_file_with_dendritic_voltages_survives_an_archive() {
    let Some(file) = real_file(910_001) else {
        return;
    };
    let simulations = read_pickle(&file).unwrap();
    assert_eq!(simulations.len(), 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.elmnio");
    write_archive(&path, &simulations).unwrap();
    assert!(read_archive(&path).unwrap() == simulations);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left behind"
    );
}
