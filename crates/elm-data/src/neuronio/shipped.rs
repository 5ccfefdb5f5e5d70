//! The data that ship with the project: 40 simulations, embedded in the program.

use std::path::Path;

use super::Simulation;
use super::archive::read_archive_bytes;
use crate::{DataError, Result};

/// Parts of the shipped data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// 28 simulations to fit a model to.
    Train,
    /// 4 simulations to choose a model by.
    Valid,
    /// 8 simulations to report results on.
    Test,
}

/// The shipped simulations of 6 s of a layer-5 pyramidal cell; `data/README.md` of this crate tells where they are from.
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
