//! Arrays for numpy.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An array with a name.
pub(super) struct Named {
    pub name: String,
    pub shape: Vec<usize>,
    pub content: Content,
}

/// The elements of an array, row by row.
pub(super) enum Content {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

impl Content {
    /// Type as numpy writes it, and the bytes.
    fn npy(&self) -> (String, Vec<u8>) {
        match self {
            Self::Floats(values) => (
                "<f4".into(),
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
            Self::Integers(values) => (
                "<i8".into(),
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ),
            Self::Texts(texts) => {
                let longest = texts.iter().map(|t| t.chars().count()).max().unwrap_or(0);
                let width = longest.max(1);
                let padded = |text: &String| {
                    let chars: Vec<u32> = text.chars().map(u32::from).collect();
                    let zeros = std::iter::repeat_n(0, width - chars.len());
                    chars.into_iter().chain(zeros).collect::<Vec<_>>()
                };
                let units = texts.iter().flat_map(padded);
                (
                    format!("<U{width}"),
                    units.flat_map(u32::to_le_bytes).collect(),
                )
            }
        }
    }
}

/// An array as a `.npy` file of version 1.
fn npy(array: &Named) -> Vec<u8> {
    let (dtype, bytes) = array.content.npy();
    let shape: String = array.shape.iter().map(|n| format!("{n}, ")).collect();
    let mut header =
        format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({shape}), }}");
    // magic, version, length, header and a line's end come to a multiple of 64
    let total = (10 + header.len() + 1).next_multiple_of(64);
    header += &" ".repeat(total - 11 - header.len());
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.bytes());
    out.extend(bytes);
    out
}

/// Arrays as a `.npz` file, as `np.savez` writes it.
///
/// # Errors
/// If the archive cannot be made, in words.
pub(super) fn npz(arrays: &[Named]) -> Result<Vec<u8>, String> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for array in arrays {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true);
        archive
            .start_file(format!("{}.npy", array.name), options)
            .map_err(|e| e.to_string())?;
        archive.write_all(&npy(array)).map_err(|e| e.to_string())?;
    }
    let file = archive.finish().map_err(|e| e.to_string())?;
    Ok(file.into_inner())
}
