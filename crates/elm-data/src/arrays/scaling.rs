//! Normalisation, learnt on the samples to train on and kept with a model.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::{InputKind, Inputs, SequenceData, Target};
use crate::{DataError, Result};

/// Samples whose statistics are taken together: the order of sums, and so the last bit, is the same on every machine.
const CHUNK: usize = 16;

/// How the values of each channel are brought to one range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Normalization {
    /// They stay as they are.
    None,
    /// Mean 0 and standard deviation 1.
    #[default]
    Standardize,
    /// From 0, the smallest, to 1, the largest.
    MinMax,
    /// `sign(x) · ln(1 + |x|)`, then mean 0 and standard deviation 1: for counts and other values over many magnitudes.
    Log1p,
}

/// A normalisation with what was learnt: `y = (f(x) − offset) / scale` for each channel, where `f` is the logarithm of
/// [`Normalization::Log1p`] or nothing. Belongs to a trained model.
///
/// A channel that never changes is only moved to 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Scaler {
    kind: Normalization,
    offset: Vec<f64>,
    scale: Vec<f64>,
}

/// A scaler as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    kind: Normalization,
    offset: Vec<f64>,
    scale: Vec<f64>,
}

impl From<Scaler> for Stored {
    fn from(scaler: Scaler) -> Self {
        let Scaler {
            kind,
            offset,
            scale,
        } = scaler;
        Self {
            kind,
            offset,
            scale,
        }
    }
}

impl TryFrom<Stored> for Scaler {
    type Error = DataError;

    fn try_from(stored: Stored) -> Result<Self> {
        let Stored {
            kind,
            offset,
            scale,
        } = stored;
        let good = |v: &f64| v.is_finite();
        let scales = scale.iter().all(|s| s.is_finite() && *s > 0.0);
        if offset.len() != scale.len() || !offset.iter().all(good) || !scales {
            return Err(DataError::request(
                "normalisation: expected a finite offset and a scale above 0 for each channel",
            ));
        }
        Ok(Self {
            kind,
            offset,
            scale,
        })
    }
}

impl Scaler {
    /// Leaves `channels` as they are.
    pub fn none(channels: usize) -> Self {
        Self {
            kind: Normalization::None,
            offset: vec![0.0; channels],
            scale: vec![1.0; channels],
        }
    }

    /// Learns the normalisation of the inputs from `samples`; symbols are never changed.
    ///
    /// # Errors
    /// If a sample cannot be read.
    pub fn learn(kind: Normalization, data: &dyn SequenceData, samples: &[usize]) -> Result<Self> {
        let InputKind::Values { channels } = data.inputs() else {
            return Ok(Self::none(data.inputs().channels()));
        };
        Self::learn_from(kind, channels, samples, |sample| {
            Ok(match data.sample(sample)?.inputs {
                Inputs::Values(values) => values,
                Inputs::Symbols(_) => vec![],
            })
        })
    }

    /// Learns the normalisation of the targets from `samples`; classes are never changed. Where the next value is the
    /// target, it is that of the inputs.
    ///
    /// # Errors
    /// If a sample cannot be read.
    pub fn learn_targets(
        kind: Normalization,
        data: &dyn SequenceData,
        samples: &[usize],
    ) -> Result<Self> {
        let targets = data.targets();
        if targets.kind.is_class() {
            return Ok(Self::none(targets.outputs));
        }
        if targets.kind.is_next() {
            return Self::learn(kind, data, samples);
        }
        Self::learn_from(kind, targets.outputs, samples, |sample| {
            Ok(match data.sample(sample)?.target {
                Target::Values(values) | Target::ValueSteps(values) => values,
                _ => vec![],
            })
        })
    }

    fn learn_from(
        kind: Normalization,
        channels: usize,
        samples: &[usize],
        read: impl Fn(usize) -> Result<Vec<f64>> + Sync,
    ) -> Result<Self> {
        if kind == Normalization::None {
            return Ok(Self::none(channels));
        }
        let of_chunk = |samples: &[usize]| {
            let mut moments = vec![Moments::default(); channels];
            for &sample in samples {
                let mut values = read(sample)?;
                if kind == Normalization::Log1p {
                    values.iter_mut().for_each(|v| *v = log1p(*v));
                }
                add(&mut moments, &values);
            }
            Ok(moments)
        };
        let chunks: Vec<Vec<Moments>> = samples
            .par_chunks(CHUNK)
            .map(of_chunk)
            .collect::<Result<_>>()?;
        let mut moments = vec![Moments::default(); channels];
        for chunk in &chunks {
            for (all, part) in moments.iter_mut().zip(chunk) {
                all.merge(part);
            }
        }
        let (offset, scale) = moments.iter().map(|m| m.scale(kind)).unzip();
        Ok(Self {
            kind,
            offset,
            scale,
        })
    }

