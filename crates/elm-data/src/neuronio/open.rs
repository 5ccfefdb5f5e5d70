//! Opening whatever a user names: pickles, archives, folders of them.

use std::path::{Path, PathBuf};

use super::archive::MAGIC;
use super::set::SimulationSet;
use super::simulation::Simulation;
use crate::files::{files_in, first_bytes, open_file, refuse_packed};
use crate::pickle::{GZIP_MAGIC, starts_pickle};
use crate::{DataError, Result};

/// What a path is opened as.
const OPEN: &str = "open it as simulations (a file or a folder of them)";

/// What a file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A NeuronIO pickle, `.p` or `.p.gz`.
    Pickle,
    /// This project's archive, `.elmnio`.
    Archive,
}

impl FileKind {
    /// Looks at the first bytes of `path`.
    ///
    /// # Errors
    /// If it cannot be read or is neither.
    pub fn of(path: &Path) -> Result<Self> {
        let what = "a file with simulations";
        open_file(path, what)?;
        let first = first_bytes(path)?;
        if first.starts_with(&MAGIC) {
            Ok(Self::Archive)
        } else if first.starts_with(&GZIP_MAGIC) || starts_pickle(&first) {
            Ok(Self::Pickle)
        } else {
            refuse_packed(path, what, &first)?;
            Err(DataError::format(
                path,
                format!(
                    "expected a NeuronIO pickle (.p, .p.gz) or an archive (.elmnio), found {}",
                    if first.is_empty() {
                        "an empty file"
                    } else {
                        "something else"
                    }
                ),
            ))
        }
    }
}

/// Reads all simulations of `paths`, in their order: files (`.p`, `.p.gz`, `.elmnio`, decided by content) and folders
/// (all files in it with these endings, sorted by name; folders in it are not entered). Files are read in parallel, into
/// memory; [`SimulationSet`] decodes archives as they are used.
///
/// # Errors
/// If a path is missing, a folder holds no such file, a file cannot be read or is not what it must be, or the same
/// simulation of the same source comes twice (a pickle and its archive, for example).
pub fn open_simulations(paths: &[PathBuf]) -> Result<Vec<Simulation>> {
    SimulationSet::open(paths)?.decode_all()
}

/// The files among `paths`, and those in the folders among them whose names end like `endings`, sorted by name.
pub(super) fn files(paths: &[PathBuf], endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path).map_err(|e| DataError::io(path, OPEN, e))?;
        if !kind.is_dir() {
            files.push(path.clone());
            continue;
        }
        files.append(&mut files_in(path, endings)?);
    }
    Ok(files)
}
