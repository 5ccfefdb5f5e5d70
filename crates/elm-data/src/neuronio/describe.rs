//! What is in files of simulations, file by file and without keeping any.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::archive::{ArchiveFile, Head};
use super::open::{FileKind, files};
use super::pickle::read_pickle;
use super::simulation::Simulation;
use crate::{DataError, Result};

/// What a file says of one simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Sizes and source.
    pub head: Head,
    /// Mean voltage of the soma (mV); none where the simulation was not decoded.
    pub soma_mean_mv: Option<f64>,
}

impl Described {
    /// Of a decoded simulation.
    pub fn of(simulation: &Simulation) -> Self {
        let soma = simulation.soma_mv.iter().copied().map(f64::from);
        Self {
            head: Head::of(simulation),
            soma_mean_mv: Some(soma.sum::<f64>() / simulation.soma_mv.len().max(1) as f64),
        }
    }
}

/// Describes all simulations of `paths` (files and folders as [`SimulationSet::open`](super::SimulationSet::open) takes
/// them), in their order. Of archives the heads are read, and only with `decode` the rest, checksums and all; pickles have no
/// heads and are always read whole, one after the other on each thread. `progress` is told how many files are done, of how
/// many, and may stop it.
///
/// # Errors
/// If a path is missing, a folder holds no such file, a file cannot be read or is not what it must be, or `progress` stopped
/// it.
pub fn describe(
    paths: &[PathBuf],
    decode: bool,
    progress: &(dyn Fn(usize, usize) -> ControlFlow<()> + Sync),
) -> Result<Vec<Described>> {
    let files = files(paths, &[".p", ".p.gz", ".elmnio"])?;
    let done = AtomicUsize::new(0);
    let each: Vec<Vec<Described>> = files
        .par_iter()
        .map(|path| {
            let found = file(path, decode)?;
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            DataError::go_on(progress(done, files.len()), done, files.len(), "files")?;
            Ok(found)
        })
        .collect::<Result<_>>()?;
    Ok(each.concat())
}

fn file(path: &Path, decode: bool) -> Result<Vec<Described>> {
    if FileKind::of(path)? == FileKind::Pickle {
        return Ok(read_pickle(path)?.iter().map(Described::of).collect());
    }
    let archive = ArchiveFile::open(path)?;
    let heads = archive.heads()?.into_iter().enumerate();
    heads
        .map(|(record, head)| match decode {
            true => Ok(Described {
                head,
                ..Described::of(&archive.decode(record)?)
            }),
            false => Ok(Described {
                head,
                soma_mean_mv: None,
            }),
        })
        .collect()
}
