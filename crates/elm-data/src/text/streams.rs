//! Batches of parallel streams of text, and when a stream's state begins anew.

use std::ops::Range;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BatchSource, DataError, Result};

/// When the states of streams are dropped in training, so that a model also learns to start from nothing: with a
/// probability that falls in a straight line from `first` to `last` over `steps` batches, drawn for each stream.
///
/// The published setting for Enwik8 (a probability from 1 to 0.01 over 40 000 steps) is the default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StateDrop {
    /// Probability before the first batch, 0 to 1.
    pub first: f64,
    /// Probability after the last of the `steps`, 0 to 1.
    pub last: f64,
    /// Batches from `first` to `last`.
    pub steps: u64,
}

impl Default for StateDrop {
    fn default() -> Self {
        Self {
            first: 1.0,
            last: 0.01,
            steps: 40_000,
        }
    }
}

impl StateDrop {
    /// The state is kept to the end of the text: for evaluation.
    pub const NEVER: Self = Self {
        first: 0.0,
        last: 0.0,
        steps: 0,
    };

    /// Probability that a stream's state is dropped before batch number `index` of a training.
    pub fn probability(&self, index: u64) -> f64 {
        if index >= self.steps {
            return self.last;
        }
        self.first + (self.last - self.first) * index as f64 / self.steps as f64
    }
}

/// The batches of a text in their order. A part of the text of `n` tokens becomes streams of `n / batch` tokens each (a
/// rest of fewer than `batch` tokens is left out); the last batch of an epoch may be shorter than the others.
#[derive(Debug, Clone)]
pub struct Streams {
    tokens: Arc<Vec<u8>>,
    start: usize,
    /// Tokens of a stream.
    length: usize,
    batch: usize,
    time: usize,
}

/// The next steps of every stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamBatch {
    /// Tokens to read, `[batch, time]`, row by row.
    pub inputs: Vec<u8>,
    /// The token that follows each of them, `[batch, time]`: the class to predict.
    pub targets: Vec<u8>,
    /// Shape of both.
    pub shape: [usize; 2],
    /// For each stream: does its state begin anew? Otherwise it goes on from the batch before.
    pub fresh: Vec<bool>,
}

impl Streams {
    pub(super) fn new(
        tokens: Arc<Vec<u8>>,
        part: Range<usize>,
        batch: usize,
        time: usize,
    ) -> Result<Self> {
        if batch == 0 || time == 0 {
            return Err(DataError::request(format!(
                "expected at least 1 stream and 1 step, found {batch} streams and {time} steps"
            )));
        }
        let length = part.len() / batch;
        if length < 2 {
            return Err(DataError::request(format!(
                "{batch} streams need at least {} tokens, found {}",
                batch.saturating_mul(2),
                part.len()
            )));
        }
        Ok(Self {
            tokens,
            start: part.start,
            length,
            batch,
            time,
        })
    }

    /// Batches of an epoch.
    pub fn batches(&self) -> usize {
        (self.length - 1).div_ceil(self.time)
    }

    /// Tokens that are predicted in an epoch.
    pub fn predictions(&self) -> usize {
        (self.length - 1) * self.batch
    }

    /// The batch at `index` of an epoch; every stream is fresh in the first, and goes on in the others.
    ///
    /// # Errors
    /// If there is no such batch.
    pub fn batch(&self, index: usize) -> Result<StreamBatch> {
        let batches = self.batches();
        if index >= batches {
            return Err(DataError::request(format!(
                "expected a batch below {batches}, found {index}"
            )));
        }
        let first = index * self.time;
        let time = self.time.min(self.length - 1 - first);
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for stream in 0..self.batch {
            let at = self.start + stream * self.length + first;
            inputs.extend_from_slice(&self.tokens[at..at + time]);
            targets.extend_from_slice(&self.tokens[at + 1..=at + time]);
        }
        Ok(StreamBatch {
            inputs,
            targets,
            shape: [self.batch, time],
            fresh: vec![index == 0; self.batch],
        })
    }
}

/// The batches of epoch after epoch of a training, numbered from 0: number `n` is batch `n % batches` of epoch
/// `n / batches`. Which states are dropped depends on seed and number alone, so that a training goes on exactly where it
/// stopped.
#[derive(Debug, Clone)]
pub struct StreamBatches {
    streams: Streams,
    drop: StateDrop,
    seed: u64,
}

impl StreamBatches {
    /// Epoch after epoch of `streams`.
    ///
    /// # Errors
    /// If a probability is out of range.
    pub fn new(streams: Streams, drop: StateDrop, seed: u64) -> Result<Self> {
        for probability in [drop.first, drop.last] {
            if !(0.0..=1.0).contains(&probability) {
                return Err(DataError::request(format!(
                    "probability to drop a state: expected 0 to 1, found {probability}"
                )));
            }
        }
        Ok(Self {
            streams,
            drop,
            seed,
        })
    }

    /// The streams of an epoch.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }
}

impl BatchSource for StreamBatches {
    type Batch = StreamBatch;

    fn make(&self, index: u64) -> Result<StreamBatch> {
        let batches = self.streams.batches() as u64;
        let mut batch = self.streams.batch((index % batches) as usize)?;
        let probability = self.drop.probability(index);
        if probability > 0.0 {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(index);
            for fresh in &mut batch.fresh {
                // every stream draws, whether it is fresh or not: the draws of the others stay the same
                *fresh |= rng.random::<f64>() < probability;
            }
        }
        Ok(batch)
    }
}
