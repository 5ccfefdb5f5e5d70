//! Models in files that carry their configuration.
//!
//! Neurons and networks are written with the published names, as [`elm_model::weights`] does; all others with the names
//! of their Burn modules, and their configuration as metadata.

use std::path::Path;

use burn::tensor::Device;
use burn_store::{ModuleSnapshot, SafetensorsStore};
use elm_model::weights::{
    StateDict, infer_config, load_network, load_neuron, network_config, save_network, save_neuron,
};

use super::config::{ModelConfig, NetworkModel};
use super::legacy;
use super::module::{PenalisedNetwork, SequenceToSequence};
use crate::error::{Result, TrainError};

/// Name of the metadata entry that holds the configuration of what is neither a neuron nor a network.
pub(super) const CONFIG_KEY: &str = "elm_model";
/// The same entry of neurons and networks.
const NEURON_KEY: &str = "elm_config";

/// Writes a model as safetensors, with its configuration; the file appears whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub fn save(model: &SequenceToSequence, path: &Path) -> Result<()> {
    match model {
        SequenceToSequence::Elm(neuron) => return Ok(save_neuron(neuron, path)?),
        SequenceToSequence::Network(model) => return Ok(save_network(&model.network, path)?),
        _ => {}
    }
    let failed =
        |e: &dyn std::fmt::Display| TrainError::file(path, format!("cannot write the model: {e}"));
    let config = serde_json::to_string(&model.config()).map_err(|e| failed(&e))?;
    let partial = path.with_extension("partial.safetensors");
    // one entry, as several are written in an order that changes from call to call
    let mut store = SafetensorsStore::from_file(&partial)
        .overwrite(true)
        .clear_metadata()
        .metadata(CONFIG_KEY, config);
    model
        .save_into(&mut store)
        .map_err(|e| failed(&e))
        .and_then(|()| std::fs::rename(&partial, path).map_err(|e| failed(&e)))
        .inspect_err(|_| drop(std::fs::remove_file(&partial)))
}

/// The configuration of the model in a file that [`save`] wrote, or of a published neuron as far as its shapes tell.
///
/// # Errors
/// If the file cannot be read or holds no model.
pub fn stored(path: &Path) -> Result<ModelConfig> {
    match stored_beside_neurons(path)? {
        Some(config) => Ok(config),
        None => Ok(ModelConfig::Elm(infer_config(path)?)),
    }
}

/// The configuration of the model in a file, unless it is a neuron, or says nothing of itself.
///
/// # Errors
/// If the file cannot be read, or what it carries is not valid.
pub fn stored_beside_neurons(path: &Path) -> Result<Option<ModelConfig>> {
    let metadata = StateDict::read(path)?.metadata;
    let invalid = |key: &str, e: serde_json::Error| {
        TrainError::file(
            path,
            format!("the `{key}` that it carries is not valid: {e}"),
        )
    };
    if let Some(text) = metadata.get(CONFIG_KEY) {
        if let Some(config) = legacy::net_neuron(text).map_err(|e| invalid(CONFIG_KEY, e))? {
            return Ok(Some(ModelConfig::Elm(config)));
        }
        let config = serde_json::from_str(text).map_err(|e| invalid(CONFIG_KEY, e))?;
        return Ok(Some(config));
    }
    // what is no JSON at all is told where a neuron is read
    let fields: Option<serde_json::Value> = metadata
        .get(NEURON_KEY)
        .and_then(|text| serde_json::from_str(text).ok());
    match fields.filter(|fields| fields.get("hidden_neurons").is_some()) {
        None => Ok(None),
        Some(fields) => {
            let network = network_config(&fields.to_string()).map_err(|e| {
                TrainError::file(
                    path,
                    format!("the `{NEURON_KEY}` that it carries is not valid: {e}"),
                )
            })?;
            Ok(Some(ModelConfig::Network(NetworkModel {
                network,
                regularisers: Vec::new(),
            })))
        }
    }
}

