//! Models from files.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::PathBuf;

use burn::tensor::Device;
use elm_model::weights::StateDict;
use elm_train::TrainError;
use elm_train::model::card::ReadoutCard;
use elm_train::model::{self, ModelFile};
use elm_train::predict::{MemorySource, Predicting, Source, StepPredictor, model_stream};
use elm_train::stop::Stop;
use elm_train::task::numbers;
use elm_train::weights::WeightOptions;
use pyo3::exceptions::{PyFileNotFoundError, PyUserWarning};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays;
use crate::error::raised;
use crate::stream::{Steps, Stream};

/// A model from a file: `elm.load(path)`.
#[pyclass(module = "elm", subclass)]
pub struct Model {
    file: ModelFile,
    device: Device,
}

/// Loads a model: `model.safetensors` of a run, published weights (safetensors or of `torch.save`), or one that ships, by
/// its name.
///
/// What the shapes of published weights do not tell is taken from the configuration beside them, or from `config` (a JSON
/// file), `tau_max` (ms) and `activation`; a `UserWarning` says what is assumed.
///
/// Raises `FileNotFoundError` or `ValueError`.
#[pyfunction]
#[pyo3(signature = (path, *, config=None, tau_max=None, activation=None))]
pub fn load(
    py: Python<'_>,
    path: PathBuf,
    config: Option<PathBuf>,
    tau_max: Option<f64>,
    activation: Option<String>,
) -> PyResult<Model> {
    let options = WeightOptions {
        config,
        tau_max,
        activation,
    };
    let device = Device::flex();
    let loaded = py.detach(|| options.open(&path, &device));
    let loaded = loaded.map_err(|error| match path.exists() {
        true => raised(error),
        false => PyFileNotFoundError::new_err(error.to_string()),
    })?;
    if let Some(note) = loaded.note() {
        let text = CString::new(format!("{}: {note}", path.display()))?;
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 1)?;
    }
    Ok(Model {
        file: loaded.file,
        device,
    })
}

impl Model {
    pub(crate) fn new(file: ModelFile, device: Device) -> Self {
        Self { file, device }
    }

    fn sequences(
        &self,
        x: &Bound<'_, PyAny>,
        lengths: Option<Vec<usize>>,
    ) -> PyResult<MemorySource> {
        let (values, shape) = arrays::sequences(x, self.inputs())?;
        MemorySource::new(&self.file, values, shape, lengths).map_err(raised)
    }

    /// The outputs as they are, `[sample, time, output]`, and their shape.
    fn raw(&self, source: &MemorySource) -> Result<(Vec<f32>, [usize; 3]), TrainError> {
        let input = source.input(&self.device);
        let y = self.file.model.run(input.x, input.lengths.as_deref())?.y;
        let shape = y.dims();
        Ok((numbers(y)?, shape))
    }

    /// What the outputs mean, and how many rows the longest answer has.
    fn answers(&self, source: &MemorySource) -> Result<(Vec<Vec<f32>>, usize), TrainError> {
        let (output, stop) = (self.file.card.output(), Stop::new());
        let width = output.columns().len().max(1);
        let with = Predicting {
            file: &self.file,
            device: &self.device,
            stop: &stop,
        };
        let (mut all, mut longest) = (Vec::with_capacity(source.samples()), 0);
        source.predict(&with, &mut |answer| {
            let rows = answer.outputs.chunks_exact(width);
            let values = rows.flat_map(|row| output.values(row)).map(|v| v as f32);
            all.push(values.collect());
            longest = longest.max(answer.rows);
            Ok(())
        })?;
        Ok((all, longest))
    }
}

#[pymethods]
impl Model {
    /// Channels of an input.
    #[getter]
    fn inputs(&self) -> usize {
        self.file.card.config.sizes().0
    }

    /// Numbers of an output.
    #[getter]
    fn outputs(&self) -> usize {
        self.file.card.config.sizes().1
    }

    /// Names of what `predict` gives, with units.
    #[getter]
    fn output_names(&self) -> Vec<String> {
        self.file.card.output().columns()
    }

    /// Names of the classes; None where outputs are values.
    #[getter]
    fn classes(&self) -> Option<Vec<String>> {
        self.file.card.output().classes().map(<[String]>::to_vec)
    }

