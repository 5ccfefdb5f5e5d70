//! Builds the archives that ship with the project out of the five files they come from:
//! `cargo run --release -p elm-data --example make_shipped -- <folder of the .p.gz files>`.

use std::path::{Path, PathBuf};

use elm_data::neuronio::{Simulation, read_pickle, write_archive};
use elm_data::{DataError, Result};

/// The file in `folder` that was simulated with `seed`.
fn with_seed(folder: &Path, seed: u32) -> Result<PathBuf> {
    let ending = format!("randomSeed_{seed}.p.gz");
    let entries = std::fs::read_dir(folder).map_err(|e| DataError::io(folder, "list it", e))?;
    entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .find(|path| path.to_string_lossy().ends_with(&ending))
        .ok_or_else(|| DataError::format(folder, format!("expected a file *{ending}, found none")))
}

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder
        .ok_or_else(|| DataError::request("expected the folder of the simulated .p.gz files"))?;
    let read = |seed| with_seed(&folder, seed).and_then(|path| read_pickle(&path));
    let mut divided = read(102)?;
    let valid = divided.split_off(4);
    let train: Vec<Simulation> = [read(101)?, read(104)?, read(201)?, divided].concat();
    let test = read(103)?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    std::fs::create_dir_all(&data).map_err(|e| DataError::io(&data, "create it", e))?;
    for (name, simulations) in [("train", train), ("valid", valid), ("test", test)] {
        let path = data.join(format!("{name}.elmnio"));
        let bytes = write_archive(&path, &simulations)?;
        println!(
            "{}: {} simulations, {bytes} bytes",
            path.display(),
            simulations.len()
        );
    }
    Ok(())
}
