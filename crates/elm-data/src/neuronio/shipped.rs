//! The data that ship with the project: 40 simulations, embedded in the program.

use std::path::Path;

use super::Simulation;
use super::archive::read_archive_bytes;
use crate::{DataError, Result, Split};

/// The shipped simulations of 6 s of a layer-5 pyramidal cell; `data/README.md` of this crate tells where they are from.
/// There are 28 to train on, 4 to choose a model by and 8 to report results on.
///
/// # Errors
/// If the embedded data are damaged, which a test excludes.
pub fn shipped(split: Split) -> Result<Vec<Simulation>> {
    let (name, bytes): (&str, &[u8]) = match split {
        Split::Train => (
            "shipped train.elmnio",
            include_bytes!("../../data/train.elmnio"),
        ),
        Split::Valid => (
            "shipped valid.elmnio",
            include_bytes!("../../data/valid.elmnio"),
        ),
        Split::Test => (
            "shipped test.elmnio",
            include_bytes!("../../data/test.elmnio"),
        ),
    };
    let simulations = read_archive_bytes(name, bytes)?;
    if simulations.is_empty() {
        return Err(DataError::format(
            Path::new(name),
            "expected simulations, found none",
        ));
    }
    Ok(simulations)
}
