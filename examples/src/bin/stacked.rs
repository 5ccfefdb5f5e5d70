//! A stacked ELM: two layers of 32 neurons and a linear readout, trained to tell which of two channels spikes more.

use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use elm_model::network::OutputEmbedding;
use elm_model::{ElmNetworkConfig, NeuronForm};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut network = ElmNetworkConfig::new(2, 2)
        .with_hidden_neurons(vec![32, 32])
        .with_neuron(
            NeuronForm::network()
                .with_num_memory(4)
                .with_memory_tau_max(100.0),
        )
        .with_output_embedding(OutputEmbedding::Linear)
        .init(&device)?;
    println!("{network}");
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let (x, labels) = batch(&device);
    for step in 0..=100 {
        let (y, _) = network.forward(x.clone(), None);
        let last = y.narrow(1, 99, 1).reshape([16, 2]);
        let loss = log_softmax(last, 1).gather(1, labels.clone()).mean().neg();
        if step % 20 == 0 {
            let value = loss.clone().try_into_scalar::<f32>()?;
            println!("step {step:>3}  loss {value:.4}");
        }
        let grads = GradientsParams::from_grads(loss.backward(), &network);
        network = optimizer.step(5e-3, network, grads);
    }
    Ok(())
}

/// 100 ms of spikes on two channels; the label is the channel with the shorter interval.
fn batch(device: &Device) -> (Tensor<3>, Tensor<2, Int>) {
    let mut x = vec![0.0f32; 16 * 100 * 2];
    for (row, channels) in x.chunks_exact_mut(2).enumerate() {
        let (sample, t) = (row / 100, row % 100);
        for (channel, spike) in channels.iter_mut().enumerate() {
            let interval = if channel == sample % 2 { 5 } else { 8 };
            *spike = f32::from(u8::from((t + sample) % interval == 0));
        }
    }
    let labels: Vec<i64> = (0..16).map(|sample| sample % 2).collect();
    (
        Tensor::from_data(TensorData::new(x, [16, 100, 2]), device),
        Tensor::from_data(TensorData::new(labels, [16, 1]), device),
    )
}
