//! From parameters to a state dict, name by name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::nn::Linear;
use burn::tensor::{Bool, DType, Int, Tensor};
use serde::Serialize;

use super::config::CONFIG_KEY;
use super::numbers::{NumberFormat, encode};
use super::state_dict::{StateDict, StateTensor};
use crate::ElmError;
use crate::error::{read, read_ints};

impl StateDict {
    /// No tensors yet, with a configuration as metadata.
    pub(super) fn with_config(config: &impl Serialize) -> Result<Self, ElmError> {
        let path = PathBuf::from("a model");
        let config = serde_json::to_string(config).map_err(|e| ElmError::file(&path, e))?;
        Ok(Self {
            path,
            tensors: BTreeMap::new(),
            metadata: [(CONFIG_KEY.to_string(), config)].into(),
        })
    }

    /// Numbers as f64 if that is what they are, else as f32.
    pub(super) fn floats<const D: usize>(
        &mut self,
        name: &str,
        tensor: Tensor<D>,
    ) -> Result<(), ElmError> {
        let (shape, dtype) = (tensor.dims().to_vec(), tensor.dtype());
        let values = read("weights", tensor)?;
        self.numbers(name, shape, values, dtype);
        Ok(())
    }

    /// Numbers that are on the host, as f64 where the tensors beside them are, else as f32.
    pub(super) fn numbers(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        values: Vec<f64>,
        beside: DType,
    ) {
        let format = match beside {
            DType::F64 => NumberFormat::F64,
            _ => NumberFormat::F32,
        };
        self.add(name, format, shape, values);
    }

    /// Integers.
    pub(super) fn integers<const D: usize>(
        &mut self,
        name: &str,
        tensor: Tensor<D, Int>,
    ) -> Result<(), ElmError> {
        let shape = tensor.dims().to_vec();
        let values = read_ints("weights", tensor)?;
        let values = values.into_iter().map(|v| v as f64).collect();
        self.add(name, NumberFormat::I64, shape, values);
        Ok(())
    }

    /// Truth values.
    pub(super) fn bools(&mut self, name: &str, tensor: Tensor<1, Bool>) -> Result<(), ElmError> {
        let shape = tensor.dims().to_vec();
        let values = read_ints("weights", tensor.int())?;
        let values = values.into_iter().map(|v| f64::from(u8::from(v != 0)));
        self.add(name, NumberFormat::Bool, shape, values.collect());
        Ok(())
    }

    /// A linear map, its weight as PyTorch has it.
    pub(super) fn linear(&mut self, name: &str, layer: &Linear) -> Result<(), ElmError> {
        self.floats(&format!("{name}.weight"), layer.weight.val().transpose())?;
        match &layer.bias {
            Some(bias) => self.floats(&format!("{name}.bias"), bias.val()),
            None => Ok(()),
        }
    }

    fn add(&mut self, name: &str, format: NumberFormat, shape: Vec<usize>, values: Vec<f64>) {
        let tensor = StateTensor {
            shape,
            // as they are once they were stored
            values: format.decode(&encode(format, &values)),
            format,
        };
        self.tensors.insert(name.into(), tensor);
    }
}
