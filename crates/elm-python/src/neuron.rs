//! Single neurons of any form.

use burn::tensor::Device;
use elm_model::{ElmNeuronConfig, NeuronForm, Routing};
use elm_train::model::{ModelCard, ModelConfig, ModelFile, state_dict};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};

use crate::error::{raised, wrong};
use crate::model::Model;

/// A single neuron with weights that are drawn.
///
/// `form` is that of a paper: "v1" and "v2" (Spieler et al., ICLR 2024), "network" (Spieler, Martius, Levina 2026). Every
/// option of it can be given by its name, such as `num_memory=20`, `memory_tau_max=150.0` or `activation="silu"`;
/// `elm.pyi` and `options` list them. `routing` says how channels reach synapses: None for one each, "neuronio", or the seed
/// of a draw.
///
/// Raises `TypeError` for an option that there is not, `ValueError` for a value that it cannot have.
#[pyclass(module = "elm", extends = Model)]
pub struct ElmNeuron {
    form: NeuronForm,
}

#[pymethods]
impl ElmNeuron {
    #[new]
    #[pyo3(signature = (inputs, outputs, form="v1", *, routing=None, spike_bias=0.0, seed=0, **options))]
    fn new(
        inputs: usize,
        outputs: usize,
        form: &str,
        routing: Option<&Bound<'_, PyAny>>,
        spike_bias: f64,
        seed: u64,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        let form = match form {
            "v1" => NeuronForm::v1(),
            "v2" => NeuronForm::v2(),
            "network" => NeuronForm::network(),
            other => {
                return Err(wrong(format!(
                    "form: expected \"v1\", \"v2\" or \"network\", found {other:?}"
                )));
            }
        };
        let form = match options {
            Some(options) => changed(form, options)?,
            None => form,
        };
        let config = ElmNeuronConfig::new(inputs, outputs)
            .with_neuron(form)
            .with_routing(routing.map_or(Ok(Routing::None), parse_routing)?)
            .with_spike_bias(spike_bias);
        config.validate().map_err(raised)?;
        let form = config.form();
        let device = Device::flex();
        device.seed(seed);
        let config = ModelConfig::Elm(config);
        let model = config.init(&device).map_err(raised)?;
        let card = ModelCard::new(config, None);
        // weights are drawn when they are first read: now, by this seed
        state_dict(&model, None, &card).map_err(raised)?;
        let file = ModelFile {
            card,
            model,
            head: None,
        };
        let model = PyClassInitializer::from(Model::new(file, device));
        Ok(model.add_subclass(Self { form }))
    }

    /// Every option of the neuron's form, with its value.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = serde_json::to_string(&self.form).map_err(wrong)?;
        py.import("json")?.call_method1("loads", (text,))
    }
}

/// A form with some options changed, each by its name; `lambda_` is `lambda`, which Python keeps for itself.
fn changed(form: NeuronForm, options: &Bound<'_, PyDict>) -> PyResult<NeuronForm> {
    let Value::Object(mut fields) = serde_json::to_value(&form).map_err(wrong)? else {
        return Ok(form);
    };
    let mut form = form;
    for (key, value) in options {
        let given: String = key.extract()?;
        let name = given.trim_end_matches('_');
        let Some(field) = fields.get_mut(name) else {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            return Err(PyTypeError::new_err(format!(
                "ElmNeuron has no option {given:?}, expected one of {}",
                known.join(", ")
            )));
        };
        let value = json_of(&value).map_err(|e| wrong(format!("{given}: {e}")))?;
        *field = shorthand(field, value);
        // one by one, so that an error names the option
        form = serde_json::from_value(Value::Object(fields.clone()))
            .map_err(|e| wrong(format!("{given}: {e}")))?;
    }
    Ok(form)
}

/// A timescale may be a number of ms, or None for off.
fn shorthand(now: &Value, given: Value) -> Value {
    let is_tau = now == "off" || now.get("ms").is_some();
    match given {
        Value::Null if is_tau => json!("off"),
        Value::Number(ms) if is_tau => json!({ "ms": ms }),
        other => other,
    }
}

fn parse_routing(given: &Bound<'_, PyAny>) -> PyResult<Routing> {
    if let Ok(seed) = given.extract::<u64>() {
        return Ok(Routing::Random { seed });
    }
    serde_json::from_value(json_of(given)?).map_err(|_| {
        wrong(format!(
            "routing: expected None, \"neuronio\" or the seed of a draw, found {given:?}"
        ))
    })
}

/// A value of Python as JSON has it; numbers of numpy are numbers.
fn json_of(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let py = value.py();
    let options = PyDict::new(py);
    let item = py
        .import("operator")?
        .call_method1("methodcaller", ("item",))?;
    options.set_item("default", item)?;
    let text: String = py
        .import("json")?
        .call_method("dumps", (value,), Some(&options))?
        .extract()?;
    // NaN and infinity are no JSON
    serde_json::from_str(&text).map_err(|_| wrong(format!("expected a value, found {text}")))
}
