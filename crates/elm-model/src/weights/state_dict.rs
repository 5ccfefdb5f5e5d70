//! A state dict in host memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::ElmError;

/// One tensor of a state dict.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor {
    /// Its shape as stored (PyTorch's order).
    pub shape: Vec<usize>,
    /// Its numbers, row by row; floats, integers and booleans alike fit an f64 here.
    pub values: Vec<f64>,
}

/// All tensors of a checkpoint by name.
#[derive(Debug, Clone)]
pub struct StateDict {
    /// The file that it came from.
    pub path: PathBuf,
    /// Name to tensor.
    pub tensors: BTreeMap<String, StateTensor>,
    /// Text that the file carries besides the tensors.
    pub metadata: BTreeMap<String, String>,
}

/// Number formats that occur in checkpoints.
#[derive(Debug, Clone, Copy)]
enum Format {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl StateDict {
    /// Reads a `.safetensors` file, or a PyTorch file (`.pt`, `.pth`, `.bin`).
    ///
    /// # Errors
    /// [`ElmError::File`] if it is missing, a folder, truncated or of another format.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ElmError> {
        let path = path.as_ref();
        if path.is_dir() {
            return Err(file_error(
                path,
                "is a folder, expected a weight file (.safetensors or .pt)",
            ));
        }
        match path.extension().and_then(|e| e.to_str()) {
            Some("pt" | "pth" | "bin") => Self::read_pytorch(path),
            _ => Self::read_safetensors(path),
        }
    }

    fn read_safetensors(path: &Path) -> Result<Self, ElmError> {
        let bytes = std::fs::read(path).map_err(|e| file_error(path, e))?;
        let invalid = |e: safetensors::SafeTensorError| {
            file_error(path, format!("is no valid safetensors file: {e}"))
        };
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).map_err(invalid)?;
        let metadata = header
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        let file = safetensors::SafeTensors::deserialize(&bytes).map_err(invalid)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            use safetensors::Dtype;
            let format = match view.dtype() {
                Dtype::F64 => Format::F64,
                Dtype::F32 => Format::F32,
                Dtype::F16 => Format::F16,
                Dtype::BF16 => Format::BF16,
                Dtype::I64 => Format::I64,
                Dtype::I32 => Format::I32,
                Dtype::I16 => Format::I16,
                Dtype::I8 => Format::I8,
                Dtype::U8 => Format::U8,
                Dtype::BOOL => Format::Bool,
                other => {
                    return Err(file_error(
                        path,
                        format!(
                            "`{name}` has number format {other:?}, expected floats, integers or booleans"
                        ),
                    ));
                }
            };
            let tensor = StateTensor {
                shape: view.shape().to_vec(),
                values: decode(format, view.data()),
            };
            tensors.insert(name, tensor);
        }
        Ok(Self {
            path: path.into(),
            tensors,
            metadata,
        })
    }

    fn read_pytorch(path: &Path) -> Result<Self, ElmError> {
        use pytorch_reader::DType;
        if !path.exists() {
            return Err(file_error(path, "no such file"));
        }
        let invalid = |e: &dyn std::fmt::Display| {
            file_error(path, format!("is no readable PyTorch state dict: {e}"))
        };
        let reader = pytorch_reader::PytorchReader::new(path).map_err(|e| invalid(&e))?;
        let mut tensors = BTreeMap::new();
        for (name, tensor) in reader.into_tensors() {
            let format = match tensor.dtype() {
                DType::F64 => Format::F64,
                DType::F32 => Format::F32,
                DType::F16 => Format::F16,
                DType::BF16 => Format::BF16,
                DType::I64 => Format::I64,
                DType::I32 => Format::I32,
                DType::I16 => Format::I16,
                DType::I8 => Format::I8,
                DType::U8 => Format::U8,
                DType::Bool => Format::Bool,
                other => {
                    return Err(file_error(
                        path,
                        format!(
                            "`{name}` has number format {other:?}, expected floats, integers or booleans"
                        ),
                    ));
                }
            };
            let values = decode(format, &tensor.read().map_err(|e| invalid(&e))?);
            tensors.insert(
                name,
                StateTensor {
                    shape: tensor.shape().to_vec(),
                    values,
                },
            );
        }
        Ok(Self {
            path: path.into(),
            tensors,
            metadata: BTreeMap::new(),
        })
    }

    /// Shape of a tensor, if it is there.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|t| t.shape.as_slice())
    }
}

pub(super) fn file_error(path: &Path, problem: impl std::fmt::Display) -> ElmError {
    ElmError::File {
        path: path.into(),
        problem: problem.to_string(),
    }
}

fn decode(format: Format, bytes: &[u8]) -> Vec<f64> {
    fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|c| f(*c)).collect()
    }
    match format {
        Format::F64 => each(bytes, f64::from_le_bytes),
        Format::F32 => each(bytes, |b| f32::from_le_bytes(b).into()),
        Format::F16 => each(bytes, |b| burn::tensor::f16::from_le_bytes(b).into()),
        Format::BF16 => each(bytes, |b| burn::tensor::bf16::from_le_bytes(b).into()),
        // indices: far below 2^53, exact in f64
        Format::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        Format::I32 => each(bytes, |b| i32::from_le_bytes(b).into()),
        Format::I16 => each(bytes, |b| i16::from_le_bytes(b).into()),
        Format::I8 => each(bytes, |b| i8::from_le_bytes(b).into()),
        Format::U8 | Format::Bool => bytes.iter().map(|b| f64::from(*b)).collect(),
    }
}
