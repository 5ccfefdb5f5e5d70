//! NeuronIO pickles as published: `.p`, or compressed by gzip `.p.gz`.

mod extract;

use std::path::Path;
use std::sync::Arc;

use super::Simulation;
use crate::pickle::Pickle;
use crate::{DataError, Result};

/// Reads the simulations of a NeuronIO file, `.p` or `.p.gz` (decided by content, not by name).
///
/// Pickles of all protocols are read, from Python 2 or 3. Nothing in the file is executed. Large fields that are not
/// needed are skipped without being held in memory, and a file that would take far more memory than it has bytes is
/// refused.
///
/// # Errors
/// If the file cannot be read, is cut off or damaged, asks for anything but numpy data, or does not hold what a
/// NeuronIO file must: 639 segments, input and output spike times (ms) inside the simulation, input on at least one synapse, one
/// finite voltage per ms.
pub fn read_pickle(path: &Path) -> Result<Vec<Simulation>> {
    simulations(
        path,
        &Pickle::open(path, "a NeuronIO file", &extract::NEEDED)?,
    )
}

/// Reads the simulations of a NeuronIO file in memory; `name` stands for the path in errors and in
/// [`Simulation::source`].
///
/// # Errors
/// As [`read_pickle`].
pub fn read_pickle_bytes(name: &str, bytes: &[u8]) -> Result<Vec<Simulation>> {
    let path = Path::new(name);
    simulations(path, &Pickle::from_bytes(path, bytes, &extract::NEEDED)?)
}

fn simulations(path: &Path, pickle: &Pickle) -> Result<Vec<Simulation>> {
    let source: Arc<str> = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into();
    extract::simulations(&pickle.heap, pickle.root, &source, pickle.most_memory())
        .map_err(|problem| DataError::format(path, problem))
}
