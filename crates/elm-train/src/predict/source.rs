//! From batches to answers.

use burn::tensor::Device;

use crate::error::{Result, TrainError};
use crate::model::ModelFile;
use crate::model::card::ReadoutCard;
use crate::stop::Stop;
use crate::task::numbers;
use crate::task::sequence::SequenceInput;

/// Most values of a batch's input: what goes through a model together.
const MOST_VALUES: usize = 1 << 23;
/// Most samples of a batch.
const MOST_SAMPLES: usize = 64;

/// What predicts, and where.
pub struct Predicting<'a> {
    /// The model.
    pub file: &'a ModelFile,
    /// Where it computes.
    pub device: &'a Device,
    /// Stops the work when asked.
    pub stop: &'a Stop,
}

/// The answer to one sequence (or pair).
#[derive(Debug, Clone, PartialEq)]
pub struct SampleAnswer {
    /// What the data call the sample.
    pub name: String,
    /// Raw outputs, `[row, output]`: a row for each step, or one for the whole sequence.
    pub outputs: Vec<f32>,
    /// Number of rows.
    pub rows: usize,
    /// What is true, where the data say.
    pub truth: Truth,
}

/// What is true of a sequence.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Truth {
    /// The data do not say.
    #[default]
    Unknown,
    /// The class of each row.
    Classes(Vec<usize>),
    /// Values in their units, `[row, output]`.
    Values(Vec<f64>),
}

/// Some data, with what it takes to put them into a model. Implement it for another kind of data.
pub trait Source {
    /// Number of sequences.
    fn samples(&self) -> usize;

    /// What the sequences are, in the plural.
    fn items(&self) -> &'static str {
        "samples"
    }

    /// Gives the answers to all sequences, in their order, to `take`, which is also told how many there are.
    ///
    /// # Errors
    /// If the data cannot be read or do not fit the model, the device fails, `take` fails, or a stop is asked for.
    fn predict(
        &self,
        with: &Predicting<'_>,
        take: &mut dyn FnMut(SampleAnswer) -> Result<()>,
    ) -> Result<()>;
}

/// Samples of `steps` that go through a model of so many channels together.
pub(super) fn batch_size(steps: usize, channels: usize) -> usize {
    let each = steps.saturating_mul(channels).max(1);
    (MOST_VALUES / each).clamp(1, MOST_SAMPLES)
}

/// Sequences side by side, with what they are called and what is true of them.
pub(super) struct Piece {
    /// One input, or two where a pair is compared.
    pub inputs: Vec<SequenceInput>,
    /// Names.
    pub names: Vec<String>,
    /// What is true.
    pub truths: Vec<Truth>,
}

impl Predicting<'_> {
    /// The answers to some sequences, read out as the model's card says.
    pub(super) fn answer(
        &self,
        piece: Piece,
        take: &mut dyn FnMut(SampleAnswer) -> Result<()>,
    ) -> Result<()> {
        self.stop.check("stopped before everything was predicted")?;
        let readout = self.file.card.output().readout;
        let mut read = Vec::with_capacity(piece.inputs.len());
        for input in &piece.inputs {
            read.push(self.rows(input, readout)?);
        }
        let mut read = read.into_iter();
        let rows = match (&self.file.head, read.next(), read.next()) {
            (Some(head), Some(u), Some(v)) => self.compare(head, &u, &v)?,
            (None, Some(rows), None) => rows,
            (Some(_), _, _) => {
                return Err(TrainError::Usage(
                    "the model compares two sequences, found one in each sample".into(),
                ));
            }
            _ => {
                return Err(TrainError::Usage(
                    "the model reads one sequence in each sample, found two".into(),
                ));
            }
        };
        let named = piece.names.into_iter().zip(piece.truths);
        for ((name, truth), outputs) in named.zip(rows) {
            let width = self.outputs();
            take(SampleAnswer {
                name,
                rows: outputs.len() / width.max(1),
                outputs,
                truth,
            })?;
        }
        Ok(())
    }

    /// Number of outputs of a row.
    fn outputs(&self) -> usize {
        self.file.card.output().columns().len()
    }

    /// What is read out of each sample: rows of outputs.
    fn rows(&self, input: &SequenceInput, readout: ReadoutCard) -> Result<Vec<Vec<f32>>> {
        let lengths = input.lengths.as_deref();
        let y = self.file.model.run(input.x.clone(), lengths)?.y;
        let [batch, time, width] = y.dims();
        let y = numbers(y)?;
        let real = |sample: usize| lengths.map_or(time, |lengths| lengths[sample]);
        Ok((0..batch)
            .map(|sample| {
                let all = &y[sample * time * width..][..real(sample) * width];
                match readout {
                    ReadoutCard::EveryStep => all.to_vec(),
                    ReadoutCard::Last => all[all.len() - width..].to_vec(),
                    ReadoutCard::Mean => mean(all, width),
                }
            })
            .collect())
    }

    fn compare(
        &self,
        head: &crate::model::PairHead,
        u: &[Vec<f32>],
        v: &[Vec<f32>],
    ) -> Result<Vec<Vec<f32>>> {
        let tensor = |rows: &[Vec<f32>]| {
            let width = rows.first().map_or(0, Vec::len);
            let data = burn::tensor::TensorData::new(rows.concat(), [rows.len(), width]);
            burn::tensor::Tensor::<2>::from_data(data, self.device)
        };
        let logits = head.forward(tensor(u), tensor(v));
        let [_, classes] = logits.dims();
        let logits = numbers(logits)?;
        Ok(logits
            .chunks_exact(classes.max(1))
            .map(<[f32]>::to_vec)
            .collect())
    }
}

/// The mean of rows.
fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0.0f64; width];
    for row in rows.chunks_exact(width.max(1)) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let count = (rows.len() / width.max(1)).max(1) as f64;
    sum.into_iter().map(|sum| (sum / count) as f32).collect()
}
