//! What a file is by its content: a name may be anything.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::ElmError;

/// Formats of weight files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Safetensors,
    /// What `torch.save` writes or wrote: a zip archive, a tar archive or a pickle.
    Pytorch,
}

/// Most bytes that tell what a file is: up to the mark of a tar archive.
const LOOKED_AT: u64 = 512;
/// Place of that mark.
const TAR_MARK: std::ops::Range<usize> = 257..262;

impl Format {
    /// Looks into a file.
    ///
    /// # Errors
    /// [`ElmError::File`] if it cannot be read, or is something else that can be named.
    pub fn of(path: &Path) -> Result<Self, ElmError> {
        let file = File::open(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => ElmError::file(path, "no such file"),
            _ => ElmError::file(path, e),
        })?;
        let size = file.metadata().map_err(|e| ElmError::file(path, e))?.len();
        let mut start = Vec::new();
        file.take(LOOKED_AT)
            .read_to_end(&mut start)
            .map_err(|e| ElmError::file(path, e))?;
        let wrong = |found: &str| {
            let expected = "expected weights (safetensors, or what torch.save writes)";
            Err(ElmError::file(path, format!("{expected}, found {found}")))
        };
        if start.is_empty() {
            return wrong("an empty file");
        }
        if start.starts_with(b"PK") {
            return archive(path);
        }
        // a header length, then JSON
        if let Some((length, rest)) = start.split_first_chunk::<8>()
            && (u64::from_le_bytes(*length) <= size && rest.first() == Some(&b'{'))
        {
            return Ok(Self::Safetensors);
        }
        // a pickle of protocol 2 or later, or a tar archive
        if matches!(start[..], [0x80, 2..=5, ..]) || start.get(TAR_MARK) == Some(b"ustar") {
            return Ok(Self::Pytorch);
        }
        for (magic, what) in [
            (&b"\x1f\x8b"[..], "a gzip file: unpack it first"),
            (b"\x28\xb5\x2f\xfd", "a zstd file: unpack it first"),
            (b"\xfd7zXZ\0", "an xz file: unpack it first"),
            (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes"),
            (b"\x93NUMPY", "an array of numpy"),
            (
                b"version https://git-lfs",
                "a pointer of Git LFS: fetch the file itself with `git lfs pull`",
            ),
            (b"<", "a web page: was the download refused?"),
            (b"{", "a JSON file"),
        ] {
            if start.starts_with(magic) {
                return wrong(what);
            }
        }
        // files that were cut short keep their header's length
        if let Some((length, rest)) = start.split_first_chunk::<8>()
            && rest.first() == Some(&b'{')
        {
            let length = u64::from_le_bytes(*length);
            return Err(ElmError::file(
                path,
                format!(
                    "is a safetensors file that was cut short: its header takes {length} bytes, the file has {size}"
                ),
            ));
        }
        wrong("something else")
    }
}

/// Which of the zip archives that come from Python.
fn archive(path: &Path) -> Result<Format, ElmError> {
    let damaged = |e: &dyn std::fmt::Display| {
        ElmError::file(
            path,
            format!("is no readable zip archive (of torch.save?): {e}"),
        )
    };
    let file = File::open(path).map_err(|e| ElmError::file(path, e))?;
    let archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(&e))?;
    let mut names = Vec::new();
    for index in 0..archive.len() {
        if let Some(name) = archive.name_for_index(index) {
            names.push(name.map_err(|e| damaged(&e))?.to_string());
        }
    }
    // torch.save puts everything into one folder, numpy nothing
    let inside = |name: &String| name.split_once('/').map(|(_, rest)| rest.to_string());
    let within: Vec<String> = names.iter().filter_map(inside).collect();
    if within
        .iter()
        .any(|n| n == "constants.pkl" || n.starts_with("code/"))
    {
        return Err(ElmError::file(
            path,
            "is a TorchScript archive (torch.jit.save), which holds a program; save the weights alone: \
             torch.save(model.state_dict(), FILE)",
        ));
    }
    if names.iter().any(|n| n.ends_with(".npy")) && !within.iter().any(|n| n == "data.pkl") {
        return Err(ElmError::file(
            path,
            "expected weights (safetensors, or what torch.save writes), found arrays of numpy (.npz)",
        ));
    }
    Ok(Format::Pytorch)
}
