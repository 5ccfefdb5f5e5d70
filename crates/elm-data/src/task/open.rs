//! Opening the data of a classification task.

use std::path::Path;
use std::sync::Arc;

use crate::lra::ByteSequences;
use crate::lra::pathfinder::{Difficulty, Pathfinder};
use crate::lra::retrieval::Retrieval;
use crate::made::Provenance;
use crate::shd::{Binning, ShdAdding, ShdDataset, SpikeStatistics};
use crate::{DataError, Result, Sample, Split};

/// How a task's data is to be read. Tasks leave out what does not concern them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskOptions {
    /// Longest sequence of ListOps, Text and Retrieval; as published unless set.
    pub max_length: Option<usize>,
    /// Time steps of the spike tasks.
    pub binning: Binning,
    /// Which images of Pathfinder and Path-X.
    pub difficulty: Difficulty,
    /// Do two more channels tell the column of each pixel of a picture, see [`Encoding::Grey`](crate::Encoding::Grey)?
    pub column_channels: bool,
    /// Pixels along an edge of the blocks of a picture of which each becomes one pixel, their mean; as they are unless set.
    pub shrink: Option<usize>,
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
            column_channels: false,
            shrink: None,
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

    /// Steps of the longest input sequence of sample `index`, without reading it; none where all samples have the same.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    fn steps(&self, index: usize) -> Option<usize> {
        let _ = index;
        None
    }

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
    /// The parts, from three of a kind.
    pub(crate) fn of<T: TaskData + 'static>([train, valid, test]: [T; 3]) -> Self {
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

    fn steps(&self, index: usize) -> Option<usize> {
        Some(Self::steps(self, index))
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

    fn steps(&self, index: usize) -> Option<usize> {
        Some(Self::steps(self, index))
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
