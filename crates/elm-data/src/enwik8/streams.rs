//! Batches of parallel streams of text.

use std::ops::Range;
use std::sync::Arc;

use crate::{DataError, Result};

/// The batches of a text in their order. A part of the text of `n` tokens becomes streams of `n / batch` tokens each (a
/// rest of fewer than `batch` tokens is left out); the last batch of an epoch may be shorter than the others.
///
/// They are to be read in order and not shuffled, since a model's state goes on from batch to batch.
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
    /// Whether the streams begin here, so that the state must begin anew; otherwise it goes on from the batch before.
    pub reset: bool,
}

impl StreamBatch {
    /// The inputs with one channel per token, `[batch, time, tokens]`: `scale` on the channel of the token, else 0.
    ///
    /// # Errors
    /// If a token is not below `tokens`.
    pub fn one_hot(&self, tokens: usize, scale: f32) -> Result<Vec<f32>> {
        let mut x = vec![0.0; self.inputs.len() * tokens];
        for (step, token) in self.inputs.iter().enumerate() {
            let token = usize::from(*token);
            if token >= tokens {
                return Err(DataError::request(format!(
                    "token {token}: expected below {tokens}"
                )));
            }
            x[step * tokens + token] = scale;
        }
        Ok(x)
    }
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
                "{batch} streams need a text of at least {} tokens, this one has {}",
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

    /// The batch at `index`, from 0 to `len() - 1`.
    ///
    /// # Panics
    /// If there is no such batch, as a slice does.
    pub fn batch(&self, index: usize) -> StreamBatch {
        assert!(
            index < self.len(),
            "expected a batch below {}, found {index}",
            self.len()
        );
        let first = index * self.time;
        let time = self.time.min(self.length - 1 - first);
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for stream in 0..self.batch {
            let at = self.start + stream * self.length + first;
            inputs.extend_from_slice(&self.tokens[at..at + time]);
            targets.extend_from_slice(&self.tokens[at + 1..=at + time]);
        }
        StreamBatch {
            inputs,
            targets,
            shape: [self.batch, time],
            reset: index == 0,
        }
    }
}

impl Streams {
    /// Number of batches of an epoch.
    pub fn len(&self) -> usize {
        (self.length - 1).div_ceil(self.time)
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
