//! A training loop that goes through a sequence without an end in pieces: the state is carried from each piece to the next, and
//! gradients stop at their borders (truncated backpropagation through time). The neuron learns a slow average of its input.

use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use elm_model::{ElmNeuronConfig, NeuronForm};

const BATCH: usize = 8;
const PIECE: usize = 50;
/// Timescale of the average (steps): longer than a piece.
const TAU: f32 = 80.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut neuron = ElmNeuronConfig::new(1, 1)
        .with_neuron(NeuronForm::v2().with_num_memory(8))
        .init(&device)?;
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let mut source = Source::default();
    let mut state = None;
    let mut losses = Vec::new();
    for piece in 1..=200 {
        let (x, target) = source.next(&device);
        let (y, after) = neuron.forward(x, state);
        let loss = (y - target).powi_scalar(2).mean();
        losses.push(loss.clone().try_into_scalar::<f32>()?);
        if piece % 50 == 0 {
            let mean = losses.drain(..).sum::<f32>() / 50.0;
            println!("{:>5} steps  mean square error {mean:.4}", piece * PIECE);
        }
        let grads = GradientsParams::from_grads(loss.backward(), &neuron);
        neuron = optimizer.step(5e-3, neuron, grads);
        // numbers stay, the history that gradients would go through does not
        state = Some(after.detach());
    }
    Ok(())
}

/// Random steps between 0 and 1, and their average so far: a stream for each sample that goes on from piece to piece.
#[derive(Default)]
struct Source {
    random: u32,
    values: [f32; BATCH],
    averages: [f32; BATCH],
}

impl Source {
    fn next(&mut self, device: &Device) -> (Tensor<3>, Tensor<3>) {
        let (mut x, mut target) = (Vec::new(), Vec::new());
        for sample in 0..BATCH {
            for _ in 0..PIECE {
                self.random = self
                    .random
                    .wrapping_mul(1_664_525)
                    .wrapping_add(1_013_904_223);
                if self.random >> 24 < 10 {
                    self.values[sample] = (self.random >> 8 & 0xff) as f32 / 255.0;
                }
                let (value, average) = (self.values[sample], &mut self.averages[sample]);
                *average += (value - *average) / TAU;
                x.push(value);
                target.push(*average);
            }
        }
        let tensor = |values| Tensor::from_data(TensorData::new(values, [BATCH, PIECE, 1]), device);
        (tensor(x), tensor(target))
    }
}
