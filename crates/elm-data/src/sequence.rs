//! Labelled sequences and their batches: what every classification task gives, whatever its files look like.
//!
//! Files become [`Sample`]s, as compact as the files allow; a [`SequenceBatch`] puts several side by side in the
//! [`Encoding`] of its task. Tokens stay tokens there, which are a model's to spread over channels: dense, a batch of 32
//! texts of 4000 bytes would be 134 MB of zeros.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// Spikes of one channel within one time step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinnedSpikes {
    /// Time step.
    pub step: u32,
    /// Channel.
    pub channel: u32,
    /// Number of spikes, at least 1.
    pub count: u16,
}

/// One input sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sequence {
    /// One token per step, 1.. (0 is padding and never part of a sample).
    Tokens(Vec<u16>),
    /// One grey value per step, 0 (black) to 255 (white).
    Pixels(Vec<u8>),
    /// Binned spikes, sorted by step, then channel.
    Spikes {
        /// Length of the sequence in steps.
        steps: usize,
        /// What happened in them.
        events: Vec<BinnedSpikes>,
    },
}

impl Sequence {
    /// Length in time steps.
    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Pixels(pixels) => pixels.len(),
            Self::Spikes { steps, .. } => *steps,
        }
    }

    /// Has it no step at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One labelled sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The input sequences: one, or two where a task compares a pair (Retrieval).
    pub inputs: Vec<Sequence>,
    /// Class, from 0.
    pub label: usize,
}

/// How the steps of a sequence become channels. Belongs to a trained model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// One channel per token, 1 on the channel of the token; padding is all zeros.
    OneHot {
        /// Tokens 1..=`tokens`, so as many channels.
        tokens: usize,
    },
    /// One channel: `(grey / 255 − mean) / std`; padding is 0. With `columns` two more, which tell where in its row a
    /// pixel lies.
    Grey {
        /// Mean of the grey values in 0..1.
        mean: f32,
        /// Their standard deviation.
        std: f32,
        /// Pixels of a row: sine and cosine of `2π · column / columns` are the second and the third channel.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        columns: Option<usize>,
    },
    /// One channel per spiking unit, the number of spikes in the step.
    Counts {
        /// Number of units.
        channels: usize,
    },
}

impl Encoding {
    /// Channels of an encoded sequence.
    pub fn channels(&self) -> usize {
        match self {
            Self::OneHot { tokens } => *tokens,
            Self::Grey { columns: None, .. } => 1,
            Self::Grey { .. } => 3,
            Self::Counts { channels } => *channels,
        }
    }

    /// Writes a sequence into zeros `[time, channel]`, row by row; steps past its end stay zero.
    ///
    /// # Errors
    /// If a channel is out of range, or the sequence is of another kind.
    fn write(&self, sequence: &Sequence, out: &mut [f32]) -> Result<()> {
        match (self, sequence) {
            (Self::Grey { mean, std, columns }, Sequence::Pixels(values)) => {
                let row = columns.map_or(0, |columns| columns.max(1));
                let clock: Vec<_> = (0..row.min(values.len()))
                    .map(|column| (core::f32::consts::TAU * (column as f32 / row as f32)).sin_cos())
                    .collect();
                let steps = out.chunks_exact_mut(self.channels());
                for (index, (out, grey)) in steps.zip(values).enumerate() {
                    out[0] = (f32::from(*grey) / 255.0 - mean) / std;
                    if let [_, sine, cosine] = out {
                        (*sine, *cosine) = clock[index % row];
                    }
                }
                Ok(())
            }
            (Self::Counts { channels }, Sequence::Spikes { events, .. }) => {
                for event in events {
                    let (step, channel) = (event.step as usize, event.channel as usize);
                    let row = out.chunks_exact_mut(*channels).nth(step);
                    let value = row.and_then(|row| row.get_mut(channel)).ok_or_else(|| {
                        DataError::request(format!(
                            "spike of channel {channel} in step {step}: expected below {channels}"
                        ))
                    })?;
                    *value += f32::from(event.count);
                }
                Ok(())
            }
            _ => Err(self.mismatch()),
        }
    }

    fn mismatch(&self) -> DataError {
        DataError::request(format!("{self:?} does not encode this kind of sequence"))
    }
}

/// The values of a [`SequenceBatch`].
#[derive(Debug, Clone, PartialEq)]
pub enum BatchValues {
    /// `[batch, time, channel]`, row by row, zero past the end of a sequence.
    Dense(Vec<f32>),
    /// Token of each step, `[batch, time]`: token `i` is 1 on channel `i − 1`, 0 (past the end) is no channel.
    Tokens(Vec<u16>),
}

/// A batch of one input of several samples.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceBatch {
    /// What the steps hold.
    pub values: BatchValues,
    /// `[batch, time, channel]`.
    pub shape: [usize; 3],
    /// Real length of each sequence in steps: at least 1.
    pub lengths: Vec<usize>,
    /// Class of each sample.
    pub labels: Vec<usize>,
}

impl SequenceBatch {
    /// One batch per input of the samples (one, or two where a task compares a pair), each as long as its longest
    /// sequence.
    ///
    /// # Errors
    /// If there are no samples, a sequence is empty, samples differ in their number of inputs, or a value does not
    /// fit the encoding.
    pub fn encode(samples: &[Sample], encoding: &Encoding) -> Result<Vec<Self>> {
        let inputs = samples.first().map_or(0, |s| s.inputs.len());
        if inputs == 0 || samples.iter().any(|s| s.inputs.len() != inputs) {
            return Err(DataError::request(
                "a batch needs samples with the same number of inputs, at least one",
            ));
        }
        (0..inputs)
            .map(|i| Self::encode_input(samples, i, encoding))
            .collect()
    }

