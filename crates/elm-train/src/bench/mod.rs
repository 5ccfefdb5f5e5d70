//! Timing of forward pass and training step at the sizes of the papers, and of loading beside training.

mod limits;
mod loading;
mod sizes;

pub use limits::{RecurrenceShare, recurrence_share, stream_micros};
pub use loading::{LoadingRates, loading_rates};
pub use sizes::BenchConfig;

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use elm_model::dispatch::has_fused;
use elm_model::{ElmNeuronConfig, ScanPath};
use serde::Serialize;

use crate::caught::device_failed;
use crate::error::Result;
use crate::optim::AdamConfig;
use sizes::{Targets, input};

/// Times of one thing, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    /// Median.
    pub median: f64,
    /// Minimum.
    pub min: f64,
    /// Processor time of all threads, on average: what else the machine did is not in it. None where the system does not tell.
    pub processor: Option<f64>,
}

/// What a bench run found.
#[derive(Debug, Clone, Serialize)]
pub struct BenchResult {
    /// Name of the size.
    pub config: &'static str,
    /// Device.
    pub device: String,
    /// `fused` or `reference`.
    pub recurrence: &'static str,
    /// CPU threads.
    pub threads: usize,
    /// Floating-point operations of a forward pass, were the input free (spikes); a training step takes three times as many.
    pub forward_flops: f64,
    /// Samples.
    pub batch: usize,
    /// Time steps.
    pub steps: usize,
    /// Forward pass without gradients (ms).
    pub forward_ms: Timing,
    /// Loss, backward pass and Adam step (ms).
    pub train_ms: Timing,
    /// Peak resident memory of the process (MB); none where the system does not tell.
    pub peak_mb: Option<f64>,
}

/// What to time.
#[derive(Debug, Clone, Copy)]
pub struct BenchOptions {
    /// Size.
    pub config: BenchConfig,
    /// Samples, where not those of the size.
    pub batch: Option<usize>,
    /// Time steps, where not those of the size.
    pub steps: Option<usize>,
    /// Implementation of the recurrence.
    pub path: ScanPath,
    /// Time for each of forward pass and training.
    pub budget: Duration,
}

/// Times one size on one device.
///
/// # Errors
/// If the neuron cannot be made or the device fails.
pub fn bench(options: &BenchOptions, device: &Device) -> Result<BenchResult> {
    let BenchOptions {
        config,
        path,
        budget,
        ..
    } = *options;
    let (neuron, batch, steps) = config.sizes();
    let (batch, steps) = (
        options.batch.unwrap_or(batch),
        options.steps.unwrap_or(steps),
    );
    device.seed(0);
    let autodiff = device.clone().autodiff();
    let mut model = neuron.init(&autodiff)?.with_path(path);
    let x = input(config, batch, steps, neuron.num_inputs, device);
    let plain = model.valid();
    let forward_ms = measure(budget, || wait(plain.forward(x.clone(), None).0))?;
    let targets = Targets::new(config, batch, steps, neuron.num_outputs, &autodiff);
    let x = x.autodiff();
    let mut optimizer = AdamConfig::new().init();
    let train_ms = measure(budget, || {
        let grads = targets.loss(model.forward(x.clone(), None).0).backward();
        let grads = GradientsParams::from_grads(grads, &model);
        model = optimizer.step(5e-4, model.clone(), grads);
        wait(model.readout.weight.val())
    })?;
    let fused = path != ScanPath::Reference && has_fused(device);
    Ok(BenchResult {
        config: config.name(),
        device: crate::device::describe(device),
        recurrence: if fused { "fused" } else { "reference" },
        threads: rayon::current_num_threads(),
        forward_flops: forward_flops(&neuron) * (batch * steps) as f64,
        batch,
        steps,
        forward_ms,
        train_ms,
        peak_mb: peak_mb(),
    })
}

/// Multiplications and additions of one time step: branches and memory through the MLP with its one hidden layer, and
/// the readout. Where there are more branches than hidden units, the layer's share of them is folded into the input
/// product, and that is not counted, as the input is sparse.
fn forward_flops(neuron: &ElmNeuronConfig) -> f64 {
    let form = neuron.form();
    let (m, h) = (form.num_memory, form.hidden());
    let branches = match form.branches() {
        d if d <= h => d,
        _ => 0,
    };
    let weights = (branches + m) * h + h * m + m * neuron.num_outputs;
    2.0 * weights as f64
}

/// Makes lazy work happen.
fn wait<const D: usize>(tensor: Tensor<D>) -> Result<()> {
    tensor.device().sync().map_err(device_failed)
}

fn once(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// As the PyTorch bench: four runs to warm up, then up to sixty within the budget, five at least.
fn measure(budget: Duration, mut work: impl FnMut() -> Result<()>) -> Result<Timing> {
    for _ in 0..4 {
        work()?;
    }
    let processor = processor_seconds();
    let (mut times, start) = (Vec::new(), Instant::now());
    while (start.elapsed() < budget && times.len() < 60) || times.len() < 5 {
        times.push(once(&mut work)?);
    }
    let used = processor.zip(processor_seconds());
    times.sort_by(f64::total_cmp);
    Ok(Timing {
        processor: used.map(|(from, to)| 1e3 * (to - from) / times.len() as f64),
        median: times[times.len() / 2],
        min: times[0],
    })
}

/// Seconds that the threads of this process computed so far, from Linux's `/proc`, which counts in hundredths.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // the name of the program may hold anything but ends with the last bracket
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

/// Peak resident memory of this process, from Linux's `/proc`.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}
