//! The published evaluation protocol: windows with a burn-in, soma re-alignment, filter, metrics.

use std::collections::BTreeMap;
use std::ops::Range;

use super::metrics::{Metrics, RocCurve, SomaErrors, mean_and_std};
use super::simulation::{NUM_CHANNELS, SOMA_SCALE, Simulation};
use crate::error::{DataError, Result};

/// Simulations with more output spikes than this are left out of the metrics.
pub const MAX_OUTPUT_SPIKES: usize = 24;
/// Start of every simulation (ms) that is left out of the metrics: the cell has not settled yet.
pub const IGNORED_START_MS: usize = 500;

/// How a simulation is cut into windows for prediction; each window starts the model afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluationWindows {
    /// Length of a window (ms).
    pub window_ms: usize,
    /// Start of a window (ms) whose prediction is thrown away, except in the first window of a simulation.
    pub burn_in_ms: usize,
}

impl Default for EvaluationWindows {
    /// The published setting: 500 ms with 150 ms burn-in.
    fn default() -> Self {
        Self {
            window_ms: 500,
            burn_in_ms: 150,
        }
    }
}

/// One window; all times are ms of the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Where the window starts.
    pub start_ms: usize,
    /// First time step whose prediction counts.
    pub keep_from: usize,
    /// End (exclusive) of the time steps whose prediction counts.
    pub keep_to: usize,
}

impl EvaluationWindows {
    /// Whether windows with this setting advance.
    ///
    /// # Errors
    /// When the burn-in is not shorter than the window.
    pub fn validate(&self) -> Result<()> {
        if self.burn_in_ms >= self.window_ms {
            return Err(DataError::request(format!(
                "the burn-in of an evaluation window must be shorter than the window, found {} ms and {} ms",
                self.burn_in_ms, self.window_ms
            )));
        }
        Ok(())
    }

    /// The windows of a simulation of `duration_ms`: the kept parts are disjoint, in order, and cover it. The last
    /// window may reach past the end of the simulation (zero input there).
    ///
    /// # Panics
    /// When [`EvaluationWindows::validate`] would fail.
    pub fn windows(&self, duration_ms: usize) -> Vec<Window> {
        assert!(
            self.burn_in_ms < self.window_ms,
            "the burn-in must be shorter than the window"
        );
        let mut windows: Vec<Window> = Vec::new();
        let mut keep_from = 0;
        while keep_from < duration_ms {
            let start_ms = keep_from.saturating_sub(self.burn_in_ms);
            let keep_to = duration_ms.min(start_ms + self.window_ms);
            windows.push(Window {
                start_ms,
                keep_from,
                keep_to,
            });
            keep_from = keep_to;
        }
        windows
    }
}

/// A model's output for one simulation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prediction {
    /// Probability of an output spike, `[duration]`.
    pub spike_probability: Vec<f32>,
    /// Soma voltage above the bias of -67.7 mV (mV), `[duration]`: the model's output divided by 0.1.
    pub soma_mv: Vec<f32>,
}

/// A model as [`predict`] calls it, `model(inputs, batch, time)`: `[batch, time, 1278]` in, `[batch, time, 2]` out.
pub type Model<'a, E> = dyn FnMut(&[f32], usize, usize) -> std::result::Result<Vec<f32>, E> + 'a;

