//! Batches of sequences of one's own as tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};
use elm_data::arrays::{ArrayBatch, ArrayBatches, BatchTargets};
use elm_data::{BatchSource, DataError};

use super::judge::HostTargets;
use crate::task::OnDevice;
use crate::task::sequence::SequenceInput;

/// Batches whose targets are known, as training and testing need them.
pub struct OwnBatches(pub ArrayBatches);

impl BatchSource for OwnBatches {
    type Batch = ArrayBatch;

    fn make(&self, index: u64) -> elm_data::Result<ArrayBatch> {
        let batch = self.0.make(index)?;
        match batch.targets {
            BatchTargets::None => Err(DataError::Request {
                problem: format!(
                    "sample {}: expected a target to learn from, found none",
                    batch.samples.first().copied().unwrap_or_default()
                ),
            }),
            _ => Ok(batch),
        }
    }
}

/// Targets of rows: of each sequence, or of each real step of all of them.
#[derive(Debug, Clone)]
pub enum RowTargets {
    /// Classes, `[row]`.
    Classes(Tensor<1, Int>),
    /// Normalised values, `[row, output]`.
    Values(Tensor<2>),
}

/// One batch on a device.
#[derive(Debug, Clone)]
pub struct ArrayTensors {
    /// What the model reads.
    pub input: SequenceInput,
    /// Where targets are of steps: the places `sequence · time + step` of the real ones, `[row]`; none where all are real.
    pub places: Option<Tensor<1, Int>>,
    /// Is there a target for each step?
    pub per_step: bool,
    /// What is right.
    pub targets: RowTargets,
    /// The same on the host.
    pub host: HostTargets,
}

impl OnDevice<ArrayBatch> for ArrayTensors {
    fn on_device(batch: ArrayBatch, device: &Device) -> Self {
        let [samples, time, _] = batch.shape;
        let per_step = matches!(
            batch.targets,
            BatchTargets::ClassSteps(_) | BatchTargets::ValueSteps(_)
        );
        let full = batch.lengths.iter().all(|length| *length == time);
        let real: Vec<usize> = match per_step {
            true => (0..samples)
                .flat_map(|row| (0..batch.lengths[row]).map(move |step| row * time + step))
                .collect(),
            false => (0..samples).collect(),
        };
        let places = (per_step && !full).then(|| integers(real.iter().map(|p| *p as i64), device));
        let host = match batch.targets {
            BatchTargets::Classes(classes) => HostTargets::Classes(classes),
            BatchTargets::ClassSteps(classes) => {
                HostTargets::Classes(real.iter().map(|p| usize::from(classes[*p])).collect())
            }
            BatchTargets::Values(values) => HostTargets::Values(values),
            BatchTargets::ValueSteps(values) => {
                let width = values.len() / (samples * time).max(1);
                let rows = real
                    .iter()
                    .flat_map(|p| &values[p * width..(p + 1) * width]);
                HostTargets::Values(rows.copied().collect())
            }
            BatchTargets::None => HostTargets::Classes(Vec::new()),
        };
        let targets = match &host {
            HostTargets::Classes(classes) => {
                RowTargets::Classes(integers(classes.iter().map(|c| *c as i64), device))
            }
            HostTargets::Values(values) => {
                let shape = [real.len(), values.len() / real.len().max(1)];
                RowTargets::Values(Tensor::from_data(
                    TensorData::new(values.clone(), shape),
                    device,
                ))
            }
        };
        Self {
            input: SequenceInput::of(batch.values, batch.shape, batch.lengths, device),
            places,
            per_step,
            targets,
            host,
        }
    }
}

fn integers(values: impl Iterator<Item = i64>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = values.collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use elm_data::BatchValues;

    use super::*;

    #[test]
    fn steps_past_the_end_are_no_rows() {
        let batch = ArrayBatch {
            values: BatchValues::Dense(vec![0.0; 2 * 3]),
            shape: [2, 3, 1],
            lengths: vec![3, 1],
            targets: BatchTargets::ValueSteps(vec![
                1., 10., 2., 20., 3., 30., 4., 40., 0., 0., 0., 0.,
            ]),
            samples: vec![0, 1],
        };
        let tensors = ArrayTensors::on_device(batch, &Device::flex());
        let expected = vec![1., 10., 2., 20., 3., 30., 4., 40.];
        assert_eq!(tensors.host, HostTargets::Values(expected.clone()));
        let RowTargets::Values(values) = tensors.targets else {
            panic!("no values");
        };
        assert_eq!(values.dims(), [4, 2]);
        assert_eq!(
            values.into_data().try_into_vec_as::<f32>().ok(),
            Some(expected)
        );
        let places = tensors
            .places
            .map(|p| p.into_data().try_into_vec_as::<i64>().ok());
        assert_eq!(places, Some(Some(vec![0, 1, 2, 3])));
    }
}
