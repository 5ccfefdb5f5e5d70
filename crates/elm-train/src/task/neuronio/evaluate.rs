//! The published evaluation of a model on whole simulations.

use burn::tensor::{Device, Tensor, TensorData};
use elm_data::neuronio::{
    self, Evaluation, EvaluationWindows, NUM_CHANNELS, Prediction, Simulation,
};

use crate::error::{Result, TrainError};
use crate::model::SequenceToSequence;
use crate::stop::Stop;
use crate::task::numbers;

/// Windows that run through the model together.
const BATCH: usize = 16;

/// A model's predictions and what they are worth.
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
/// If the model is none for NeuronIO (1278 inputs, 2 outputs), the data do not allow an evaluation, or `stop` is asked for.
pub fn evaluate(
    model: &SequenceToSequence,
    simulations: &[Simulation],
    device: &Device,
    stop: &Stop,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Tested> {
    neuronio::evaluated(simulations)?; // told before the work, not after it
    let predictions = predict(model, simulations, device, stop, progress)?;
    let evaluation = neuronio::evaluate(simulations, &predictions)?;
    Ok(Tested {
        predictions,
        evaluation,
    })
}

/// Is it a model for NeuronIO?
///
/// # Errors
/// [`TrainError::Usage`] if it has other than 1278 inputs and 2 outputs.
pub fn check(model: &SequenceToSequence) -> Result<()> {
    let (inputs, outputs) = model.config().sizes();
    if (inputs, outputs) == (NUM_CHANNELS, 2) {
        return Ok(());
    }
    Err(TrainError::Usage(format!(
        "expected a model for NeuronIO with {NUM_CHANNELS} inputs and 2 outputs, found one with {inputs} and {outputs}"
    )))
}

/// Spike probability and soma voltage of each simulation.
///
/// # Errors
/// If the model is none for NeuronIO, fails on the device, or `stop` is asked for.
pub fn predict(
    model: &SequenceToSequence,
    simulations: &[Simulation],
    device: &Device,
    stop: &Stop,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Prediction>> {
    check(model)?;
    let mut answer = |inputs: &[f32], batch: usize, time: usize| -> Result<Vec<f32>> {
        stop.check("stopped before all windows were evaluated")?;
        let x = TensorData::new(inputs.to_vec(), [batch, time, NUM_CHANNELS]);
        numbers(model.run(Tensor::from_data(x, device), None)?.y)
    };
    neuronio::predict(
        simulations,
        &EvaluationWindows::default(),
        BATCH,
        &mut answer,
        progress,
    )
}
