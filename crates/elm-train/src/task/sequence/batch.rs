//! Batches of sequences as tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};
use elm_data::{BatchValues, SequenceBatch};

use crate::task::OnDevice;

/// One input of the samples of a batch.
#[derive(Debug, Clone)]
pub struct SequenceInput {
    /// Values, `[batch, time, channel]`, zero past the end of a sequence.
    pub x: Tensor<3>,
    /// Real steps of each sequence; none where all have `time`.
    pub lengths: Option<Vec<usize>>,
}

/// One batch on a device.
#[derive(Debug, Clone)]
pub struct SequenceTensors {
    /// One or two inputs.
    pub inputs: Vec<SequenceInput>,
    /// Classes, `[batch]`.
    pub labels: Tensor<1, Int>,
}

impl OnDevice<Vec<SequenceBatch>> for SequenceTensors {
    fn on_device(batches: Vec<SequenceBatch>, device: &Device) -> Self {
        let labels = batches
            .first()
            .map(|b| b.labels.clone())
            .unwrap_or_default();
        let labels: Vec<i64> = labels.into_iter().map(|label| label as i64).collect();
        let count = labels.len();
        Self {
            inputs: batches
                .into_iter()
                .map(|batch| SequenceInput::new(batch, device))
                .collect(),
            labels: Tensor::from_data(TensorData::new(labels, [count]), device),
        }
    }
}

impl SequenceInput {
    /// Moves one input to a device; tokens become channels there.
    pub fn new(batch: SequenceBatch, device: &Device) -> Self {
        Self::of(batch.values, batch.shape, batch.lengths, device)
    }

    /// Moves values of the shape `[batch, time, channel]` to a device; tokens become channels there.
    pub fn of(
        values: BatchValues,
        shape: [usize; 3],
        lengths: Vec<usize>,
        device: &Device,
    ) -> Self {
        let [_, time, channels] = shape;
        let x = match values {
            BatchValues::Dense(x) => Tensor::from_data(TensorData::new(x, shape), device),
            BatchValues::Tokens(tokens) => one_hot(&tokens, channels, device).reshape(shape),
        };
        let full = lengths.iter().all(|length| *length == time);
        Self {
            x,
            lengths: (!full).then_some(lengths),
        }
    }
}

/// Token `i` as 1 on channel `i − 1`, token 0 as nothing: `[token, channel]`.
fn one_hot(tokens: &[u16], channels: usize, device: &Device) -> Tensor<2> {
    // A row of a small table for each token: the device gets two bytes a step instead of a whole row.
    let nothing = Tensor::zeros([1, channels], device);
    let table = Tensor::cat(vec![nothing, Tensor::eye(channels, device)], 0);
    let tokens: Vec<i32> = tokens.iter().map(|token| i32::from(*token)).collect();
    let count = tokens.len();
    let tokens = Tensor::<1, Int>::from_data(TensorData::new(tokens, [count]), device);
    table.select(0, tokens)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tokens_become_the_channels_that_the_encoding_says() {
        let batch = SequenceBatch {
            values: BatchValues::Tokens(vec![2, 1, 3, 3, 0, 0]),
            shape: [2, 3, 3],
            lengths: vec![3, 1],
            labels: vec![0, 1],
        };
        let expected = batch.dense().into_owned();
        let input = SequenceInput::new(batch, &Device::flex());
        assert_eq!(input.lengths, Some(vec![3, 1]));
        let x = input.x.into_data().try_into_vec_as::<f32>().unwrap();
        assert_eq!(x, expected);
    }
}
