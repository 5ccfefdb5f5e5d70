//! Opening the data of a classification task.

use std::path::Path;
use std::sync::Arc;

use super::Task;
use crate::lra::pathfinder::{Difficulty, Pathfinder, PathfinderConfig};
use crate::lra::retrieval::Retrieval;
use crate::lra::{ByteSequences, image, listops, pathfinder, retrieval, text};
use crate::made::Provenance;
use crate::shd::{
    self, Binning, Draws, ShdAdding, ShdDataset, ShdFile, ShdFolder, ShdKind, SpikeStatistics,
};
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
    /// Seed of the pairs of the adding tasks in training; those that validate and test are drawn by `split_seed`, so that
    /// results of different seeds compare.
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

    /// Number of samples in the files that these are of: more where a seed divides a file.
    fn in_files(&self) -> usize {
        self.len()
    }

    /// Hash of all samples of the file that these are of, where a seed divides it.
    fn file_hash(&self) -> Option<u64> {
        None
    }

    /// What the spikes are like, where the samples are spikes.
    fn spikes(&self) -> Option<SpikeStatistics> {
        None
    }

    /// How the files were made, if a program of this project made them and noted it.
    fn provenance(&self) -> Option<&Provenance> {
        None
    }
}

/// The parts of a task's data.
#[derive(Clone)]
pub struct Parts {
    /// To fit a model to.
    pub train: Arc<dyn TaskData>,
    /// To choose a model by.
    pub valid: Arc<dyn TaskData>,
    /// To report results on.
    pub test: Arc<dyn TaskData>,
}

