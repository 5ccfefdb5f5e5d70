//! What a page must know of a model to draw it.

use std::collections::BTreeSet;

use elm_stream::file::{Container, Model, ModelStream};
use elm_stream::{LayerParts, NeuronForm, NeuronParts};
use serde_json::{Value, json};

/// Branches up to which the synapses of each are listed.
const MOST_BRANCHES: usize = 128;

/// Sizes, timescales, the channels of each branch, and what the file carries as text, as JSON:
///
/// ```json
/// {
///   "kind": "neuron", "inputs": 1278, "outputs": 2, "tokens": false, "step": 1.0, "trained": 8002,
///   "taus": [1.0, 2.3], "neurons": [], "branches": [[0, 639, 1]], "metadata": {"elm_model_card": "{}"}
/// }
/// ```
///
/// `taus` (ms, or steps where a step is no time) of a neuron, `neurons` of each layer otherwise; `branches` of a neuron
/// with several synapses on a branch.
pub fn facts(file: &Container<'_>, model: &Model, stream: &ModelStream) -> String {
    let (kind, form) = match model {
        Model::Neuron(parts) => ("neuron", Some(&parts.form)),
        Model::Layer(layer) => ("layer", Some(&layer.form)),
        Model::Network(network) => ("network", network.layers.first().map(|layer| &layer.form)),
    };
    let (taus, branches) = match model {
        Model::Neuron(parts) => (timescales(parts), branches(parts)),
        _ => (Vec::new(), Value::Null),
    };
    let neurons: Vec<usize> = match model {
        Model::Neuron(_) => Vec::new(),
        Model::Layer(layer) => vec![layer.neurons],
        Model::Network(network) => network.layers.iter().map(|layer| layer.neurons).collect(),
    };
    json!({
        "kind": kind,
        "inputs": stream.inputs(),
        "outputs": stream.outputs(),
        "tokens": stream.reads_tokens(),
        "step": form.map_or(1.0, |form| form.dt),
        "trained": trained(model),
        "taus": taus,
        "neurons": neurons,
        "branches": branches,
        "metadata": file.metadata,
    })
    .to_string()
}

/// Timescale of each memory unit.
fn timescales(parts: &NeuronParts) -> Vec<f64> {
    let tau = |proto: &f32| parts.form.tau(f64::from(*proto));
    parts.proto_tau.iter().map(tau).collect()
}

/// Trained numbers.
fn trained(model: &Model) -> usize {
    let layer = |layer: &LayerParts| layer.neurons * layer.form.num_trained(1);
    match model {
        Model::Neuron(parts) => sized(parts).num_trained(parts.outputs),
        Model::Layer(parts) => layer(parts),
        Model::Network(network) => {
            let linear = network.linear.as_ref();
            let linear = linear.map_or(0, |map| map.weight.len() + map.bias.len());
            linear + network.layers.iter().map(layer).sum::<usize>()
        }
    }
}

fn sized(parts: &NeuronParts) -> NeuronForm {
    parts.form.clone().sized_for(parts.inputs)
}

/// Channels that each branch reads, where it has several synapses; null elsewhere.
fn branches(parts: &NeuronParts) -> Value {
    let form = sized(parts);
    let Some(channels) = &parts.channels else {
        return Value::Null;
    };
    if form.per_branch() == 1 || form.branches() > MOST_BRANCHES {
        return Value::Null;
    }
    let counts = |synapse: usize| parts.valid.as_ref().is_none_or(|valid| valid[synapse]);
    let branch = |branch: usize| {
        let first = branch * form.per_branch();
        let synapses = (first..first + form.per_branch()).filter(|s| counts(*s));
        synapses.map(|s| channels[s]).collect::<BTreeSet<u32>>()
    };
    json!((0..form.branches()).map(branch).collect::<Vec<_>>())
}
