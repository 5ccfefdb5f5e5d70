//! The one error type of this crate and the exit code that goes with it.

use std::path::{Path, PathBuf};

use elm_data::DataError;
use elm_model::ElmError;

use crate::recipe::RecipeError;
use crate::stop::StopReason;

/// Result of this crate's operations.
pub type Result<T> = std::result::Result<T, TrainError>;

/// What can go wrong between the command line and the report.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The data cannot be read or do not serve the request.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The neuron cannot be configured, loaded or run.
    #[error(transparent)]
    Model(#[from] ElmError),
    /// The recipe is not valid.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Something that the user asked for and that cannot be.
    #[error("{0}")]
    Usage(String),
    /// A file of a run cannot be read or written.
    #[error("{path}: {problem}", path = .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was tried and what happened.
        problem: String,
    },
    /// Training or evaluation failed while it ran.
    #[error("{0}")]
    Run(String),
    /// Work that was stopped before its end.
    #[error("{what}")]
    Stopped {
        /// Who or what stopped it.
        reason: StopReason,
        /// What was stopped, and how to go on.
        what: String,
    },
}

impl TrainError {
    /// An error about a file.
    pub fn file(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self::File {
            path: path.to_path_buf(),
            problem: problem.to_string(),
        }
    }

    /// Exit code of the command line: 2 for wrong input, 1 for a failure at run time, and for work that was stopped that
    /// of its reason (130 after Ctrl-C, 143 after SIGTERM, 75 where another call is to go on).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Run(_) => 1,
            Self::Stopped { reason, .. } => reason.exit_code(),
            Self::Data(DataError::Stopped { .. }) => StopReason::Interrupt.exit_code(),
            Self::Data(DataError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                1
            }
            _ => 2,
        }
    }

    /// The same error, met in the middle of the work and not in the input; being stopped stays what it is.
    pub fn at_run_time(self) -> Self {
        match self {
            Self::Data(DataError::Stopped { .. }) | Self::Stopped { .. } => self,
            _ => Self::Run(self.to_string()),
        }
    }
}
