//! Random training windows: a seeded sampler, which a [`BatchStream`](crate::BatchStream) can run in background threads.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::batch::{NeuronIoBatch, SparseWindows};
use super::set::SimulationSet;
use super::simulation::NUM_CHANNELS;
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

/// What the random numbers of a sampler come from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A seed of the user's.
    Seed(u64),
    /// The windows by which models are compared: the same whatever a run's seed is.
    Validation,
}

impl Source {
    /// Random numbers of their own for each `number`.
    fn stream(self, number: u64) -> ChaCha8Rng {
        let mut rng = match self {
            Self::Seed(seed) => ChaCha8Rng::seed_from_u64(seed),
            Self::Validation => ChaCha8Rng::from_seed(*b"the same validation windows ever"),
        };
        rng.set_stream(number);
        rng
    }
}

/// Draws batches of random windows; a batch depends on the seed and its index alone. Simulations are decoded as they
/// are drawn.
#[derive(Debug, Clone)]
pub struct WindowSampler {
    simulations: SimulationSet,
    config: WindowConfig,
    source: Source,
    files: Option<FilesInTurn>,
}

/// One file after the other, as the published training script loads them.
#[derive(Debug, Clone)]
struct FilesInTurn {
    /// The simulations of each file.
    files: Vec<Vec<u32>>,
    /// Batches that are drawn from a file before the next.
    batches: u64,
}

impl WindowSampler {
    /// A sampler over `simulations` for training.
    ///
    /// # Errors
    /// When there is no simulation, when `batch_size` or `window_ms` is 0, when a batch is too large, and when a window
    /// does not fit into a simulation after the ignored start.
    pub fn new(simulations: SimulationSet, config: WindowConfig, seed: u64) -> Result<Self> {
        Self::with_source(simulations, config, Source::Seed(seed))
    }