/// Reads a model that [`save`] wrote.
///
/// # Errors
/// If the file cannot be read, or its tensors do not fit the configuration it carries.
pub fn load(path: &Path, device: &Device) -> Result<SequenceToSequence> {
    match stored(path)? {
        ModelConfig::Elm(config) => {
            let neuron = match legacy::net_neuron_weights(StateDict::read(path)?, &config) {
                Some(weights) => weights.to_neuron(&config, device),
                None => load_neuron(path, &config, device),
            };
            Ok(SequenceToSequence::Elm(neuron?))
        }
        ModelConfig::Network(_) => Ok(SequenceToSequence::Network(PenalisedNetwork::new(
            load_network(path, device)?,
            Vec::new(),
        ))),
        config => {
            let mut model = config.init(device)?;
            let mut store = SafetensorsStore::from_file(path);
            let failed = |e: &dyn std::fmt::Display| {
                let text: Vec<String> = e.to_string().lines().map(|l| l.trim().into()).collect();
                TrainError::file(path, format!("cannot read it: {}", text.join(" ")))
            };
            let applied = model.load_from(&mut store).map_err(|e| failed(&e))?;
            match applied.unused.first() {
                Some(name) => Err(failed(&format!(
                    "tensor `{name}` is no part of a {}",
                    config.kind()
                ))),
                None => Ok(model),
            }
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::tensor::{Distribution, Tensor};
    use elm_data::Task;

    use super::*;
    use crate::model::ModelKind;
    use crate::recipe::Recipe;

    /// Small models of every kind, with a network and a single neuron of its form.
    fn models(device: &Device) -> Vec<SequenceToSequence> {
        let mut models: Vec<_> = ModelKind::ALL
            .into_iter()
            .map(|kind| {
                let recipe = Recipe::of(Task::ListOps).with_model(kind).sized(4000);
                recipe.model_config().init(device).unwrap()
            })
            .collect();
        let single = Recipe::of(Task::Neuronio).with_model(ModelKind::Network);
        models.push(single.sized(6000).model_config().init(device).unwrap());
        models
    }

    #[test]
    fn what_is_written_is_read() {
        let device = Device::flex();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        for model in models(&device) {
            save(&model, &path).unwrap();
            let again = load(&path, &device).unwrap();
            assert_eq!(again.config(), model.config());
            assert_eq!(stored(&path).unwrap(), model.config());
            assert_eq!(again.num_trained(), model.num_trained());
            let (inputs, _) = model.config().sizes();
            let x = Tensor::random([2, 9, inputs], Distribution::Default, &device);
            let values = |model: &SequenceToSequence| {
                model
                    .forward(x.clone())
                    .into_data()
                    .try_to_vec::<f32>()
                    .unwrap()
            };
            let (a, b) = (values(&model), values(&again));
            assert_eq!(a, b, "{:?}", model.config().kind());
            // some baselines start at an output of 0
            assert!(a.iter().all(|v| v.is_finite()));
            let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
            assert_eq!(left.len(), 1, "{left:?}");
            // the same model is the same file
            let bytes = std::fs::read(&path).unwrap();
            for _ in 0..8 {
                save(&again, &path).unwrap();
                assert!(std::fs::read(&path).unwrap() == bytes);
            }
        }
    }

    #[test]
    fn the_count_is_that_of_the_module() {
        use burn::module::{Module, ModuleVisitor, Param};
        struct Trained(usize);
        impl ModuleVisitor for Trained {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if param.is_require_grad() {
                    self.0 += param.val().shape().num_elements();
                }
            }
        }
        for model in models(&Device::flex().autodiff()) {
            let config = model.config();
            assert_eq!(config.num_trained(), model.num_trained());
            let mut trained = Trained(0);
            model.visit(&mut trained);
            assert_eq!(trained.0, model.num_trained(), "{:?}", config.kind());
        }
    }

    #[test]
    fn a_file_whose_tensors_do_not_fit_is_told() {
        let device = Device::flex();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let small = Recipe::of(Task::ListOps).with_model(ModelKind::Tcn);
        let mut config = small.model_config();
        let model = config.init(&device).unwrap();
        if let ModelConfig::Tcn(config) = &mut config {
            config.width += 1;
        }
        let text = serde_json::to_string(&config).unwrap();
        let mut store = SafetensorsStore::from_file(&path).metadata(CONFIG_KEY, text);
        model.save_into(&mut store).unwrap();
        let error = load(&path, &device).unwrap_err().to_string();
        assert!(
            error.contains("model.safetensors: cannot read it"),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
        std::fs::write(&path, "x").unwrap();
        assert!(load(&path, &device).is_err());
    }
}
