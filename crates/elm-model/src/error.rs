//! What can go wrong when a neuron is configured, run or loaded.

use std::path::PathBuf;

/// Errors of this crate; each names the field, the shape or the file it is about.
#[derive(Debug, thiserror::Error)]
pub enum ElmError {
    /// A configuration that describes no neuron, layer or network.
    #[error("invalid configuration: `{field}` {problem}")]
    Config {
        /// The field of the configuration at fault.
        field: &'static str,
        /// What was expected and what was found.
        problem: String,
    },
    /// A tensor whose shape does not fit the neuron.
    #[error("`{what}` has shape {found:?}, expected {expected}")]
    Shape {
        /// Which tensor.
        what: &'static str,
        /// The expected shape, in words.
        expected: String,
        /// The shape that was found.
        found: Vec<usize>,
    },
    /// A connectome that does not fit its layer.
    #[error("the connectome {problem}")]
    Connectome {
        /// What was expected and what was found.
        problem: String,
    },
    /// A tensor that the device did not hand out.
    #[error("`{what}` could not be read back from the device: {problem}")]
    Read {
        /// Which tensor.
        what: &'static str,
        /// What the device says.
        problem: String,
    },
    /// A token that stands for no channel.
    #[error(
        "token {found} of sample {sample} at step {step} is out of range, expected 0..{channels}"
    )]
    Token {
        /// The token.
        found: i64,
        /// Sample.
        sample: usize,
        /// Time step.
        step: usize,
        /// Number of channels, the size of the vocabulary.
        channels: usize,
    },
    /// A weight file that cannot be read or written.
    #[error("{path}: {problem}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        problem: String,
    },
    /// A weight file whose tensors do not fit the neuron.
    #[error("{path}: the weights do not fit this neuron: {problems}", path = path.display(), problems = problems.join("; "))]
    Weights {
        /// The file.
        path: PathBuf,
        /// One entry for each tensor that is missing, of another shape, or not known.
        problems: Vec<String>,
    },
}