/// Runs `model` over all windows of all simulations, `batch_size` windows at a time (0 counts as 1).
///
/// `model(inputs, batch, time)` gets `[batch, time, 1278]` and gives `[batch, time, 2]`: spike logit and scaled
/// soma voltage. `progress(done, total)` counts windows, once after each call of the model.
///
/// # Errors
/// The first error of `model`.
///
/// # Panics
/// When `config` is invalid (see [`EvaluationWindows::validate`]) or the model gives another number of values.
pub fn predict<E>(
    simulations: &[Simulation],
    config: &EvaluationWindows,
    batch_size: usize,
    model: &mut Model<'_, E>,
    progress: &mut dyn FnMut(usize, usize),
) -> std::result::Result<Vec<Prediction>, E> {
    let time = config.window_ms;
    let jobs: Vec<(usize, Window)> = simulations
        .iter()
        .enumerate()
        .flat_map(|(i, s)| {
            config
                .windows(s.duration_ms as usize)
                .into_iter()
                .map(move |w| (i, w))
        })
        .collect();
    let mut predictions: Vec<Prediction> =
        simulations.iter().map(|_| Prediction::default()).collect();
    let mut inputs = Vec::new();
    let mut done = 0;
    for chunk in jobs.chunks(batch_size.max(1)) {
        inputs.clear();
        inputs.resize(chunk.len() * time * NUM_CHANNELS, 0.0);
        for (&(i, window), row) in chunk
            .iter()
            .zip(inputs.chunks_exact_mut(time * NUM_CHANNELS))
        {
            simulations[i].write_input(window.start_ms, row);
        }
        let output = model(&inputs, chunk.len(), time)?;
        assert_eq!(
            output.len(),
            chunk.len() * time * 2,
            "the model must give [batch, time, 2] values"
        );
        // Windows come in order of time, so each one continues its simulation's prediction.
        for (&(i, window), row) in chunk.iter().zip(output.chunks_exact(time * 2)) {
            predictions[i].append(row, window);
        }
        done += chunk.len();
        progress(done, jobs.len());
    }
    Ok(predictions)
}

impl Prediction {
    /// Adds the kept part of one window's output, `[time, 2]`.
    fn append(&mut self, output: &[f32], window: Window) {
        let kept = &output
            [2 * (window.keep_from - window.start_ms)..2 * (window.keep_to - window.start_ms)];
        for step in kept.chunks_exact(2) {
            self.spike_probability.push(1.0 / (1.0 + (-step[0]).exp()));
            self.soma_mv.push(step[1] / SOMA_SCALE);
        }
    }
}

/// What an evaluation gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The published metrics.
    pub metrics: Metrics,
    /// ROC curve of the spikes.
    pub roc: RocCurve,
    /// Simulations that the metrics are taken over.
    pub used: usize,
    /// Simulations left out because they have more than [`MAX_OUTPUT_SPIKES`] output spikes.
    pub dropped: usize,
    /// Soma prediction (mV) with its file's mean and standard deviation, `[simulation][duration]`, of every
    /// simulation, those left out included.
    pub aligned_soma_mv: Vec<Vec<f32>>,
}

/// Indices of the simulations that the metrics are taken over: those with at most [`MAX_OUTPUT_SPIKES`] output spikes.
///
/// # Errors
/// When none remains, or none with a time step after the ignored start, or when there is no output spike in what
/// remains (a ROC curve needs both classes): [`evaluate`] would fail, whatever the predictions.
pub fn evaluated(simulations: &[Simulation]) -> Result<Vec<usize>> {
    let spikes = |bins: &[f32]| bins.iter().filter(|&&s| s > 0.5).count();
    let (mut used, mut steps, mut hits) = (Vec::new(), 0, 0);
    for (i, simulation) in simulations.iter().enumerate() {
        let target = simulation.spike_target();
        if spikes(&target) <= MAX_OUTPUT_SPIKES {
            used.push(i);
            let kept = &target[IGNORED_START_MS.min(target.len())..];
            steps += kept.len();
            hits += spikes(kept);
        }
    }
    if steps == 0 {
        return Err(DataError::request(format!(
            "an evaluation needs a simulation longer than {IGNORED_START_MS} ms with at most {MAX_OUTPUT_SPIKES} \
             output spikes, found none among {}",
            simulations.len()
        )));
    }
    if hits == 0 {
        return Err(DataError::request(format!(
            "an evaluation needs an output spike after the first {IGNORED_START_MS} ms of a simulation with at most \
             {MAX_OUTPUT_SPIKES} of them, found none in {} simulation(s)",
            used.len()
        )));
    }
    Ok(used)
}

