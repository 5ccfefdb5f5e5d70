//! What can go wrong when a model is configured, run or loaded, and the checks that say so.

use std::path::PathBuf;

use burn::tensor::{DType, Int, Tensor};

use crate::equations::FormError;

/// Errors of this crate; each names the field, the shape or the file it is about.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ElmError {
    /// A configuration that describes no neuron, layer or network.
    #[error("invalid configuration{place}: `{field}` {problem}", place = place(*layer))]
    Config {
        /// The layer of a network that it is about, from 0.
        layer: Option<usize>,
        /// The field of the configuration at fault.
        field: &'static str,
        /// What was expected and what was found.
        problem: String,
    },
    /// A tensor whose shape does not fit the model.
    #[error("`{what}` has shape {found:?}, expected {expected}")]
    Shape {
        /// Which tensor.
        what: &'static str,
        /// The expected shape, in words.
        expected: String,
        /// The shape that was found.
        found: Vec<usize>,
    },
    /// A tensor of a number type that the model does not compute in.
    #[error(
        "`{what}` holds {found:?}, the parameters {expected:?}; convert one of them, e.g. by `cast`"
    )]
    NumberType {
        /// Which tensor.
        what: &'static str,
        /// The number type of the parameters.
        expected: DType,
        /// The number type that was found.
        found: DType,
    },
    /// Lengths of samples that do not fit a batch.
    #[error("`lengths` {problem}")]
    Lengths {
        /// What was expected and what was found.
        problem: String,
    },
    /// A connectome or routing that does not fit its layer or neuron.
    #[error("the {what} {problem}")]
    Connectome {
        /// The connectome, or the routing.
        what: &'static str,
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
    /// An implementation that was asked for and is not there.
    #[error("`path` {problem}")]
    Path {
        /// What was asked for and what there is.
        problem: String,
    },
    /// An environment variable that this crate reads, with a value that means nothing.
    #[error("the environment variable {variable} {problem}")]
    Environment {
        /// The variable.
        variable: &'static str,
        /// What was expected and what was found.
        problem: String,
    },
    /// A record of another configuration than the module's.
    #[error("the record was made by another model: {}", problems.join("; "))]
    Record {
        /// One entry for each option that differs, with both values.
        problems: Vec<String>,
    },
    /// A module that makes no stream, or a state that does not fit one.
    #[error(transparent)]
    Stream(#[from] elm_stream::StreamError),
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

fn place(layer: Option<usize>) -> String {
    match layer {
        Some(layer) => format!(" of layer {layer}"),
        None => String::new(),
    }
}

impl ElmError {
    /// A configuration error of this field.
    pub fn config(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Config {
            layer: None,
            field,
            problem: problem.into(),
        }
    }

    /// A problem with this file.
    #[cfg(feature = "weights")]
    pub(crate) fn file(path: &std::path::Path, problem: impl std::fmt::Display) -> Self {
        Self::File {
            path: path.into(),
            problem: problem.to_string(),
        }
    }

    /// The same error, about this layer of a network.
    pub(crate) fn of_layer(self, index: usize) -> Self {
        match self {
            Self::Config { field, problem, .. } => Self::Config {
                layer: Some(index),
                field,
                problem,
            },
            other => other,
        }
    }
}

impl From<FormError> for ElmError {
    fn from(error: FormError) -> Self {
        Self::config(error.field, error.problem)
    }
}

/// Checks of configurations and tensors, for the models of this crate and those that they are compared with.
pub mod check {
    use super::{DType, ElmError};
    use crate::equations::tensor::wide;

    /// Sizes that must be at least 1.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first one that is 0.
    pub fn at_least_one(sizes: &[(&'static str, usize)]) -> Result<(), ElmError> {
        match sizes.iter().find(|(_, size)| *size == 0) {
            Some((field, _)) => Err(ElmError::config(field, "must be at least 1, found 0")),
            None => Ok(()),
        }
    }

    /// A tensor of these sizes must fit into memory; the field is the one to blame.
    ///
    /// # Errors
    /// [`ElmError::Config`] if it does not.
    pub fn fits(field: &'static str, sizes: &[usize]) -> Result<(), ElmError> {
        Ok(elm_stream::fits(field, sizes)?)
    }

    /// Constants that must be positive and finite as 32-bit numbers.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first one that is not.
    pub fn positive(values: &[(&'static str, f64)]) -> Result<(), ElmError> {
        let good = |value: f64| (value as f32).is_finite() && value as f32 > 0.0;
        match values.iter().find(|(_, value)| !good(*value)) {
            Some((field, value)) => Err(ElmError::config(
                field,
                format!("must be a positive number (of 32 bits), found {value:?}"),
            )),
            None => Ok(()),
        }
    }

    /// Numbers that must be finite as 32-bit numbers.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first one that is not.
    pub fn finite(values: &[(&'static str, f64)]) -> Result<(), ElmError> {
        match values
            .iter()
            .find(|(_, value)| !(*value as f32).is_finite())
        {
            Some((field, value)) => Err(ElmError::config(
                field,
                format!("must be a finite number (of 32 bits), found {value:?}"),
            )),
            None => Ok(()),
        }
    }

    /// Rates of dropout, from 0 to below 1.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first one out of range.
    pub fn dropout_rates(rates: &[(&'static str, f64)]) -> Result<(), ElmError> {
        match rates.iter().find(|(_, p)| !(0.0..1.0).contains(p)) {
            Some((field, p)) => Err(ElmError::config(
                field,
                format!("must be at least 0 and below 1, found {p}"),
            )),
            None => Ok(()),
        }
    }

    /// An input must be `[batch, time, channels]`, neither empty.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if it is not.
    pub fn input(found: [usize; 3], channels: usize) -> Result<(), ElmError> {
        if found[2] == channels && found[0] > 0 && found[1] > 0 {
            return Ok(());
        }
        Err(ElmError::Shape {
            what: "x",
            expected: format!("[batch, time, {channels}] with at least one sample and one step"),
            found: found.to_vec(),
        })
    }

    /// A tensor must have this shape.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if it has not.
    pub fn shape<const D: usize>(
        what: &'static str,
        found: [usize; D],
        expected: [usize; D],
    ) -> Result<(), ElmError> {
        if found == expected {
            return Ok(());
        }
        Err(ElmError::Shape {
            what,
            expected: format!("{expected:?}"),
            found: found.to_vec(),
        })
    }

    /// A tensor must be there if and only if the configuration has what it belongs to.
    ///
    /// # Errors
    /// [`ElmError::Shape`] if it does not.
    pub fn presence(what: &'static str, found: bool, expected: bool) -> Result<(), ElmError> {
        if found == expected {
            return Ok(());
        }
        let name = if expected { "a tensor" } else { "none" };
        Err(ElmError::Shape {
            what,
            expected: format!("{name} as these neurons are configured"),
            found: Vec::new(),
        })
    }

    /// An input must have the number type of the parameters, or be of half precision where these are of 32 bits (mixed
    /// precision).
    ///
    /// # Errors
    /// [`ElmError::NumberType`] if it has not.
    pub fn number_type(
        what: &'static str,
        found: DType,
        parameters: DType,
    ) -> Result<(), ElmError> {
        if found == parameters || (wide(found) == parameters && parameters == DType::F32) {
            return Ok(());
        }
        Err(ElmError::NumberType {
            what,
            expected: parameters,
            found,
        })
    }

    /// What was computed, for a `forward` that promises an output.
    ///
    /// # Panics
    /// With the error's message, if there is one.
    #[track_caller]
    pub fn or_panic<T>(result: Result<T, ElmError>) -> T {
        match result {
            Ok(output) => output,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The numbers of a tensor, row by row.
///
/// # Errors
/// [`ElmError::Read`] if the device does not hand them out.
pub(crate) fn read<const D: usize>(
    what: &'static str,
    tensor: Tensor<D>,
) -> Result<Vec<f64>, ElmError> {
    let failed = |problem: String| ElmError::Read { what, problem };
    let data = tensor
        .try_into_data()
        .map_err(|e| failed(format!("{e:?}")))?;
    data.convert::<f64>()
        .try_to_vec()
        .map_err(|e| failed(format!("{e:?}")))
}

/// The same for integers.
pub(crate) fn read_ints<const D: usize>(
    what: &'static str,
    tensor: Tensor<D, Int>,
) -> Result<Vec<i64>, ElmError> {
    let failed = |problem: String| ElmError::Read { what, problem };
    let data = tensor
        .try_into_data()
        .map_err(|e| failed(format!("{e:?}")))?;
    data.convert::<i64>()
        .try_to_vec()
        .map_err(|e| failed(format!("{e:?}")))
}