impl Parts {
    fn of<T: TaskData + 'static>([train, valid, test]: [T; 3]) -> Self {
        Self {
            train: Arc::new(train),
            valid: Arc::new(valid),
            test: Arc::new(test),
        }
    }

    /// Refuses parts of the folder `dir` that hold the same samples, such as a file that was copied to the place of
    /// another: a result on what was trained on says nothing. Where a seed divides a file, whole files are compared;
    /// else number, labels and a few samples. That a task validates on its test samples by design is no fault.
    ///
    /// # Errors
    /// Which parts hold the same samples; or if a sample cannot be read.
    pub fn refuse_shared(&self, dir: &Path) -> Result<()> {
        let pairs = [
            (Split::Train, Split::Valid),
            (Split::Train, Split::Test),
            (Split::Valid, Split::Test),
        ];
        for (one, other) in pairs {
            let (a, b) = (self.part(one), self.part(other));
            let shared = match (a.file_hash(), b.file_hash()) {
                (Some(a), Some(b)) => other == Split::Test && a == b,
                _ => !Arc::ptr_eq(a, b) && same(&**a, &**b)?,
            };
            if shared {
                return Err(DataError::format(
                    dir,
                    format!(
                        "`{one}` and `{other}` hold the same {} samples: one file seems to be a copy of the other",
                        b.in_files()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// One of them.
    pub fn part(&self, split: Split) -> &Arc<dyn TaskData> {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }

    /// What a user should be told of any of them, each sentence once.
    pub fn warnings(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for part in [&self.train, &self.valid, &self.test] {
            for warning in part.warnings() {
                if !all.contains(warning) {
                    all.push(warning.clone());
                }
            }
        }
        all
    }
}

/// Do two parts hold the same samples?
fn same(one: &dyn TaskData, other: &dyn TaskData) -> Result<bool> {
    let count = one.len();
    if count != other.len() || (0..count).any(|i| one.label(i) != other.label(i)) {
        return Ok(false);
    }
    for index in [0, count / 2, count.saturating_sub(1)] {
        if index < count && one.read(0, index)? != other.read(0, index)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl TaskData for ByteSequences {
    fn provenance(&self) -> Option<&Provenance> {
        Self::provenance(self)
    }

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

    fn provenance(&self) -> Option<&Provenance> {
        Self::provenance(self)
    }
}

impl TaskData for ShdDataset {
    fn warnings(&self) -> &[String] {
        Self::warnings(self)
    }

    fn in_files(&self) -> usize {
        self.in_file()
    }

    fn file_hash(&self) -> Option<u64> {
        Some(Self::file_hash(self))
    }

    fn spikes(&self) -> Option<SpikeStatistics> {
        Some(self.statistics())
    }

    fn provenance(&self) -> Option<&Provenance> {
        Self::provenance(self)
    }

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
    fn warnings(&self) -> &[String] {
        self.source().warnings()
    }

    fn in_files(&self) -> usize {
        self.source().in_file()
    }

    fn file_hash(&self) -> Option<u64> {
        Some(self.source().file_hash())
    }

    fn spikes(&self) -> Option<SpikeStatistics> {
        Some(self.source().statistics())
    }

    fn provenance(&self) -> Option<&Provenance> {
        self.source().provenance()
    }

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
            Self::Neuronio | Self::Enwik8 | Self::TextLm | Self::Arrays => Err(self.no_classes()),
        }
    }

    /// Opens a part of a classification task's data in `dir` (Pathfinder: or in a converted file).
    ///
    /// # Errors
    /// If the task has no classes, files are missing, damaged or not what the task demands, there are too few samples,
    /// or an option is out of range. Images of Pathfinder are there, and are only checked further as they are read.
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
                Arc::new(Pathfinder::open(dir, split, &self.pathfinder(options))?)
            }
            Self::Shd | Self::SyntheticSpikes => Arc::new(self.spikes(dir, split, options)?),
            Self::ShdAdding | Self::SyntheticSpikesAdding => {
                let source = self.spikes(dir, split, options)?;
                Arc::new(pairs(source, split, options)?)
            }
            Self::Neuronio | Self::Enwik8 | Self::TextLm | Self::Arrays => {
                return Err(self.no_classes());
            }
        })
    }

    /// Opens all parts of a classification task's data; each file is read once, whichever parts it holds. An adding task
    /// has the numbers of `pairs` in an epoch of training, validation and test (as published where there is none), in
    /// the place of [`TaskOptions::pairs`].
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_parts(
        self,
        dir: &Path,
        options: &TaskOptions,
        pairs: [Option<usize>; 3],
    ) -> Result<Parts> {
        const SPLITS: [Split; 3] = [Split::Train, Split::Valid, Split::Test];
        Ok(match self {
            Self::Image => Parts::of(image::open_parts(dir)?),
            Self::Pathfinder | Self::PathX => {
                Parts::of(Pathfinder::open_parts(dir, &self.pathfinder(options))?)
            }
            Self::Shd | Self::SyntheticSpikes => Parts::of(self.all_spikes(dir, options)?),
            Self::ShdAdding | Self::SyntheticSpikesAdding => {
                let mut parts = Vec::new();
                let sources = self.all_spikes(dir, options)?;
                for ((source, split), pairs) in sources.into_iter().zip(SPLITS).zip(pairs) {
                    let options = TaskOptions { pairs, ..*options };
                    let part: Arc<dyn TaskData> = Arc::new(self::pairs(source, split, &options)?);
                    parts.push(part);
                }
                let [train, valid, test] = &parts[..] else {
                    return Err(self.no_classes());
                };
                let [train, valid, test] = [train, valid, test].map(Arc::clone);
                Parts { train, valid, test }
            }
            // the test reviews also validate
            Self::Text => {
                let test = self.open(dir, Split::Test, options)?;
                Parts {
                    train: self.open(dir, Split::Train, options)?,
                    valid: Arc::clone(&test),
                    test,
                }
            }
            _ => Parts {
                train: self.open(dir, Split::Train, options)?,
                valid: self.open(dir, Split::Valid, options)?,
                test: self.open(dir, Split::Test, options)?,
            },
        })
    }

    fn no_classes(self) -> DataError {
        DataError::request(format!(
            "{self} is not a task of sequences with one class each"
        ))
    }

    fn pathfinder(self, options: &TaskOptions) -> PathfinderConfig {
        PathfinderConfig {
            side: self.side().unwrap_or_default(),
            difficulty: options.difficulty,
            split_seed: options.split_seed,
        }
    }

    /// A part of the spoken digits, or of what the generator drew instead of them.
    fn spikes(self, dir: &Path, split: Split, options: &TaskOptions) -> Result<ShdDataset> {
        let folder = ShdFolder::find(dir)?;
        if split == Split::Test {
            return self.spike_file(&folder, &folder.test, options);
        }
        let [train, valid] = self.divided(&folder, options)?;
        Ok(if split == Split::Train { train } else { valid })
    }

    fn all_spikes(self, dir: &Path, options: &TaskOptions) -> Result<[ShdDataset; 3]> {
        let folder = ShdFolder::find(dir)?;
        let [train, valid] = self.divided(&folder, options)?;
        let test = self.spike_file(&folder, &folder.test, options)?;
        Ok([train, valid, test])
    }

    /// The training file, divided into training and validation.
    fn divided(self, folder: &ShdFolder, options: &TaskOptions) -> Result<[ShdDataset; 2]> {
        let all = self.spike_file(folder, &folder.train, options)?;
        let (train, valid) = all.split(shd::VALIDATION_FRACTION, options.split_seed)?;
        for (split, part) in [(Split::Train, &train), (Split::Valid, &valid)] {
            if part.is_empty() {
                return Err(DataError::format(
                    &folder.train,
                    format!(
                        "expected at least one sample for the part `{split}`, found none: of {} samples, seed {} gave {} \
                         to `train` and {} to `valid` (each validates with probability {})",
                        all.len(),
                        options.split_seed,
                        train.len(),
                        valid.len(),
                        shd::VALIDATION_FRACTION
                    ),
                ));
            }
        }
        Ok([train, valid])
    }

    /// All samples of a file of spikes: never drawn ones for spoken ones.
    fn spike_file(
        self,
        folder: &ShdFolder,
        path: &Path,
        options: &TaskOptions,
    ) -> Result<ShdDataset> {
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
        if all.is_empty() {
            let part = if path == folder.test { "test" } else { "train" };
            return Err(DataError::format(
                path,
                format!("expected at least one sample for the part `{part}`, found 0 samples"),
            ));
        }
        if all.statistics().nothing_is_used() {
            return Err(DataError::format(path, all.statistics().notes().join("; ")));
        }
        let provenance = file.provenance().cloned();
        Ok(all.about(path, provenance))
    }
}

/// Pairs of the samples of a part.
fn pairs(source: ShdDataset, split: Split, options: &TaskOptions) -> Result<ShdAdding> {
    let draws = match split {
        Split::Train => Draws::EachEpoch,
        Split::Valid | Split::Test => Draws::Once,
    };
    let place = split as usize;
    let pairs = options.pairs.unwrap_or(shd::ADDING_SAMPLES[place]);
    let seed = match split {
        Split::Train => options.draw_seed,
        Split::Valid | Split::Test => options.split_seed,
    };
    // each part draws other pairs
    let seed = seed.wrapping_mul(3).wrapping_add(place as u64);
    ShdAdding::new(source, pairs, seed, draws)
}
