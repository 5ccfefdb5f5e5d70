//! The sizes that are timed.

use burn::tensor::{Device, Distribution, Tensor};
use elm_model::{ElmNeuronConfig, NeuronForm};

/// A neuron, a batch and a sequence length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Size {
    /// NeuronIO, 20 memory units: batch 8, 500 steps, 1278 inputs.
    NioM20,
    /// NeuronIO, 100 memory units.
    NioM100,
    /// NeuronIO, 100 memory units, batch 128.
    NioM100B128,
    /// Spiking Heidelberg Digits: batch 8, 100 steps, 700 inputs, 100 memory units.
    ShdM100,
    /// Path-X: batch 128, 16 384 steps, 16 inputs, 100 memory units.
    PathxM100,
    /// Path-X: batch 64, 16 384 steps, 16 inputs, 200 memory units.
    PathxM200,
}

impl Size {
    /// Every size.
    pub const ALL: [Self; 6] = [
        Self::NioM20,
        Self::NioM100,
        Self::NioM100B128,
        Self::ShdM100,
        Self::PathxM100,
        Self::PathxM200,
    ];

    /// Name on the command line and for the PyTorch script.
    pub fn name(self) -> &'static str {
        match self {
            Self::NioM20 => "nio_m20",
            Self::NioM100 => "nio_m100",
            Self::NioM100B128 => "nio_m100_b128",
            Self::ShdM100 => "shd_m100",
            Self::PathxM100 => "pathx_m100",
            Self::PathxM200 => "pathx_m200",
        }
    }

    /// The neuron; 1 ms steps but for SHD, as published.
    pub fn neuron(self) -> ElmNeuronConfig {
        match self {
            Self::NioM20 => ElmNeuronConfig::neuronio(20),
            Self::NioM100 | Self::NioM100B128 => ElmNeuronConfig::neuronio(100),
            Self::ShdM100 => ElmNeuronConfig::new(700, 20)
                .with_neuron(NeuronForm::v1().with_memory_tau_max(500.0).with_dt(10.0)),
            Self::PathxM100 => ElmNeuronConfig::new(16, 2),
            Self::PathxM200 => {
                ElmNeuronConfig::new(16, 2).with_neuron(NeuronForm::v1().with_num_memory(200))
            }
        }
    }

    /// Batch and time steps; `tiny` is for a check that everything runs.
    pub fn batch_and_steps(self, tiny: bool) -> (usize, usize) {
        match (self, tiny) {
            (_, true) => (2, 12),
            (Self::NioM20 | Self::NioM100, _) => (8, 500),
            (Self::NioM100B128, _) => (128, 500),
            (Self::ShdM100, _) => (8, 100),
            (Self::PathxM100, _) => (128, 16384),
            (Self::PathxM200, _) => (64, 16384),
        }
    }

    /// Input `[batch, time, input]`: spikes at the rate of the data set, or noise.
    pub fn input(self, batch: usize, steps: usize, device: &Device) -> Tensor<3> {
        let shape = [batch, steps, self.neuron().num_inputs];
        let spikes = |rate| Tensor::random(shape, Distribution::Bernoulli(rate), device);
        match self {
            Self::NioM20 | Self::NioM100 | Self::NioM100B128 => spikes(0.011),
            Self::ShdM100 => spikes(0.03),
            Self::PathxM100 | Self::PathxM200 => {
                Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
            }
        }
    }
}
