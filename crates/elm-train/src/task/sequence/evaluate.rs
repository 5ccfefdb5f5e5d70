//! Answers of a model to the samples of a part, and what they are worth.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, activation};
use elm_data::BatchStream;
use elm_data::task::SampleBatches;
use serde::Serialize;

use super::batch::SequenceTensors;
use super::model::{SequenceModel, cross_entropy};
use crate::error::{Result, TrainError};
use crate::task::OnDevice;

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

/// Classifies all samples of `batches`; `progress(done, total)` counts batches.
///
/// # Errors
/// If a sample cannot be read or the device fails.
pub fn classify(
    model: &SequenceModel,
    batches: Arc<SampleBatches>,
    classes: usize,
    device: &Device,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Classified> {
    let total = batches.batches();
    let mut answers = Vec::with_capacity(batches.samples());
    let mut loss = 0.0;
    for (done, batch) in BatchStream::new(batches, 0, total, 1).enumerate() {
        let batch = batch?;
        let labels = batch.first().map(|b| b.labels.clone()).unwrap_or_default();
        let tensors = SequenceTensors::on_device(batch, device);
        let logits = model.logits(&tensors.inputs);
        let losses = numbers(cross_entropy(logits.clone(), tensors.labels, 0.0))?;
        loss += losses.iter().copied().map(f64::from).sum::<f64>();
        let probabilities = numbers(activation::softmax(logits, 1))?;
        let rows = probabilities.chunks_exact(classes.max(1));
        answers.extend(labels.into_iter().zip(rows).map(|(label, row)| {
            let best = row
                .iter()
                .copied()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(&b.1));
            let (predicted, probability) = best.unwrap_or_default();
            Answer {
                label,
                predicted,
                probability,
            }
        }));
        progress(done + 1, total as usize);
    }
    let mut confusion = vec![vec![0; classes]; classes];
    for answer in &answers {
        if let Some(count) = confusion
            .get_mut(answer.label)
            .and_then(|row| row.get_mut(answer.predicted))
        {
            *count += 1;
        }
    }
    let count = answers.len().max(1) as f64;
    let right = answers.iter().filter(|a| a.label == a.predicted).count();
    Ok(Classified {
        accuracy: right as f64 / count,
        loss: loss / count,
        confusion,
        answers,
    })
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor
        .try_into_data()
        .map_err(|e| TrainError::Run(format!("the device failed: {e}")))?;
    data.try_into_vec_as::<f32>()
        .map_err(|e| TrainError::Run(format!("values cannot be read: {e:?}")))
}
