//! Sizes of a neuron from the shapes in its checkpoint.

use std::path::Path;

use super::state_dict::{StateDict, file_error};
use crate::ElmError;
use crate::neuron::{ElmNeuronConfig, NeuronVersion, Routing, RoutingTable};

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
    let dict = StateDict::read(path)?;
    match carried(&dict)? {
        Some(config) => Ok(config),
        None => from_shapes(&dict),
    }
}

/// The configuration that the file itself carries: all of it in files of this crate, none in published ones.
///
/// # Errors
/// [`ElmError::File`] if the file cannot be read, or what it carries is no valid configuration.
pub fn carried_config(path: impl AsRef<Path>) -> Result<Option<ElmNeuronConfig>, ElmError> {
    carried(&StateDict::read(path)?)
}

fn carried(dict: &StateDict) -> Result<Option<ElmNeuronConfig>, ElmError> {
    let Some(text) = dict.metadata.get(CONFIG_KEY) else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|e| {
        file_error(
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
        None => Err(weights_error(dict, format!("`{name}` is missing"))),
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
    let (version, tau) = match (dict.tensors.get("tau_s"), dict.tensors.get("tau_b")) {
        (Some(tau), None) => (NeuronVersion::V1, tau),
        (None, Some(tau)) => (NeuronVersion::V2, tau),
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
    let (inputs, routing) = routing(dict, branches, synapses);
    Ok(ElmNeuronConfig {
        num_memory: memory,
        version,
        routing,
        num_branches: Some(branches),
        synapses_per_branch: synapses / branches,
        hidden_layers: layers - 1,
        hidden_size: (layers > 1).then_some(first[0]),
        synapse_tau: tau.values.first().copied().unwrap_or(5.0),
        ..ElmNeuronConfig::new(inputs, outputs)
    })
}

/// Inputs and routing from the stored channel of each synapse.
fn routing(dict: &StateDict, branches: usize, synapses: usize) -> (usize, Routing) {
    let Some(channels) = dict
        .tensors
        .get("input_to_synapse_indices")
        .filter(|t| !t.values.is_empty())
    else {
        return (synapses, Routing::None);
    };
    let inputs = channels.values.iter().fold(0.0f64, |a, b| a.max(*b)) as usize + 1;
    let config = ElmNeuronConfig::new(inputs, 1)
        .with_routing(Routing::Neuronio)
        .with_num_branches(Some(branches))
        .with_synapses_per_branch(synapses / branches);
    // an odd number of inputs leaves the last one unread (quirks.md 7)
    for inputs in [inputs, inputs + 1] {
        let table = RoutingTable::new(&ElmNeuronConfig {
            num_inputs: inputs,
            ..config.clone()
        });
        if table.is_some_and(|t| {
            t.channels
                .iter()
                .zip(&channels.values)
                .all(|(a, b)| *a as f64 == *b)
        }) {
            return (inputs, Routing::Neuronio);
        }
    }
    (inputs, Routing::Random { seed: 0 })
}

pub(super) fn weights_error(dict: &StateDict, problem: String) -> ElmError {
    ElmError::Weights {
        path: dict.path.clone(),
        problems: vec![problem],
    }
}
