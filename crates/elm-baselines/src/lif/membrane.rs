//! One step of leaky integrate-and-fire neurons: potential, threshold, spikes.

use burn::tensor::{DType, Device, Tensor, TensorData};
use elm_model::OutputActivation;
use elm_model::equations::{self, SPIKE_STEEPNESS};

use super::config::{Adaptation, LifConfig, Reset};
use super::module::Lif;
use super::state::LifState;

/// What one step needs, computed once per sequence.
pub(super) struct Membrane<'a> {
    config: &'a LifConfig,
    recurrent: Option<Tensor<2>>,
    decay: f64,
    adaptation_decay: f64,
    /// Threshold B_0, `[1, neuron]`.
    threshold: Tensor<2>,
    /// Rise β of each neuron's threshold, `[1, neuron]`; none without adaptation.
    strength: Option<Tensor<2>>,
    refractory_steps: usize,
}

impl<'a> Membrane<'a> {
    pub(super) fn new(lif: &'a Lif, options: (&Device, DType)) -> Self {
        let config = lif.config();
        let (tau, strength) = match config.adaptation {
            Adaptation::None => (1.0, None),
            Adaptation::Threshold { tau, strength, .. } => {
                let fixed = config.num_neurons - config.num_adaptive();
                let mut values = vec![strength; config.num_neurons];
                values[..fixed].fill(0.0);
                let values = TensorData::new(values, [1, config.num_neurons]);
                (tau, Some(Tensor::from_data(values, options)))
            }
        };
        Self {
            config,
            recurrent: lif.recurrent.as_ref().map(|map| map.weight.val()),
            decay: equations::decay(config.membrane_tau, config.dt),
            adaptation_decay: equations::decay(tau, config.dt),
            threshold: Tensor::full([1, config.num_neurons], config.threshold, options),
            strength,
            refractory_steps: config.refractory_steps(),
        }
    }

    /// One step of all neurons, from the input's share of the drive `[batch, neuron]`.
    pub(super) fn step(&self, drive: Tensor<2>, state: &mut LifState) {
        let drive = match &self.recurrent {
            Some(weight) => drive + state.spikes.clone().matmul(weight.clone()),
            None => drive,
        };
        let crossed = self.threshold(state);
        self.adapt(state);
        let kept = state.potential.clone() * self.decay;
        let kept = match self.config.reset {
            Reset::Subtract => kept - crossed * state.spikes.clone(),
            Reset::Zero => kept.clone() - kept * state.spikes.clone(),
        };
        state.potential = kept + drive * (1.0 - self.decay);
        state.spikes = self.spike(state.potential.clone() - self.threshold(state));
        self.silence(state);
    }

    /// Threshold `B`, `[batch, neuron]`, or `[1, neuron]` without adaptation.
    fn threshold(&self, state: &LifState) -> Tensor<2> {
        match &self.strength {
            Some(strength) => state.adaptation.clone() * strength.clone() + self.threshold.clone(),
            None => self.threshold.clone(),
        }
    }

    /// Lets the trace of own spikes take in the last step's.
    fn adapt(&self, state: &mut LifState) {
        if self.strength.is_some() {
            let keep = self.adaptation_decay;
            state.adaptation =
                state.adaptation.clone() * keep + state.spikes.clone() * (1.0 - keep);
        }
    }

    /// Spikes where the distance to the threshold is positive.
    fn spike(&self, distance: Tensor<2>) -> Tensor<2> {
        let scale = self.config.surrogate_steepness / SPIKE_STEEPNESS;
        let distance = distance * (scale / self.config.threshold);
        equations::tensor::output(distance, OutputActivation::Spike)
    }

    /// Takes away the spikes of refractory neurons, and makes those that spike refractory.
    fn silence(&self, state: &mut LifState) {
        if self.refractory_steps == 0 {
            return;
        }
        let refractory = state.refractory.clone();
        state.spikes = state
            .spikes
            .clone()
            .mask_fill(refractory.clone().greater_elem(0.0), 0.0);
        // a neuron that spikes was not refractory
        let started = state.spikes.clone().detach() * self.refractory_steps as f64;
        state.refractory = (refractory - 1.0).clamp_min(0.0) + started;
    }
}
