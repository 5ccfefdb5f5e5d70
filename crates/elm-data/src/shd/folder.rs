//! Which files a folder holds.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::files::locate;

/// Names of the published files: training and test.
pub const PUBLISHED_FILES: [&str; 2] = ["shd_train.h5", "shd_test.h5"];
/// Names of the files that [`generate_shd`](super::generate_shd) writes: training and test.
pub const SYNTHETIC_FILES: [&str; 2] = ["synthetic_shd_train.elmspk", "synthetic_shd_test.elmspk"];
/// What they were called by older versions, which wrote HDF5.
const OLD_SYNTHETIC_FILES: [&str; 2] = ["synthetic_shd_train.h5", "synthetic_shd_test.h5"];

/// Where the spikes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShdKind {
    /// Spoken digits.
    Published,
    /// Patterns drawn by [`generate_shd`](super::generate_shd): no speech, and no result on them is one on SHD.
    Synthetic,
}

/// The files of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShdFolder {
    /// What the files are, going by their names.
    pub kind: ShdKind,
    /// Training and validation samples.
    pub train: PathBuf,
    /// Test samples.
    pub test: PathBuf,
}

impl ShdFolder {
    /// The files in the folder `dir`: the published ones if they are there, else the synthetic ones.
    ///
    /// # Errors
    /// If the folder cannot be opened or has neither training file. That the test file is missing only shows when it is
    /// opened.
    pub fn find(dir: &Path) -> Result<Self> {
        let all = [PUBLISHED_FILES, SYNTHETIC_FILES, OLD_SYNTHETIC_FILES];
        let (folder, name) = locate(dir, &[""], &all.map(|files| files[0]))?;
        let found = all.into_iter().find(|files| files[0] == name);
        let [train, test] = found.unwrap_or(PUBLISHED_FILES);
        let kind = match train == PUBLISHED_FILES[0] {
            true => ShdKind::Published,
            false => ShdKind::Synthetic,
        };
        Ok(Self {
            kind,
            train: folder.join(train),
            test: folder.join(test),
        })
    }
}
