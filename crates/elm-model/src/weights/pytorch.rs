//! The format of `torch.save`: a zip archive with a pickle that names the tensors, and the numbers of each beside it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::numbers;
use super::state_dict::{StateDict, StateTensor};
use crate::ElmError;

/// Folder of everything in the archives that are written here, as PyTorch calls its own.
const ROOT: &str = "archive";
/// Folder of texts that are no part of the state dict; `torch.load` does not read it.
const EXTRA: &str = "extra/";
/// Largest of these texts.
const MOST_TEXT: u64 = 1 << 24;
/// PyTorch maps tensors that begin at multiples of this.
const ALIGNMENT: u16 = 64;

/// The tensors of a file that some version of `torch.save` wrote.
pub(super) fn read(path: &Path) -> Result<StateDict, ElmError> {
    let invalid = |e: &dyn std::fmt::Display| {
        ElmError::file(path, format!("is no readable PyTorch state dict: {e}"))
    };
    let reader = pytorch_reader::PytorchReader::new(path).map_err(|e| invalid(&e))?;
    let mut tensors = BTreeMap::new();
    for (name, tensor) in reader.into_tensors() {
        let format = numbers::of_pytorch(tensor.dtype());
        let values = format.decode(&tensor.read().map_err(|e| invalid(&e))?);
        let shape = tensor.shape().to_vec();
        tensors.insert(
            name,
            StateTensor {
                shape,
                values,
                format,
            },
        );
    }
    Ok(StateDict {
        path: path.into(),
        tensors,
        metadata: texts(path).unwrap_or_default(),
    })
}

/// The texts beside the state dict; none in an archive of another kind.
fn texts(path: &Path) -> Option<BTreeMap<String, String>> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path).ok()?)).ok()?;
    let mut texts = BTreeMap::new();
    for index in 0..archive.len() {
        let name = archive.name_for_index(index)?.ok()?.to_string();
        let key = name
            .split_once('/')
            .and_then(|(_, n)| n.strip_prefix(EXTRA));
        if let Some(key) = key {
            let mut text = String::new();
            let entry = archive.by_index(index).ok()?;
            entry.take(MOST_TEXT).read_to_string(&mut text).ok()?;
            texts.insert(key.to_string(), text);
        }
    }
    Some(texts)
}

/// The bytes of such a file.
pub(super) fn write(dict: &StateDict) -> Result<Vec<u8>, ElmError> {
    let failed =
        |e: &dyn std::fmt::Display| ElmError::file(&dict.path, format!("cannot be written: {e}"));
    let pickle = pickle(dict).map_err(|e| failed(&e))?;
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: String, bytes: &[u8]| -> Result<(), ElmError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .with_alignment(ALIGNMENT);
        archive
            .start_file(format!("{ROOT}/{name}"), options)
            .map_err(|e| failed(&e))?;
        archive.write_all(bytes).map_err(|e| failed(&e))
    };
    // the pickle comes first: what reads the archive finds its root by it
    add("data.pkl".into(), &pickle)?;
    add("byteorder".into(), b"little")?;
    for (key, text) in &dict.metadata {
        add(format!("{EXTRA}{key}"), text.as_bytes())?;
    }
    for (index, tensor) in dict.tensors.values().enumerate() {
        add(format!("data/{index}"), &tensor.to_bytes())?;
    }
    add("version".into(), b"3\n")?;
    let file = archive.finish().map_err(|e| failed(&e))?;
    Ok(file.into_inner())
}

