//! Timing of forward pass and training step at the sizes of the papers, and of loading beside training.

mod loading;

pub use loading::{LoadingRates, loading_rates};

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData, activation};
use elm_model::memory_scan::{self, ScanInputs, ScanPath, ScanSpec};
use elm_model::{ElmNeuronConfig, HiddenActivation};
use serde::Serialize;

use crate::error::{Result, TrainError};

/// Sizes that are timed, the same as those of the PyTorch reference bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum BenchConfig {
    /// NeuronIO, 20 memory units: batch 8, 500 steps, 1278 inputs, 45 x 100 synapses.
    NioM20,
    /// NeuronIO, 100 memory units.
    NioM100,
    /// Spiking Heidelberg Digits: batch 8, 100 steps, 700 inputs, 100 memory units.
    ShdM100,
    /// Long Range Arena: batch 8, 4096 steps, 16 inputs, 100 memory units.
    LraM100,
}

impl BenchConfig {
    /// Every size.
    pub const ALL: [Self; 4] = [Self::NioM20, Self::NioM100, Self::ShdM100, Self::LraM100];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::NioM20 => "nio_m20",
            Self::NioM100 => "nio_m100",
            Self::ShdM100 => "shd_m100",
            Self::LraM100 => "lra_m100",
        }
    }

    /// Neuron, batch and time steps.
    fn sizes(self) -> (ElmNeuronConfig, usize, usize) {
        match self {
            Self::NioM20 => (ElmNeuronConfig::neuronio(20), 8, 500),
            Self::NioM100 => (ElmNeuronConfig::neuronio(100), 8, 500),
            Self::ShdM100 => (
                ElmNeuronConfig::new(700, 20)
                    .with_memory_tau_max(500.0)
                    .with_dt(10.0),
                8,
                100,
            ),
            Self::LraM100 => (ElmNeuronConfig::new(16, 10), 8, 4096),
        }
    }
}

/// Times of one thing, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    /// Median.
    pub median: f64,
    /// Minimum.
    pub min: f64,
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

/// Times one size on one device, for about `budget` each of forward and training.
///
/// # Errors
/// If the neuron cannot be made or the device fails.
pub fn bench(
    config: BenchConfig,
    device: &Device,
    path: ScanPath,
    budget: Duration,
) -> Result<BenchResult> {
    let (neuron, batch, steps) = config.sizes();
    device.seed(0);
    let autodiff = device.clone().autodiff();
    let mut model = neuron.init(&autodiff)?.with_path(path);
    let x = input(config, batch, steps, neuron.num_inputs, device);
    let plain = model.valid();
    let forward_ms = measure(budget, || wait(plain.forward(x.clone())))?;
    let targets = Targets::new(config, batch, steps, neuron.num_outputs, &autodiff);
    let x = x.autodiff();
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let train_ms = measure(budget, || {
        let grads = targets.loss(model.forward(x.clone())).backward();
        let grads = GradientsParams::from_grads(grads, &model);
        model = optimizer.step(5e-4, model.clone(), grads);
        wait(model.readout.weight.val())
    })?;
    let fused = path == ScanPath::Auto && memory_scan::has_fused(device);
    Ok(BenchResult {
        config: config.name(),
        device: crate::device::describe(device),
        recurrence: if fused { "fused" } else { "reference" },
        threads: rayon::current_num_threads(),
        batch,
        steps,
        forward_ms,
        train_ms,
        peak_mb: peak_mb(),
    })
}

/// Rates of the recurrence alone and of a large matrix product on the same device, in GFlop/s.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RecurrenceShare {
    /// Forward recurrence at batch 8, 500 steps, 100 memory and 200 hidden units.
    pub recurrence_gflops: f64,
    /// Matrix product of 1024 x 1024 matrices.
    pub product_gflops: f64,
}

