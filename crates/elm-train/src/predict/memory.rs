//! Sequences that are in memory.

use burn::tensor::Device;
use elm_data::BatchValues;
use elm_data::arrays::Scaler;

use super::source::{Piece, Predicting, SampleAnswer, Source, Truth, batch_size};
use crate::error::{Result, TrainError};
use crate::model::ModelFile;
use crate::model::card::InputCard;
use crate::task::sequence::SequenceInput;

/// What the steps of sequences in memory hold.
#[derive(Debug, Clone, PartialEq)]
pub enum MemoryValues {
    /// Numbers `[sample, time, channel]`, row by row.
    Dense(Vec<f32>),
    /// The number of a token in each step, from 0, `[sample, time]`: it is 1 on the channel of that number.
    Tokens(Vec<usize>),
}

/// Sequences in memory, padded to the longest: what goes into a model's channels.
#[derive(Debug, Clone)]
pub struct MemorySource {
    values: BatchValues,
    shape: [usize; 3],
    lengths: Vec<usize>,
}

impl MemorySource {
    /// Sequences for a model: `shape` is `[sample, time, channel]` (of tokens the model's channels), `lengths` are the real
    /// steps of each, all unless given.
    ///
    /// # Errors
    /// [`TrainError::Usage`] if there are other channels than the model's, no sequences or steps, other lengths than
    /// sequences, a length out of range, or a token that the model does not have.
    pub fn new(
        file: &ModelFile,
        values: MemoryValues,
        shape: [usize; 3],
        lengths: Option<Vec<usize>>,
    ) -> Result<Self> {
        let (channels, _) = file.card.config.sizes();
        let [samples, time, found] = shape;
        let wrong = |problem: String| Err(TrainError::Usage(problem));
        if found != channels {
            return wrong(format!(
                "expected sequences of {channels} channels [sample, time, channel], found {found} channels"
            ));
        }
        if samples == 0 || time == 0 {
            return wrong(format!(
                "expected at least one sequence of at least one step, found {samples} sequences of {time} steps"
            ));
        }
        let lengths = lengths.unwrap_or_else(|| vec![time; samples]);
        if lengths.len() != samples {
            return wrong(format!(
                "expected one length for each of {samples} sequences, found {} lengths",
                lengths.len()
            ));
        }
        if let Some(length) = lengths.iter().find(|length| !(1..=time).contains(*length)) {
            return wrong(format!("expected lengths of 1 to {time}, found {length}"));
        }
        let values = match values {
            MemoryValues::Dense(x) => BatchValues::Dense(x),
            MemoryValues::Tokens(tokens) => {
                let most = channels.min(usize::from(u16::MAX));
                let token = |token: usize| match token < most {
                    true => Ok(token as u16 + 1),
                    false => Err(TrainError::Usage(format!(
                        "expected tokens of 0 to {}, found {token}",
                        most.saturating_sub(1)
                    ))),
                };
                BatchValues::Tokens(tokens.into_iter().map(token).collect::<Result<_>>()?)
            }
        };
        Ok(Self {
            values,
            shape,
            lengths,
        })
    }

    /// The same, normalised as the training data of a model were that was trained on arrays; for any other as they are.
    pub fn normalised(mut self, file: &ModelFile) -> Self {
        let input = file.card.task.as_ref().map(|task| &task.input);
        if let (BatchValues::Dense(x), Some(InputCard::Arrays { normalisation, .. })) =
            (&mut self.values, input)
        {
            normalise(x, normalisation, self.shape, &self.lengths);
        }
        self
    }

    /// The input of all sequences together, as it goes into the model.
    pub fn input(&self, device: &Device) -> SequenceInput {
        SequenceInput::of(
            self.values.clone(),
            self.shape,
            self.lengths.clone(),
            device,
        )
    }

    /// Sequences `from` to `to`.
    fn part(&self, from: usize, to: usize) -> Self {
        let [_, time, channels] = self.shape;
        Self {
            values: match &self.values {
                BatchValues::Dense(x) => {
                    BatchValues::Dense(x[from * time * channels..to * time * channels].to_vec())
                }
                BatchValues::Tokens(tokens) => {
                    BatchValues::Tokens(tokens[from * time..to * time].to_vec())
                }
            },
            shape: [to - from, time, channels],
            lengths: self.lengths[from..to].to_vec(),
        }
    }
}

/// Normalises real steps; what is past the end of a sequence stays as it is, which is seen by no answer.
fn normalise(x: &mut [f32], scaler: &Scaler, [_, time, channels]: [usize; 3], lengths: &[usize]) {
    let samples = x.chunks_exact_mut(time * channels);
    for (sample, length) in samples.zip(lengths) {
        let real = &mut sample[..length * channels];
        let mut values: Vec<f64> = real.iter().copied().map(f64::from).collect();
        scaler.apply(&mut values);
        for (out, value) in real.iter_mut().zip(values) {
            *out = value as f32;
        }
    }
}

impl Source for MemorySource {
    fn samples(&self) -> usize {
        self.shape[0]
    }

    fn items(&self) -> &'static str {
        "sequences"
    }

    fn predict(
        &self,
        with: &Predicting<'_>,
        take: &mut dyn FnMut(SampleAnswer) -> Result<()>,
    ) -> Result<()> {
        let [samples, time, channels] = self.shape;
        let together = batch_size(time, channels);
        for from in (0..samples).step_by(together) {
            let to = samples.min(from + together);
            let piece = Piece {
                inputs: vec![self.part(from, to).input(with.device)],
                names: (from..to).map(|sample| sample.to_string()).collect(),
                truths: vec![Truth::Unknown; to - from],
            };
            with.answer(piece, take)?;
        }
        Ok(())
    }
}
