//! Burn's own files: records of neurons and networks, which carry their configuration.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::Device;
use elm_model::{ElmNetwork, ElmNeuron};

use super::kind::ModelKind;
use super::module::{PenalisedNetwork, SequenceToSequence};
use crate::error::{Result, TrainError};

/// First bytes of a file that Burn writes (`Module::save_file`).
const MAGIC: [u8; 4] = *b"NRUB";

/// Is it a file that Burn wrote? The content says it, not the name.
pub fn is_record(path: &Path) -> bool {
    let mut first = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && first == MAGIC
}

/// The neuron or network of a file that Burn wrote.
///
/// # Errors
/// If it cannot be read, or is the record of something else.
pub fn read_record(path: &Path, device: &Device) -> Result<SequenceToSequence> {
    let unread = |e: &dyn std::fmt::Display| TrainError::file(path, format!("cannot read it: {e}"));
    let record = ModuleRecord::load(path).map_err(|e| unread(&e))?;
    let neuron = match ElmNeuron::from_record(record.clone(), device) {
        Ok(neuron) => return Ok(SequenceToSequence::Elm(neuron)),
        Err(error) => error,
    };
    match ElmNetwork::from_record(record, device) {
        Ok(network) => Ok(SequenceToSequence::Network(PenalisedNetwork::new(
            network,
            Vec::new(),
        ))),
        Err(network) => Err(TrainError::file(
            path,
            format!(
                "expected Burn's record of a neuron or network with its configuration, found neither a neuron ({neuron}) nor a \
                 network ({network})"
            ),
        )),
    }
}

/// A neuron or network as a file of Burn: `Module::load_file` and `from_record` read it.
///
/// # Errors
/// If it is another model, whose record does not say its configuration, or the device does not hand its weights out.
pub fn record_bytes(model: &SequenceToSequence, path: &Path) -> Result<Vec<u8>> {
    let record = match model {
        SequenceToSequence::Elm(neuron) => neuron.clone().into_record(),
        SequenceToSequence::Network(model) => model.network.clone().into_record(),
        other => {
            return Err(TrainError::file(
                path,
                format!(
                    "expected a neuron or network, whose records say their configuration, found a model of kind {}",
                    ModelKind::name(other.config().kind())
                ),
            ));
        }
    };
    let bytes = record.into_bytes().map_err(|e| TrainError::file(path, e))?;
    Ok(bytes.to_vec())
}