/// Measures what share of a large f32 product's rate the recurrence reaches, taking turns between both.
///
/// # Errors
/// If the device fails.
pub fn recurrence_share(device: &Device, budget: Duration) -> Result<RecurrenceShare> {
    let spec = ScanSpec {
        memory: 100,
        hidden_layers: 1,
        hidden: 200,
        activation: HiddenActivation::Relu,
    };
    let (batch, steps, n) = (8, 500, 1024);
    let random = |low, high| Distribution::Uniform(low, high);
    let inputs = ScanInputs {
        drive: Tensor::random([batch, steps, spec.first()], random(-1.0, 1.0), device),
        weights: Tensor::random([spec.num_weights()], random(-0.07, 0.07), device),
        decay: Tensor::random([spec.memory], random(0.4, 0.99), device),
        gate: Tensor::random([spec.memory], random(0.0, 1.0), device),
        memory: Tensor::zeros([batch, spec.memory], device),
    };
    let a = Tensor::<2>::random([n, n], random(-1.0, 1.0), device);
    let (mut scan, mut product) = (f64::INFINITY, f64::INFINITY);
    let started = Instant::now();
    while started.elapsed() < budget {
        let time = once(|| {
            wait(memory_scan::memory_scan(
                inputs.clone(),
                &spec,
                ScanPath::Auto,
            ))
        })?;
        scan = scan.min(time);
        product = product.min(once(|| wait(a.clone().matmul(a.clone())))?);
    }
    let scan_flops = 4.0 * (batch * steps * spec.memory * spec.hidden) as f64;
    Ok(RecurrenceShare {
        recurrence_gflops: scan_flops / scan / 1e6,
        product_gflops: 2.0 * (n as f64).powi(3) / product / 1e6,
    })
}

/// Spikes at the rates of the data sets, or noise.
fn input(
    config: BenchConfig,
    batch: usize,
    steps: usize,
    channels: usize,
    device: &Device,
) -> Tensor<3> {
    let shape = [batch, steps, channels];
    let spikes = |rate: f64| {
        Tensor::<3>::random(shape, Distribution::Uniform(0.0, 1.0), device)
            .lower_elem(rate)
            .float()
    };
    match config {
        BenchConfig::NioM20 | BenchConfig::NioM100 => {
            let sign: Vec<f32> = (0..channels)
                .map(|c| if c < channels / 2 { 1.0 } else { -1.0 })
                .collect();
            spikes(0.011)
                * Tensor::<1>::from_data(TensorData::new(sign, [channels]), device).unsqueeze::<3>()
        }
        BenchConfig::ShdM100 => spikes(0.03),
        BenchConfig::LraM100 => Tensor::random(shape, Distribution::Normal(0.0, 1.0), device),
    }
}

#[allow(clippy::large_enum_variant)] // one per bench
enum Targets {
    /// Spikes and soma voltage, `[batch, time]` each.
    NeuronIo { spikes: Tensor<2>, soma: Tensor<2> },
    /// A class at the last step, `[batch]`.
    Class(Tensor<1, Int>),
}

impl Targets {
    fn new(
        config: BenchConfig,
        batch: usize,
        steps: usize,
        classes: usize,
        device: &Device,
    ) -> Self {
        match config {
            BenchConfig::NioM20 | BenchConfig::NioM100 => Self::NeuronIo {
                spikes: Tensor::random([batch, steps], Distribution::Bernoulli(0.01), device),
                soma: Tensor::random([batch, steps], Distribution::Normal(0.0, 1.0), device),
            },
            _ => {
                let labels: Vec<i64> = (0..batch).map(|b| (b % classes) as i64).collect();
                Self::Class(Tensor::from_data(TensorData::new(labels, [batch]), device))
            }
        }
    }

    fn loss(&self, y: Tensor<3>) -> Tensor<1> {
        let [batch, steps, outputs] = y.dims();
        match self {
            Self::NeuronIo { spikes, soma } => {
                let logits = y.clone().narrow(2, 0, 1).reshape([batch, steps]);
                let error = y.narrow(2, 1, 1).reshape([batch, steps]) - soma.clone();
                crate::task::neuronio::bce_with_logits(logits, spikes.clone()).mean() * 0.5
                    + (error.clone() * error).mean() * 0.5
            }
            Self::Class(labels) => {
                let last = y.narrow(1, steps - 1, 1).reshape([batch, outputs]);
                let picked =
                    activation::log_softmax(last, 1).gather(1, labels.clone().unsqueeze_dim(1));
                picked.mean().neg()
            }
        }
    }
}

/// Makes lazy work happen.
fn wait<const D: usize>(tensor: Tensor<D>) -> Result<()> {
    tensor
        .device()
        .sync()
        .map_err(|e| TrainError::Run(format!("the device failed: {e}")))
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
    let (mut times, start) = (Vec::new(), Instant::now());
    while (start.elapsed() < budget && times.len() < 60) || times.len() < 5 {
        times.push(once(&mut work)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(Timing {
        median: times[times.len() / 2],
        min: times[0],
    })
}

/// Peak resident memory of this process, from Linux's `/proc`.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}
