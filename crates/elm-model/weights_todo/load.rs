//! From a state dict to a neuron, key by key.

use std::collections::BTreeSet;
use std::path::Path;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};

use super::state_dict::StateDict;
use crate::ElmError;
use crate::neuron::{ElmNeuron, ElmNeuronConfig, NeuronVersion, Routing, RoutingTable};

/// Loads a published checkpoint (or a file of this crate) into a neuron of this configuration.
///
/// # Errors
/// [`ElmError::Config`] if the configuration is not valid, [`ElmError::File`] if the file cannot be read,
/// [`ElmError::Weights`] with every tensor that is missing, of another shape, or unknown.
pub fn load_published(
    path: impl AsRef<Path>,
    config: &ElmNeuronConfig,
    device: &Device,
) -> Result<ElmNeuron, ElmError> {
    StateDict::read(path)?.to_neuron(config, device)
}

impl StateDict {
    /// A neuron of this configuration with these weights.
    ///
    /// # Errors
    /// As [`load_published`].
    pub fn to_neuron(
        &self,
        config: &ElmNeuronConfig,
        device: &Device,
    ) -> Result<ElmNeuron, ElmError> {
        let neuron = config.init(device)?;
        Loader {
            dict: self,
            device,
            problems: Vec::new(),
            seen: BTreeSet::new(),
        }
        .load(neuron)
    }
}

struct Loader<'a> {
    dict: &'a StateDict,
    device: &'a Device,
    problems: Vec<String>,
    seen: BTreeSet<String>,
}

impl Loader<'_> {
    fn load(mut self, mut neuron: ElmNeuron) -> Result<ElmNeuron, ElmError> {
        let config = neuron.config().clone();
        let synapses = config.synapses();
        if let Some(values) = self.take("_proto_w_s", &[synapses]) {
            neuron.synapses.proto_weight = self.param(values, &neuron.synapses.proto_weight);
        }
        if let Some(values) = self.take("_proto_tau_m", &[config.num_memory]) {
            neuron.proto_tau = self.param(values, &neuron.proto_tau);
        }
        let mut layers = std::mem::take(&mut neuron.mlp.layers);
        for (k, layer) in layers.iter_mut().enumerate() {
            self.linear(&format!("mlp.network.{}", 2 * k), layer);
        }
        neuron.mlp.layers = layers;
        self.linear("w_y", &mut neuron.readout);
        self.synapse_tau(&config);
        self.routing(&mut neuron, &config);
        let unknown: Vec<&String> = self
            .dict
            .tensors
            .keys()
            .filter(|k| !self.seen.contains(*k))
            .collect();
        self.problems.extend(
            unknown
                .into_iter()
                .map(|name| format!("`{name}` is not known")),
        );
        match self.problems.is_empty() {
            true => Ok(neuron),
            false => Err(ElmError::Weights {
                path: self.dict.path.clone(),
                problems: self.problems,
            }),
        }
    }

    /// The numbers of a tensor, or a problem noted.
    fn take(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f64>> {
        self.seen.insert(name.to_string());
        match self.dict.tensors.get(name) {
            None => self.problems.push(format!("`{name}` {shape:?} is missing")),
            Some(t) if t.shape != shape => {
                self.problems.push(format!(
                    "`{name}` has shape {:?}, expected {shape:?}",
                    t.shape
                ));
            }
            Some(t) => return Some(t.values.clone()),
        }
        None
    }

    fn param<const D: usize>(&self, values: Vec<f64>, like: &Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = like.dims();
        let tensor = Tensor::from_data(TensorData::new(values, shape), self.device);
        Param::initialized(like.id, tensor.set_require_grad(like.is_require_grad()))
    }

    fn linear(&mut self, name: &str, layer: &mut Linear) {
        let [inputs, outputs] = layer.weight.dims();
        if let Some(values) = self.take(&format!("{name}.weight"), &[outputs, inputs]) {
            let transposed = (0..inputs * outputs)
                .map(|i| values[(i % outputs) * inputs + i / outputs])
                .collect();
            layer.weight = self.param(transposed, &layer.weight);
        }
        if let (Some(values), Some(bias)) =
            (self.take(&format!("{name}.bias"), &[outputs]), &layer.bias)
        {
            layer.bias = Some(self.param(values, bias));
        }
    }

    /// The trace's timescale is a constant of the configuration: the file must hold just that.
    fn synapse_tau(&mut self, config: &ElmNeuronConfig) {
        let (name, len) = match config.version {
            NeuronVersion::V1 => ("tau_s", config.synapses()),
            NeuronVersion::V2 => ("tau_b", config.branches()),
        };
        let expected = config.synapse_tau;
        if let Some(values) = self.take(name, &[len])
            && let Some(other) = values
                .iter()
                .find(|v| (**v - expected).abs() > 1e-6 * expected)
        {
            self.problems.push(format!(
                "`{name}` holds {other} ms, expected synapse_tau = {expected} ms everywhere"
            ));
        }
    }

    fn routing(&mut self, neuron: &mut ElmNeuron, config: &ElmNeuronConfig) {
        let (indices, mask) = ("input_to_synapse_indices", "valid_indices_mask");
        if config.routing == Routing::None {
            // published files hold empty tensors here
            for name in [indices, mask] {
                match self.dict.shape(name) {
                    None => {}
                    Some([0]) => {}
                    Some(shape) => self.problems.push(format!(
                        "`{name}` has shape {shape:?}, but the configuration has no routing"
                    )),
                }
                self.seen.insert(name.into());
            }
            return;
        }
        let len = [config.synapses()];
        let (channels, valid) = (self.take(indices, &len), self.take(mask, &len));
        let (Some(channels), Some(valid)) = (channels, valid) else {
            return;
        };
        if let Some(bad) = channels
            .iter()
            .find(|c| !(0.0..config.num_inputs as f64).contains(*c))
        {
            self.problems.push(format!(
                "`{indices}` holds channel {bad}, expected 0..{}",
                config.num_inputs
            ));
            return;
        }
        let table = RoutingTable {
            channels: channels.iter().map(|c| *c as usize).collect(),
            valid: valid.iter().map(|v| *v != 0.0).collect(),
        };
        neuron.synapses.set_routing(&table, self.device);
    }
}
