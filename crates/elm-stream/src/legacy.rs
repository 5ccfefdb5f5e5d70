//! Configurations that weight files carry, as this version and earlier ones wrote them.

use alloc::format;

use serde::{Deserialize, Serialize};

use crate::equations::{BiasInit, FilterTau, HiddenActivation, SynapseInit};
use crate::file::FileError;
use crate::{NeuronForm, Routing};

/// Configuration of a single neuron as its files carry it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeuronConfigFile {
    /// Input channels I.
    pub num_inputs: usize,
    /// Outputs O.
    pub num_outputs: usize,
    /// The neuron's options.
    pub neuron: NeuronForm,
    /// How channels reach synapses.
    #[serde(default)]
    pub routing: Routing,
    /// Added to the start value of output 0's bias.
    #[serde(default)]
    pub spike_bias: f64,
}

/// The first two forms with the neuron's options beside its sizes, as the first version wrote them.
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

impl From<FlatNeuron> for NeuronConfigFile {
    fn from(flat: FlatNeuron) -> Self {
        let form = match flat.version {
            FlatVersion::V1 => NeuronForm::v1(),
            FlatVersion::V2 => NeuronForm::v2(),
        };
        Self {
            num_inputs: flat.num_inputs,
            num_outputs: flat.num_outputs,
            neuron: NeuronForm {
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
                bias_init: BiasInit::Uniform,
                dt: flat.dt,
                ..form
            },
            routing: flat.routing,
            spike_bias: 0.0,
        }
    }
}

/// The configuration of a single neuron from the JSON that its file carries, of this version or an earlier one.
///
/// # Errors
/// [`FileError::Config`] if it is neither.
pub fn neuron_config(json: &str) -> Result<NeuronConfigFile, FileError> {
    let value: serde_json::Value = serde_json::from_str(json).map_err(FileError::config)?;
    // told apart by a field that only the old one has, so that an error is about the one that was meant
    let config = match value.get("version") {
        Some(_) => serde_json::from_value::<FlatNeuron>(value).map(NeuronConfigFile::from),
        None => serde_json::from_value(value),
    };
    config.map_err(|e| FileError::config(format!("no neuron's: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    fn flat(version: &str, rest: &str) -> String {
        format!(
            r#"{{"num_inputs":6,"num_outputs":2,"num_memory":4,"version":"{version}","routing":{{"random":{{"seed":3}}}},
            "num_branches":null,"synapses_per_branch":2,"hidden_layers":2,"hidden_size":null,"activation":"silu",
            "synapse_tau":4.0,"memory_tau_min":1.0,"memory_tau_max":150.0,"learn_memory_tau":true,"synapse_init":0.25,
            "lambda":3.0,"dt":2.0{rest}}}"#
        )
    }

    #[test]
    fn flat_configurations_become_forms() {
        for (version, form) in [("v1", NeuronForm::v1()), ("v2", NeuronForm::v2())] {
            let config = neuron_config(&flat(version, "")).expect("valid");
            let expected = form
                .with_num_memory(4)
                .with_synapses_per_branch(Some(2))
                .with_hidden_layers(2)
                .with_activation(HiddenActivation::Silu)
                .with_branch_tau(FilterTau::Ms(4.0))
                .with_memory_tau_max(150.0)
                .with_learn_memory_tau(true)
                .with_synapse_init(SynapseInit::Unscaled { value: 0.25 })
                .with_lambda(3.0)
                .with_dt(2.0);
            assert_eq!(config.neuron, expected);
            assert_eq!((config.num_inputs, config.num_outputs), (6, 2));
            assert_eq!(config.routing, Routing::Random { seed: 3 });
        }
    }

    #[test]
    fn new_configurations_are_read_as_they_are() {
        let config = NeuronConfigFile {
            num_inputs: 3,
            num_outputs: 1,
            neuron: NeuronForm::network(),
            routing: Routing::Neuronio,
            spike_bias: -5.0,
        };
        let json = serde_json::to_string(&config).expect("JSON");
        assert_eq!(neuron_config(&json), Ok(config));
    }

    #[test]
    fn errors_say_what_is_missing() {
        for json in [
            "",
            "[]",
            "{}",
            &flat("v3", ""),
            r#"{"num_inputs":1,"num_outputs":1}"#,
        ] {
            let error = neuron_config(json).expect_err("not valid").to_string();
            assert!(error.contains("configuration"), "{error}");
        }
    }
}
