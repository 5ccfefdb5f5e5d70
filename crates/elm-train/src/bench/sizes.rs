//! The sizes of the papers, and inputs and targets like those of their data sets.

use burn::tensor::{Device, Distribution, Int, Tensor, TensorData, activation};
use elm_model::{ElmNeuronConfig, NeuronForm};
use serde::Serialize;

/// Sizes that are timed, the same as those of the PyTorch reference bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum BenchConfig {
    /// NeuronIO, 20 memory units: batch 8, 500 steps, 1278 inputs, 45 x 100 synapses.
    NioM20,
    /// NeuronIO, 100 memory units.
    NioM100,
    /// Spiking Heidelberg Digits: batch 8, 100 steps, 700 inputs, 100 memory units.
    ShdM100,
    /// Long Range Arena: batch 8, 4096 steps, 16 inputs, 100 memory units.
    LraM100,
}

impl BenchConfig {
    /// Every size.
    pub const ALL: [Self; 4] = [Self::NioM20, Self::NioM100, Self::ShdM100, Self::LraM100];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::NioM20 => "nio_m20",
            Self::NioM100 => "nio_m100",
            Self::ShdM100 => "shd_m100",
            Self::LraM100 => "lra_m100",
        }
    }

    /// Neuron, batch and time steps.
    pub fn sizes(self) -> (ElmNeuronConfig, usize, usize) {
        match self {
            Self::NioM20 => (ElmNeuronConfig::neuronio(20), 8, 500),
            Self::NioM100 => (ElmNeuronConfig::neuronio(100), 8, 500),
            Self::ShdM100 => (
                ElmNeuronConfig::new(700, 20)
                    .with_neuron(NeuronForm::v1().with_memory_tau_max(500.0).with_dt(10.0)),
                8,
                100,
            ),
            Self::LraM100 => (ElmNeuronConfig::new(16, 10), 8, 4096),
        }
    }
}

/// Spikes at the rates of the data sets, or noise.
pub(super) fn input(
    config: BenchConfig,
    batch: usize,
    steps: usize,
    channels: usize,
    device: &Device,
) -> Tensor<3> {
    let shape = [batch, steps, channels];
    let spikes = |rate: f64| {
        Tensor::<3>::random(shape, Distribution::Uniform(0.0, 1.0), device)
            .lower_elem(rate)
            .float()
    };
    match config {
        BenchConfig::NioM20 | BenchConfig::NioM100 => {
            let sign: Vec<f32> = (0..channels)
                .map(|c| if c < channels / 2 { 1.0 } else { -1.0 })
                .collect();
            spikes(0.011)
                * Tensor::<1>::from_data(TensorData::new(sign, [channels]), device).unsqueeze::<3>()
        }
        BenchConfig::ShdM100 => spikes(0.03),
        BenchConfig::LraM100 => Tensor::random(shape, Distribution::Normal(0.0, 1.0), device),
    }
}

#[allow(clippy::large_enum_variant)] // one per bench
pub(super) enum Targets {
    /// Spikes and soma voltage, `[batch, time]` each.
    NeuronIo { spikes: Tensor<2>, soma: Tensor<2> },
    /// A class at the last step, `[batch]`.
    Class(Tensor<1, Int>),
}

impl Targets {
    pub(super) fn new(
        config: BenchConfig,
        batch: usize,
        steps: usize,
        classes: usize,
        device: &Device,
    ) -> Self {
        match config {
            BenchConfig::NioM20 | BenchConfig::NioM100 => Self::NeuronIo {
                spikes: Tensor::random([batch, steps], Distribution::Bernoulli(0.01), device),
                soma: Tensor::random([batch, steps], Distribution::Normal(0.0, 1.0), device),
            },
            _ => {
                let labels: Vec<i64> = (0..batch).map(|b| (b % classes) as i64).collect();
                Self::Class(Tensor::from_data(TensorData::new(labels, [batch]), device))
            }
        }
    }

    pub(super) fn loss(&self, y: Tensor<3>) -> Tensor<1> {
        let [batch, steps, outputs] = y.dims();
        match self {
            Self::NeuronIo { spikes, soma } => {
                let logits = y.clone().narrow(2, 0, 1).reshape([batch, steps]);
                let error = y.narrow(2, 1, 1).reshape([batch, steps]) - soma.clone();
                crate::task::neuronio::bce_with_logits(logits, spikes.clone()).mean() * 0.5
                    + (error.clone() * error).mean() * 0.5
            }
            Self::Class(labels) => {
                let last = y.narrow(1, steps - 1, 1).reshape([batch, outputs]);
                let picked =
                    activation::log_softmax(last, 1).gather(1, labels.clone().unsqueeze_dim(1));
                picked.mean().neg()
            }
        }
    }
}
