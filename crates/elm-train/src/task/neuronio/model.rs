//! The NeuronIO loss, and the metrics of random windows.

use burn::tensor::{Tensor, activation};
use elm_data::neuronio::{RocCurve, SOMA_SCALE};

use super::batch::NeuronIoTensors;
use crate::error::Result;
use crate::task::{Losses, Measured, Objective, TaskModel, numbers};

/// Weights of the two parts of the loss; the published values are 0.5 and 0.5.
#[derive(Debug, Clone, Copy)]
pub struct LossWeights {
    /// Weight of the binary cross entropy of the spikes.
    pub spike: f64,
    /// Weight of the mean squared error of the scaled soma voltage.
    pub soma: f64,
}

/// A model that is trained on NeuronIO.
pub type NeuronIoModel = TaskModel<LossWeights>;

impl Objective for LossWeights {
    type Batch = NeuronIoTensors;
    type Answers = WindowAnswers;
    type Meter = WindowMeter;
    type Carry = ();

    fn losses(model: &NeuronIoModel, batch: NeuronIoTensors, (): &mut ()) -> Result<Losses> {
        let judged = judge(model, batch);
        Ok(Losses {
            loss: judged.loss,
            penalty: judged.penalty,
        })
    }

    fn answer(model: &NeuronIoModel, batch: NeuronIoTensors, (): &mut ()) -> Result<WindowAnswers> {
        let judged = judge(model, batch);
        let loss = numbers(judged.loss)?.first().copied();
        Ok(WindowAnswers {
            loss: loss.map_or(f64::NAN, f64::from),
            logits: numbers(judged.logits)?,
            spikes: numbers(judged.spikes)?,
            soma_errors: numbers(judged.soma_error)?,
        })
    }

    fn collect(&self, answers: WindowAnswers, meter: &mut WindowMeter) {
        meter.batches += 1;
        meter.loss += answers.loss;
        meter.logits.extend(answers.logits);
        meter.spikes.extend(answers.spikes);
        for error in answers.soma_errors {
            meter.squared_error += f64::from(error).powi(2);
        }
    }

    fn measured(meter: &WindowMeter) -> Measured {
        let steps = meter.spikes.len().max(1) as f64;
        // windows without spikes have no AUC
        let auc = RocCurve::new(&meter.spikes, &meter.logits).map_or(f64::NAN, |roc| roc.auc());
        Measured {
            loss: meter.loss / meter.batches.max(1) as f64,
            metrics: vec![
                auc,
                (meter.squared_error / steps).sqrt() / f64::from(SOMA_SCALE),
            ],
        }
    }
}

/// A model's answers to a batch of windows, time step by time step.
#[derive(Debug, Clone)]
pub struct WindowAnswers {
    /// Mean loss.
    loss: f64,
    /// Of a spike.
    logits: Vec<f32>,
    /// Targets of the logits.
    spikes: Vec<f32>,
    /// Scaled soma voltage less its target.
    soma_errors: Vec<f32>,
}

/// Loss and metrics over all time steps of some batches of equal size, taken together: an AUC is no mean of the
/// batches' AUCs. The soma voltage is not re-aligned.
#[derive(Debug, Clone, Default)]
pub struct WindowMeter {
    batches: usize,
    loss: f64,
    logits: Vec<f32>,
    spikes: Vec<f32>,
    squared_error: f64,
}

/// A model's answers to a batch, and what they are worth.
struct Judged {
    /// Mean loss, `[1]`.
    loss: Tensor<1>,
    penalty: Option<Tensor<1>>,
    /// Spike logits, `[batch, time]`.
    logits: Tensor<2>,
    /// Spike targets, `[batch, time]`.
    spikes: Tensor<2>,
    /// Scaled soma voltage less its target, `[batch, time]`.
    soma_error: Tensor<2>,
}

fn judge(model: &NeuronIoModel, batch: NeuronIoTensors) -> Judged {
    let answer = model.body.answer(batch.inputs, None);
    let weights = model.objective;
    let [batch_size, time, _] = answer.y.dims();
    let output = |index| {
        let y = answer.y.clone().narrow(2, index, 1);
        y.reshape([batch_size, time])
    };
    let (logits, soma) = (output(0), output(1));
    let error = soma - batch.soma;
    let loss = bce_with_logits(logits.clone(), batch.spikes.clone()).mean() * weights.spike
        + (error.clone() * error.clone()).mean() * weights.soma;
    Judged {
        loss,
        penalty: answer.penalty,
        logits,
        spikes: batch.spikes,
        soma_error: error,
    }
}

/// Binary cross entropy per element, `max(z, 0) − z·y + ln(1 + exp(−|z|))`, stable for any logit.
pub fn bce_with_logits(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    let tail = logits.clone().abs().neg().exp().log1p();
    activation::relu(logits.clone()) - logits * targets + tail
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_loss_of_a_logit_is_minus_the_log_likelihood() {
        let device = Device::flex();
        let z = Tensor::<2>::from_data([[-50.0, -1.0, 0.0, 2.0, 50.0]], &device);
        let y = Tensor::<2>::from_data([[0.0, 1.0, 1.0, 0.0, 0.0]], &device);
        let got = bce_with_logits(z, y)
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        let expected = [0.0, 1.313_261_7, std::f32::consts::LN_2, 2.126_928, 50.0];
        for (a, b) in got.iter().zip(expected) {
            assert!((a - b).abs() < 1e-5, "{a} instead of {b}");
        }
    }
}
