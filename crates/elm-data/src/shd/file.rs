//! The published files.

use std::path::Path;

use super::archive::{MAGIC, SpikeArchive};
use super::{CHANNELS, CLASSES};
use crate::files::{Content, first_bytes, open_file};
use crate::hdf5::{Hdf5File, NumberKind, Ragged};
use crate::made::Provenance;
use crate::{DataError, Result};

const WHAT: &str = "a file of Spiking Heidelberg Digits";
/// Attribute of the root group of the synthetic files of older versions, which were HDF5.
const SYNTHETIC_MARK: &str = "synthetic";

/// The spikes of one sample, as the file holds them: in any order.
#[derive(Debug, Clone, PartialEq)]
pub struct SpikeTrain {
    /// Time of each spike (s), not negative.
    pub times: Vec<f64>,
    /// Channel of each spike, below 700.
    pub units: Vec<u16>,
}

/// An open SHD file: labels in memory, spikes read sample by sample, from several threads if need be.
pub struct ShdFile {
    source: Source,
    labels: Vec<u8>,
    speakers: Option<Vec<u32>>,
}

/// Where the spikes are.
enum Source {
    /// A published file.
    Hdf5 {
        file: Box<Hdf5File>,
        times: Box<Ragged>,
        units: Box<Ragged>,
    },
    /// One that [`generate_shd`](super::generate_shd) wrote.
    Drawn(SpikeArchive),
}

impl ShdFile {
    /// Opens a file with the datasets `spikes/times` (variable-length floats, s), `spikes/units` (variable-length
    /// integers), `labels` (integers), and maybe `extra/speaker` (integers) and `extra/keys` (strings), all of the
    /// formats that h5py and PyTables write with HDF5 before 2.0 (its newest format for chunked data is not read); or a
    /// file that [`generate_shd`](super::generate_shd) wrote. Its content decides.
    ///
    /// # Errors
    /// If the file cannot be read, is no HDF5 file, or is damaged; if a dataset is missing or of another type; if they
    /// differ in length; if a label is not below 20.
    pub fn open(path: &Path) -> Result<Self> {
        open_file(path, WHAT)?;
        if first_bytes(path)?.starts_with(&MAGIC) {
            return Self::drawn(SpikeArchive::open(path)?);
        }
        Self::new(Hdf5File::open(path, WHAT)?)
    }

