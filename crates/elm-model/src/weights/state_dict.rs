//! A state dict in host memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::numbers::{NumberFormat, encode};

/// One tensor of a state dict.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// Its shape as stored (PyTorch's order).
    pub shape: Vec<usize>,
    /// Its numbers, row by row; floats, integers and booleans alike fit an f64 here.
    pub values: Vec<f64>,
    /// The format that they are stored in.
    pub format: NumberFormat,
}

impl StateTensor {
    /// Numbers that are stored as f32.
    pub fn new(shape: Vec<usize>, values: Vec<f64>) -> Self {
        let format = NumberFormat::F32;
        Self {
            shape,
            values,
            format,
        }
    }

    /// Its numbers as they are stored, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self.format, &self.values)
    }
}

/// All tensors of a checkpoint by name.
#[derive(Debug, Clone, PartialEq)]
pub struct StateDict {
    /// The file that it came from.
    pub path: PathBuf,
    /// Name to tensor.
    pub tensors: BTreeMap<String, StateTensor>,
    /// Text that the file carries besides the tensors.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// Shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|t| t.shape.as_slice())
    }

    /// The tensors whose names begin with `prefix`, without it; they are no longer here then.
    pub fn take_prefixed(&mut self, prefix: &str) -> BTreeMap<String, StateTensor> {
        let (taken, rest): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.tensors)
            .into_iter()
            .partition(|(name, _)| name.starts_with(prefix));
        self.tensors = rest;
        let strip = |(name, tensor): (String, StateTensor)| (name[prefix.len()..].into(), tensor);
        taken.into_iter().map(strip).collect()
    }
}