    /// What is done.
    pub fn kind(&self) -> Normalization {
        self.kind
    }

    /// How many channels it was learnt for.
    pub fn channels(&self) -> usize {
        self.offset.len()
    }

    /// Offset and scale of a channel, if there is such a channel.
    pub fn channel(&self, index: usize) -> Option<(f64, f64)> {
        Some((*self.offset.get(index)?, *self.scale.get(index)?))
    }

    /// Normalises `[.., channel]` values, row by row; a missing value (NaN) becomes 0.
    pub fn apply(&self, values: &mut [f64]) {
        let channels = self.offset.len().max(1);
        for row in values.chunks_mut(channels) {
            for ((value, offset), scale) in row.iter_mut().zip(&self.offset).zip(&self.scale) {
                let x = match self.kind {
                    Normalization::Log1p => log1p(*value),
                    _ => *value,
                };
                *value = if x.is_nan() {
                    0.0
                } else {
                    (x - offset) / scale
                };
            }
        }
    }

    /// Turns normalised `[.., channel]` values back, row by row: a model's outputs into the units of the data.
    pub fn invert(&self, values: &mut [f64]) {
        let channels = self.offset.len().max(1);
        for row in values.chunks_mut(channels) {
            for ((value, offset), scale) in row.iter_mut().zip(&self.offset).zip(&self.scale) {
                let x = *value * scale + offset;
                *value = match self.kind {
                    Normalization::Log1p => x.abs().exp_m1().copysign(x),
                    _ => x,
                };
            }
        }
    }
}

fn log1p(value: f64) -> f64 {
    value.abs().ln_1p().copysign(value)
}

/// Statistics of one channel.
#[derive(Debug, Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    /// Sum of the squared differences to the mean.
    squares: f64,
    least: f64,
    most: f64,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            count: 0.0,
            mean: 0.0,
            squares: 0.0,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
        }
    }
}

/// Adds `[time, channel]` values; the sums of a sample run over differences to its first row, so that a large mean costs
/// no digits.
fn add(moments: &mut [Moments], values: &[f64]) {
    let channels = moments.len();
    let Some(first) = values.get(..channels) else {
        return;
    };
    let origin: Vec<f64> = first
        .iter()
        .map(|v| if v.is_nan() { 0.0 } else { *v })
        .collect();
    // (count, sum, sum of squares, least, most)
    let mut sums = vec![(0.0, 0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY); channels];
    for row in values.chunks_exact(channels) {
        for ((value, origin), sums) in row.iter().zip(&origin).zip(&mut sums) {
            let there = !value.is_nan();
            let difference = if there { value - origin } else { 0.0 };
            sums.0 += f64::from(u8::from(there));
            sums.1 += difference;
            sums.2 += difference * difference;
            // a comparison with NaN is false
            if *value < sums.3 {
                sums.3 = *value;
            }
            if *value > sums.4 {
                sums.4 = *value;
            }
        }
    }
    for ((all, origin), (count, sum, squares, least, most)) in
        moments.iter_mut().zip(&origin).zip(sums)
    {
        if count > 0.0 {
            all.merge(&Moments {
                count,
                mean: origin + sum / count,
                squares: (squares - sum * sum / count).max(0.0),
                least,
                most,
            });
        }
    }
}

impl Moments {
    fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        let count = self.count + other.count;
        let difference = other.mean - self.mean;
        self.squares += other.squares + difference * difference * self.count * other.count / count;
        self.mean += difference * other.count / count;
        self.count = count;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// Offset and scale.
    fn scale(&self, kind: Normalization) -> (f64, f64) {
        let (offset, range) = match kind {
            Normalization::None => return (0.0, 1.0),
            Normalization::MinMax => (self.least, self.most - self.least),
            Normalization::Standardize | Normalization::Log1p => {
                (self.mean, (self.squares / self.count).sqrt())
            }
        };
        if self.count == 0.0 {
            return (0.0, 1.0);
        }
        // compared exactly: the deviation of a constant may be a rounding error
        match self.least < self.most && range > 0.0 && (1.0 / range).is_finite() {
            true => (offset, range),
            false => (self.least, 1.0),
        }
    }
}
