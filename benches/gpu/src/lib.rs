//! What the benchmarks of layers on a card and on the CPU share: the published sizes, their inputs and their loss.

use burn::tensor::{Device, Int, Tensor, TensorData};
use elm_model::layer::LayerOutput;
use elm_model::{ElmLayer, ElmLayerConfig, FilterTau, LayerSource, NeuronForm, Wiring};

/// The first layer of a published setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LayerSize {
    /// SHD-Adding: 96 neurons of 5 memory units, 700 channels, 1000 steps, batch 8.
    Shd,
    /// Enwik8: 1024 neurons of 15 memory units, tokens out of 204, 100 steps, batch 8.
    Enwik8,
}

impl LayerSize {
    /// Every size.
    pub const ALL: [Self; 2] = [Self::Shd, Self::Enwik8];

    /// Name on the command line and for the scripts of the baselines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shd => "shd",
            Self::Enwik8 => "enwik8",
        }
    }

    /// The layer; `tiny` has few neurons.
    pub fn config(self, tiny: bool) -> ElmLayerConfig {
        let form = NeuronForm::network().with_input_scale(10.0);
        let (form, inputs, neurons, recurrent) = match self {
            Self::Shd => (
                form.with_num_memory(5)
                    .with_num_branches(Some(30))
                    .with_synapses_per_branch(Some(10))
                    .with_memory_tau_max(500.0)
                    .with_dt(2.0),
                700,
                96,
                0.25,
            ),
            Self::Enwik8 => (
                form.with_num_memory(15)
                    .with_num_branches(Some(50))
                    .with_synapses_per_branch(Some(15))
                    .with_memory_tau_min(0.1)
                    .with_memory_tau_max(100.0)
                    .with_high_pass_tau(FilterTau::Ms(2.0)),
                204,
                1024,
                0.8,
            ),
        };
        ElmLayerConfig::new(inputs, if tiny { 8 } else { neurons })
            .with_neuron(form)
            .with_wiring(Wiring::Random {
                recurrent_connect: Some(recurrent),
            })
    }

    /// Samples and time steps; `tiny` is for a check that everything runs.
    pub fn batch_and_steps(self, tiny: bool) -> (usize, usize) {
        match (self, tiny) {
            (_, true) => (2, 6),
            (Self::Shd, _) => (8, 1000),
            (Self::Enwik8, _) => (8, 100),
        }
    }

    /// Spikes or tokens, the same on every device.
    pub fn source(self, batch: usize, steps: usize, device: &Device) -> LayerSource {
        let inputs = self.config(true).num_inputs;
        match self {
            Self::Shd => {
                let spikes = numbers(7, batch * steps * inputs, 0.0, 1.0);
                let spikes = spikes
                    .into_iter()
                    .map(|v| f32::from(u8::from(v < 0.03)))
                    .collect::<Vec<_>>();
                let data = TensorData::new(spikes, [batch, steps, inputs]);
                LayerSource::Dense(Tensor::from_data(data, device))
            }
            Self::Enwik8 => {
                let ids = numbers(7, batch * steps, 0.0, inputs as f32);
                let ids = ids.into_iter().map(|v| v as i64).collect::<Vec<_>>();
                let data = TensorData::new(ids, [batch, steps]);
                LayerSource::OneHot(Tensor::<2, Int>::from_data(data, device))
            }
        }
    }
}

/// Numbers without a gradient of their own on the device with gradients.
pub fn on_autodiff(source: LayerSource) -> LayerSource {
    match source {
        LayerSource::Dense(x) => LayerSource::Dense(x.autodiff()),
        tokens => tokens,
    }
}

/// Numbers that the activity is weighted with in the loss.
pub fn weighting(layer: &ElmLayer, batch: usize, steps: usize, device: &Device) -> Tensor<3> {
    let n = layer.config().num_neurons;
    let values = numbers(9, batch * steps * n, -1.0, 1.0);
    Tensor::<3>::from_data(TensorData::new(values, [batch, steps, n]), device).autodiff()
}

/// Weighted activity, and both penalties of the published training.
pub fn loss(out: &LayerOutput, weighting: &Tensor<3>) -> Tensor<1> {
    (out.activity.clone() * weighting.clone()).mean()
        + out.neuron_mlp_magnitude() * 0.01
        + out.population_activity() * 0.1
}

/// Pseudo-random numbers in `low..high`, the same everywhere.
pub fn numbers(seed: u64, count: usize, low: f32, high: f32) -> Vec<f32> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 40) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| low + (high - low) * next()).collect()
}