    /// Does `predict` answer at every step, rather than once for a sequence?
    #[getter]
    fn per_step(&self) -> bool {
        self.file.card.output().readout == ReadoutCard::EveryStep
    }

    /// Number of trained numbers.
    #[getter]
    fn num_trained(&self) -> usize {
        self.file.num_trained()
    }

    /// What the file says of the model, as a dict: kind, configuration, task, encoding, outputs.
    #[getter]
    fn card<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = serde_json::to_string(&self.file.card).map_err(crate::error::wrong)?;
        py.import("json")?.call_method1("loads", (text,))
    }

    fn __repr__(&self) -> String {
        let (inputs, outputs) = self.file.card.config.sizes();
        format!(
            "<elm.Model: {}, {inputs} inputs, {outputs} outputs>",
            self.file.card.config.title()
        )
    }

    /// The outputs of the model as they are.
    ///
    /// `x` is `[sample, time, channel]`, or for tokens integers `[sample, time]`; each sequence starts at rest. `lengths`
    /// are the real steps of sequences that are padded. Returns float32 `[sample, time, output]`; what is past the end of
    /// a sequence means nothing.
    #[pyo3(signature = (x, lengths=None))]
    fn forward<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        lengths: Option<Vec<usize>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let source = self.sequences(x, lengths)?;
        let (y, shape) = py.detach(|| self.raw(&source)).map_err(raised)?;
        arrays::floats(py, &y, &shape)
    }

    /// What the model answers: probabilities of the classes, or values in their units; see `output_names`.
    ///
    /// `x` and `lengths` are those of `forward`; `x` is normalised as the arrays were that the model was trained on. Returns
    /// float32 `[sample, output]`, or `[sample, time, output]` where it answers at every step (`per_step`), with zeros past
    /// the end of a sequence.
    #[pyo3(signature = (x, lengths=None))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        lengths: Option<Vec<usize>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let source = self.sequences(x, lengths)?.normalised(&self.file);
        let (answers, longest) = py.detach(|| self.answers(&source)).map_err(raised)?;
        let width = self.output_names().len();
        let mut values = vec![0.0; answers.len() * longest * width];
        let rows = values.chunks_exact_mut((longest * width).max(1));
        for (out, answer) in rows.zip(&answers) {
            out[..answer.len()].copy_from_slice(answer);
        }
        match self.per_step() {
            true => arrays::floats(py, &values, &[answers.len(), longest, width]),
            false => arrays::floats(py, &values, &[answers.len(), width]),
        }
    }

    /// The model step by step, from rest; its answers are those of `predict` so far, or with `raw` those of `forward`.
    #[pyo3(signature = (*, raw=false))]
    fn stream(&self, raw: bool) -> PyResult<Stream> {
        Ok(match raw {
            true => Stream(Steps::Raw(Box::new(
                model_stream(&self.file).map_err(raised)?,
            ))),
            false => Stream(Steps::Shaped(Box::new(
                StepPredictor::new(&self.file).map_err(raised)?,
            ))),
        })
    }

    /// Writes a model file, which `elm.load` and the `elm` command read.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let ModelFile { card, model, head } = &self.file;
        let saved = py.detach(|| model::save(model, head.as_ref(), card, &path));
        saved.map_err(raised)
    }

    /// The weights by their published names, as PyTorch has them.
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let ModelFile { card, model, head } = &self.file;
        let dict = model::state_dict(model, head.as_ref(), card).map_err(raised)?;
        let arrays = PyDict::new(py);
        for (name, tensor) in &dict.tensors {
            arrays.set_item(name, arrays::of_tensor(py, tensor)?)?;
        }
        Ok(arrays)
    }

    /// Takes over weights: all that `state_dict` gives, by the same names and of the same shapes.
    fn load_state_dict(&mut self, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut tensors = BTreeMap::new();
        for (name, array) in state {
            tensors.insert(name.extract::<String>()?, arrays::tensor(&array)?);
        }
        let dict = StateDict {
            path: "load_state_dict".into(),
            tensors,
            metadata: BTreeMap::new(),
        };
        let card = self.file.card.clone();
        self.file = model::from_state_dict(dict, card, &self.device).map_err(raised)?;
        Ok(())
    }
}
