//! From a recipe's data source to simulations.

use std::path::PathBuf;

use elm_data::DataError;
use elm_data::neuronio::{SimulationSet, Split, check_disjoint, shipped};

use crate::error::{Result, TrainError};
use crate::recipe::{DataRecipe, DataSource};

/// Opens the simulations to train on, to validate and to test.
///
/// # Errors
/// [`TrainError::Usage`] if no path is given for one, or two share simulations and the recipe does not allow it,
/// [`TrainError::Data`] if a file cannot be read.
pub(super) fn open(data: &DataRecipe) -> Result<[SimulationSet; 3]> {
    let train = part(&data.train, Split::Train)?;
    let valid = part(&data.valid, Split::Valid)?;
    let test = part(&data.test, Split::Test)?;
    if !data.allow_shared {
        let parts = [
            ("data.train", &train),
            ("data.valid", &valid),
            ("data.test", &test),
        ];
        check_disjoint(&parts).map_err(|e| {
            TrainError::Usage(format!(
                "recipe: {e}; with --set data.allow_shared=true they may"
            ))
        })?;
    }
    Ok([train, valid, test])
}

fn part(source: &DataSource, split: Split) -> Result<SimulationSet> {
    match source {
        DataSource::Shipped => Ok(shipped(split)?.into()),
        DataSource::Paths(paths) if paths.is_empty() => Err(TrainError::Usage(format!(
            "recipe: `data.{split}` names no files; pass --set data.{split}=folder, or \"shipped\" for the shipped simulations"
        ))),
        DataSource::Paths(paths) => Ok(SimulationSet::open(paths)?),
    }
}

/// An error about simulations as a whole, with the paths that they were read from.
pub fn about(paths: &[PathBuf], error: impl Into<TrainError>) -> TrainError {
    match error.into() {
        TrainError::Data(DataError::Request { problem }) if !paths.is_empty() => {
            TrainError::Usage(format!("{}: {problem}", listed(paths)))
        }
        other => other,
    }
}

/// The first paths of a list, and how many more there are.
fn listed(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = paths
        .iter()
        .take(SHOWN)
        .map(|p| p.display().to_string())
        .collect();
    match paths.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
