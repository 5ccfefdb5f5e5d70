//! Files of earlier versions: the neuron of the networks' form, once a kind of model of its own, whose file held its Burn
//! module under `NetNeuron.` and its configuration as `net-neuron`.

use elm_model::weights::{StateDict, StateTensor};
use elm_model::{ElmNeuronConfig, FilterTau, MemoryGate};
use serde_json::Value;

use super::files::CONFIG_KEY;

/// Name of the configuration.
const KIND: &str = "net-neuron";
/// What the names of its tensors begin with.
const MODULE: &str = "NetNeuron.";

/// Its configuration, if that is what the text holds.
pub(super) fn net_neuron(text: &str) -> Result<Option<ElmNeuronConfig>, serde_json::Error> {
    let Some(fields) = serde_json::from_str::<Value>(text)?.get(KIND).cloned() else {
        return Ok(None);
    };
    let mut config: ElmNeuronConfig = serde_json::from_value(fields)?;
    // sizes that were not set followed from the others as they do in a layer
    let form = &mut config.neuron;
    form.num_branches = Some(form.branches());
    form.synapses_per_branch = Some(form.per_branch());
    Ok(Some(config))
}

/// Its tensors by the names that a neuron's have, if the file is one of these.
pub(super) fn net_neuron_weights(file: &StateDict, config: &ElmNeuronConfig) -> Option<StateDict> {
    let text = file.metadata.get(CONFIG_KEY)?;
    net_neuron(text).ok()??;
    let mut file = file.clone();
    file.tensors = std::mem::take(&mut file.tensors)
        .into_iter()
        .map(|(name, tensor)| renamed(name, tensor))
        .collect();
    // the timescale of the trace was in the configuration alone
    let form = config.form();
    if let FilterTau::Ms(tau) = form.branch_tau {
        let (name, len) = match form.gate {
            MemoryGate::Scaled => ("tau_s", form.synapses()),
            MemoryGate::TimescaleRatio => ("tau_b", form.branches()),
        };
        let trace = StateTensor::new(vec![len], vec![tau; len]);
        file.tensors.insert(name.into(), trace);
    }
    Some(file)
}

/// A tensor's name and layout in files of today; a name that was never there stays, so that it is told.
fn renamed(name: String, tensor: StateTensor) -> (String, StateTensor) {
    let Some(path) = name.strip_prefix(MODULE) else {
        return (name, tensor);
    };
    let today = match path {
        "synapses.proto_weight" => "_proto_w_s".into(),
        "synapses.channels" => "input_to_synapse_indices".into(),
        "synapses.valid" => "valid_indices_mask".into(),
        "proto_tau" => "_proto_tau_m".into(),
        "readout.weight" => "w_y.weight".into(),
        "bias" => "w_y.bias".into(),
        _ => match linear(path) {
            Some((index, part)) => format!("mlp.network.{}.{part}", 2 * index),
            None => return (name, tensor),
        },
    };
    let tensor = match tensor.shape[..] {
        [rows, columns] => transposed(&tensor, rows, columns),
        _ => tensor,
    };
    (today, tensor)
}

/// Index and part of `mlp.layers.<index>.<part>`.
fn linear(path: &str) -> Option<(usize, &str)> {
    let (index, part) = path.strip_prefix("mlp.layers.")?.split_once('.')?;
    Some((index.parse().ok()?, part))
}

fn transposed(tensor: &StateTensor, rows: usize, columns: usize) -> StateTensor {
    let at = |i: usize| tensor.values[i % rows * columns + i / rows];
    StateTensor {
        shape: vec![columns, rows],
        values: (0..rows * columns).map(at).collect(),
        format: tensor.format,
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use burn::tensor::{Device, Tensor};

    use crate::model::{ModelConfig, PublishedForm, load};

    /// Written by the version before this one, with its answer to one input.
    #[test]
    fn a_file_of_an_earlier_version_is_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/net-neuron.safetensors");
        let device = Device::flex();
        let file = load(&path, &device).unwrap();
        assert_eq!(file.card.format, 1);
        assert!(file.card.task.is_none());
        let ModelConfig::Elm(config) = file.card.config else {
            panic!("no neuron");
        };
        assert_eq!(PublishedForm::of(&config.neuron), PublishedForm::Network);
        let model = file.model;
        assert_eq!(model.config(), ModelConfig::Elm(config));
        let y = model.forward(Tensor::ones([1, 5, 1278], &device));
        assert_eq!(y.dims(), [1, 5, 2]);
    }
}
