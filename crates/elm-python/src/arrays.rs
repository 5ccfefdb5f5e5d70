//! numpy's arrays, by the buffer protocol: numpy turns whatever it gets into the numbers that are asked for.

use elm_model::weights::{NumberFormat, StateTensor};
use elm_train::predict::MemoryValues;
use pyo3::buffer::{Element, PyBuffer};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyTuple};

use crate::error::wrong;

/// Row by row, the numbers of anything that numpy takes, and their shape.
fn numbers<T: Element>(x: &Bound<'_, PyAny>, dtype: &str) -> PyResult<(Vec<T>, Vec<usize>)> {
    let numpy = x.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (x, dtype))?;
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    // in the machine's own byte order, and without gaps; this would make a row of a single number
    let array = numpy.call_method1("ascontiguousarray", (array,))?;
    let values = PyBuffer::<T>::get(&array)?.to_vec(x.py())?;
    Ok((values, shape))
}

/// Sequences for a model of so many channels: numbers `[sample, time, channel]`, or integers `[sample, time]`, the token of
/// each step; with their shape `[sample, time, channel]`.
pub(crate) fn sequences(
    x: &Bound<'_, PyAny>,
    channels: usize,
) -> PyResult<(MemoryValues, [usize; 3])> {
    let array = x.py().import("numpy")?.call_method1("asarray", (x,))?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    let shape: Vec<usize> = array.getattr("shape")?.extract()?;
    match (&shape[..], kind.as_str()) {
        (&[samples, time, found], "f" | "i" | "u" | "b") => {
            let (values, _) = numbers(&array, "float32")?;
            Ok((MemoryValues::Dense(values), [samples, time, found]))
        }
        (&[samples, time], "i" | "u") => {
            let (tokens, _) = numbers::<i64>(&array, "int64")?;
            let tokens = tokens.into_iter().map(|token| {
                usize::try_from(token)
                    .map_err(|_| wrong(format!("expected tokens from 0 on, found {token}")))
            });
            let tokens = tokens.collect::<PyResult<_>>()?;
            Ok((MemoryValues::Tokens(tokens), [samples, time, channels]))
        }
        _ => Err(wrong(format!(
            "expected numbers of shape [sample, time, {channels}], or integers of shape [sample, time] (tokens), found \
             shape {shape:?} of type {}",
            array.getattr("dtype")?.str()?
        ))),
    }
}

/// The channels of one time step.
pub(crate) fn step(x: &Bound<'_, PyAny>, channels: usize) -> PyResult<Vec<f32>> {
    let (values, shape) = numbers(x, "float32")?;
    match shape[..] == [channels] {
        true => Ok(values),
        false => Err(wrong(format!(
            "expected {channels} numbers, one for each channel, found shape {shape:?}"
        ))),
    }
}

/// A tensor of a state dict.
pub(crate) fn tensor(x: &Bound<'_, PyAny>) -> PyResult<StateTensor> {
    let (values, shape) = numbers(x, "float64")?;
    Ok(StateTensor::new(shape, values))
}

/// A new array of float32.
pub(crate) fn floats<'py>(
    py: Python<'py>,
    values: &[f32],
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    made(py, bytemuck::cast_slice(values), "float32", shape)
}

/// A new array of a tensor, in the type that it is stored in.
pub(crate) fn of_tensor<'py>(py: Python<'py>, tensor: &StateTensor) -> PyResult<Bound<'py, PyAny>> {
    let array = made(
        py,
        bytemuck::cast_slice(&tensor.values),
        "float64",
        &tensor.shape,
    )?;
    let dtype = match tensor.format {
        NumberFormat::F64 => return Ok(array),
        NumberFormat::F32 | NumberFormat::F16 | NumberFormat::BF16 => "float32",
        NumberFormat::Bool => "bool",
        _ => "int64",
    };
    array.call_method1("astype", (dtype,))
}

fn made<'py>(
    py: Python<'py>,
    bytes: &[u8],
    dtype: &str,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    let numpy = py.import("numpy")?;
    if bytes.is_empty() {
        // an empty buffer is refused
        return numpy.call_method1("zeros", (PyTuple::new(py, shape)?, dtype));
    }
    let array = numpy.call_method1("frombuffer", (PyByteArray::new(py, bytes), dtype))?;
    array.call_method1("reshape", (PyTuple::new(py, shape)?,))
}
