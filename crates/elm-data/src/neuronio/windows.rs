//! Random training windows: a seeded sampler, which a [`BatchStream`](crate::BatchStream) can run in background threads.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::batch::NeuronIoBatch;
use super::simulation::{NUM_CHANNELS, Simulation};
use crate::error::{DataError, Result};
use crate::stream::BatchSource;

/// What a training batch looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowConfig {
    /// Windows in a batch.
    pub batch_size: usize,
    /// Length of a window (ms).
    pub window_ms: usize,
    /// No window starts before this time (ms): the cell has not settled yet.
    pub ignore_first_ms: usize,
}

impl Default for WindowConfig {
    /// The published setting: 8 windows of 500 ms that start at 500 ms or later.
    fn default() -> Self {
        Self {
            batch_size: 8,
            window_ms: 500,
            ignore_first_ms: 500,
        }
    }
}

/// Draws batches of random windows; a batch depends on the seed and its index alone.
#[derive(Debug, Clone)]
pub struct WindowSampler {
    simulations: Arc<[Simulation]>,
    config: WindowConfig,
    seed: u64,
}

impl WindowSampler {
    /// A sampler over `simulations`.
    ///
    /// # Errors
    /// When there is no simulation, when `batch_size` or `window_ms` is 0, and when a window does not fit into
    /// a simulation after the ignored start.
    pub fn new(simulations: Arc<[Simulation]>, config: WindowConfig, seed: u64) -> Result<Self> {
        let WindowConfig {
            batch_size,
            window_ms,
            ignore_first_ms,
        } = config;
        if simulations.is_empty() {
            return Err(DataError::request(
                "training windows need at least one simulation, there is none",
            ));
        }
        if batch_size == 0 || window_ms == 0 {
            return Err(DataError::request(format!(
                "a batch needs at least one window of at least 1 ms, asked for {batch_size} windows of {window_ms} ms"
            )));
        }
        for simulation in simulations.iter() {
            let Simulation {
                source,
                index,
                duration_ms,
                ..
            } = simulation;
            let available = (*duration_ms as usize).saturating_sub(ignore_first_ms);
            if window_ms > available {
                return Err(DataError::request(format!(
                    "a window of {window_ms} ms does not fit into simulation {index} of {source}: {available} ms \
                     remain of its {duration_ms} ms after the ignored first {ignore_first_ms} ms"
                )));
            }
            if simulation.soma_mv.len() != *duration_ms as usize {
                return Err(DataError::request(format!(
                    "simulation {index} of {source} must have one soma voltage per ms, {duration_ms}, and has {}",
                    simulation.soma_mv.len()
                )));
            }
        }
        Ok(Self {
            simulations,
            config,
            seed,
        })
    }

    /// The setting it was made with.
    pub fn config(&self) -> &WindowConfig {
        &self.config
    }

    /// Batch number `index`, always the same for the same seed.
    ///
    /// Simulations are drawn without replacement; a batch larger than their number goes through several permutations.
    pub fn batch(&self, index: u64) -> NeuronIoBatch {
        let WindowConfig {
            batch_size: batch,
            window_ms: time,
            ..
        } = self.config;
        let mut inputs = vec![0.0; batch * time * NUM_CHANNELS];
        let mut spikes = Vec::with_capacity(batch * time);
        let mut soma = Vec::with_capacity(batch * time);
        let rows = inputs.chunks_exact_mut(time * NUM_CHANNELS);
        for ((simulation, start), row) in self.draw(index).into_iter().zip(rows) {
            let simulation = &self.simulations[simulation];
            simulation.write_input(start, row);
            spikes.extend_from_slice(&simulation.spike_target()[start..start + time]);
            soma.extend_from_slice(&simulation.soma_target()[start..start + time]);
        }
        NeuronIoBatch {
            inputs,
            spikes,
            soma,
            batch,
            time,
        }
    }

    /// Simulation and start (ms) of every window of batch `index`.
    pub fn draw(&self, index: u64) -> Vec<(usize, usize)> {
        let WindowConfig {
            batch_size,
            window_ms,
            ignore_first_ms,
        } = self.config;
        // One stream per batch: any batch can be made alone, by any thread.
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(index);
        let count = self.simulations.len();
        let mut order: Vec<usize> = (0..count).collect();
        (0..batch_size)
            .map(|row| {
                // One step of a Fisher-Yates shuffle; a fresh one begins after every `count` rows.
                let step = row % count;
                order.swap(step, rng.random_range(step..count));
                let simulation = order[step];
                let last = self.simulations[simulation].duration_ms as usize - window_ms;
                (simulation, rng.random_range(ignore_first_ms..=last))
            })
            .collect()
    }
}

impl BatchSource for WindowSampler {
    type Batch = NeuronIoBatch;

    fn make(&self, index: u64) -> Result<NeuronIoBatch> {
        Ok(self.batch(index))
    }
}
