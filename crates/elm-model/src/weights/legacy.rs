//! Configurations as earlier versions wrote them.

use serde_json::Value;

use crate::network::ElmNetworkConfig;
use crate::neuron::ElmNeuronConfig;

/// A neuron's configuration from JSON of this version or an earlier one.
pub(super) fn neuron_config(text: &str) -> Result<ElmNeuronConfig, String> {
    let file = elm_stream::legacy::neuron_config(text).map_err(|e| e.to_string())?;
    Ok(ElmNeuronConfig {
        num_inputs: file.num_inputs,
        num_outputs: file.num_outputs,
        neuron: file.neuron,
        routing: file.routing,
        spike_bias: file.spike_bias,
    })
}

/// A network's configuration from JSON of this version or an earlier one, in which a last layer was a readout only as
/// far as `last` said so.
///
/// # Errors
/// What is wrong with the JSON, in words.
pub fn network_config(text: &str) -> Result<ElmNetworkConfig, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let earlier = value["neuron"].get("bias_init").is_none();
    let mut config: ElmNetworkConfig = serde_json::from_value(value).map_err(|e| e.to_string())?;
    if earlier {
        let last = &mut config.last;
        last.neuron
            .output_activation
            .get_or_insert(config.neuron.output_activation);
        last.neuron
            .high_pass_tau
            .get_or_insert(config.neuron.high_pass_tau);
        last.wiring.get_or_insert(config.wiring);
    }
    Ok(config)
}
