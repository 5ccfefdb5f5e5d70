//! SHD as a data set of binned samples.

use std::path::Path;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::binning::PackedSpikes;
use super::{Binning, ShdFile};
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
}

#[derive(Debug)]
struct Labelled {
    label: u8,
    spikes: PackedSpikes,
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
                let spikes = PackedSpikes::pack(&file.spikes(index)?, binning, steps);
                Ok(Labelled { label, spikes })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            chosen: (0..samples.len() as u32).collect(),
            samples: samples.into(),
            steps,
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
        };
        Ok((part(train), part(valid)))
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
