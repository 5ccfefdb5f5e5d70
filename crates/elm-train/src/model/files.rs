//! Model files: safetensors that hold everything it takes to use a model.
//!
//! | metadata | holds |
//! |---|---|
//! | `elm_model_card` | the [`ModelCard`] as JSON |
//! | `elm_checksum` | CRC-32C of the card and of every tensor, its name, format and shape, as eight hexadecimal digits |
//! | `elm_config` | neurons and networks: the configuration once more, as elm-model and elm-stream read it |
//!
//! Neurons and networks have the published names of tensors ([`elm_model::weights`]), all others those of their Burn modules.
//! What compares the two vectors of a pair lies behind `head.`. Files of form 1 have no card: a neuron or network carries
//! `elm_config`, another model its configuration under `elm_model`; they load as models that do not say what they were
//! trained on, and so do published checkpoints.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use burn_store::{ModuleSnapshot, SafetensorsStore};
use elm_model::ElmError;
use elm_model::weights::{StateDict, StateTensor, network_config};

use super::card::{FORMAT, ModelCard};
use super::config::{ModelConfig, NetworkModel};
use super::head::PairHead;
use super::legacy;
use super::module::{PenalisedNetwork, SequenceToSequence};
use crate::durable;
use crate::error::{Result, TrainError};

/// Name of the metadata entry of the card.
const CARD_KEY: &str = "elm_model_card";
/// Name of the metadata entry of the checksum.
const CHECKSUM_KEY: &str = "elm_checksum";
/// Name of the metadata entry that held the configuration of what is neither a neuron nor a network in files of form 1.
pub(super) const CONFIG_KEY: &str = "elm_model";
/// The entry of neurons and networks.
const NEURON_KEY: &str = "elm_config";
/// What the names of the head's tensors begin with.
const HEAD: &str = "head.";

/// A model with what is known of it.
#[derive(Debug)]
pub struct ModelFile {
    /// What the file says of it.
    pub card: ModelCard,
    /// The model.
    pub model: SequenceToSequence,
    /// What compares the two vectors of a pair, where the task is to.
    pub head: Option<PairHead>,
}

impl ModelFile {
    /// Number of trained numbers, with those of the head.
    pub fn num_trained(&self) -> usize {
        self.model.num_trained() + self.head.as_ref().map_or(0, Module::num_params)
    }
}

/// Writes a model file; it appears whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub fn save(
    model: &SequenceToSequence,
    head: Option<&PairHead>,
    card: &ModelCard,
    path: &Path,
) -> Result<()> {
    let dict = state_dict(model, head, card).map_err(|e| named(e, path))?;
    durable::write_whole(path, dict.to_safetensors()?)
}

/// The tensors and metadata of a model file.
///
/// # Errors
/// If the device does not hand the weights out.
pub fn state_dict(
    model: &SequenceToSequence,
    head: Option<&PairHead>,
    card: &ModelCard,
) -> Result<StateDict> {
    let mut dict = match model {
        SequenceToSequence::Elm(neuron) => StateDict::of_neuron(neuron)?,
        SequenceToSequence::Network(model) => StateDict::of_network(&model.network)?,
        other => snapshot(other)?,
    };
    if let Some(head) = head {
        let tensors = snapshot(head)?.tensors.into_iter();
        dict.tensors
            .extend(tensors.map(|(name, tensor)| (format!("{HEAD}{name}"), tensor)));
    }
    describe(&mut dict, card)?;
    Ok(dict)
}

/// Gives the tensors of a model its card, in the place of one that they have, and the checksum over all.
///
/// # Errors
/// If the card cannot be written.
pub fn describe(dict: &mut StateDict, card: &ModelCard) -> Result<()> {
    let text = serde_json::to_string(card)
        .map_err(|e| TrainError::Run(format!("the model's card cannot be written: {e}")))?;
    dict.metadata.insert(CARD_KEY.into(), text);
    let sum = checksum(dict);
    dict.metadata.insert(CHECKSUM_KEY.into(), sum);
    Ok(())
}

/// What a file says of its model; none where it says nothing, such as a published checkpoint.
///
/// # Errors
/// If the file cannot be read, is damaged, or what it carries is not valid.
pub fn stored(path: &Path) -> Result<Option<ModelCard>> {
    card_of(&StateDict::read_model(path)?)
}

