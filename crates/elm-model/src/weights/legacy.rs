//! Configurations as earlier versions wrote them.

use serde::Deserialize;

use crate::equations::{FilterTau, HiddenActivation, NeuronForm, SynapseInit};
use crate::neuron::{ElmNeuronConfig, Routing};

/// The first two forms, with the neuron's options beside its sizes.
#[derive(Deserialize)]
struct FlatNeuron {
    num_inputs: usize,
    num_outputs: usize,
    num_memory: usize,
    version: FlatVersion,
    routing: Routing,
    num_branches: Option<usize>,
    synapses_per_branch: usize,
    hidden_layers: usize,
    hidden_size: Option<usize>,
    activation: HiddenActivation,
    synapse_tau: f64,
    memory_tau_min: f64,
    memory_tau_max: f64,
    learn_memory_tau: bool,
    synapse_init: f64,
    lambda: f64,
    dt: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FlatVersion {
    V1,
    V2,
}

impl From<FlatNeuron> for ElmNeuronConfig {
    fn from(flat: FlatNeuron) -> Self {
        let form = match flat.version {
            FlatVersion::V1 => NeuronForm::v1(),
            FlatVersion::V2 => NeuronForm::v2(),
        };
        Self::new(flat.num_inputs, flat.num_outputs)
            .with_routing(flat.routing)
            .with_neuron(NeuronForm {
                num_memory: flat.num_memory,
                num_branches: flat.num_branches,
                synapses_per_branch: Some(flat.synapses_per_branch),
                hidden_layers: flat.hidden_layers,
                hidden_size: flat.hidden_size,
                activation: flat.activation,
                branch_tau: FilterTau::Ms(flat.synapse_tau),
                memory_tau_min: flat.memory_tau_min,
                memory_tau_max: flat.memory_tau_max,
                learn_memory_tau: flat.learn_memory_tau,
                synapse_init: SynapseInit::Unscaled {
                    value: flat.synapse_init,
                },
                lambda: flat.lambda,
                dt: flat.dt,
                ..form
            })
    }
}

/// A neuron's configuration from JSON of this version or an earlier one.
pub(crate) fn neuron_config(text: &str) -> Result<ElmNeuronConfig, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    // told apart by a field that only one of them has, so that an error is about the one it was meant to be
    match value.get("version") {
        Some(_) => serde_json::from_value::<FlatNeuron>(value).map(Into::into),
        None => serde_json::from_value(value),
    }
}
