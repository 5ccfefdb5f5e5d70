//! The NeuronIO loss.

use burn::tensor::{Tensor, activation};
use burn::train::ItemLazy;
use burn::train::metric::{Adaptor, LossInput};

use super::loader::NeuronIoTensors;
use super::metrics::PooledInput;
use crate::task::{Judged, Objective, TaskModel};

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
    type Output = NeuronIoOutput;

    fn judge(model: &NeuronIoModel, batch: NeuronIoTensors) -> Judged<NeuronIoOutput> {
        let answer = model.body.answer(batch.inputs, None);
        let weights = model.objective;
        let [batch_size, time, _] = answer.y.dims();
        let output = |index| {
            let y = answer.y.clone().narrow(2, index, 1);
            y.reshape([batch_size, time])
        };
        let (logits, soma) = (output(0), output(1));
        let error = soma.clone() - batch.soma.clone();
        let loss = bce_with_logits(logits.clone(), batch.spikes.clone()).mean() * weights.spike
            + (error.clone() * error).mean() * weights.soma;
        Judged {
            output: NeuronIoOutput {
                loss,
                logits,
                soma,
                spikes: batch.spikes,
                soma_target: batch.soma,
            },
            penalty: answer.penalty,
        }
    }

    fn loss(output: &NeuronIoOutput) -> Tensor<1> {
        output.loss.clone()
    }
}

/// Binary cross entropy per element, `max(z, 0) − z·y + ln(1 + exp(−|z|))`, stable for any logit.
pub fn bce_with_logits(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    let tail = logits.clone().abs().neg().exp().log1p();
    activation::relu(logits.clone()) - logits * targets + tail
}

/// What a step gives to the metrics.
pub struct NeuronIoOutput {
    /// Mean loss, `[1]`.
    pub loss: Tensor<1>,
    /// Spike logits, `[batch, time]`.
    pub logits: Tensor<2>,
    /// Predicted scaled soma voltage, `[batch, time]`.
    pub soma: Tensor<2>,
    /// Spike targets, `[batch, time]`.
    pub spikes: Tensor<2>,
    /// Scaled soma targets, `[batch, time]`.
    pub soma_target: Tensor<2>,
}

impl ItemLazy for NeuronIoOutput {
    fn sync(self) -> Result<Self, burn::tensor::ExecutionError> {
        self.loss.device().flush()?;
        Ok(Self {
            loss: self.loss.without_autodiff(),
            logits: self.logits.without_autodiff(),
            soma: self.soma.without_autodiff(),
            spikes: self.spikes.without_autodiff(),
            soma_target: self.soma_target.without_autodiff(),
        })
    }
}

impl Adaptor<LossInput> for NeuronIoOutput {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.loss.clone())
    }
}

impl Adaptor<PooledInput> for NeuronIoOutput {
    fn adapt(&self) -> PooledInput {
        PooledInput {
            logits: self.logits.clone(),
            spikes: self.spikes.clone(),
            soma: self.soma.clone(),
            soma_target: self.soma_target.clone(),
        }
    }
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
