//! Networks in and out, by name.
//!
//! A network's state dict holds, for layer l and linear map k of its MLPs: `layers.<l>.connectome` (integers
//! `[neuron, synapse]`), `.w_s`, `.mlp.<k>.weight` (`[neuron, out, in]`), `.mlp.<k>.bias`, `.w_y`, `.b` and
//! `.tau_m_proto`, and `linear.weight` (`[out, in]`), `linear.bias` where a linear map follows. Files written here also carry the network's
//! configuration, so that they load without one.

use std::collections::BTreeSet;
use std::path::Path;

use burn::module::Param;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::infer::CONFIG_KEY;
use super::save::{Entry, floats, integers, write};
use super::state_dict::{StateDict, StateTensor, file_error};
use crate::ElmError;
use crate::network::{ElmNetwork, ElmNetworkConfig};

/// Writes a network as safetensors, its connectomes and its configuration included.
///
/// The file appears whole or not at all.
///
/// # Errors
/// [`ElmError::File`] if it cannot be written.
pub fn save_network(network: &ElmNetwork, path: impl AsRef<Path>) -> Result<(), ElmError> {
    let path = path.as_ref();
    let entries = entries(network).map_err(|e| file_error(path, e))?;
    let config = serde_json::to_string(network.config()).map_err(|e| file_error(path, e))?;
    write(&entries, config, path)
}

fn entries(network: &ElmNetwork) -> Result<Vec<Entry>, String> {
    let mut out = Vec::new();
    for (l, layer) in network.layers.iter().enumerate() {
        let name = |part: &str| format!("layers.{l}.{part}");
        out.push(integers(&name("connectome"), layer.connectome.val())?);
        out.push(floats(&name("w_s"), layer.proto_weight.val())?);
        for (k, map) in layer.mlp.iter().enumerate() {
            let weight = map.weight.val().swap_dims(1, 2);
            out.push(floats(&name(&format!("mlp.{k}.weight")), weight)?);
            out.push(floats(&name(&format!("mlp.{k}.bias")), map.bias.val())?);
        }
        out.push(floats(&name("w_y"), layer.readout.val())?);
        out.push(floats(&name("b"), layer.bias.val())?);
        out.push(floats(&name("tau_m_proto"), layer.proto_tau.val())?);
    }
    if let Some(linear) = &network.linear {
        out.push(floats("linear.weight", linear.weight.val().transpose())?);
        if let Some(bias) = &linear.bias {
            out.push(floats("linear.bias", bias.val())?);
        }
    }
    Ok(out)
}

/// Reads a network that [`save_network`] wrote.
///
/// # Errors
/// [`ElmError::File`] if the file cannot be read or carries no configuration, [`ElmError::Config`] if that is not
/// valid, [`ElmError::Weights`] if the tensors do not fit it.
pub fn load_network(path: impl AsRef<Path>, device: &Device) -> Result<ElmNetwork, ElmError> {
    let dict = StateDict::read(path)?;
    let config = dict.metadata.get(CONFIG_KEY).ok_or_else(|| {
        file_error(
            &dict.path,
            format!("carries no `{CONFIG_KEY}`, so its configuration is needed as well"),
        )
    })?;
    let config: ElmNetworkConfig = serde_json::from_str(config).map_err(|e| {
        file_error(
            &dict.path,
            format!("its `{CONFIG_KEY}` is not a network's: {e}"),
        )
    })?;
    dict.to_network(&config, device)
}

impl StateDict {
    /// A network of this configuration with these weights and connectomes.
    ///
    /// # Errors
    /// [`ElmError::Config`] if the configuration is not valid, [`ElmError::Weights`] with every tensor that is
    /// missing, of another shape, out of range or unknown.
    pub fn to_network(
        &self,
        config: &ElmNetworkConfig,
        device: &Device,
    ) -> Result<ElmNetwork, ElmError> {
        let mut network = config.init(device)?;
        let mut loader = Loader {
            dict: self,
            device,
            problems: Vec::new(),
            seen: BTreeSet::new(),
        };
        loader.network(&mut network);
        let unknown = self.tensors.keys().filter(|k| !loader.seen.contains(*k));
        loader
            .problems
            .extend(unknown.map(|name| format!("`{name}` is not known")));
        match loader.problems.is_empty() {
            true => Ok(network),
            false => Err(ElmError::Weights {
                path: self.path.clone(),
                problems: loader.problems,
            }),
        }
    }
}

