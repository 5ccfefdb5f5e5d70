//! Layers and networks in and out.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::config::carried_text;
use super::legacy;
use super::loader::Loader;
use super::state_dict::StateDict;
use crate::ElmError;
use crate::layer::{Connectome, ElmLayer, ElmLayerConfig};
use crate::network::{ElmNetwork, ElmNetworkConfig};

/// Writes a layer as safetensors, its connectome and its configuration included.
///
/// The file appears whole or not at all.
///
/// # Errors
/// [`ElmError::Read`] if the device does not hand the weights out, [`ElmError::File`] if the file cannot be written.
pub fn save_layer(layer: &ElmLayer, path: impl AsRef<Path>) -> Result<(), ElmError> {
    StateDict::of_layer(layer)?.save_safetensors(path)
}

/// Writes a network as safetensors, its connectomes and its configuration included.
///
/// The file appears whole or not at all.
///
/// # Errors
/// As [`save_layer`].
pub fn save_network(network: &ElmNetwork, path: impl AsRef<Path>) -> Result<(), ElmError> {
    StateDict::of_network(network)?.save_safetensors(path)
}

/// Reads a layer that [`save_layer`] wrote.
///
/// # Errors
/// [`ElmError::File`] if the file cannot be read or carries no configuration, [`ElmError::Config`] if that is not
/// valid, [`ElmError::Weights`] if the tensors do not fit it.
pub fn load_layer(path: impl AsRef<Path>, device: &Device) -> Result<ElmLayer, ElmError> {
    let dict = StateDict::read_model(path)?;
    let parse = |text: &str| serde_json::from_str(text).map_err(|e| e.to_string());
    let config: ElmLayerConfig = carried(&dict, "a layer's", parse)?;
    let mut layer = config.init(device)?;
    let mut loader = Loader::new(&dict, device);
    read_layer(&mut loader, "", &mut layer);
    loader.finish().map(|()| layer)
}

/// Reads a network that [`save_network`] wrote.
///
/// # Errors
/// As [`load_layer`].
pub fn load_network(path: impl AsRef<Path>, device: &Device) -> Result<ElmNetwork, ElmError> {
    let dict = StateDict::read_model(path)?;
    let config = carried(&dict, "a network's", legacy::network_config)?;
    dict.to_network(&config, device)
}

fn carried<C>(
    dict: &StateDict,
    whose: &str,
    parse: impl Fn(&str) -> Result<C, String>,
) -> Result<C, ElmError> {
    let text = carried_text(dict).ok_or_else(|| {
        ElmError::file(
            &dict.path,
            "carries no configuration, so that its own is needed as well",
        )
    })?;
    parse(text).map_err(|e| {
        ElmError::file(
            &dict.path,
            format!("the configuration it carries is not {whose}: {e}"),
        )
    })
}

impl StateDict {
    /// The weights of a layer, with its configuration as metadata.
    ///
    /// # Errors
    /// [`ElmError::Read`] if the device does not hand the weights out.
    pub fn of_layer(layer: &ElmLayer) -> Result<Self, ElmError> {
        let mut dict = Self::with_config(layer.config())?;
        dict.layer("", layer)?;
        Ok(dict)
    }

    /// The weights of a network, with its configuration as metadata.
    ///
    /// # Errors
    /// As [`of_layer`](Self::of_layer).
    pub fn of_network(network: &ElmNetwork) -> Result<Self, ElmError> {
        let mut dict = Self::with_config(network.config())?;
        for (l, layer) in network.layers.iter().enumerate() {
            dict.layer(&format!("layers.{l}."), layer)?;
        }
        if let Some(linear) = &network.linear {
            dict.linear("linear", linear)?;
        }
        Ok(dict)
    }

    fn layer(&mut self, prefix: &str, layer: &ElmLayer) -> Result<(), ElmError> {
        let name = |part: &str| format!("{prefix}{part}");
        self.integers(&name("connectome"), layer.connectome.sources())?;
        self.floats(&name("w_s"), layer.proto_weight.val())?;
        for (k, map) in layer.mlp.iter().enumerate() {
            let weight = map.weight.val().swap_dims(1, 2);
            self.floats(&name(&format!("mlp.{k}.weight")), weight)?;
            self.floats(&name(&format!("mlp.{k}.bias")), map.bias.val())?;
        }
        self.floats(&name("w_y"), layer.readout.val())?;
        self.floats(&name("b"), layer.bias.val())?;
        let shape = layer.readout.dims().to_vec();
        let (proto, dtype) = (layer.timescales.proto()?, layer.bias.val().dtype());
        self.numbers(&name("tau_m_proto"), shape, proto, dtype);
        Ok(())
    }

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
        let mut loader = Loader::new(self, device);
        for (l, layer) in network.layers.iter_mut().enumerate() {
            read_layer(&mut loader, &format!("layers.{l}."), layer);
        }
        if let Some(linear) = &mut network.linear {
            loader.linear("linear", linear);
        }
        loader.finish().map(|()| network)
    }
}

fn read_layer(loader: &mut Loader<'_>, prefix: &str, layer: &mut ElmLayer) {
    let name = |part: &str| format!("{prefix}{part}");
    let config = layer.config();
    let (shape, end) = (
        layer.proto_weight.dims(),
        config.num_inputs + config.num_neurons,
    );
    if let Some(sources) = loader.indices(&name("connectome"), &shape, "source", end) {
        let data = TensorData::new(sources, shape);
        layer.connectome = Connectome::new(Tensor::from_data(data, loader.device));
    }
    loader.param(&name("w_s"), &mut layer.proto_weight);
    for (k, map) in layer.mlp.iter_mut().enumerate() {
        loader.swapped(&name(&format!("mlp.{k}.weight")), &mut map.weight);
        loader.param(&name(&format!("mlp.{k}.bias")), &mut map.bias);
    }
    loader.param(&name("w_y"), &mut layer.readout);
    loader.param(&name("b"), &mut layer.bias);
    let shape = layer.readout.dims();
    loader.timescales(&name("tau_m_proto"), shape, &mut layer.timescales);
}
