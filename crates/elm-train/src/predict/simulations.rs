//! Simulations of NeuronIO.

use elm_data::neuronio::{SOMA_SCALE, Simulation};

use super::source::{Predicting, SampleAnswer, Source, Truth};
use crate::error::Result;
use crate::task::neuronio;

/// Simulations that are predicted together.
const TOGETHER: usize = 4;

/// Simulations, predicted as the published evaluation does: in windows of 500 ms with 150 ms burn-in.
pub struct SimulationSource {
    simulations: Vec<Simulation>,
}

impl SimulationSource {
    /// These simulations.
    pub fn new(simulations: Vec<Simulation>) -> Self {
        Self { simulations }
    }
}

impl Source for SimulationSource {
    fn samples(&self) -> usize {
        self.simulations.len()
    }

    fn items(&self) -> &'static str {
        "simulations"
    }

    fn predict(
        &self,
        with: &Predicting<'_>,
        take: &mut dyn FnMut(SampleAnswer) -> Result<()>,
    ) -> Result<()> {
        for some in self.simulations.chunks(TOGETHER) {
            let predictions = neuronio::predict(
                &with.file.model,
                some,
                with.device,
                with.stop,
                &mut |_, _| {},
            )?;
            for (simulation, prediction) in some.iter().zip(predictions) {
                let steps = prediction.spike_probability.iter().zip(&prediction.soma_mv);
                // as the outputs that they were
                let outputs = steps.flat_map(|(p, soma)| [logit(*p), soma * SOMA_SCALE]);
                take(SampleAnswer {
                    name: format!("{}#{}", simulation.source, simulation.index),
                    outputs: outputs.collect(),
                    rows: prediction.spike_probability.len(),
                    truth: Truth::Unknown,
                })?;
            }
        }
        Ok(())
    }
}

/// The output that a probability came from; at 0 and 1 the farthest that f32 tells apart from them.
fn logit(p: f32) -> f32 {
    let p = f64::from(p);
    ((p / (1.0 - p)).ln() as f32).clamp(-104.0, 104.0)
}
