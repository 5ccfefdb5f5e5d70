//! The two published forms of a batch of CIFAR-10.

use std::path::Path;

use super::{CLASSES, SIDE};
use crate::files::{read_file, refuse_packed};
use crate::lra::grey::luma;
use crate::lra::store::{ByteSequences, Meaning};
use crate::pickle::{Array, GZIP_MAGIC, List, Object, Pickle, Value, starts_pickle};
use crate::{DataError, Result};

/// Pixels of an image.
const PIXELS: usize = SIDE * SIDE;
/// Bytes of a colour image: the red, the green and the blue plane, each in raster order.
const COLOUR: usize = 3 * PIXELS;
/// Bytes of an image in the binary version: the label comes first.
const RECORD: usize = 1 + COLOUR;
/// Largest file that is read (bytes); the published ones have 31 MB.
const MOST: u64 = 1 << 30;

/// Reads a batch in either form, which the ending `.bin` or else the content decides (a pickle begins with bytes of its
/// own, and hardly ever has a whole number of images of the binary version):
/// - the binary version (`data_batch_1.bin`), 3073 bytes per image;
/// - the Python version (`data_batch_1`, a pickle that Python 2 wrote), a dict with `data`, an array of unsigned bytes
///   `[images, 3072]`, and `labels`, a list of as many integers. Nothing in the file is executed.
///
/// # Errors
/// If the file cannot be read, is cut off or damaged, does not hold whole images, a label is above 9, or a pickle asks
/// for anything but numpy data or lacks one of the two.
pub fn read_batch(path: &Path) -> Result<ByteSequences> {
    parse(path, &read_file(path, "a CIFAR-10 batch", MOST)?)
}

/// Reads a batch that is in memory; `name` stands for the path in errors.
///
/// # Errors
/// As [`read_batch`].
pub fn batch_from_bytes(name: &str, bytes: &[u8]) -> Result<ByteSequences> {
    parse(Path::new(name), bytes)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<ByteSequences> {
    let whole = !bytes.is_empty() && bytes.len().is_multiple_of(RECORD);
    let named = path.extension().is_some_and(|ending| ending == "bin");
    let pickled = bytes.starts_with(&GZIP_MAGIC)
        || matches!(bytes, [0x80, 2..=5, ..])
        || !whole && starts_pickle(bytes);
    let images = if named || !pickled {
        if !whole {
            refuse_packed(path, "a CIFAR-10 batch", bytes)?;
        }
        binary(bytes)
    } else {
        let keys = &["data", "labels"];
        unpickled(&Pickle::from_bytes(path, bytes, keys)?)
    };
    images.map_err(|problem| DataError::format(path, problem))
}

fn binary(bytes: &[u8]) -> std::result::Result<ByteSequences, String> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if records.is_empty() || !rest.is_empty() {
        return Err(format!(
            "expected images of {RECORD} bytes each, found {} bytes, which is not a whole number of them",
            bytes.len()
        ));
    }
    let mut images = ByteSequences::new(Meaning::Pixels);
    for (index, [label, planes @ ..]) in records.iter().enumerate() {
        if usize::from(*label) >= CLASSES {
            return Err(format!(
                "image {index}: expected a label of 0 to {}, found {label}",
                CLASSES - 1
            ));
        }
        images.push(grey(planes), *label);
    }
    Ok(images)
}

fn unpickled(pickle: &Pickle) -> std::result::Result<ByteSequences, String> {
    let heap = &pickle.heap;
    let Some(root) = heap.dict(pickle.root) else {
        let found = heap.describe(pickle.root);
        return Err(format!(
            "expected a dict with data and labels, found {found}"
        ));
    };
    let field = |key: &str| {
        heap.field(root, key)
            .ok_or_else(|| format!("the field {key} is missing"))
    };
    let data = field("data")?;
    let planes = match heap.get(data) {
        Some(Object::Array(Some(array))) => planes(array),
        _ => None,
    };
    let planes = planes.ok_or_else(|| {
        let found = heap.describe(data);
        format!("data: expected an array of shape [images, {COLOUR}] and type u1, found {found}")
    })?;
    let labels = field("labels")?;
    let values: Vec<Value> = match heap.get(labels) {
        Some(Object::List(List::Ints(ints))) => {
            ints.iter().map(|&i| Value::Int(i64::from(i))).collect()
        }
        Some(Object::List(List::Values(values))) => values.clone(),
        _ => Vec::new(),
    };
    let count = planes.len() / COLOUR;
    if values.len() != count {
        let found = heap.describe(labels);
        return Err(format!(
            "labels: expected a list of {count}, one for each image, found {found}"
        ));
    }
    let mut images = ByteSequences::new(Meaning::Pixels);
    for (index, (planes, value)) in planes.chunks_exact(COLOUR).zip(values).enumerate() {
        let label = match value {
            Value::Int(i) => u8::try_from(i).ok().filter(|l| usize::from(*l) < CLASSES),
            _ => None,
        };
        let label = label.ok_or_else(|| {
            let (last, found) = (CLASSES - 1, heap.describe(value));
            format!("labels: expected 0 to {last} for image {index}, found {found}")
        })?;
        images.push(grey(planes), label);
    }
    Ok(images)
}

/// The colour planes of all images, image by image, whichever way the array is laid out.
fn planes(array: &Array) -> Option<std::borrow::Cow<'_, [u8]>> {
    let [images, COLOUR_I64] = array.shape[..] else {
        return None;
    };
    let data = array.data.as_deref()?;
    let count = usize::try_from(images).ok().filter(|n| *n > 0)?;
    if (array.dtype.kind, array.dtype.size) != (b'u', 1) || data.len() != count * COLOUR {
        return None;
    }
    if !array.fortran {
        return Some(data.into());
    }
    let mut planes = vec![0; data.len()];
    for (column, values) in data.chunks_exact(count).enumerate() {
        for (image, value) in values.iter().enumerate() {
            planes[image * COLOUR + column] = *value;
        }
    }
    Some(planes.into())
}

const COLOUR_I64: i64 = COLOUR as i64;

/// The grey values of an image given as its colour planes.
fn grey(planes: &[u8]) -> impl Iterator<Item = u8> {
    let (red, rest) = planes.split_at(PIXELS);
    let (green, blue) = rest.split_at(PIXELS);
    let colours = red.iter().zip(green).zip(blue);
    colours.map(|((&red, &green), &blue)| luma([red, green, blue]))
}
