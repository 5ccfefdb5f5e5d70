//! Files of a named task.

use std::path::Path;
use std::sync::Arc;

use elm_data::task::{Order, SampleBatches, TaskData};
use elm_data::{BatchSource, Encoding, Split, Task};

use super::source::{Piece, Predicting, SampleAnswer, Source, Truth, batch_size};
use crate::error::Result;
use crate::model::ModelFile;
use crate::task::sequence::SequenceInput;
use crate::tell;

/// A part of a task's data, in the order of its files.
pub struct TaskSource {
    batches: SampleBatches,
    size: usize,
}

impl TaskSource {
    /// Opens a part of the data of `task`, read as the model was trained on it; at most `samples` of it, evenly spaced
    /// (pairs of an adding task: so many are drawn).
    ///
    /// # Errors
    /// If files are missing, damaged or not what the task demands.
    pub fn open(
        file: &ModelFile,
        task: Task,
        dir: &Path,
        split: Split,
        samples: Option<usize>,
    ) -> Result<Self> {
        let options = file.card.reading().options(samples);
        let encoding: Encoding = task.encoding(&options)?;
        let data: Arc<dyn TaskData> = task.open(dir, split, &options)?;
        for warning in data.warnings() {
            tell!("warning: {warning}");
        }
        let size = batch_size(task.length(&options), encoding.channels());
        let order = Order::Stored { most: samples };
        Ok(Self {
            batches: SampleBatches::new(data, encoding, size, order)?,
            size,
        })
    }
}

impl Source for TaskSource {
    fn samples(&self) -> usize {
        self.batches.samples()
    }

    fn predict(
        &self,
        with: &Predicting<'_>,
        take: &mut dyn FnMut(SampleAnswer) -> Result<()>,
    ) -> Result<()> {
        for index in 0..self.batches.batches() {
            let batch = self.batches.make(index)?;
            let labels = batch.first().map(|b| b.labels.clone()).unwrap_or_default();
            let first = index as usize * self.size;
            let piece = Piece {
                names: (first..first + labels.len())
                    .map(|i| i.to_string())
                    .collect(),
                truths: labels.iter().map(|l| Truth::Classes(vec![*l])).collect(),
                inputs: batch
                    .into_iter()
                    .map(|input| SequenceInput::new(input, with.device))
                    .collect(),
            };
            with.answer(piece, take)?;
        }
        Ok(())
    }
}