/// Reads a model file of any form that says what model it holds.
///
/// # Errors
/// If the file cannot be read, is damaged, holds numbers that are none, or its tensors do not fit its configuration.
pub fn load(path: &Path, device: &Device) -> Result<ModelFile> {
    let dict = StateDict::read_model(path)?;
    let card = card_of(&dict)?.ok_or_else(|| {
        TrainError::file(
            path,
            "does not say which model its weights are of, expected a model of `elm train`",
        )
    })?;
    from_state_dict(dict, card, device)
}

/// The model of tensors and a card.
///
/// # Errors
/// If they do not belong together.
pub fn from_state_dict(mut dict: StateDict, card: ModelCard, device: &Device) -> Result<ModelFile> {
    let path = dict.path.clone();
    let head = dict.take_prefixed(HEAD);
    let head = match (head.is_empty(), &card.config) {
        (true, _) => None,
        (false, config) => {
            let classes = card.output().classes().map_or(0, <[String]>::len);
            let head_module = PairHead::new(config.sizes().1, classes.max(1), device);
            Some(restored_head(head_module, head, &path)?)
        }
    };
    let model = match &card.config {
        ModelConfig::Elm(config) => {
            let dict = match legacy::net_neuron_weights(&dict, config) {
                Some(renamed) => renamed,
                None => dict,
            };
            SequenceToSequence::Elm(dict.to_neuron(config, device)?)
        }
        ModelConfig::Network(config) => SequenceToSequence::Network(PenalisedNetwork::new(
            dict.to_network(&config.network, device)?,
            config.regularisers.clone(),
        )),
        config => restored(config.init(device)?, &dict, config.kind().name())?,
    };
    Ok(ModelFile { card, model, head })
}

/// A head with these tensors, by their names without what stands before them in the file.
///
/// # Errors
/// If they are not those of such a head.
pub fn restored_head(
    head: PairHead,
    tensors: BTreeMap<String, StateTensor>,
    path: &Path,
) -> Result<PairHead> {
    let dict = StateDict {
        path: path.into(),
        tensors,
        metadata: BTreeMap::new(),
    };
    restored(head, &dict, "the head")
}

/// The tensors of a Burn module by its own names.
fn snapshot<M: Module>(module: &M) -> Result<StateDict> {
    let failed = |e: &dyn std::fmt::Display| {
        TrainError::Run(format!("the model cannot be written: {}", one_line(e)))
    };
    let mut store = SafetensorsStore::from_bytes(None).clear_metadata();
    module.save_into(&mut store).map_err(|e| failed(&e))?;
    let bytes = store.get_bytes().map_err(|e| failed(&e))?;
    let mut dict = StateDict::from_safetensors("a model", &bytes)?;
    dict.metadata.clear();
    Ok(dict)
}

/// A Burn module with the tensors of a file.
fn restored<M: Module>(mut module: M, dict: &StateDict, what: &str) -> Result<M> {
    let path = &dict.path;
    let failed = |e: &dyn std::fmt::Display| {
        TrainError::file(path, format!("cannot read it: {}", one_line(e)))
    };
    // its own names are none that need wrappers taken off
    for (name, tensor) in &dict.tensors {
        if let Some(bad) = tensor.values.iter().find(|v| !v.is_finite()) {
            let problem = format!("`{name}` holds {bad}, expected finite numbers");
            return Err(TrainError::file(path, problem));
        }
    }
    let mut store = SafetensorsStore::from_bytes(Some(dict.to_safetensors()?));
    let applied = module.load_from(&mut store).map_err(|e| failed(&e))?;
    match applied.unused.first() {
        Some(name) => Err(failed(&format!("tensor `{name}` is no part of {what}"))),
        None => Ok(module),
    }
}

fn one_line(e: &dyn std::fmt::Display) -> String {
    let lines: Vec<String> = e.to_string().lines().map(|l| l.trim().into()).collect();
    lines.join(" ")
}

/// An error about weights as one about the file that they are written to.
fn named(error: TrainError, path: &Path) -> TrainError {
    match error {
        TrainError::Run(problem) => TrainError::file(path, problem),
        other => other,
    }
}

