//! SHD as a data set of binned samples.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::binning::PackedSpikes;
use super::statistics::{SampleFacts, SpikeStatistics};
use super::{Binning, ShdFile};
use crate::made::Provenance;
use crate::{BinnedSpikes, DataError, Result, Sample, Sequence};

/// Share of the training samples that validates.
pub const VALIDATION_FRACTION: f64 = 0.2;

/// Binned SHD samples in memory, about one byte per spike. Clones and splits share them.
#[derive(Debug, Clone)]
pub struct ShdDataset {
    samples: Arc<[Labelled]>,
    /// Samples of this part, as indices into `samples`.
    chosen: Arc<[u32]>,
    steps: usize,
    about: Arc<About>,
}

/// What is told of the file that samples are of.
#[derive(Debug, Default)]
struct About {
    warnings: Vec<String>,
    provenance: Option<Provenance>,
}

#[derive(Debug)]
struct Labelled {
    label: u8,
    spikes: PackedSpikes,
    facts: SampleFacts,
}

impl ShdDataset {
    /// Reads and bins all samples of the file `path`, in parallel.
    ///
    /// # Errors
    /// As [`ShdFile::open`] and [`ShdFile::spikes`], or if the bins do not divide a second.
    pub fn load(path: &Path, binning: Binning) -> Result<Self> {
        Self::read(&ShdFile::open(path)?, binning)
    }

    /// Reads and bins all samples of `file`, in parallel.
    ///
    /// # Errors
    /// As [`ShdFile::spikes`], or if the bins do not divide a second.
    pub fn read(file: &ShdFile, binning: Binning) -> Result<Self> {
        let steps = binning.steps()?;
        let samples: Vec<Labelled> = file
            .labels()
            .par_iter()
            .enumerate()
            .map(|(index, &label)| {
                let train = file.spikes(index)?;
                Ok(Labelled {
                    label,
                    spikes: PackedSpikes::pack(&train, binning, steps),
                    facts: train.facts(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            chosen: (0..samples.len() as u32).collect(),
            samples: samples.into(),
            steps,
            about: Arc::default(),
        })
    }

    /// Divides the samples into training and validation: each validates with probability `fraction`
    /// (0 to 1, published: [`VALIDATION_FRACTION`]), drawn from `seed`. Both parts keep the order of the file.
    ///
    /// # Errors
    /// If `fraction` is no probability.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(DataError::request(format!(
                "fraction of the validation samples: expected 0 to 1, found {fraction}"
            )));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (valid, train): (Vec<u32>, Vec<u32>) =
            self.chosen.iter().partition(|_| rng.random_bool(fraction));
        let part = |chosen: Vec<u32>| Self {
            samples: self.samples.clone(),
            chosen: chosen.into(),
            steps: self.steps,
            about: Arc::clone(&self.about),
        };
        Ok((part(train), part(valid)))
    }

    /// The same samples with what is to be told of their file `path`.
    pub(crate) fn about(mut self, path: &Path, provenance: Option<Provenance>) -> Self {
        let notes = self.statistics().notes().into_iter();
        self.about = Arc::new(About {
            warnings: notes
                .map(|note| format!("{}: {note}", path.display()))
                .collect(),
            provenance,
        });
        self
    }

    /// What a user should be told of the file, a sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.about.warnings
    }

    /// How the file was made, if a program of this project made it and noted it.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.about.provenance.as_ref()
    }

    /// What the spikes of this part are like.
    pub fn statistics(&self) -> SpikeStatistics {
        let facts = |i: &u32| self.samples[*i as usize].facts;
        SpikeStatistics::of(self.chosen.iter().map(facts))
    }

    /// Hash of all samples of the file that this part is of.
    pub(crate) fn file_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for sample in &*self.samples {
            (sample.label, &sample.spikes).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Number of samples in the file that this part is of.
    pub fn in_file(&self) -> usize {
        self.samples.len()
    }

    /// Time steps of every sample.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Class of sample `index`, below 20. Panics if there is no such sample, as a slice does.
    pub fn label(&self, index: usize) -> usize {
        usize::from(self.labelled(index).label)
    }

    /// Sample `index`. Panics if there is no such sample, as a slice does.
    pub fn sample(&self, index: usize) -> Sample {
        let mut events = Vec::new();
        self.events(index, 0, &mut events);
        Sample {
            inputs: vec![Sequence::Spikes {
                steps: self.steps,
                events,
            }],
            label: self.label(index),
        }
    }

    /// Size of the packed spikes of this part in memory (bytes).
    pub fn size(&self) -> usize {
        let packed = |i: &u32| self.samples[*i as usize].spikes.size();
        self.chosen.iter().map(packed).sum()
    }

    fn labelled(&self, index: usize) -> &Labelled {
        &self.samples[self.chosen[index] as usize]
    }

    /// Appends the bins of sample `index` that hold spikes, by step, then channel; steps count from `first`.
    pub(super) fn events(&self, index: usize, first: usize, events: &mut Vec<BinnedSpikes>) {
        self.labelled(index).spikes.unpack(first, events);
    }
}

impl ShdDataset {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.chosen.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
