//! Batches of a classification task: shuffled without end to train on, or once through to evaluate.

use std::sync::{Arc, Mutex};

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TaskData;
use crate::group::by_length;
use crate::stream::BatchSource;
use crate::{BatchValues, DataError, Encoding, Result, SequenceBatch};

/// In which order samples are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Epoch after epoch without end, each in an order of its own; every batch is full.
    Shuffled {
        /// Seed of the orders.
        seed: u64,
    },
    /// Once in the order of the files; the last batch may be smaller.
    Stored {
        /// At most so many samples, evenly spaced; all unless set.
        most: Option<usize>,
    },
}

/// A source of batches, each the encoded inputs of some samples; a batch depends on its number alone.
pub struct SampleBatches {
    data: Arc<dyn TaskData>,
    encoding: Encoding,
    batch_size: usize,
    order: Order,
    dropout: Option<Dropout>,
    /// Steps of each sample, where batches are of about the same length.
    lengths: Option<Vec<usize>>,
    /// The orders of the epochs last asked for: workers are in one or two epochs at a time.
    shuffled: Mutex<Vec<(u64, Arc<[u32]>)>>,
}

impl SampleBatches {
    /// Batches of `batch_size` samples of `data`.
    ///
    /// # Errors
    /// If there are no samples or more than 2^32, or `batch_size` is 0.
    pub fn new(
        data: Arc<dyn TaskData>,
        encoding: Encoding,
        batch_size: usize,
        order: Order,
    ) -> Result<Self> {
        if data.is_empty() || u32::try_from(data.len()).is_err() || batch_size == 0 {
            return Err(DataError::request(format!(
                "expected samples and batches of at least one of them, found {} samples and batches of {batch_size}",
                data.len()
            )));
        }
        Ok(Self {
            data,
            encoding,
            batch_size,
            order,
            dropout: None,
            lengths: None,
            shuffled: Mutex::new(Vec::new()),
        })
    }

    /// Leaves out each input value with probability `rate` (0 to below 1), drawn anew for each batch; dense values that
    /// stay are scaled by `1 / (1 − rate)`, tokens are blanked.
    pub fn with_input_dropout(mut self, rate: f32, seed: u64) -> Self {
        self.dropout = (rate > 0.0).then_some(Dropout {
            rate: rate.min(0.999),
            seed,
        });
        self
    }

    /// Are samples of about the same length to come together, so that little is padded? Each epoch still has every sample
    /// once and an order of its own. Of no effect where all are of the same length, or come in their order.
    pub fn group_by_length(mut self, grouped: bool) -> Self {
        let lengths = || (0..self.data.len()).map(|sample| self.data.steps(sample));
        self.lengths = grouped.then(|| lengths().collect()).flatten();
        self
    }

    /// The data.
    pub fn data(&self) -> &Arc<dyn TaskData> {
        &self.data
    }

    /// Samples of one pass.
    pub fn samples(&self) -> usize {
        match self.order {
            Order::Stored { most: Some(most) } => self.data.len().min(most.max(1)),
            _ => self.data.len(),
        }
    }

    /// Batches of one pass.
    pub fn batches(&self) -> u64 {
        self.samples().div_ceil(self.batch_size) as u64
    }

    /// Epoch and index of the samples of batch `index`; none past the end of a stored order.
    pub fn indices(&self, index: u64) -> Vec<(u64, usize)> {
        let size = self.batch_size as u64;
        let first = index.saturating_mul(size);
        let (count, all) = (self.samples() as u64, self.data.len() as u64);
        match self.order {
            Order::Stored { .. } => (first..count.min(first.saturating_add(size)))
                .map(|i| (0, (i * all / count) as usize))
                .collect(),
            Order::Shuffled { seed } => {
                let mut current: Option<(u64, Arc<[u32]>)> = None;
                (first..first.saturating_add(size))
                    .map(|place| {
                        let epoch = place / count;
                        let order = match &current {
                            Some((of, order)) if *of == epoch => order,
                            _ => &current.insert((epoch, self.shuffle(seed, epoch))).1,
                        };
                        (epoch, order[(place % count) as usize] as usize)
                    })
                    .collect()
            }
        }
    }

    /// The order of an epoch, which depends on seed and epoch alone.
    fn shuffle(&self, seed: u64, epoch: u64) -> Arc<[u32]> {
        // A thread that panicked left the list whole: it only ever gets or loses entries.
        let mut known = self.shuffled.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((_, order)) = known.iter().find(|(of, _)| *of == epoch) {
            return Arc::clone(order);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch);
        let mut order: Vec<u32> = (0..self.data.len() as u32).collect();
        order.shuffle(&mut rng);
        if let Some(lengths) = &self.lengths {
            // the first samples may complete a batch of the epoch before, the last ones begin one of the next
            let size = self.batch_size as u64;
            let begun = (epoch.wrapping_mul(order.len() as u64) % size) as usize;
            let first = ((self.batch_size - begun) % self.batch_size).min(order.len());
            let whole = (order.len() - first) / self.batch_size * self.batch_size;
            let between = &mut order[first..first + whole];
            let steps = |sample: &u32| lengths[*sample as usize];
            let batches = by_length(between, self.batch_size, steps, &mut rng).concat();
            between.copy_from_slice(&batches);
        }
        let order: Arc<[u32]> = order.into();
        if known.len() >= 2 {
            known.remove(0);
        }
        known.push((epoch, Arc::clone(&order)));
        order
    }
}

impl BatchSource for SampleBatches {
    /// One batch per input sequence of a sample.
    type Batch = Vec<SequenceBatch>;

    fn make(&self, index: u64) -> Result<Vec<SequenceBatch>> {
        let samples: Vec<_> = self
            .indices(index)
            .into_iter()
            .map(|(epoch, sample)| self.data.read(epoch, sample))
            .collect::<Result<_>>()?;
        let mut batches = SequenceBatch::encode(&samples, &self.encoding)?;
        if let Some(dropout) = self.dropout {
            dropout.apply(index, &mut batches);
        }
        Ok(batches)
    }
}

/// Random blanks in the input, the same whenever a batch is made again.
#[derive(Debug, Clone, Copy)]
struct Dropout {
    rate: f32,
    seed: u64,
}

impl Dropout {
    fn apply(self, index: u64, batches: &mut [SequenceBatch]) {
        // not the numbers that shuffle
        let mut rng = ChaCha8Rng::seed_from_u64(!self.seed);
        rng.set_stream(index);
        let scale = 1.0 / (1.0 - self.rate);
        for batch in batches {
            match &mut batch.values {
                // a zero stays zero: what is sparse takes few draws
                BatchValues::Dense(x) => x.iter_mut().filter(|v| **v != 0.0).for_each(|v| {
                    *v *= if rng.random::<f32>() < self.rate {
                        0.0
                    } else {
                        scale
                    };
                }),
                BatchValues::Tokens(tokens) => tokens
                    .iter_mut()
                    .filter(|token| **token != 0)
                    .for_each(|token| {
                        if rng.random::<f32>() < self.rate {
                            *token = 0;
                        }
                    }),
            }
        }
    }
}
