//! A training loop of one's own: remember for 200 ms which of two inputs had a pulse.

use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use elm_model::{ElmNeuronConfig, NeuronForm};

const BATCH: usize = 16;
const TIME: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut neuron = ElmNeuronConfig::new(2, 2)
        .with_neuron(NeuronForm::v1().with_num_memory(8))
        .init(&device)?;
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let (x, labels) = batch(&device);
    for step in 0..=200 {
        let (y, _) = neuron.forward(x.clone(), None);
        let last = y.narrow(1, TIME - 1, 1).reshape([BATCH, 2]);
        let loss = log_softmax(last, 1).gather(1, labels.clone()).mean().neg();
        if step % 50 == 0 {
            println!(
                "step {step:>3}  loss {:.4}",
                loss.clone().try_into_scalar::<f32>()?
            );
        }
        let grads = GradientsParams::from_grads(loss.backward(), &neuron);
        neuron = optimizer.step(1e-2, neuron, grads);
    }
    Ok(())
}

/// A pulse of 5 ms on one of two channels, then silence; the label is the channel.
fn batch(device: &Device) -> (Tensor<3>, Tensor<2, Int>) {
    let mut x = vec![0.0f32; BATCH * TIME * 2];
    for sample in 0..BATCH {
        for t in 0..5 {
            x[(sample * TIME + t) * 2 + sample % 2] = 1.0;
        }
    }
    let labels: Vec<i64> = (0..BATCH as i64).map(|sample| sample % 2).collect();
    (
        Tensor::from_data(TensorData::new(x, [BATCH, TIME, 2]), device),
        Tensor::from_data(TensorData::new(labels, [BATCH, 1]), device),
    )
}
