//! A layer of neurons inside a larger Burn model: a convolution finds short patterns, ELM neurons remember them, a linear
//! map reads them out. It learns which of two chirps came first.

use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig1d};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Device, Int, Tensor, TensorData};
use elm_model::{ElmError, ElmLayer, ElmLayerConfig, NeuronForm};

const BATCH: usize = 16;
const TIME: usize = 80;

#[derive(Module, Debug)]
struct Chirps {
    filters: Conv1d,
    neurons: ElmLayer,
    readout: Linear,
}

impl Chirps {
    fn new(device: &Device) -> Result<Self, ElmError> {
        let form = NeuronForm::network()
            .with_num_memory(4)
            .with_memory_tau_max(100.0);
        Ok(Self {
            filters: Conv1dConfig::new(1, 8, 5)
                .with_padding(PaddingConfig1d::Same)
                .init(device),
            neurons: ElmLayerConfig::new(8, 16).with_neuron(form).init(device)?,
            readout: LinearConfig::new(16, 2).init(device),
        })
    }

    /// `[batch, channel, time]` to `[batch, class]`.
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        // convolutions have time last, recurrences in the middle
        let found = relu(self.filters.forward(x)).swap_dims(1, 2);
        let (activity, _) = self.neurons.forward(found, None);
        self.readout
            .forward(activity.mean_dim(1).reshape([BATCH, 16]))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut model = Chirps::new(&device)?;
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let (x, labels) = batch(&device);
    for step in 0..=60 {
        let loss = log_softmax(model.forward(x.clone()), 1)
            .gather(1, labels.clone())
            .mean()
            .neg();
        if step % 20 == 0 {
            let value = loss.clone().try_into_scalar::<f32>()?;
            println!("step {step:>3}  loss {value:.4}");
        }
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-2, model, grads);
    }
    Ok(())
}

/// A slow and a fast oscillation of 20 steps, one after the other; the label is which comes first.
fn batch(device: &Device) -> (Tensor<3>, Tensor<2, Int>) {
    let value = |i: usize| {
        let (sample, t) = (i / TIME, i % TIME);
        let is_slow = |first: bool| first == (sample % 2 == 0);
        let start = sample % 7;
        let at = |from: usize, first: bool| {
            let within = (from..from + 20).contains(&t);
            let period = if is_slow(first) { 10.0 } else { 4.0 };
            let phase = std::f32::consts::TAU * t as f32 / period;
            if within { phase.sin() } else { 0.0 }
        };
        at(start, true) + at(start + 30, false)
    };
    let x: Vec<f32> = (0..BATCH * TIME).map(value).collect();
    let labels: Vec<i64> = (0..BATCH as i64).map(|sample| sample % 2).collect();
    (
        Tensor::from_data(TensorData::new(x, [BATCH, 1, TIME]), device),
        Tensor::from_data(TensorData::new(labels, [BATCH, 1]), device),
    )
}