    fn encode_input(samples: &[Sample], input: usize, encoding: &Encoding) -> Result<Self> {
        let lengths: Vec<usize> = samples.iter().map(|s| s.inputs[input].len()).collect();
        if lengths.contains(&0) {
            return Err(DataError::request("a sample has an empty sequence"));
        }
        let time = lengths.iter().copied().max().unwrap_or(0);
        let sequences = samples.iter().map(|s| &s.inputs[input]);
        let values = match encoding {
            Encoding::OneHot { tokens } => {
                let mut all = vec![0; samples.len() * time];
                for (out, sequence) in all.chunks_exact_mut(time).zip(sequences) {
                    let Sequence::Tokens(values) = sequence else {
                        return Err(encoding.mismatch());
                    };
                    let outside = |t: &&u16| !(1..=*tokens).contains(&usize::from(**t));
                    if let Some(token) = values.iter().find(outside) {
                        return Err(DataError::request(format!(
                            "token {token}: expected 1 to {tokens}"
                        )));
                    }
                    out[..values.len()].copy_from_slice(values);
                }
                BatchValues::Tokens(all)
            }
            _ => {
                let row = time * encoding.channels();
                let mut x = vec![0.0; samples.len() * row];
                for (out, sequence) in x.chunks_exact_mut(row).zip(sequences) {
                    encoding.write(sequence, out)?;
                }
                BatchValues::Dense(x)
            }
        };
        Ok(Self {
            values,
            shape: [samples.len(), time, encoding.channels()],
            lengths,
            labels: samples.iter().map(|s| s.label).collect(),
        })
    }

    /// The values `[batch, time, channel]`, row by row, zero past the end of a sequence.
    pub fn dense(&self) -> Cow<'_, [f32]> {
        let channels = self.shape[2];
        match &self.values {
            BatchValues::Dense(x) => x.into(),
            BatchValues::Tokens(tokens) => {
                let mut x = vec![0.0; tokens.len() * channels];
                for (row, &token) in x.chunks_exact_mut(channels).zip(tokens) {
                    if let Some(place) = usize::from(token).checked_sub(1) {
                        row[place] = 1.0;
                    }
                }
                x.into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tokens(values: &[u16], label: usize) -> Sample {
        let inputs = vec![Sequence::Tokens(values.to_vec())];
        Sample { inputs, label }
    }

    #[test]
    fn shorter_sequences_are_padded_with_zeros_and_keep_their_length() {
        let samples = [tokens(&[2, 1, 3], 4), tokens(&[3], 0)];
        let batch = &SequenceBatch::encode(&samples, &Encoding::OneHot { tokens: 3 }).unwrap()[0];
        assert_eq!(batch.shape, [2, 3, 3]);
        assert_eq!(
            (&batch.lengths[..], &batch.labels[..]),
            (&[3, 1][..], &[4, 0][..])
        );
        assert_eq!(batch.dense()[..9], [0., 1., 0., 1., 0., 0., 0., 0., 1.]);
        assert_eq!(batch.dense()[9..], [0., 0., 1., 0., 0., 0., 0., 0., 0.]);
    }

    #[test]
    fn two_channels_tell_the_columns_of_a_picture() {
        let sample = Sample {
            inputs: vec![Sequence::Pixels(vec![0, 255, 51, 0, 255])],
            label: 0,
        };
        let grey = |columns| Encoding::Grey {
            mean: 0.5,
            std: 0.5,
            columns,
        };
        let encode = |encoding| {
            let batch = SequenceBatch::encode(std::slice::from_ref(&sample), &encoding).unwrap();
            (batch[0].shape, batch[0].dense().to_vec())
        };
        let (shape, alone) = encode(grey(None));
        assert_eq!((shape, &alone[..2]), ([1, 5, 1], &[-1.0, 1.0][..]));
        let (shape, with) = encode(grey(Some(4)));
        assert_eq!(shape, [1, 5, 3]);
        let turns = [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (0.0, 1.0)];
        for ((row, grey), (sine, cosine)) in with.chunks_exact(3).zip(&alone).zip(turns) {
            assert_eq!(row[0], *grey);
            assert!((row[1] - sine).abs() < 1e-6 && (row[2] - cosine).abs() < 1e-6);
        }
        // files that were written before there were such channels
        let old = r#"{"grey":{"mean":0.5,"std":0.5}}"#;
        assert_eq!(serde_json::from_str::<Encoding>(old).unwrap(), grey(None));
        assert_eq!(serde_json::to_string(&grey(None)).unwrap(), old);
    }

    #[test]
    fn values_out_of_range_are_errors() {
        let one_hot = Encoding::OneHot { tokens: 3 };
        for bad in [0, 4] {
            let error = SequenceBatch::encode(&[tokens(&[bad], 0)], &one_hot).unwrap_err();
            assert!(error.to_string().contains("expected 1 to 3"), "{error}");
        }
        let event = BinnedSpikes {
            step: 1,
            channel: 5,
            count: 2,
        };
        let inputs = vec![Sequence::Spikes {
            steps: 2,
            events: vec![event],
        }];
        let sample = Sample { inputs, label: 0 };
        let encode = |channels| {
            SequenceBatch::encode(
                std::slice::from_ref(&sample),
                &Encoding::Counts { channels },
            )
        };
        assert!(encode(5).is_err());
        let batch = encode(6).unwrap().remove(0);
        assert_eq!(batch.dense().iter().sum::<f32>(), 2.0);
        assert_eq!(batch.dense()[11], 2.0);
        assert!(SequenceBatch::encode(&[], &one_hot).is_err());
        assert!(SequenceBatch::encode(&[tokens(&[], 0)], &one_hot).is_err());
    }
}
