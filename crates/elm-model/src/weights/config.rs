//! The configuration that a weight file carries, or as much of one as its shapes tell.

use std::path::Path;

use super::legacy;
use super::state_dict::StateDict;
use elm_stream::MAX_NUMBERS;

use crate::ElmError;
use crate::equations::{FilterTau, NeuronForm};
use crate::neuron::{ElmNeuronConfig, Routing, RoutingTable};

/// Name of the metadata entry that holds the configuration in files written by this crate.
pub(super) const CONFIG_KEY: &str = "elm_config";

/// The configuration that the file carries, or as much of one as its shapes tell.
///
/// Files of this crate carry all of it. From a published checkpoint follow the sizes, the version, the
/// routing and the synaptic timescale; the bounds of the memory timescales, the activation, λ and the time
/// step are NOT in the weights: set them on the result where they differ from the defaults
/// (`memory_tau_max` is 150 ms for the published NeuronIO neurons).
///
/// # Errors
/// [`ElmError::File`] if the file cannot be read, [`ElmError::Weights`] if it is no ELM neuron.
pub fn infer_config(path: impl AsRef<Path>) -> Result<ElmNeuronConfig, ElmError> {
    infer(&StateDict::read_model(path)?)
}

pub(super) fn infer(dict: &StateDict) -> Result<ElmNeuronConfig, ElmError> {
    match carried(dict)? {
        Some(config) => Ok(config),
        None => from_shapes(dict),
    }
}

/// The configuration that the file itself carries: all of it in files of this crate, none in published ones.
///
/// # Errors
/// [`ElmError::File`] if the file cannot be read, or what it carries is no valid configuration.
pub fn carried_config(path: impl AsRef<Path>) -> Result<Option<ElmNeuronConfig>, ElmError> {
    carried(&StateDict::read_model(path)?)
}

impl StateDict {
    /// The configuration of a neuron that these weights carry, or as much of one as their shapes tell.
    ///
    /// # Errors
    /// As [`infer_config`].
    pub fn infer_config(&self) -> Result<ElmNeuronConfig, ElmError> {
        infer(self)
    }

    /// The configuration of a neuron that these weights carry; none in published ones.
    ///
    /// # Errors
    /// As [`carried_config`].
    pub fn carried_config(&self) -> Result<Option<ElmNeuronConfig>, ElmError> {
        carried(self)
    }
}

/// The configuration that the file carries, as JSON.
pub(super) fn carried_text(dict: &StateDict) -> Option<&str> {
    dict.metadata.get(CONFIG_KEY).map(String::as_str)
}

fn carried(dict: &StateDict) -> Result<Option<ElmNeuronConfig>, ElmError> {
    let Some(text) = carried_text(dict) else {
        return Ok(None);
    };
    legacy::neuron_config(text).map(Some).map_err(|e| {
        ElmError::file(
            &dict.path,
            format!("the configuration it carries is not valid: {e}"),
        )
    })
}

fn from_shapes(dict: &StateDict) -> Result<ElmNeuronConfig, ElmError> {
    let need = |name: &str, rank: usize| match dict.shape(name) {
        Some(shape) if shape.len() == rank => Ok(shape.to_vec()),
        Some(shape) => Err(weights_error(
            dict,
            format!("`{name}` has shape {shape:?}, expected {rank} dimensions"),
        )),
        None => Err(weights_error(
            dict,
            format!("`{name}` is missing{}", found(dict)),
        )),
    };
    let synapses = need("_proto_w_s", 1)?[0];
    let memory = need("_proto_tau_m", 1)?[0];
    let outputs = need("w_y.weight", 2)?[0];
    let first = need("mlp.network.0.weight", 2)?;
    let layers = (0..)
        .take_while(|k| {
            dict.shape(&format!("mlp.network.{}.weight", 2 * k))
                .is_some()
        })
        .count();
    let (form, tau) = match (dict.tensors.get("tau_s"), dict.tensors.get("tau_b")) {
        (Some(tau), None) => (NeuronForm::v1(), tau),
        (None, Some(tau)) => (NeuronForm::v2(), tau),
        _ => {
            return Err(weights_error(
                dict,
                "expected either `tau_s` (v1) or `tau_b` (v2)".into(),
            ));
        }
    };
    let branches = first[1].saturating_sub(memory);
    if branches == 0 || !synapses.is_multiple_of(branches) {
        let problem = format!(
            "{synapses} synapses on {branches} branches: `mlp.network.0.weight` {first:?} and `_proto_w_s` do not belong together"
        );
        return Err(weights_error(dict, problem));
    }
    let (inputs, routing) = routing(dict, branches, synapses)?;
    let neuron = NeuronForm {
        num_memory: memory,
        num_branches: Some(branches),
        synapses_per_branch: Some(synapses / branches),
        hidden_layers: layers - 1,
        hidden_size: (layers > 1).then_some(first[0]),
        branch_tau: FilterTau::Ms(tau.values.first().copied().unwrap_or(5.0)),
        ..form
    };
    Ok(ElmNeuronConfig::new(inputs, outputs)
        .with_routing(routing)
        .with_neuron(neuron))
}

/// The names that a file holds instead, as far as they fit into a sentence.
fn found(dict: &StateDict) -> String {
    const SHOWN: usize = 6;
    let names: Vec<String> = dict.tensors.keys().map(|n| format!("`{n}`")).collect();
    match names.len() {
        0 => "; it holds no tensors".into(),
        count @ ..=SHOWN => format!("; its {count} tensors are {}", names.join(", ")),
        count => format!(
            "; its {count} tensors are {} and so on",
            names[..SHOWN].join(", ")
        ),
    }
}

/// Inputs and routing from the stored channel of each synapse.
fn routing(
    dict: &StateDict,
    branches: usize,
    synapses: usize,
) -> Result<(usize, Routing), ElmError> {
    let name = "input_to_synapse_indices";
    let Some(channels) = dict.tensors.get(name).filter(|t| !t.values.is_empty()) else {
        return Ok((synapses, Routing::None));
    };
    let most = MAX_NUMBERS as f64;
    if let Some(bad) = channels.values.iter().find(|c| !(0.0..most).contains(*c)) {
        return Err(weights_error(
            dict,
            format!("`{name}` names channel {bad}, expected whole numbers from 0"),
        ));
    }
    let inputs = channels.values.iter().fold(0.0f64, |a, b| a.max(*b)) as usize + 1;
    let form = NeuronForm::v1()
        .with_num_branches(Some(branches))
        .with_synapses_per_branch(Some(synapses / branches));
    // an odd number of inputs leaves the last one unread
    for inputs in [inputs, inputs + 1] {
        let config = ElmNeuronConfig::new(inputs, 1)
            .with_routing(Routing::Neuronio)
            .with_neuron(form.clone());
        let expected = RoutingTable::new(&config).map(|table| table.channels);
        let found = channels.values.iter().map(|c| *c as usize);
        if expected.is_some_and(|expected| found.eq(expected)) {
            return Ok((inputs, Routing::Neuronio));
        }
    }
    Ok((inputs, Routing::Random { seed: 0 }))
}

fn weights_error(dict: &StateDict, problem: String) -> ElmError {
    ElmError::Weights {
        path: dict.path.clone(),
        problems: vec![problem],
    }
}
