//! Opening the data of a classification task.

use std::path::Path;
use std::sync::Arc;

use super::Task;
use crate::lra::pathfinder::{Difficulty, Pathfinder, PathfinderConfig};
use crate::lra::retrieval::Retrieval;
use crate::lra::{ByteSequences, image, listops, pathfinder, retrieval, text};
use crate::shd::{self, Binning, Draws, ShdAdding, ShdDataset, ShdFile, ShdFolder, ShdKind};
use crate::{DataError, Encoding, Result, Sample, Split};

/// How a task's data is to be read. Tasks leave out what does not concern them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskOptions {
    /// Longest sequence of ListOps, Text and Retrieval; as published unless set.
    pub max_length: Option<usize>,
    /// Time steps of the spike tasks.
    pub binning: Binning,
    /// Which images of Pathfinder and Path-X.
    pub difficulty: Difficulty,
    /// Seed of the division into training, validation and test where the files leave it open (spikes, Pathfinder).
    pub split_seed: u64,
    /// Seed of the pairs of the adding tasks.
    pub draw_seed: u64,
    /// Pairs of an adding task in an epoch; as published unless set.
    pub pairs: Option<usize>,
}

impl Default for TaskOptions {
    /// The published settings, seed 0.
    fn default() -> Self {
        Self {
            max_length: None,
            binning: Binning::default(),
            difficulty: Difficulty::default(),
            split_seed: 0,
            draw_seed: 0,
            pairs: None,
        }
    }
}

/// A part of a classification task's data, in the order of its files.
pub trait TaskData: Send + Sync {
    /// Number of samples; of those drawn on the fly, in an epoch.
    fn len(&self) -> usize;

    /// Is there none?
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Class of sample `index`, without reading the rest of it.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    fn label(&self, index: usize) -> usize;

    /// Sample `index` in `epoch`: another one where samples are drawn on the fly.
    ///
    /// # Errors
    /// If it cannot be read.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    fn read(&self, epoch: u64, index: usize) -> Result<Sample>;

    /// What a user should be told, a sentence each.
    fn warnings(&self) -> &[String] {
        &[]
    }
}

impl TaskData for ByteSequences {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn label(&self, index: usize) -> usize {
        Self::label(self, index)
    }

    fn read(&self, _: u64, index: usize) -> Result<Sample> {
        Ok(self.sample(index))
    }
}

impl TaskData for Retrieval {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn label(&self, index: usize) -> usize {
        Self::label(self, index)
    }

    fn read(&self, _: u64, index: usize) -> Result<Sample> {
        Ok(self.sample(index))
    }
}

impl TaskData for Pathfinder {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn label(&self, index: usize) -> usize {
        Self::label(self, index)
    }

    fn read(&self, _: u64, index: usize) -> Result<Sample> {
        self.sample(index)
    }

    fn warnings(&self) -> &[String] {
        Self::warnings(self)
    }
}

impl TaskData for ShdDataset {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn label(&self, index: usize) -> usize {
        Self::label(self, index)
    }

    fn read(&self, _: u64, index: usize) -> Result<Sample> {
        Ok(self.sample(index))
    }
}

impl TaskData for ShdAdding {
    fn len(&self) -> usize {
        Self::len(self)
    }

    fn label(&self, index: usize) -> usize {
        Self::label(self, index)
    }

    fn read(&self, epoch: u64, index: usize) -> Result<Sample> {
        Ok(self.draw(epoch, index))
    }
}

impl Task {
    /// How the steps of its sequences become channels.
    ///
    /// # Errors
    /// If it is no classification task.
    pub fn encoding(self) -> Result<Encoding> {
        match self {
            Self::Shd | Self::ShdAdding | Self::SyntheticSpikes | Self::SyntheticSpikesAdding => {
                Ok(shd::ENCODING)
            }
            Self::ListOps => Ok(listops::ENCODING),
            Self::Text => Ok(text::ENCODING),
            Self::Retrieval => Ok(retrieval::ENCODING),
            Self::Image => Ok(image::ENCODING),
            Self::Pathfinder | Self::PathX => Ok(pathfinder::ENCODING),
            Self::Neuronio | Self::Enwik8 => Err(self.no_classes()),
        }
    }

