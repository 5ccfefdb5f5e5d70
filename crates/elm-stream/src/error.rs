//! What a stream refuses.

use alloc::{borrow::Cow, boxed::Box};
use core::fmt;

use crate::FormError;

/// Parts, a state or an input that do not fit; a stream that returned it has not moved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError {
    /// Options that describe no neuron.
    Form(FormError),
    /// A row of another length.
    Length {
        /// Which row, e.g. `x` or `mlp[0].weight`.
        what: Cow<'static, str>,
        /// Numbers that were expected.
        expected: usize,
        /// Numbers that were found.
        found: usize,
    },
    /// An index that names nothing: a channel of an event, a token, or the source of a synapse.
    Index {
        /// Which index.
        what: Cow<'static, str>,
        /// Its place in the list that it was found in.
        at: usize,
        /// The index.
        found: usize,
        /// It was expected to be below this.
        below: usize,
    },
    /// Something of another kind, or something that is missing.
    Kind {
        /// What it concerns.
        what: Cow<'static, str>,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// More numbers than this machine has memory for.
    Memory {
        /// Channels.
        rows: usize,
        /// Numbers for each of them.
        columns: usize,
    },
    /// The same in a layer of a network.
    Layer {
        /// The layer, from the input on.
        layer: usize,
        /// What is wrong with it.
        error: Box<StreamError>,
    },
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => write!(f, "{error}"),
            Self::Length {
                what,
                expected,
                found,
            } => {
                write!(f, "`{what}`: expected {expected} numbers, found {found}")
            }
            Self::Index {
                what,
                at,
                found,
                below,
            } => {
                write!(
                    f,
                    "`{what}`: expected indices below {below}, found {found} at place {at}"
                )
            }
            Self::Kind {
                what,
                expected,
                found,
            } => {
                write!(f, "`{what}`: expected {expected}, found {found}")
            }
            Self::Memory { rows, columns } => {
                write!(
                    f,
                    "no memory for a matrix of {rows} channels x {columns} numbers"
                )
            }
            Self::Layer { layer, error } => write!(f, "layer {layer}: {error}"),
        }
    }
}

impl core::error::Error for StreamError {}

impl From<FormError> for StreamError {
    fn from(error: FormError) -> Self {
        Self::Form(error)
    }
}

impl StreamError {
    /// The same, said of a layer of a network.
    pub(crate) fn in_layer(self, layer: usize) -> Self {
        Self::Layer {
            layer,
            error: Box::new(self),
        }
    }
}

/// Checks a length.
pub(crate) fn check_len(
    what: impl Into<Cow<'static, str>>,
    found: usize,
    expected: usize,
) -> Result<(), StreamError> {
    if found == expected {
        return Ok(());
    }
    Err(StreamError::Length {
        what: what.into(),
        expected,
        found,
    })
}

/// Checks that every index is below a bound.
pub(crate) fn check_indices(
    what: &'static str,
    indices: impl Iterator<Item = usize>,
    below: usize,
) -> Result<(), StreamError> {
    for (at, found) in indices.enumerate() {
        if found >= below {
            return Err(StreamError::Index {
                what: what.into(),
                at,
                found,
                below,
            });
        }
    }
    Ok(())
}