/// A dict of tensors as a pickle of protocol 2, whose storages are those of the archive.
fn pickle(dict: &StateDict) -> Result<Vec<u8>, String> {
    let mut out = Pickle(vec![0x80, 2]);
    out.op(b'}'); // an empty dict
    out.op(b'('); // a mark, up to which the items go
    for (index, (name, tensor)) in dict.tensors.iter().enumerate() {
        let storage = numbers::torch_storage(tensor.format).ok_or_else(|| {
            format!(
                "`{name}` holds {:?}, which PyTorch does not store",
                tensor.format
            )
        })?;
        out.text(name);
        out.global("torch._utils", "_rebuild_tensor_v2");
        out.op(b'(');
        out.op(b'(');
        out.text("storage");
        out.global("torch", storage);
        out.text(&index.to_string());
        out.text("cpu");
        out.integer(tensor.values.len());
        out.op(b't'); // the tuple since the last mark
        out.op(b'Q'); // stands for that storage
        out.integer(0); // where it begins there
        out.tuple(&tensor.shape);
        out.tuple(&strides(&tensor.shape));
        out.op(0x89); // no gradient
        out.global("collections", "OrderedDict"); // no hooks
        out.op(b')');
        out.op(b'R');
        out.op(b't');
        out.op(b'R'); // the function of the arguments
    }
    out.op(b'u');
    out.op(b'.');
    Ok(out.0)
}

/// Steps between neighbours in each dimension, row by row.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for at in (1..shape.len()).rev() {
        strides[at - 1] = strides[at] * shape[at].max(1);
    }
    strides
}

/// The few operations of pickle that a state dict takes.
struct Pickle(Vec<u8>);

impl Pickle {
    fn op(&mut self, op: u8) {
        self.0.push(op);
    }

    fn global(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").bytes());
    }

    fn text(&mut self, text: &str) {
        self.op(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.bytes());
    }

    fn integer(&mut self, value: usize) {
        match i32::try_from(value) {
            Ok(small) => {
                self.op(b'J');
                self.0.extend(small.to_le_bytes());
            }
            Err(_) => {
                // with a byte more, or the topmost bit would be its sign
                self.0.extend([0x8a, 9]);
                self.0.extend((value as u64).to_le_bytes());
                self.op(0);
            }
        }
    }

    fn tuple(&mut self, values: &[usize]) {
        self.op(b'(');
        values.iter().for_each(|value| self.integer(*value));
        self.op(b't');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::weights::NumberFormat;

    #[test]
    fn what_is_written_is_read() {
        let tensor = |format, shape: &[usize], values: &[f64]| StateTensor {
            shape: shape.to_vec(),
            values: values.to_vec(),
            format,
        };
        let tensors = [
            (
                "a.weight",
                tensor(NumberFormat::F32, &[2, 3], &[1., -2., 3., 4., 5., 0.5]),
            ),
            ("b", tensor(NumberFormat::F64, &[], &[0.1])),
            ("empty", tensor(NumberFormat::F32, &[0], &[])),
            ("index", tensor(NumberFormat::I64, &[2], &[7., 1e15])),
            ("mask", tensor(NumberFormat::Bool, &[3], &[1., 0., 1.])),
            ("small", tensor(NumberFormat::BF16, &[1], &[0.5])),
        ];
        let folder = std::env::temp_dir().join(format!("elm-pt-{}", std::process::id()));
        let path = folder.join("x.pt");
        std::fs::create_dir_all(&folder).unwrap();
        let dict = StateDict {
            path: path.clone(),
            tensors: tensors.map(|(n, t)| (n.to_string(), t)).into(),
            metadata: [("elm_config".to_string(), "{\"x\": \"ü\"}".to_string())].into(),
        };
        dict.save_pytorch(&path).unwrap();
        assert_eq!(StateDict::read(&path).unwrap(), dict);
        let unknown = tensor(NumberFormat::U32, &[1], &[1.0]);
        let dict = StateDict {
            tensors: [("u".to_string(), unknown)].into(),
            ..dict
        };
        let error = dict.to_pytorch().unwrap_err().to_string();
        assert!(error.contains("`u` holds U32"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn strides_are_those_of_rows() {
        assert_eq!(strides(&[2, 3, 4]), [12, 4, 1]);
        assert!(strides(&[]).is_empty());
    }
}