    /// Opens a part of a classification task's data in `dir` (Pathfinder: or in a converted file).
    ///
    /// # Errors
    /// If the task has no classes, files are missing, damaged or not what the task demands, or an option is out of
    /// range. Images of Pathfinder are only checked as they are read.
    pub fn open(
        self,
        dir: &Path,
        split: Split,
        options: &TaskOptions,
    ) -> Result<Arc<dyn TaskData>> {
        let length = |published| options.max_length.unwrap_or(published);
        Ok(match self {
            Self::ListOps => Arc::new(listops::open(dir, split, length(listops::MAX_LENGTH))?),
            Self::Text => Arc::new(text::open(dir, split, length(text::MAX_LENGTH))?),
            Self::Retrieval => {
                Arc::new(Retrieval::open(dir, split, length(retrieval::MAX_LENGTH))?)
            }
            Self::Image => Arc::new(image::open(dir, split)?),
            Self::Pathfinder | Self::PathX => {
                let config = PathfinderConfig {
                    side: self.side().unwrap_or_default(),
                    difficulty: options.difficulty,
                    split_seed: options.split_seed,
                };
                Arc::new(Pathfinder::open(dir, split, &config)?)
            }
            Self::Shd | Self::SyntheticSpikes => Arc::new(self.spikes(dir, split, options)?),
            Self::ShdAdding | Self::SyntheticSpikesAdding => {
                Arc::new(self.pairs(dir, split, options)?)
            }
            Self::Neuronio | Self::Enwik8 => return Err(self.no_classes()),
        })
    }

    fn no_classes(self) -> DataError {
        DataError::request(format!(
            "{self} is not a task of sequences with one class each"
        ))
    }

    /// A part of the spoken digits, or of what the generator drew instead of them: never one for the other.
    fn spikes(self, dir: &Path, split: Split, options: &TaskOptions) -> Result<ShdDataset> {
        let folder = ShdFolder::find(dir)?;
        let path = match split {
            Split::Train | Split::Valid => &folder.train,
            Split::Test => &folder.test,
        };
        let file = ShdFile::open(path)?;
        let synthetic = folder.kind == ShdKind::Synthetic || file.is_synthetic();
        if synthetic != self.is_synthetic() {
            let (found, other) = match synthetic {
                true => ("spikes drawn by a program", "synthetic-spikes"),
                false => ("spoken digits", "shd"),
            };
            let other = if self.is_adding() {
                format!("{other}-adding")
            } else {
                other.into()
            };
            return Err(DataError::format(
                path,
                format!("these are {found}, not the data of {self}: their task is {other}"),
            ));
        }
        let all = ShdDataset::read(&file, options.binning)?;
        let (train, valid) = match split {
            Split::Test => return Ok(all),
            _ => all.split(shd::VALIDATION_FRACTION, options.split_seed)?,
        };
        Ok(if split == Split::Train { train } else { valid })
    }

    fn pairs(self, dir: &Path, split: Split, options: &TaskOptions) -> Result<ShdAdding> {
        let source = self.spikes(dir, split, options)?;
        let (place, draws) = match split {
            Split::Train => (0, Draws::EachEpoch),
            Split::Valid => (1, Draws::Once),
            Split::Test => (2, Draws::Once),
        };
        let pairs = options.pairs.unwrap_or(shd::ADDING_SAMPLES[place]);
        // each part draws other pairs
        let seed = options.draw_seed.wrapping_mul(3).wrapping_add(place as u64);
        ShdAdding::new(source, pairs, seed, draws)
    }
}
