//! SHD-Adding: the sum of two spoken digits.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{ShdDataset, digit};
use crate::{DataError, Result, Sample, Sequence};

/// Number of classes: the sums 0 to 18.
pub const ADDING_CLASSES: usize = 19;
/// Published number of samples per epoch in training, validation and test: 2000, 500 and 2000 batches of 8.
pub const ADDING_SAMPLES: [usize; 3] = [16_000, 4_000, 16_000];

/// When new pairs are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draws {
    /// In every epoch: training.
    EachEpoch,
    /// Once: every evaluation sees the same pairs.
    Once,
}

/// Pairs of SHD samples, one after the other, with the sum of their digits as the label (their languages do not count).
///
/// Pairs are drawn on the fly, both samples uniformly from all of the source. A pair depends on the seed, the epoch and
/// its index alone, so that epochs can be resumed and read by any number of threads.
#[derive(Debug)]
pub struct ShdAdding {
    source: ShdDataset,
    samples: usize,
    seed: u64,
    draws: Draws,
}

impl ShdAdding {
    /// `samples` pairs per epoch from `source`.
    ///
    /// # Errors
    /// If `source` has no samples.
    pub fn new(source: ShdDataset, samples: usize, seed: u64, draws: Draws) -> Result<Self> {
        if source.is_empty() {
            return Err(DataError::request(
                "pairs of digits: expected at least one sample to draw from, found none",
            ));
        }
        Ok(Self {
            source,
            samples,
            seed,
            draws,
        })
    }

    /// What the pairs are drawn from.
    pub fn source(&self) -> &ShdDataset {
        &self.source
    }

    /// Time steps of every pair.
    pub fn steps(&self) -> usize {
        2 * self.source.steps()
    }

    /// The samples of pair `index` of `epoch`, as indices into the source.
    pub fn pair(&self, epoch: u64, index: usize) -> [usize; 2] {
        let epoch = match self.draws {
            Draws::EachEpoch => epoch,
            Draws::Once => 0,
        };
        // Seed, epoch and index are the key of the random numbers.
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&epoch.to_le_bytes());
        key[16..24].copy_from_slice(&(index as u64).to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        let samples = self.source.len() as u64;
        [(); 2].map(|()| rng.random_range(0..samples) as usize)
    }

    /// Class of pair `index` of the first epoch.
    pub fn label(&self, index: usize) -> usize {
        self.sum(self.pair(0, index))
    }

    fn sum(&self, pair: [usize; 2]) -> usize {
        pair.iter().map(|s| digit(self.source.label(*s))).sum()
    }

    /// Pair `index` of `epoch`.
    ///
    /// # Panics
    /// If there is no such pair, as a slice does.
    pub fn draw(&self, epoch: u64, index: usize) -> Sample {
        assert!(index < self.samples, "pair {index} of {}", self.samples);
        let pair = self.pair(epoch, index);
        let mut events = Vec::new();
        for (sample, first) in pair.into_iter().zip([0, self.source.steps()]) {
            self.source.events(sample, first, &mut events);
        }
        Sample {
            inputs: vec![Sequence::Spikes {
                steps: self.steps(),
                events,
            }],
            label: self.sum(pair),
        }
    }
}

impl ShdAdding {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
