//! A single neuron in and out.

use std::path::Path;

use burn::tensor::Device;

use super::config::infer;
use super::loader::Loader;
use super::state_dict::StateDict;
use crate::ElmError;
use crate::equations::{FilterTau, MemoryGate, NeuronForm};
use crate::neuron::{ElmNeuron, ElmNeuronConfig, Routing, RoutingTable};

/// Channel of each synapse.
const INDICES: &str = "input_to_synapse_indices";
/// Is a synapse connected at all?
const MASK: &str = "valid_indices_mask";

/// Loads a neuron from a published checkpoint or a file of this crate.
///
/// Without a configuration it takes the one that the file carries, or as much of one as its shapes tell, see
/// [`infer_config`](super::infer_config).
///
/// # Errors
/// [`ElmError::Config`] if the configuration is not valid, [`ElmError::File`] if the file cannot be read,
/// [`ElmError::Weights`] with every tensor that is missing, of another shape, or unknown.
pub fn load_neuron<'a>(
    path: impl AsRef<Path>,
    config: impl Into<Option<&'a ElmNeuronConfig>>,
    device: &Device,
) -> Result<ElmNeuron, ElmError> {
    let dict = StateDict::read_model(path)?;
    match config.into() {
        Some(config) => dict.to_neuron(config, device),
        None => dict.to_neuron(&infer(&dict)?, device),
    }
}

/// Writes a neuron as safetensors with the published names, plus its configuration as metadata.
///
/// The file appears whole or not at all.
///
/// # Errors
/// [`ElmError::Read`] if the device does not hand the weights out, [`ElmError::File`] if the file cannot be written.
pub fn save_neuron(neuron: &ElmNeuron, path: impl AsRef<Path>) -> Result<(), ElmError> {
    StateDict::of_neuron(neuron)?.save_safetensors(path)
}

/// Name, length and value of the stored timescale of the trace: one for each synapse where the gate is that of the
/// first published form, else one for each branch.
fn trace(form: &NeuronForm) -> Option<(&'static str, usize, f64)> {
    match (form.branch_tau, form.gate) {
        (FilterTau::Off, _) => None,
        (FilterTau::Ms(tau), MemoryGate::Scaled) => Some(("tau_s", form.synapses(), tau)),
        (FilterTau::Ms(tau), MemoryGate::TimescaleRatio) => Some(("tau_b", form.branches(), tau)),
    }
}

impl StateDict {
    /// The weights of a neuron under the published names, with its configuration as metadata. Every name is there that
    /// the published code expects: without a routing, `input_to_synapse_indices` and `valid_indices_mask` are empty.
    ///
    /// # Errors
    /// [`ElmError::Read`] if the device does not hand the weights out.
    pub fn of_neuron(neuron: &ElmNeuron) -> Result<Self, ElmError> {
        let form = neuron.form();
        let dtype = neuron.bias.val().dtype();
        let mut dict = Self::with_config(neuron.config())?;
        dict.floats("_proto_w_s", neuron.synapses.proto_weight.val())?;
        let proto = neuron.timescales.proto()?;
        dict.numbers("_proto_tau_m", vec![proto.len()], proto, dtype);
        if let Some((name, len, tau)) = trace(form) {
            dict.numbers(name, vec![len], vec![tau; len], dtype);
        }
        for (k, layer) in neuron.mlp.layers.iter().enumerate() {
            dict.linear(&format!("mlp.network.{}", 2 * k), layer)?;
        }
        dict.linear("w_y", &neuron.readout)?;
        dict.floats("w_y.bias", neuron.bias.val())?;
        let routing = (neuron.synapses.channels(), neuron.synapses.valid());
        match routing {
            (Some(channels), Some(valid)) => {
                dict.integers(INDICES, channels)?;
                dict.bools(MASK, valid)?;
            }
            _ => {
                for name in [INDICES, MASK] {
                    dict.numbers(name, vec![0], vec![], dtype);
                }
            }
        }
        Ok(dict)
    }

    /// A neuron of this configuration with these weights.
    ///
    /// # Errors
    /// As [`load_neuron`].
    pub fn to_neuron(
        &self,
        config: &ElmNeuronConfig,
        device: &Device,
    ) -> Result<ElmNeuron, ElmError> {
        let mut neuron = config.init(device)?;
        let mut loader = Loader::new(self, device);
        loader.param("_proto_w_s", &mut neuron.synapses.proto_weight);
        let memory = neuron.form().num_memory;
        loader.timescales("_proto_tau_m", [memory], &mut neuron.timescales);
        for (k, layer) in neuron.mlp.layers.iter_mut().enumerate() {
            loader.linear(&format!("mlp.network.{}", 2 * k), layer);
        }
        loader.linear("w_y", &mut neuron.readout);
        loader.param("w_y.bias", &mut neuron.bias);
        check_trace(&mut loader, neuron.form());
        routing(&mut loader, &mut neuron);
        loader.finish().map(|()| neuron)
    }
}

/// The trace's timescale is a constant of the configuration: the file must hold just that.
fn check_trace(loader: &mut Loader<'_>, form: &NeuronForm) {
    let Some((name, len, expected)) = trace(form) else {
        return;
    };
    if let Some(values) = loader.take(name, &[len])
        && let Some(other) = values
            .iter()
            .find(|v| v.is_nan() || (**v - expected).abs() > 1e-6 * expected)
    {
        loader.problem(format!(
            "`{name}` holds {other} ms, expected branch_tau = {expected} ms everywhere"
        ));
    }
}

fn routing(loader: &mut Loader<'_>, neuron: &mut ElmNeuron) {
    let config = neuron.config();
    if config.routing == Routing::None {
        // published files hold empty tensors here
        for name in [INDICES, MASK] {
            match loader.dict.shape(name) {
                None | Some([0]) => {}
                Some(shape) => loader.problem(format!(
                    "`{name}` has shape {shape:?}, but the configuration has no routing"
                )),
            }
            loader.knows(name);
        }
        return;
    }
    let len = [neuron.form().synapses()];
    let channels = loader.indices(INDICES, &len, "channel", config.num_inputs);
    let valid = loader.take(MASK, &len);
    if let (Some(channels), Some(valid)) = (channels, valid) {
        let table = RoutingTable {
            channels: channels.iter().map(|c| *c as usize).collect(),
            valid: valid.iter().map(|v| *v != 0.0).collect(),
        };
        neuron.synapses.set_routing(&table, loader.device);
    }
}
