//! The loss of a language model, and its bits per character.

use burn::tensor::{Device, Int, Tensor, TensorData};
use elm_data::text::{StreamBatch, bits_per_character};

use super::state::StreamStates;
use crate::error::Result;
use crate::task::sequence::cross_entropy;
use crate::task::{Losses, Measured, Objective, OnDevice, TaskModel, numbers};

/// The cross entropy of the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextLoss;

/// A model that is trained on a text.
pub type TextModel = TaskModel<TextLoss>;

/// The next piece of parallel streams on a device.
#[derive(Debug, Clone)]
pub struct TextTensors {
    /// Tokens to read, `[stream, time]`.
    pub tokens: Tensor<2, Int>,
    /// The token that follows each of them, `[stream · time]`, row by row.
    pub targets: Tensor<1, Int>,
    /// Does the state of a stream begin anew?
    pub fresh: Vec<bool>,
}

impl OnDevice<StreamBatch> for TextTensors {
    fn on_device(batch: StreamBatch, device: &Device) -> Self {
        let wide = |tokens: Vec<u8>| tokens.into_iter().map(i32::from).collect::<Vec<_>>();
        let count = batch.targets.len();
        let targets = TensorData::new(wide(batch.targets), [count]);
        Self {
            tokens: Tensor::from_data(TensorData::new(wide(batch.inputs), batch.shape), device),
            targets: Tensor::from_data(targets, device),
            fresh: batch.fresh,
        }
    }
}

/// Collects the losses of a text.
#[derive(Debug, Clone, Default)]
pub struct TextMeter {
    loss: f64,
    tokens: usize,
}

impl TextMeter {
    /// Number of predicted bytes.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Mean cross entropy of a byte in nats.
    pub fn loss(&self) -> f64 {
        self.loss / self.tokens.max(1) as f64
    }
}

/// Loss of each predicted byte, `[stream · time]`, and the model's penalty, `[1]`.
fn judge(
    model: &TextModel,
    batch: TextTensors,
    states: &mut StreamStates,
) -> Result<(Tensor<1>, Option<Tensor<1>>)> {
    let answer = states.run(&model.body, batch.tokens, &batch.fresh)?;
    let [streams, time, symbols] = answer.y.dims();
    let logits = answer.y.reshape([streams * time, symbols]);
    Ok((cross_entropy(logits, batch.targets, 0.0), answer.penalty))
}

impl Objective for TextLoss {
    type Batch = TextTensors;
    /// The loss of each predicted byte.
    type Answers = Vec<f32>;
    type Meter = TextMeter;
    type Carry = StreamStates;

    fn losses(model: &TextModel, batch: TextTensors, states: &mut StreamStates) -> Result<Losses> {
        let (losses, penalty) = judge(model, batch, states)?;
        Ok(Losses {
            loss: losses.mean(),
            penalty,
        })
    }

    fn answer(
        model: &TextModel,
        batch: TextTensors,
        states: &mut StreamStates,
    ) -> Result<Vec<f32>> {
        let (losses, _) = judge(model, batch, states)?;
        numbers(losses)
    }

    fn collect(&self, losses: Vec<f32>, meter: &mut TextMeter) {
        meter.tokens += losses.len();
        meter.loss += losses.into_iter().map(f64::from).sum::<f64>();
    }

    fn measured(meter: &TextMeter) -> Measured {
        Measured {
            loss: meter.loss(),
            metrics: vec![bits_per_character(meter.loss())],
        }
    }
}
