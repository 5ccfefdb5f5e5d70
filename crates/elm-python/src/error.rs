//! Errors of Python: `ValueError` for what is wrong with an argument or a file, `RuntimeError` for what failed on the way.

use elm_train::TrainError;
use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyValueError};

/// An error of elm-train or elm-model as one of Python.
pub(crate) fn raised(error: impl Into<TrainError>) -> PyErr {
    let error = error.into();
    match error.exit_code() {
        1 => PyRuntimeError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// A `ValueError`.
pub(crate) fn wrong(problem: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(problem.to_string())
}
