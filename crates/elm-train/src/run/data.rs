//! From a recipe's data source to simulations.

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
