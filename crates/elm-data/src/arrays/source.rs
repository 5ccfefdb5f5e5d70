//! Named arrays: an archive, a tensor file, a single array or a folder of them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use safetensors::SafeTensors;

use super::array::{Array, Bytes, Origin};
use super::element::Element;
use super::npy::{self, Header};
use super::npz::{self, Npz};
use crate::files::{Content, open_file, read_file};
use crate::{DataError, Result};

/// Single arrays below this size (bytes) are read into memory.
const SMALL: u64 = 1 << 18;

/// What a file is by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Npz,
    Npy,
    Safetensors,
    Hdf5,
    /// Anything else: a table.
    Table,
}

impl FileKind {
    /// Looks into the file.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let cannot_read = |e| DataError::io(path, "read it", e);
        let file = open_file(path, "a file of arrays or a table")?;
        let size = file.metadata().map_err(cannot_read)?.len();
        let mut start = Vec::new();
        file.take(16).read_to_end(&mut start).map_err(cannot_read)?;
        if npz::MAGICS.iter().any(|m| start.starts_with(m)) {
            return Ok(Self::Npz);
        }
        if start.starts_with(npy::MAGIC) {
            return Ok(Self::Npy);
        }
        if start.starts_with(b"\x89HDF\r\n\x1a\n") {
            return Ok(Self::Hdf5);
        }
        for (magic, what) in [
            (&b"\x1f\x8b"[..], "a gzip file: unpack it first"),
            (b"PAR1", "a Parquet file: save it as CSV or with np.savez"),
            (b"\x80\x04", "a pickle, which could run code: use np.savez"),
            (b"MATLAB 5", "a MATLAB file: save it with np.savez"),
        ] {
            if start.starts_with(magic) {
                let expected = "expected .npz, .npy, .safetensors, .h5 or a CSV table";
                return Err(DataError::format(path, format!("{expected}, found {what}")));
            }
        }
        // A header length that fits, then the JSON itself.
        if let Some((length, rest)) = start.split_first_chunk::<8>()
            && rest.first() == Some(&b'{')
            && u64::from_le_bytes(*length) < size
        {
            return Ok(Self::Safetensors);
        }
        Ok(Self::Table)
    }
}

/// Where an array is.
#[derive(Debug)]
enum Place {
    /// In the archive, at this place.
    Archived(usize),
    /// In a file of its own.
    File(PathBuf),
    /// In the mapped tensor file.
    Tensor(Header, std::ops::Range<usize>),
}

/// Named arrays of one path, opened when they are asked for.
#[derive(Debug)]
pub(super) struct Arrays {
    pub(super) path: PathBuf,
    places: BTreeMap<String, Place>,
    archive: Option<Npz>,
    tensors: Option<Arc<Content>>,
}

impl Arrays {
    /// Opens an archive.
    pub(super) fn npz(path: &Path) -> Result<Self> {
        let (archive, names) = Npz::open(path)?;
        let places = names.into_iter().map(|(k, i)| (k, Place::Archived(i)));
        Ok(Self {
            path: path.into(),
            places: places.collect(),
            archive: Some(archive),
            tensors: None,
        })
    }

    /// Files of single arrays by their keys; `path` stands for all of them in errors.
    pub(super) fn files(path: &Path, files: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        let places = files.into_iter().map(|(k, p)| (k, Place::File(p)));
        Self {
            path: path.into(),
            places: places.collect(),
            archive: None,
            tensors: None,
        }
    }

    /// Opens a tensor file.
    pub(super) fn safetensors(path: &Path) -> Result<Self> {
        let content = Content::map(path, "a safetensors file")?;
        let damaged = |e| DataError::format(path, format!("no valid safetensors file ({e})"));
        let (length, metadata) = SafeTensors::read_metadata(&content).map_err(damaged)?;
        let start = length + size_of::<u64>();
        let mut places = BTreeMap::new();
        for (name, info) in metadata.tensors() {
            let element = Element::from_safetensors(info.dtype).ok_or_else(|| {
                let found = info.dtype;
                let expected = "floats, integers or truth values";
                Origin::new(path, &name).error(format!("expected {expected}, found {found:?}"))
            })?;
            let header = Header {
                element,
                fortran_order: false,
                shape: info.shape.clone(),
                length: 0,
            };
            let (from, to) = info.data_offsets;
            places.insert(name, Place::Tensor(header, start + from..start + to));
        }
        Ok(Self {
            path: path.into(),
            places,
            archive: None,
            tensors: Some(Arc::new(content)),
        })
    }

    /// The names.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Is there an array, or a list of arrays, of this name?
    pub(super) fn has(&self, key: &str) -> bool {
        self.places.contains_key(key) || !self.numbered(key).is_empty()
    }

    /// The array `key`, if there is one.
    pub(super) fn get(&mut self, key: &str) -> Result<Option<Arc<Array>>> {
        let Some(place) = self.places.get(key) else {
            return Ok(None);
        };
        let array = match place {
            Place::Archived(index) => match &mut self.archive {
                Some(archive) => archive.array(key, *index)?,
                None => return Ok(None),
            },
            Place::File(path) => read_npy(path, key)?,
            Place::Tensor(header, range) => {
                let origin = Origin::new(&self.path, key);
                let bytes = self
                    .tensors
                    .as_ref()
                    .and_then(|t| Bytes::part(t, range.clone()));
                let bytes =
                    bytes.ok_or_else(|| origin.error("it ends after the end of the file"))?;
                Array::new(origin, header, bytes)?
            }
        };
        Ok(Some(Arc::new(array)))
    }

    /// The arrays `key_0`, `key_1`, … in the order of their numbers.
    ///
    /// # Errors
    /// If a number is left out, or an array cannot be read.
    pub(super) fn list(&mut self, key: &str) -> Result<Option<Vec<Arc<Array>>>> {
        let numbered = self.numbered(key);
        let Some(&(first, _)) = numbered.first() else {
            return Ok(None);
        };
        let mut list = Vec::with_capacity(numbered.len());
        for (index, (number, name)) in numbered.iter().enumerate() {
            if *number != first + index as u64 || first > 1 {
                let missing = if first > 1 { 0 } else { first + index as u64 };
                return Err(DataError::format(
                    &self.path,
                    format!("expected `{key}_{missing}` before `{name}`, found none"),
                ));
            }
            list.extend(self.get(name)?);
        }
        Ok(Some(list))
    }

    fn numbered(&self, key: &str) -> Vec<(u64, String)> {
        let number = |name: &str| {
            let number = name.strip_prefix(key)?.strip_prefix('_')?;
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| number.parse().ok())?
        };
        let names = self.places.keys();
        let mut numbered: Vec<(u64, String)> = names
            .filter_map(|name| Some((number(name)?, name.clone())))
            .collect();
        numbered.sort();
        numbered
    }
}

/// Opens a file of a single array: a large one is mapped, a small one read, as a system maps only so many files.
pub(super) fn read_npy(path: &Path, key: &str) -> Result<Array> {
    let origin = Origin::new(path, key);
    let size = std::fs::metadata(path)
        .map_err(|e| DataError::io(path, "open it", e))?
        .len();
    let content = match size < SMALL {
        true => Content::Owned(read_file(path, "an .npy file", SMALL)?),
        false => Content::map(path, "an .npy file")?,
    };
    let header = Header::read(&mut &content[..]).map_err(|p| origin.error(p))?;
    let range = header.length..content.len();
    let bytes = Bytes::part(&Arc::new(content), range);
    let bytes = bytes.ok_or_else(|| origin.error("the file ends within its header"))?;
    Array::new(origin, &header, bytes)
}
