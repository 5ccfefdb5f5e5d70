//! Text: is a film review good or bad? The IMDb reviews of Maas et al. (ACL 2011), byte by byte.
//!
//! The published archive unpacks into a folder `aclImdb` with `train/pos`, `train/neg`, `test/pos` and `test/neg`, one
//! review per file; 25 000 to train on and 25 000 to test. As in the arena, the test reviews also serve as validation.

use std::io::Read;
use std::path::Path;

use rayon::prelude::*;

use super::store::{ByteSequences, Meaning};
use super::table::check_max_length;
use crate::files::{files_in, locate, open_file};
use crate::{DataError, Encoding, Result, Split};

/// 0: a bad review (`neg`), 1: a good one (`pos`).
pub const CLASSES: usize = 2;
/// Longer reviews are cut after this many bytes; the arena also reports 1000 to 4000.
pub const MAX_LENGTH: usize = 4096;
/// One channel per byte value; token `b + 1` is byte `b`.
pub const ENCODING: Encoding = Encoding::OneHot { tokens: 256 };

/// Folders of the classes.
const FOLDERS: [&str; CLASSES] = ["neg", "pos"];

/// Reads a part from the folder `dir`, or the folder `aclImdb` in it, into memory (about 33 MB), in the order of the
/// classes and file names. Reviews are cut after `max_length` bytes ([`MAX_LENGTH`] by default), not read beyond.
///
/// # Errors
/// If a folder is missing or holds no `.txt` file, a file cannot be read, or a review is empty.
pub fn open(dir: &Path, split: Split, max_length: usize) -> Result<ByteSequences> {
    check_max_length(max_length)?;
    let part = match split {
        Split::Train => "train",
        Split::Valid | Split::Test => "test",
    };
    let (folder, _) = locate(dir, &["", "aclImdb"], &[part])?;
    let mut texts = ByteSequences::new(Meaning::Tokens);
    for (label, class) in (0..).zip(FOLDERS) {
        let files = files_in(&folder.join(part).join(class), &[".txt"])?;
        let reviews: Vec<Result<Vec<u8>>> = files
            .par_iter()
            .map(|file| review(file, max_length))
            .collect();
        for review in reviews {
            texts.push(review?, label);
        }
    }
    Ok(texts)
}

/// The first `max_length` bytes of a file.
fn review(path: &Path, max_length: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_file(path, "a review")?
        .take(max_length as u64)
        .read_to_end(&mut bytes)
        .map_err(|e| DataError::io(path, "read it", e))?;
    if bytes.is_empty() {
        return Err(DataError::format(
            path,
            "expected a review, found an empty file",
        ));
    }
    Ok(bytes)
}
