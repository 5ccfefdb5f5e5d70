//! What a file is refused for.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::FormError;

/// A weight file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileError {
    /// The bytes are no safetensors file.
    Container {
        /// What was expected and what was found.
        problem: String,
    },
    /// The configuration that the file carries is none of a neuron, a layer or a network.
    Config {
        /// What was expected and what was found.
        problem: String,
    },
    /// The file carries no configuration, so that the neuron's form is needed: see
    /// [`from_safetensors_with`](crate::file::from_safetensors_with).
    NoConfig,
    /// The options describe no neuron.
    Form(FormError),
    /// The tensors do not fit the configuration.
    Tensors {
        /// Each that is missing, of another shape, out of range, or unknown.
        problems: Vec<String>,
    },
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { problem } => write!(f, "no valid safetensors file: {problem}"),
            Self::Config { problem } => {
                write!(f, "the configuration it carries is not valid: {problem}")
            }
            Self::NoConfig => {
                f.write_str("carries no `elm_config`, so that the neuron's form is needed as well")
            }
            Self::Form(error) => write!(f, "the configuration it carries is not valid: {error}"),
            Self::Tensors { problems } => {
                f.write_str("the tensors do not fit: ")?;
                for (k, problem) in problems.iter().enumerate() {
                    write!(f, "{}{problem}", if k == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}

impl core::error::Error for FileError {}

impl From<FormError> for FileError {
    fn from(error: FormError) -> Self {
        Self::Form(error)
    }
}

impl FileError {
    pub(crate) fn container(problem: impl Into<String>) -> Self {
        Self::Container {
            problem: problem.into(),
        }
    }

    pub(crate) fn config(problem: impl fmt::Display) -> Self {
        Self::Config {
            problem: alloc::format!("{problem}"),
        }
    }
}