/// CRC-32C of the card, the configuration and every tensor.
fn checksum(dict: &StateDict) -> String {
    let mut sum = 0;
    for key in [CARD_KEY, NEURON_KEY] {
        let text = dict.metadata.get(key).map_or("", String::as_str);
        sum = crc32c::crc32c_append(sum, text.as_bytes());
        sum = crc32c::crc32c_append(sum, &[0]);
    }
    for (name, StateTensor { shape, format, .. }) in &dict.tensors {
        let head = format!("{name} {format:?} {shape:?}\0");
        sum = crc32c::crc32c_append(sum, head.as_bytes());
        sum = crc32c::crc32c_append(sum, &dict.tensors[name].to_bytes());
    }
    format!("{sum:08x}")
}

/// What a file of any form says of its model, once its checksum was compared; none where it says nothing.
///
/// # Errors
/// If the file is damaged, or what it carries is not valid.
pub fn card_of(dict: &StateDict) -> Result<Option<ModelCard>> {
    let fail = |problem: String| Err(TrainError::file(&dict.path, problem));
    let stored = dict.metadata.get(CHECKSUM_KEY);
    match (dict.metadata.get(CARD_KEY), stored) {
        (None, None) => Ok(earlier(dict)?.map(|config| ModelCard {
            format: 1,
            elm: String::new(), // it did not say
            ..ModelCard::new(config, None)
        })),
        (Some(_), None) | (None, Some(_)) => fail(format!(
            "is damaged: it has one of `{CARD_KEY}` and `{CHECKSUM_KEY}` without the other"
        )),
        (Some(text), Some(stored)) => {
            let found = checksum(dict);
            if *stored != found {
                return fail(format!(
                    "is damaged: its checksum should be {stored}, found {found}"
                ));
            }
            parse_card(text, dict).map(Some)
        }
    }
}

fn parse_card(text: &str, dict: &StateDict) -> Result<ModelCard> {
    let invalid = |problem: String| TrainError::file(&dict.path, problem);
    let wrong = |e: serde_json::Error| {
        invalid(format!(
            "the `{CARD_KEY}` that it carries is not valid: {e}"
        ))
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(wrong)?;
    let format = value["format"].as_u64();
    if format.is_some_and(|format| format > u64::from(FORMAT)) {
        return Err(invalid(format!(
            "was written by a newer elm ({}, form {}); this one reads forms up to {FORMAT}",
            value["elm"].as_str().unwrap_or("of an unknown version"),
            format.unwrap_or_default()
        )));
    }
    serde_json::from_value(value).map_err(wrong)
}

/// The configuration that a file of form 1 carries; none in a published checkpoint.
fn earlier(dict: &StateDict) -> Result<Option<ModelConfig>> {
    let invalid = |key: &str, e: &dyn std::fmt::Display| {
        TrainError::file(
            &dict.path,
            format!("the `{key}` that it carries is not valid: {e}"),
        )
    };
    if let Some(text) = dict.metadata.get(CONFIG_KEY) {
        if let Some(config) = legacy::net_neuron(text).map_err(|e| invalid(CONFIG_KEY, &e))? {
            return Ok(Some(ModelConfig::Elm(config)));
        }
        let config = serde_json::from_str(text).map_err(|e| invalid(CONFIG_KEY, &e))?;
        return Ok(Some(config));
    }
    let Some(text) = dict.metadata.get(NEURON_KEY) else {
        return Ok(None);
    };
    let fields: serde_json::Value =
        serde_json::from_str(text).map_err(|e| invalid(NEURON_KEY, &e))?;
    if fields.get("num_neurons").is_some() {
        return Err(TrainError::file(
            &dict.path,
            "holds a single layer, which is no model on its own: save it as a network",
        ));
    }
    if fields.get("hidden_neurons").is_some() || fields.get("output_embedding").is_some() {
        let network = network_config(text).map_err(|e| invalid(NEURON_KEY, &e))?;
        return Ok(Some(ModelConfig::Network(NetworkModel {
            network,
            regularisers: Vec::new(),
        })));
    }
    let config = dict.carried_config().map_err(|e| match e {
        ElmError::File { .. } => TrainError::Model(e),
        other => invalid(NEURON_KEY, &other),
    })?;
    Ok(config.map(ModelConfig::Elm))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
