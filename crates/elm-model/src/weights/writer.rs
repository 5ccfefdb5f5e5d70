//! Tensors into a safetensors file.

use std::collections::HashMap;
use std::path::Path;

use burn::nn::Linear;
use burn::tensor::{Bool, DType, Int, Tensor};
use safetensors::{Dtype, tensor::TensorView};
use serde::Serialize;

use super::config::CONFIG_KEY;
use super::state_dict::file_error;
use crate::ElmError;
use crate::error::{read, read_ints};

/// The tensors of a file, by name.
#[derive(Default)]
pub(super) struct Writer {
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Writer {
    /// Numbers as f64 if that is what they are, else as f32.
    pub fn floats<const D: usize>(
        &mut self,
        name: &str,
        tensor: Tensor<D>,
    ) -> Result<(), ElmError> {
        let (shape, dtype) = (tensor.dims().to_vec(), tensor.dtype());
        let values = read("weights", tensor)?;
        self.numbers(name, shape, &values, dtype);
        Ok(())
    }

    /// Numbers that are on the host, as f64 where the tensors beside them are, else as f32.
    pub fn numbers(&mut self, name: &str, shape: Vec<usize>, values: &[f64], beside: DType) {
        let (dtype, bytes) = match beside {
            DType::F64 => (
                Dtype::F64,
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
            _ => (
                Dtype::F32,
                values
                    .iter()
                    .flat_map(|v| (*v as f32).to_le_bytes())
                    .collect(),
            ),
        };
        self.push(name, dtype, shape, bytes);
    }

    /// Integers.
    pub fn integers<const D: usize>(
        &mut self,
        name: &str,
        tensor: Tensor<D, Int>,
    ) -> Result<(), ElmError> {
        let shape = tensor.dims().to_vec();
        let values = read_ints("weights", tensor)?;
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.push(name, Dtype::I64, shape, bytes);
        Ok(())
    }

    /// Truth values.
    pub fn bools(&mut self, name: &str, tensor: Tensor<1, Bool>) -> Result<(), ElmError> {
        let shape = tensor.dims().to_vec();
        let bytes = read_ints("weights", tensor.int())?;
        let bytes = bytes.into_iter().map(|v| u8::from(v != 0)).collect();
        self.push(name, Dtype::BOOL, shape, bytes);
        Ok(())
    }

    /// A linear map, its weight as PyTorch has it.
    pub fn linear(&mut self, name: &str, layer: &Linear) -> Result<(), ElmError> {
        self.floats(&format!("{name}.weight"), layer.weight.val().transpose())?;
        match &layer.bias {
            Some(bias) => self.floats(&format!("{name}.bias"), bias.val()),
            None => Ok(()),
        }
    }

    fn push(&mut self, name: &str, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) {
        self.entries.push(Entry {
            name: name.into(),
            dtype,
            shape,
            bytes,
        });
    }

    /// Writes the file with a configuration as metadata; it appears whole or not at all (written beside it first, then
    /// renamed).
    pub fn write(self, config: &impl Serialize, path: &Path) -> Result<(), ElmError> {
        let config = serde_json::to_string(config).map_err(|e| file_error(path, e))?;
        let mut views = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let view = TensorView::new(entry.dtype, entry.shape.clone(), &entry.bytes)
                .map_err(|e| file_error(path, e))?;
            views.push((entry.name.as_str(), view));
        }
        let metadata = HashMap::from([(CONFIG_KEY.to_string(), config)]);
        let bytes =
            safetensors::serialize(views, Some(metadata)).map_err(|e| file_error(path, e))?;
        let partial = path.with_extension("safetensors.partial");
        std::fs::write(&partial, bytes)
            .and_then(|()| std::fs::rename(&partial, path))
            .inspect_err(|_| drop(std::fs::remove_file(&partial)))
            .map_err(|e| file_error(path, format!("cannot be written: {e}")))
    }
}
