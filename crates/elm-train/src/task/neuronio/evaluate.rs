//! The published evaluation of a neuron on whole simulations.

use burn::tensor::{Device, Tensor, TensorData};
use elm_data::neuronio::{
    self, Evaluation, EvaluationWindows, NUM_CHANNELS, Prediction, Simulation,
};
use elm_model::ElmNeuron;

use crate::error::{Result, TrainError};

/// Windows that run through the neuron together.
const BATCH: usize = 16;

/// A neuron's predictions and what they are worth.
#[derive(Debug, Clone)]
pub struct Tested {
    /// One prediction per simulation.
    pub predictions: Vec<Prediction>,
    /// The published metrics over all of them.
    pub evaluation: Evaluation,
}

/// Predicts and evaluates by the published protocol (windows of 500 ms with 150 ms burn-in).
///
/// `progress(done, total)` counts windows.
///
/// # Errors
/// If the neuron is no NeuronIO neuron (1278 inputs, 2 outputs), or the data do not allow an evaluation.
pub fn evaluate(
    neuron: &ElmNeuron,
    simulations: &[Simulation],
    device: &Device,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Tested> {
    neuronio::evaluated(simulations)?; // told before the work, not after it
    let predictions = predict(neuron, simulations, device, progress)?;
    let evaluation = neuronio::evaluate(simulations, &predictions)?;
    Ok(Tested {
        predictions,
        evaluation,
    })
}

/// Is it a NeuronIO neuron?
///
/// # Errors
/// [`TrainError::Usage`] if it has other than 1278 inputs and 2 outputs.
pub fn check(neuron: &ElmNeuron) -> Result<()> {
    let config = neuron.config();
    if (config.num_inputs, config.num_outputs) == (NUM_CHANNELS, 2) {
        return Ok(());
    }
    Err(TrainError::Usage(format!(
        "expected a NeuronIO neuron with {NUM_CHANNELS} inputs and 2 outputs, found one with {} and {}",
        config.num_inputs, config.num_outputs
    )))
}

/// Spike probability and soma voltage of each simulation.
///
/// # Errors
/// If the neuron is no NeuronIO neuron, or fails on the device.
pub fn predict(
    neuron: &ElmNeuron,
    simulations: &[Simulation],
    device: &Device,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Prediction>> {
    check(neuron)?;
    let mut model = |inputs: &[f32], batch: usize, time: usize| -> Result<Vec<f32>> {
        let x = TensorData::new(inputs.to_vec(), [batch, time, NUM_CHANNELS]);
        let (y, _) = neuron.forward_with_state(Tensor::from_data(x, device), None)?;
        let data = y
            .try_into_data()
            .map_err(|e| TrainError::Run(format!("the device failed: {e}")))?;
        data.try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Run(format!("the output cannot be read: {e:?}")))
    };
    neuronio::predict(
        simulations,
        &EvaluationWindows::default(),
        BATCH,
        &mut model,
        progress,
    )
}