    /// A sampler over `simulations` for validation: its windows are the same for every seed of a training, so that
    /// losses compare.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn validation(simulations: SimulationSet, config: WindowConfig) -> Result<Self> {
        Self::with_source(simulations, config, Source::Validation)
    }

    fn with_source(
        simulations: SimulationSet,
        config: WindowConfig,
        source: Source,
    ) -> Result<Self> {
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
        let values = batch_size
            .checked_mul(window_ms)
            .and_then(|n| n.checked_mul(NUM_CHANNELS));
        if values.is_none_or(|n| u32::try_from(n).is_err()) {
            return Err(DataError::request(format!(
                "a batch of {batch_size} windows of {window_ms} ms has more than {} values",
                u32::MAX
            )));
        }
        for at in 0..simulations.len() {
            let head = simulations.head(at);
            let available = (head.duration_ms as usize).saturating_sub(ignore_first_ms);
            if window_ms > available {
                return Err(DataError::request(format!(
                    "a window of {window_ms} ms does not fit into simulation {} of {}: {available} ms remain of its {} \
                     ms after the ignored first {ignore_first_ms} ms",
                    head.index, head.source, head.duration_ms
                )));
            }
        }
        Ok(Self {
            simulations,
            config,
            source,
            files: None,
        })
    }

    /// The same sampler, that draws from one file at a time: from each, chosen at random, as many batches as hold
    /// `fraction` of its time, as `file_load_fraction` of the published training script (about 38 batches of 8 windows
    /// of 500 ms for 0.2 and files of 128 simulations of 6 s). Files larger than memory are then read in one stretch.
    ///
    /// # Errors
    /// If `fraction` is not above 0 or not finite.
    pub fn with_file_load_fraction(mut self, fraction: f64) -> Result<Self> {
        if !(fraction > 0.0 && fraction.is_finite()) {
            return Err(DataError::request(format!(
                "file_load_fraction: expected a number above 0, found {fraction}"
            )));
        }
        let files = self.simulations.by_file();
        let durations = (0..self.simulations.len())
            .map(|at| f64::from(self.simulations.head(at).duration_ms))
            .sum::<f64>();
        let per_file = durations / files.len().max(1) as f64;
        let per_batch = (self.config.batch_size * self.config.window_ms) as f64;
        let batches = (fraction * per_file / per_batch).round().max(1.0) as u64;
        self.files = Some(FilesInTurn { files, batches });
        Ok(self)
    }

    /// The simulations.
    pub fn simulations(&self) -> &SimulationSet {
        &self.simulations
    }

    /// The setting it was made with.
    pub fn config(&self) -> &WindowConfig {
        &self.config
    }

    /// Batch number `index`, always the same for the same seed.
    ///
    /// Simulations are drawn without replacement; a batch larger than their number goes through several permutations.
    ///
    /// # Errors
    /// If a simulation is damaged.
    pub fn batch(&self, index: u64) -> Result<NeuronIoBatch> {
        Ok(self.sparse(index)?.dense())
    }

    /// Batch number `index` with its input spikes one by one.
    ///
    /// # Errors
    /// If a simulation is damaged.
    pub fn sparse(&self, index: u64) -> Result<SparseWindows> {
        let WindowConfig {
            batch_size: batch,
            window_ms: time,
            ..
        } = self.config;
        let mut windows = SparseWindows {
            places: Vec::new(),
            values: Vec::new(),
            spikes: Vec::with_capacity(batch * time),
            soma: Vec::with_capacity(batch * time),
            batch,
            time,
        };
        for (row, (simulation, start)) in self.draw(index).into_iter().enumerate() {
            let simulation = self.simulations.get(simulation)?;
            let steps = start..start + time;
            let events = simulation.events_between(steps.start, steps.end);
            windows.places.extend(events.iter().map(|event| {
                let step = row * time + event.time_ms() as usize - start;
                (step * NUM_CHANNELS + usize::from(event.channel())) as u32
            }));
            windows.values.extend(events.iter().map(|e| e.value()));
            windows
                .spikes
                .extend(simulation.spike_target_of(steps.clone()));
            windows.soma.extend(simulation.soma_target_of(steps));
        }
        if windows.soma.len() != batch * time {
            return Err(DataError::request(
                "a simulation must have one soma voltage per ms, one has fewer",
            ));
        }
        Ok(windows)
    }

    /// Simulation and start (ms) of every window of batch `index`.
    pub fn draw(&self, index: u64) -> Vec<(usize, usize)> {
        let WindowConfig {
            batch_size,
            window_ms,
            ignore_first_ms,
        } = self.config;
        // One stream per batch: any batch can be made alone, by any thread.
        let mut rng = self.source.stream(index);
        let mut order: Vec<usize> = match &self.files {
            None => (0..self.simulations.len()).collect(),
            Some(turn) => {
                // The stretches count from the end, far away from the batches.
                let mut stretch = self.source.stream(u64::MAX - index / turn.batches);
                let file = &turn.files[stretch.random_range(0..turn.files.len())];
                file.iter().map(|at| *at as usize).collect()
            }
        };
        let count = order.len();
        (0..batch_size)
            .map(|row| {
                // One step of a Fisher-Yates shuffle; a fresh one begins after every `count` rows.
                let step = row % count;
                order.swap(step, rng.random_range(step..count));
                let simulation = order[step];
                let last = self.simulations.head(simulation).duration_ms as usize - window_ms;
                (simulation, rng.random_range(ignore_first_ms..=last))
            })
            .collect()
    }
}

impl BatchSource for WindowSampler {
    type Batch = NeuronIoBatch;

    fn make(&self, index: u64) -> Result<NeuronIoBatch> {
        self.batch(index)
    }
}

/// The batches of a sampler with their input spikes one by one.
#[derive(Debug, Clone)]
pub struct SparseSampler(pub WindowSampler);

impl BatchSource for SparseSampler {
    type Batch = SparseWindows;

    fn make(&self, index: u64) -> Result<SparseWindows> {
        self.0.sparse(index)
    }
}