struct Loader<'a> {
    dict: &'a StateDict,
    device: &'a Device,
    problems: Vec<String>,
    seen: BTreeSet<String>,
}

impl Loader<'_> {
    fn network(&mut self, network: &mut ElmNetwork) {
        for (l, layer) in network.layers.iter_mut().enumerate() {
            let name = |part: &str| format!("layers.{l}.{part}");
            let sources = layer.config().num_inputs + layer.config().num_neurons;
            self.connectome(&name("connectome"), &mut layer.connectome, sources);
            self.param(&name("w_s"), &mut layer.proto_weight);
            for (k, map) in layer.mlp.iter_mut().enumerate() {
                self.swapped(&name(&format!("mlp.{k}.weight")), &mut map.weight);
                self.param(&name(&format!("mlp.{k}.bias")), &mut map.bias);
            }
            self.param(&name("w_y"), &mut layer.readout);
            self.param(&name("b"), &mut layer.bias);
            self.param(&name("tau_m_proto"), &mut layer.proto_tau);
        }
        if let Some(linear) = &mut network.linear {
            self.swapped("linear.weight", &mut linear.weight);
            if let Some(bias) = &mut linear.bias {
                self.param("linear.bias", bias);
            }
        }
    }

    /// A tensor of this shape, or a problem noted.
    fn take(&mut self, name: &str, shape: &[usize]) -> Option<&StateTensor> {
        self.seen.insert(name.to_string());
        match self.dict.tensors.get(name) {
            None => self.problems.push(format!("`{name}` {shape:?} is missing")),
            Some(t) if t.shape != shape => self.problems.push(format!(
                "`{name}` has shape {:?}, expected {shape:?}",
                t.shape
            )),
            Some(t) => return Some(t),
        }
        None
    }

    fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
        let shape = param.dims();
        if let Some(tensor) = self.take(name, &shape) {
            let data = TensorData::new(tensor.values.clone(), shape);
            *param = self.replaced(param, Tensor::from_data(data, self.device));
        }
    }

    /// A weight whose last two dimensions are stored the other way round, as PyTorch does.
    fn swapped<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
        let mut shape = param.dims();
        shape.swap(D - 1, D - 2);
        if let Some(tensor) = self.take(name, &shape) {
            let data = TensorData::new(tensor.values.clone(), shape);
            let stored = Tensor::from_data(data, self.device);
            *param = self.replaced(param, stored.swap_dims(D - 1, D - 2));
        }
    }

    fn replaced<const D: usize>(
        &self,
        param: &Param<Tensor<D>>,
        value: Tensor<D>,
    ) -> Param<Tensor<D>> {
        Param::initialized(
            param.id,
            value.detach().set_require_grad(param.is_require_grad()),
        )
    }

    fn connectome(&mut self, name: &str, param: &mut Param<Tensor<2, Int>>, sources: usize) {
        let shape = param.dims();
        let Some(values) = self.take(name, &shape).map(|t| t.values.clone()) else {
            return;
        };
        let fits = |v: &&f64| (0.0..sources as f64).contains(*v) && v.fract() == 0.0;
        if let Some(bad) = values.iter().find(|v| !fits(v)) {
            self.problems.push(format!(
                "`{name}` names source {bad}, expected 0..{sources}"
            ));
            return;
        }
        let values: Vec<i64> = values.iter().map(|v| *v as i64).collect();
        *param = Param::initialized(
            param.id,
            Tensor::from_data(TensorData::new(values, shape), self.device),
        );
    }
}
