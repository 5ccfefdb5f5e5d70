//! Models step by step.

use elm_model::elm_stream::StreamError;
use elm_model::elm_stream::file::ModelStream;
use elm_train::predict::StepPredictor;
use pyo3::prelude::*;

use crate::arrays;
use crate::error::wrong;

/// A model step by step, as sounds or spikes come in: `model.stream()`.
#[pyclass(module = "elm")]
pub struct Stream(pub(crate) Steps);

/// What answers to a step.
pub(crate) enum Steps {
    /// The model alone.
    Raw(Box<ModelStream>),
    /// With what is done to its inputs and outputs.
    Shaped(Box<StepPredictor>),
}

impl Stream {
    fn within(&self) -> &ModelStream {
        match &self.0 {
            Steps::Raw(stream) => stream,
            Steps::Shaped(predictor) => predictor.stream(),
        }
    }
}

/// The answer to a step, as an array.
fn answer<'py>(
    py: Python<'py>,
    values: Result<Vec<f32>, StreamError>,
) -> PyResult<Bound<'py, PyAny>> {
    let values = values.map_err(wrong)?;
    arrays::floats(py, &values, &[values.len()])
}

fn narrow(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|v| v as f32).collect()
}

#[pymethods]
impl Stream {
    /// Channels of an input, or the number of tokens.
    #[getter]
    fn inputs(&self) -> usize {
        self.within().inputs()
    }

    /// Numbers of an answer.
    #[getter]
    fn outputs(&self) -> usize {
        self.within().outputs()
    }

    /// One time step: a number for each channel to float32 `[output]`.
    fn step<'py>(&mut self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let x = arrays::step(x, self.inputs())?;
        answer(
            py,
            match &mut self.0 {
                Steps::Raw(stream) => stream.step(&x).map(<[f32]>::to_vec),
                Steps::Shaped(predictor) => predictor.step(&x).map(narrow),
            },
        )
    }

    /// One time step with few active channels: a list of `(channel, value)` of those that are not zero, such as spikes.
    fn step_events<'py>(
        &mut self,
        py: Python<'py>,
        events: Vec<(usize, f32)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer(
            py,
            match &mut self.0 {
                Steps::Raw(stream) => stream.step_events(&events).map(<[f32]>::to_vec),
                Steps::Shaped(predictor) => predictor.step_events(&events).map(narrow),
            },
        )
    }

    /// One time step of a model that reads tokens, such as the bytes of a text.
    fn step_token<'py>(&mut self, py: Python<'py>, token: usize) -> PyResult<Bound<'py, PyAny>> {
        answer(
            py,
            match &mut self.0 {
                Steps::Raw(stream) => stream.step_token(token).map(<[f32]>::to_vec),
                Steps::Shaped(predictor) => predictor.step_token(token).map(narrow),
            },
        )
    }

    /// Back to rest.
    fn reset(&mut self) {
        match &mut self.0 {
            Steps::Raw(stream) => stream.reset(),
            Steps::Shaped(predictor) => predictor.reset(),
        }
    }
}
