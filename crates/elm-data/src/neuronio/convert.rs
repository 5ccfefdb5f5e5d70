//! Converting NeuronIO pickles to archives.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::archive::{read_archive, write_archive};
use super::open::{FileKind, files};
use super::pickle::read_pickle;
use crate::{DataError, Result};

/// Told after every file of a conversion.
#[derive(Debug, Clone)]
pub struct ConvertProgress {
    /// Files dealt with so far, this one included.
    pub done: usize,
    /// Files in all.
    pub total: usize,
    /// The pickle.
    pub source: PathBuf,
    /// What became of it.
    pub outcome: ConvertOutcome,
}

/// What became of one pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConvertOutcome {
    /// Its archive was written, read back and compared.
    Written {
        /// Simulations in it.
        simulations: usize,
        /// Size of the archive (bytes).
        bytes: u64,
    },
    /// A whole archive of the same source, not older than the pickle, was there already.
    Skipped {
        /// Simulations in it.
        simulations: usize,
    },
    /// It cannot be read, or its archive cannot be written.
    Failed {
        /// The error, which names the file.
        problem: String,
    },
}

/// Result of a conversion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConvertSummary {
    /// Archives written.
    pub written: usize,
    /// Archives that were there already.
    pub skipped: usize,
    /// Simulations in all of them.
    pub simulations: usize,
    /// Size of the archives written (bytes).
    pub bytes: u64,
    /// The errors of the files that were not converted, in the order of the files; each names its file.
    pub failed: Vec<String>,
}

/// Writes one archive into the folder `out` (made if missing) for every pickle among `inputs` (files, or folders whose
/// `.p` and `.p.gz` files are taken): `name.p.gz` becomes `name.elmnio`. Files are converted in parallel.
///
/// An interrupted conversion is resumed by the same call: archives that are there, whole (all checksums fit), of the
/// same source and not older than it are skipped. A file that cannot be converted is left out, and its error is in the
/// summary: hundreds of others are converted all the same. `progress` is called after every file, from several threads.
///
/// # Errors
/// If an input is not there, if two inputs would become the same archive, or if the disk is full or `out` cannot be
/// written to; archives finished before stay, none is left half-written.
pub fn convert(
    inputs: &[PathBuf],
    out: &Path,
    progress: &(dyn Fn(ConvertProgress) + Sync),
) -> Result<ConvertSummary> {
    if inputs.is_empty() {
        return Err(DataError::request(
            "expected NeuronIO files or folders to convert, found none named",
        ));
    }
    let sources = files(inputs, &[".p", ".p.gz"])?;
    let mut targets: HashMap<PathBuf, &PathBuf> = HashMap::new();
    for source in &sources {
        if let Some(other) = targets.insert(target(source, out), source) {
            let other = other.display();
            return Err(DataError::format(
                source,
                format!("this file and {other} would become the same archive"),
            ));
        }
    }
    std::fs::create_dir_all(out).map_err(|e| DataError::io(out, "create this folder", e))?;
    let (done, total) = (AtomicUsize::new(0), sources.len());
    let outcomes: Vec<ConvertOutcome> = sources
        .par_iter()
        .map(|source| {
            let outcome = match one(source, &target(source, out)) {
                Err(error) if ends_all(&error) => return Err(error),
                Err(error) => ConvertOutcome::Failed {
                    problem: error.to_string(),
                },
                Ok(outcome) => outcome,
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress(ConvertProgress {
                done,
                total,
                source: source.clone(),
                outcome: outcome.clone(),
            });
            Ok(outcome)
        })
        .collect::<Result<_>>()?;
    let mut summary = ConvertSummary::default();
    for outcome in outcomes {
        match outcome {
            ConvertOutcome::Written { simulations, bytes } => {
                summary.written += 1;
                summary.simulations += simulations;
                summary.bytes += bytes;
            }
            ConvertOutcome::Skipped { simulations } => {
                summary.skipped += 1;
                summary.simulations += simulations;
            }
            ConvertOutcome::Failed { problem } => summary.failed.push(problem),
        }
    }
    Ok(summary)
}

/// Is this an error that every further file would meet, too?
fn ends_all(error: &DataError) -> bool {
    use std::io::ErrorKind;
    let DataError::Io { source, action, .. } = error else {
        return false;
    };
    let writes = !matches!(*action, "open it" | "read it" | "decompress it");
    writes
        && matches!(
            source.kind(),
            ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::PermissionDenied
                | ErrorKind::NotFound
        )
}

/// Where the archive of `source` goes.
fn target(source: &Path, out: &Path) -> PathBuf {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = stem.strip_suffix(".p").unwrap_or(stem);
    out.join(format!("{stem}.elmnio"))
}

fn one(source: &Path, target: &Path) -> Result<ConvertOutcome> {
    if FileKind::of(source)? != FileKind::Pickle {
        return Err(DataError::format(
            source,
            "expected a NeuronIO pickle (.p, .p.gz), found an archive",
        ));
    }
    if let Some(simulations) = finished(source, target) {
        return Ok(ConvertOutcome::Skipped { simulations });
    }
    let simulations = read_pickle(source)?;
    let bytes = write_archive(target, &simulations)?;
    Ok(ConvertOutcome::Written {
        simulations: simulations.len(),
        bytes,
    })
}

/// The number of simulations in `target` if it is a whole archive of `source` and not older than it. Whatever else is
/// there, damaged or of another source, is written again.
fn finished(source: &Path, target: &Path) -> Option<usize> {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    if modified(target)? < modified(source)? {
        return None;
    }
    let simulations = read_archive(target).ok()?;
    let name = source.file_name()?.to_string_lossy();
    (!simulations.is_empty() && simulations.iter().all(|s| *s.source == *name))
        .then_some(simulations.len())
}