/// Metrics of `predictions` (one per simulation, in order) by the published protocol.
///
/// The soma prediction first gets the mean and the standard deviation of the clipped soma voltage, file by file
/// ([`Simulation::source`]) over all simulations and time steps. Then simulations with more than
/// [`MAX_OUTPUT_SPIKES`] output spikes and the first [`IGNORED_START_MS`] of the others are left out.
///
/// # Errors
/// When predictions and simulations do not match, when [`evaluated`] finds nothing to evaluate, and when a value is
/// not finite.
pub fn evaluate(simulations: &[Simulation], predictions: &[Prediction]) -> Result<Evaluation> {
    check_shapes(simulations, predictions)?;
    let used = evaluated(simulations)?;
    let targets: Vec<Vec<f32>> = simulations
        .iter()
        .map(Simulation::clipped_soma_mv)
        .collect();
    let aligned_soma_mv = align_by_file(simulations, &targets, predictions)?;
    let (mut spikes, mut scores, mut soma, mut soma_hat) = (vec![], vec![], vec![], vec![]);
    for &i in &used {
        let target = simulations[i].spike_target();
        let kept: Range<usize> = IGNORED_START_MS.min(target.len())..target.len();
        spikes.extend_from_slice(&target[kept.clone()]);
        scores.extend_from_slice(&predictions[i].spike_probability[kept.clone()]);
        soma.extend_from_slice(&targets[i][kept.clone()]);
        soma_hat.extend_from_slice(&aligned_soma_mv[i][kept]);
    }
    let roc = RocCurve::new(&spikes, &scores)?;
    let metrics = Metrics::new(&roc, &SomaErrors::new(&soma, &soma_hat)?);
    Ok(Evaluation {
        metrics,
        roc,
        used: used.len(),
        dropped: simulations.len() - used.len(),
        aligned_soma_mv,
    })
}

/// One prediction per simulation, one value per ms in everything.
fn check_shapes(simulations: &[Simulation], predictions: &[Prediction]) -> Result<()> {
    if simulations.len() != predictions.len() {
        return Err(DataError::request(format!(
            "an evaluation needs one prediction per simulation, found {} for {}",
            predictions.len(),
            simulations.len()
        )));
    }
    for (simulation, prediction) in simulations.iter().zip(predictions) {
        let lengths = [
            simulation.soma_mv.len(),
            prediction.spike_probability.len(),
            prediction.soma_mv.len(),
        ];
        if lengths
            .iter()
            .any(|&n| n != simulation.duration_ms as usize)
        {
            return Err(DataError::request(format!(
                "simulation {} of {} lasts {} ms and needs that many values, found {} soma voltages, {} predicted \
                 spike probabilities and {} predicted voltages",
                simulation.index,
                simulation.source,
                simulation.duration_ms,
                lengths[0],
                lengths[1],
                lengths[2]
            )));
        }
    }
    Ok(())
}

/// Soma predictions with the mean and the standard deviation of their file's targets. A constant prediction becomes
/// the target's mean.
fn align_by_file(
    simulations: &[Simulation],
    targets: &[Vec<f32>],
    predictions: &[Prediction],
) -> Result<Vec<Vec<f32>>> {
    let mut files: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, simulation) in simulations.iter().enumerate() {
        files.entry(&simulation.source).or_default().push(i);
    }
    let mut aligned = vec![Vec::new(); simulations.len()];
    for (file, members) in files {
        let wide = |v: &f32| f64::from(*v);
        let (mean, std) = mean_and_std(members.iter().flat_map(|&i| targets[i].iter().map(wide)));
        let (mean_hat, std_hat) = mean_and_std(
            members
                .iter()
                .flat_map(|&i| predictions[i].soma_mv.iter().map(wide)),
        );
        if !std.is_finite() || !std_hat.is_finite() {
            return Err(DataError::request(format!(
                "{file}: soma voltages and their predictions must be finite, found standard deviations {std} mV \
                 and {std_hat} mV"
            )));
        }
        let scale = if std_hat > 0.0 { std / std_hat } else { 0.0 };
        for i in members {
            let moved = predictions[i]
                .soma_mv
                .iter()
                .map(|v| ((wide(v) - mean_hat) * scale + mean) as f32);
            aligned[i] = moved.collect();
        }
    }
    Ok(aligned)
}