    /// Opens a file in memory; `name` stands for the path in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self> {
        if bytes.starts_with(&MAGIC) {
            let content = Content::Owned(bytes);
            return Self::drawn(SpikeArchive::new(Path::new(name), content)?);
        }
        Self::new(Hdf5File::from_bytes(name, WHAT, bytes)?)
    }

    fn drawn(archive: SpikeArchive) -> Result<Self> {
        let one = |(sample, (label, _)): (usize, (u32, u32))| {
            let known = u8::try_from(label).ok();
            let known = known.filter(|label| usize::from(*label) < CLASSES);
            known.ok_or_else(|| {
                let last = CLASSES - 1;
                let problem =
                    format!("sample {sample}: expected a label of 0 to {last}, found {label}");
                DataError::format(archive.path(), problem)
            })
        };
        let labels = archive
            .labels()
            .enumerate()
            .map(one)
            .collect::<Result<_>>()?;
        let speakers = archive.labels().map(|(_, speaker)| speaker).collect();
        Ok(Self {
            labels,
            speakers: Some(speakers),
            source: Source::Drawn(archive),
        })
    }

    fn new(file: Hdf5File) -> Result<Self> {
        let labels = bounded(&file, "labels", CLASSES)?;
        let times = file.ragged("spikes/times", NumberKind::Float)?;
        let units = file.ragged("spikes/units", NumberKind::Integer)?;
        let speakers = match file.has("extra/speaker")? {
            true => Some(bounded(&file, "extra/speaker", u32::MAX as usize)?),
            false => None,
        };
        let rows = [
            ("spikes/times", times.len()),
            ("spikes/units", units.len()),
            (
                "extra/speaker",
                speakers.as_ref().map_or(labels.len(), Vec::len),
            ),
        ];
        for (name, found) in rows {
            if found != labels.len() {
                let expected = labels.len();
                return Err(file.error(format!(
                    "dataset {name}: expected {expected} rows, as many as labels, found {found}"
                )));
            }
        }
        Ok(Self {
            source: Source::Hdf5 {
                file: Box::new(file),
                times: Box::new(times),
                units: Box::new(units),
            },
            labels,
            speakers,
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        match &self.source {
            Source::Hdf5 { file, .. } => file.path(),
            Source::Drawn(archive) => archive.path(),
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Has it no sample?
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Class of each sample, below 20.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Speaker of each sample, if the file says.
    pub fn speakers(&self) -> Option<&[u32]> {
        self.speakers.as_deref()
    }

    /// Names of the classes, if the file says.
    ///
    /// # Errors
    /// If there is a dataset `extra/keys` that is no list of strings.
    pub fn keys(&self) -> Result<Option<Vec<String>>> {
        match &self.source {
            Source::Hdf5 { file, .. } if file.has("extra/keys")? => {
                file.strings("extra/keys").map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Does the file say of itself that it was generated by [`generate_shd`](super::generate_shd)?
    pub fn is_synthetic(&self) -> bool {
        match &self.source {
            Source::Hdf5 { file, .. } => file.is_marked(SYNTHETIC_MARK),
            Source::Drawn(_) => true,
        }
    }

    /// How it was made, if [`generate_shd`](super::generate_shd) made it; older versions did not note that.
    pub fn provenance(&self) -> Option<&Provenance> {
        match &self.source {
            Source::Hdf5 { .. } => None,
            Source::Drawn(archive) => Some(archive.provenance()),
        }
    }

    /// The spikes of sample `index`.
    ///
    /// # Errors
    /// If the file is damaged there or has no such sample, if times and units differ in number, if a time is negative or
    /// not a number, or if a unit is not below 700.
    pub fn spikes(&self, index: usize) -> Result<SpikeTrain> {
        let (times, numbers) = match &self.source {
            Source::Hdf5 { times, units, .. } => (times.floats(index)?, units.integers(index)?),
            Source::Drawn(archive) => {
                let SpikeTrain { times, units } = archive.spikes(index)?;
                (times, units.into_iter().map(i64::from).collect())
            }
        };
        if times.len() != numbers.len() {
            let (t, u) = (times.len(), numbers.len());
            return Err(self.bad(
                index,
                format!("expected a unit for each time, found {t} times and {u} units"),
            ));
        }
        if let Some((spike, time)) = times
            .iter()
            .enumerate()
            .find(|(_, t)| t.is_nan() || **t < 0.0)
        {
            return Err(self.bad(
                index,
                format!("time of spike {spike}: expected 0 s or later, found {time} s"),
            ));
        }
        let units = numbers.iter().enumerate().map(|(spike, &unit)| {
            let known = u16::try_from(unit)
                .ok()
                .filter(|&u| usize::from(u) < CHANNELS);
            known.ok_or_else(|| {
                let problem = format!(
                    "unit of spike {spike}: expected 0 to {}, found {unit}",
                    CHANNELS - 1
                );
                self.bad(index, problem)
            })
        });
        let units = units.collect::<Result<_>>()?;
        Ok(SpikeTrain { times, units })
    }

    fn bad(&self, sample: usize, problem: String) -> DataError {
        DataError::format(self.path(), format!("sample {sample}: {problem}"))
    }
}

impl std::fmt::Debug for ShdFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShdFile")
            .field("path", &self.path())
            .field("samples", &self.len())
            .finish_non_exhaustive()
    }
}

/// The integers of dataset `name`, each from 0 to below `limit`.
fn bounded<T: TryFrom<i64>>(file: &Hdf5File, name: &str, limit: usize) -> Result<Vec<T>> {
    let values = file.integers(name)?;
    let one = |(row, value): (usize, i64)| {
        let fits = usize::try_from(value).is_ok_and(|v| v < limit);
        fits.then(|| T::try_from(value).ok())
            .flatten()
            .ok_or_else(|| {
                let last = limit - 1;
                file.error(format!(
                    "dataset {name}, row {row}: expected 0 to {last}, found {value}"
                ))
            })
    };
    values.into_iter().enumerate().map(one).collect()
}
