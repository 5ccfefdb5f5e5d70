//! The one error type of this crate.

use std::path::{Path, PathBuf};

/// Result of this crate's operations.
pub type Result<T> = std::result::Result<T, DataError>;

/// What can be wrong with a data set; every message is one sentence that says what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder cannot be read or written.
    #[error("{path}: cannot {action}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb phrase ("open it", "read it").
        action: &'static str,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A file's content is not what its format demands.
    #[error("{path}: {problem}", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found, and where.
        problem: String,
    },
    /// Long work that its caller stopped before its end; what it had begun is removed.
    #[error("stopped after {done} of {total} {items}")]
    Stopped {
        /// How many were done.
        done: usize,
        /// How many there are in all.
        total: usize,
        /// What is counted, in the plural.
        items: &'static str,
    },
    /// A request that the data cannot serve, such as a window longer than a simulation.
    #[error("{problem}")]
    Request {
        /// What was asked for and what there is.
        problem: String,
    },
}

impl DataError {
    /// An input/output error on `path` while trying to `action`.
    pub fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            action,
            source,
        }
    }

    /// A format error in the file `path`.
    pub fn format(path: &Path, problem: impl Into<String>) -> Self {
        Self::Format {
            path: path.to_path_buf(),
            problem: problem.into(),
        }
    }

    /// Goes on with long work, or stops it as its caller's report of progress asked.
    pub(crate) fn go_on(
        flow: std::ops::ControlFlow<()>,
        done: usize,
        total: usize,
        items: &'static str,
    ) -> Result<()> {
        match flow {
            std::ops::ControlFlow::Continue(()) => Ok(()),
            std::ops::ControlFlow::Break(()) => Err(Self::Stopped { done, total, items }),
        }
    }

    /// An error about a request.
    pub fn request(problem: impl Into<String>) -> Self {
        Self::Request {
            problem: problem.into(),
        }
    }
}
