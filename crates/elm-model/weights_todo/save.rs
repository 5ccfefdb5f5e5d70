//! From a neuron to a state dict with the published names.

use std::collections::HashMap;
use std::path::Path;

use burn::nn::Linear;
use burn::tensor::{Int, Tensor};
use safetensors::{Dtype, tensor::TensorView};

use super::infer::CONFIG_KEY;
use super::state_dict::file_error;
use crate::ElmError;
use crate::neuron::{ElmNeuron, NeuronVersion};

/// One tensor ready to be written.
pub(super) struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Writes a neuron as safetensors with the published names, plus its configuration as metadata.
///
/// The file appears whole or not at all (written beside it first, then renamed).
///
/// # Errors
/// [`ElmError::File`] if it cannot be written.
pub fn save_safetensors(neuron: &ElmNeuron, path: impl AsRef<Path>) -> Result<(), ElmError> {
    let path = path.as_ref();
    let entries = entries(neuron).map_err(|e| file_error(path, e))?;
    let config = serde_json::to_string(neuron.config()).map_err(|e| file_error(path, e))?;
    write(&entries, config, path)
}

/// Writes tensors with a configuration as metadata; the file appears whole or not at all.
pub(super) fn write(entries: &[Entry], config: String, path: &Path) -> Result<(), ElmError> {
    let mut views = Vec::with_capacity(entries.len());
    for entry in entries {
        let view = TensorView::new(entry.dtype, entry.shape.clone(), &entry.bytes)
            .map_err(|e| file_error(path, e))?;
        views.push((entry.name.as_str(), view));
    }
    let metadata = HashMap::from([(CONFIG_KEY.to_string(), config)]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| file_error(path, e))?;
    let partial = path.with_extension("safetensors.partial");
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path))
        .inspect_err(|_| drop(std::fs::remove_file(&partial)))
        .map_err(|e| file_error(path, format!("cannot be written: {e}")))
}

type ReadError = String;

fn entries(neuron: &ElmNeuron) -> Result<Vec<Entry>, ReadError> {
    let config = neuron.config();
    let mut out = vec![
        floats("_proto_w_s", neuron.synapses.proto_weight.val())?,
        floats("_proto_tau_m", neuron.proto_tau.val())?,
    ];
    let (name, len) = match config.version {
        NeuronVersion::V1 => ("tau_s", config.synapses()),
        NeuronVersion::V2 => ("tau_b", config.branches()),
    };
    out.push(Entry {
        name: name.into(),
        dtype: Dtype::F32,
        shape: vec![len],
        bytes: (config.synapse_tau as f32).to_le_bytes().repeat(len),
    });
    for (k, layer) in neuron.mlp.layers.iter().enumerate() {
        linear(&format!("mlp.network.{}", 2 * k), layer, &mut out)?;
    }
    linear("w_y", &neuron.readout, &mut out)?;
    if let (Some(channels), Some(valid)) = (&neuron.synapses.channels, &neuron.synapses.valid) {
        out.push(integers("input_to_synapse_indices", channels.val())?);
        let valid = host(valid.val())?;
        out.push(Entry {
            name: "valid_indices_mask".into(),
            dtype: Dtype::BOOL,
            shape: vec![valid.len()],
            bytes: valid.iter().map(|v| u8::from(*v != 0.0)).collect(),
        });
    }
    Ok(out)
}

fn linear(name: &str, layer: &Linear, out: &mut Vec<Entry>) -> Result<(), ReadError> {
    out.push(floats(
        &format!("{name}.weight"),
        layer.weight.val().transpose(),
    )?);
    if let Some(bias) = &layer.bias {
        out.push(floats(&format!("{name}.bias"), bias.val())?);
    }
    Ok(())
}

fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ReadError> {
    tensor
        .into_data()
        .convert::<f32>()
        .try_to_vec()
        .map_err(|e| format!("a tensor could not be read back: {e:?}"))
}

pub(super) fn floats<const D: usize>(name: &str, tensor: Tensor<D>) -> Result<Entry, ReadError> {
    let shape = tensor.dims().to_vec();
    let bytes = host(tensor)?.iter().flat_map(|v| v.to_le_bytes()).collect();
    Ok(Entry {
        name: name.into(),
        dtype: Dtype::F32,
        shape,
        bytes,
    })
}

pub(super) fn integers<const D: usize>(
    name: &str,
    tensor: Tensor<D, Int>,
) -> Result<Entry, ReadError> {
    let shape = tensor.dims().to_vec();
    let values: Vec<i64> = tensor
        .into_data()
        .convert::<i64>()
        .try_to_vec()
        .map_err(|e| format!("a tensor could not be read back: {e:?}"))?;
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Ok(Entry {
        name: name.into(),
        dtype: Dtype::I64,
        shape,
        bytes,
    })
}
