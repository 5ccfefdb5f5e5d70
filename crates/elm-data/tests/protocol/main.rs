//! Windows, batches, metrics and the evaluation protocol of NeuronIO, on cases small enough to work out by hand.
#![allow(clippy::unwrap_used)]

mod evaluation;
mod metrics;
mod sampling;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use elm_data::neuronio::simulation::NUM_CHANNELS;
use elm_data::neuronio::{
    BatchStream, EvaluationWindows, Metrics, Prediction, RocCurve, Simulation, SomaErrors,
    SparseSampler, SpikeEvent, WindowConfig, WindowSampler, evaluate, predict,
};
use proptest::prelude::*;

const RESTING_MV: f32 = -67.7;

/// A simulation with one input event every 7 ms, whose soma follows a slow sine (clipped at its top).
fn simulation(
    source: &str,
    index: u32,
    duration_ms: u32,
    output_spikes_ms: Vec<f32>,
) -> Simulation {
    let event = |time_ms: u32| {
        let channel = ((time_ms * 13 + index) % 1278) as u16;
        SpikeEvent::new(time_ms, channel).unwrap()
    };
    Simulation {
        source: source.into(),
        index,
        duration_ms,
        events: (0..duration_ms).step_by(7).map(event).collect(),
        output_spikes_ms,
        soma_mv: (0..duration_ms).map(|t| voltage(t, index)).collect(),
    }
}

fn voltage(time_ms: u32, index: u32) -> f32 {
    RESTING_MV + (3.0 + index as f32) * (time_ms as f32 / 50.0).sin() + 5.0
}

/// Knows every spike; its voltage is the clipped one above the bias, moved and scaled.
fn oracle(simulation: &Simulation, scale: f32, offset: f32) -> Prediction {
    let soma = simulation.clipped_soma_mv();
    Prediction {
        spike_probability: simulation
            .spike_target()
            .iter()
            .map(|s| 0.1 + 0.8 * s)
            .collect(),
        soma_mv: soma
            .iter()
            .map(|v| (v - RESTING_MV) * scale + offset)
            .collect(),
    }
}

fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "found {found}, expected {expected}"
    );
}
