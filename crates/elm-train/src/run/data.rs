//! From a recipe's data source to simulations.

use std::path::PathBuf;

use elm_data::DataError;
use elm_data::neuronio::{Simulation, Split, open_simulations, shipped};

use crate::error::{Result, TrainError};
use crate::recipe::DataSource;

/// Which part of a recipe's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `data.train`.
    Train,
    /// `data.valid`.
    Valid,
    /// `data.test`.
    Test,
}

impl Part {
    fn key(self) -> &'static str {
        match self {
            Self::Train => "data.train",
            Self::Valid => "data.valid",
            Self::Test => "data.test",
        }
    }

    fn split(self) -> Split {
        match self {
            Self::Train => Split::Train,
            Self::Valid => Split::Valid,
            Self::Test => Split::Test,
        }
    }
}

/// Reads the simulations of one part.
///
/// # Errors
/// [`TrainError::Usage`] if no path is given, [`TrainError::Data`] if a file cannot be read.
pub fn load(source: &DataSource, part: Part) -> Result<Vec<Simulation>> {
    match source {
        DataSource::Shipped => Ok(shipped(part.split())?),
        DataSource::Paths(paths) if paths.is_empty() => {
            let key = part.key();
            Err(TrainError::Usage(format!(
                "recipe: `{key}` names no files; pass --set {key}='[\"folder\"]', or \"shipped\" for the shipped simulations"
            )))
        }
        DataSource::Paths(paths) => Ok(open_simulations(paths)?),
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
