//! Image: what does a picture of CIFAR-10 (Krizhevsky 2009) show? Its grey values, pixel by pixel in raster order.
//!
//! The published archives unpack into `cifar-10-batches-bin` (binary version) or `cifar-10-batches-py` (pickles of
//! Python 2); either is read. Colours become grey by their luma, 0.299 R + 0.587 G + 0.114 B. The last tenth of the
//! 50 000 training images is the validation set; 10 000 are to test.

mod batches;

pub use batches::{batch_from_bytes, read_batch};

use std::path::{Path, PathBuf};

use super::store::{ByteSequences, Meaning};
use crate::files::locate;
use crate::{DataError, Encoding, Result, Split};

/// Names of the classes, by label.
pub const CLASS_NAMES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];
/// Number of classes.
pub const CLASSES: usize = CLASS_NAMES.len();
/// Width and height of an image.
pub const SIDE: usize = 32;
/// One channel: the grey value, normalised by the mean and standard deviation of the grey training images of CIFAR-10
/// (122.6 and 61.0 of 255), as state-space models of the arena do (Gu et al., ICLR 2022).
pub const ENCODING: Encoding = Encoding::Grey {
    mean: 122.6 / 255.0,
    std: 61.0 / 255.0,
    columns: None,
};

/// Reads a part from the folder `dir`, or the folder `cifar-10-batches-bin` or `cifar-10-batches-py` in it, into memory
/// (46 MB to train on). The binary version is taken where both are.
///
/// # Errors
/// If a file is missing, cannot be read, is cut off or not what it must be ([`read_batch`]), or there
/// are fewer than 10 training images.
pub fn open(dir: &Path, split: Split) -> Result<ByteSequences> {
    if split == Split::Test {
        let (folder, ending) = batches_in(dir, "test_batch")?;
        return read_batch(&folder.join(format!("test_batch{ending}")));
    }
    let [train, valid] = training(dir)?;
    Ok(if split == Split::Train { train } else { valid })
}

/// Reads all parts, in the order of [`Split`], each file once.
///
/// # Errors
/// As [`open`].
pub fn open_parts(dir: &Path) -> Result<[ByteSequences; 3]> {
    let [train, valid] = training(dir)?;
    Ok([train, valid, open(dir, Split::Test)?])
}

/// The folder with the batch `first`, and the ending of the names of its batches.
fn batches_in(dir: &Path, first: &str) -> Result<(PathBuf, &'static str)> {
    let binary = format!("{first}.bin");
    let folders = ["", "cifar-10-batches-bin", "cifar-10-batches-py"];
    let (folder, found) = locate(dir, &folders, &[&binary, first])?;
    Ok((folder, if found == binary { ".bin" } else { "" }))
}

/// The training images, the last tenth of which validates.
fn training(dir: &Path) -> Result<[ByteSequences; 2]> {
    let (folder, ending) = batches_in(dir, "data_batch_1")?;
    let mut images = ByteSequences::new(Meaning::Pixels);
    for batch in 1..=5 {
        let name = format!("data_batch_{batch}{ending}");
        images.append(&read_batch(&folder.join(name))?);
    }
    let (count, valid) = (images.len(), images.len() / 10);
    if valid == 0 {
        return Err(DataError::format(
            &folder,
            format!(
                "expected at least 10 training images, of which a tenth is the part `valid`, found {count}"
            ),
        ));
    }
    let last = images.split_off(count - valid);
    Ok([images, last])
}
