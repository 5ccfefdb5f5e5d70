//! Answers of a model to the samples of a part, and what they are worth: the same in validation and test.

use burn::tensor::activation;
use serde::Serialize;

use super::batch::SequenceTensors;
use super::model::{SequenceModel, cross_entropy};
use crate::error::Result;
use crate::task::{Measured, numbers};

/// The answer to one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// True class.
    pub label: usize,
    /// Likeliest class.
    pub predicted: usize,
    /// Its probability.
    pub probability: f32,
}

/// Collects the answers to the samples of some batches, in their order.
#[derive(Debug, Clone, Default)]
pub struct ClassMeter {
    loss: f64,
    answers: Vec<Answer>,
}

/// What a model made of the samples of a part, in their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classified {
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// Mean cross entropy (nats), without label smoothing.
    pub loss: f64,
    /// Number of samples of each true class (rows) that got each answer (columns).
    pub confusion: Vec<Vec<usize>>,
    /// Answer to each sample.
    #[serde(skip)]
    pub answers: Vec<Answer>,
}

/// The answers to the samples of a batch, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// Sum of their losses.
    loss: f64,
    answers: Vec<Answer>,
}

impl Answers {
    /// A model's answers to a batch.
    ///
    /// # Errors
    /// If the device fails.
    pub fn of(model: &SequenceModel, batch: SequenceTensors) -> Result<Self> {
        let labels = numbers(batch.labels.clone().float())?;
        let logits = model.logits(&batch.inputs);
        let [_, classes] = logits.dims();
        let losses = numbers(cross_entropy(logits.clone(), batch.labels, 0.0))?;
        let probabilities = numbers(activation::softmax(logits, 1))?;
        let rows = probabilities.chunks_exact(classes.max(1));
        let answer = |(label, row): (f32, &[f32])| {
            let best = row.iter().copied().enumerate();
            let best = best.max_by(|a, b| a.1.total_cmp(&b.1));
            let (predicted, probability) = best.unwrap_or_default();
            Answer {
                label: label as usize,
                predicted,
                probability,
            }
        };
        Ok(Self {
            loss: losses.into_iter().map(f64::from).sum(),
            answers: labels.into_iter().zip(rows).map(answer).collect(),
        })
    }
}

impl ClassMeter {
    /// Adds the answers to the next batch.
    pub fn add(&mut self, more: Answers) {
        self.loss += more.loss;
        self.answers.extend(more.answers);
    }

    /// Mean loss, and the accuracy in percent.
    pub fn measured(&self) -> Measured {
        Measured {
            loss: self.loss / self.answers.len().max(1) as f64,
            metrics: vec![100.0 * self.accuracy()],
        }
    }

    fn accuracy(&self) -> f64 {
        let right = self.answers.iter().filter(|a| a.label == a.predicted);
        right.count() as f64 / self.answers.len().max(1) as f64
    }

    /// Everything, for a task of so many classes.
    pub fn classified(self, classes: usize) -> Classified {
        let mut confusion = vec![vec![0; classes]; classes];
        for answer in &self.answers {
            let row = confusion.get_mut(answer.label);
            if let Some(count) = row.and_then(|row| row.get_mut(answer.predicted)) {
                *count += 1;
            }
        }
        Classified {
            accuracy: self.accuracy(),
            loss: self.measured().loss,
            confusion,
            answers: self.answers,
        }
    }
}
