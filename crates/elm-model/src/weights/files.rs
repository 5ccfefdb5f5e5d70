//! State dicts in files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::content::Format;
use super::names::unwrapped;
use super::numbers;
use super::pytorch;
use super::state_dict::{StateDict, StateTensor};
use crate::ElmError;

impl StateDict {
    /// Reads the file of a model as [`read`](Self::read) does, and takes wrappers off: the names of an ELM model begin with
    /// nothing, whatever was around it (`module.` of DataParallel, `_orig_mod.` of compiled modules, `state_dict.`,
    /// `model.` and the like of trainers' checkpoints), and what is beside it in a wrapper is left out.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`ElmError::File`] if the file holds several models.
    pub fn read_model(path: impl AsRef<Path>) -> Result<Self, ElmError> {
        let mut dict = Self::read(path)?;
        dict.tensors = unwrapped(dict.tensors).map_err(|e| ElmError::file(&dict.path, e))?;
        Ok(dict)
    }

    /// Reads a safetensors file or a PyTorch file; the content says which it is, not the name.
    ///
    /// # Errors
    /// [`ElmError::File`] if it is missing, a folder, truncated or of another format.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ElmError> {
        let path = path.as_ref();
        if path.is_dir() {
            return Err(ElmError::file(
                path,
                "is a folder, expected a weight file (.safetensors or .pt)",
            ));
        }
        match Format::of(path)? {
            Format::Pytorch => pytorch::read(path),
            Format::Safetensors => {
                let bytes = std::fs::read(path).map_err(|e| ElmError::file(path, e))?;
                Self::from_safetensors(path, &bytes)
            }
        }
    }

    /// The tensors in the bytes of a safetensors file, by their names as they are; `path` is what errors say.
    ///
    /// # Errors
    /// [`ElmError::File`] if they are none.
    pub fn from_safetensors(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self, ElmError> {
        let path = path.into();
        let invalid = |e: safetensors::SafeTensorError| {
            ElmError::file(&path, format!("is no valid safetensors file: {e}"))
        };
        let (_, header) = safetensors::SafeTensors::read_metadata(bytes).map_err(invalid)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let file = safetensors::SafeTensors::deserialize(bytes).map_err(invalid)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            let Some(format) = numbers::of_safetensors(view.dtype()) else {
                let problem = format!(
                    "`{name}` has number format {:?}, expected floats, integers or booleans",
                    view.dtype()
                );
                return Err(ElmError::file(&path, problem));
            };
            let tensor = StateTensor {
                shape: view.shape().to_vec(),
                values: format.decode(view.data()),
                format,
            };
            tensors.insert(name, tensor);
        }
        Ok(Self {
            tensors,
            metadata: metadata.into_iter().collect(),
            path,
        })
    }

    /// The same as the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`ElmError::File`] if a shape does not have as many numbers as there are.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, ElmError> {
        let invalid = |e: safetensors::SafeTensorError| {
            ElmError::file(&self.path, format!("cannot be written: {e}"))
        };
        let bytes: Vec<(&String, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, tensor)| (name, tensor.to_bytes()))
            .collect();
        let mut views = Vec::with_capacity(bytes.len());
        for ((name, bytes), tensor) in bytes.iter().zip(self.tensors.values()) {
            let dtype = numbers::safetensors(tensor.format);
            let view = safetensors::tensor::TensorView::new(dtype, tensor.shape.clone(), bytes);
            views.push((name.as_str(), view.map_err(invalid)?));
        }
        let file = safetensors::serialize(views, None).map_err(invalid)?;
        self.with_metadata(&file).map_err(|e| {
            let problem = format!("cannot be written: {e}");
            ElmError::file(&self.path, problem)
        })
    }

    /// A file with the metadata in its header, in the order of their names: the same model makes the same bytes, which the
    /// format's own writer, with metadata in a hash map, does not promise.
    fn with_metadata(&self, file: &[u8]) -> Result<Vec<u8>, String> {
        let (length, rest) = file.split_first_chunk::<8>().ok_or("it has no header")?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|e| e.to_string())?;
        let (header, data) = rest.split_at_checked(length).ok_or("its header is cut")?;
        let tensors = header
            .trim_ascii()
            .strip_prefix(b"{")
            .ok_or("it has no header")?;
        let metadata = serde_json::to_string(&self.metadata).map_err(|e| e.to_string())?;
        let mut header = format!("{{\"__metadata__\":{metadata}").into_bytes();
        if tensors != b"}" {
            header.push(b',');
        }
        header.extend(tensors);
        header.resize(header.len().next_multiple_of(8), b' ');
        Ok([&(header.len() as u64).to_le_bytes()[..], &header, data].concat())
    }

    /// The same as the bytes of a file that `torch.load` reads as a state dict; the metadata lie beside it in the
    /// archive, where `torch.load` does not look and [`read`](Self::read) does.
    ///
    /// # Errors
    /// [`ElmError::File`] if a number format is unknown to PyTorch.
    pub fn to_pytorch(&self) -> Result<Vec<u8>, ElmError> {
        pytorch::write(self)
    }

    /// Writes a safetensors file; it appears whole or not at all (written beside it first, then renamed).
    ///
    /// # Errors
    /// [`ElmError::File`] if it cannot be written.
    pub fn save_safetensors(&self, path: impl AsRef<Path>) -> Result<(), ElmError> {
        write_whole(path.as_ref(), &self.to_safetensors()?)
    }

    /// Writes a file for `torch.load`; it appears whole or not at all.
    ///
    /// # Errors
    /// [`ElmError::File`] if it cannot be written.
    pub fn save_pytorch(&self, path: impl AsRef<Path>) -> Result<(), ElmError> {
        write_whole(path.as_ref(), &self.to_pytorch()?)
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ElmError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let partial = path.with_file_name(name);
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path))
        .inspect_err(|_| drop(std::fs::remove_file(&partial)))
        .map_err(|e| ElmError::file(path, format!("cannot be written: {e}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_tensors_make_the_same_bytes() {
        let metadata: BTreeMap<String, String> = (0..20)
            .map(|i| (format!("key{i}"), format!("a \"text\" {i}")))
            .collect();
        for tensors in [vec![], vec!["b", "a.weight"]] {
            let tensor = StateTensor::new(vec![2], vec![0.5, -1.0]);
            let dict = StateDict {
                path: "x".into(),
                tensors: tensors
                    .into_iter()
                    .map(|n| (n.to_string(), tensor.clone()))
                    .collect(),
                metadata: metadata.clone(),
            };
            let bytes = dict.to_safetensors().unwrap();
            assert_eq!(StateDict::from_safetensors("x", &bytes).unwrap(), dict);
            assert_eq!(bytes, dict.to_safetensors().unwrap());
            let first = bytes.windows(6).position(|w| w == b"\"key0\"").unwrap();
            let last = bytes.windows(6).position(|w| w == b"\"key9\"").unwrap();
            assert!(first < last);
        }
    }
}
