//! Times on the card: its own limits, the recurrence, the training step.

use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Tensor};
use elm_model::ScanPath;
use elm_model::dispatch::memory_scan;
use elm_model::scan::memory::{ScanInputs, ScanSpec};

use crate::sizes::Size;

/// What the card can do, measured.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// f32 rate of a large matrix product in GFlop/s.
    pub gflops: f64,
    /// Memory traffic of `x + y` in GB/s.
    pub gbytes: f64,
}

/// Medians of one size.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Forward recurrence alone (ms).
    pub scan_ms: f64,
    /// Forward pass of the neuron (ms).
    pub forward_ms: f64,
    /// Forward pass, loss, backward pass and Adam step (ms).
    pub train_ms: f64,
    /// Arithmetic of the recurrence in one training step (GFlop).
    pub gflop: f64,
}

fn wait(device: &Device) -> Result<(), String> {
    device.sync().map_err(|e| format!("the device failed: {e}"))
}

/// Median time in ms: two runs to warm up (kernels are compiled), then as many as fit, three at least.
///
/// What `work` returns is held until the device is done: a lazy result that is dropped may never be computed.
pub fn median<T>(
    budget: Duration,
    device: &Device,
    mut work: impl FnMut() -> T,
) -> Result<f64, String> {
    let mut once = || {
        let result = work();
        let done = wait(device);
        drop(result);
        done
    };
    for _ in 0..2 {
        once()?;
    }
    let (mut times, begun) = (Vec::new(), Instant::now());
    while (begun.elapsed() < budget && times.len() < 100) || times.len() < 3 {
        let start = Instant::now();
        once()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The card's own f32 rate and bandwidth.
pub fn card(device: &Device, budget: Duration, tiny: bool) -> Result<Card, String> {
    let uniform = Distribution::Uniform(-1.0, 1.0);
    let n: usize = if tiny { 256 } else { 4096 };
    let a = Tensor::<2>::random([n, n], uniform, device);
    let product_ms = median(budget, device, || a.clone().matmul(a.clone()))?;
    let length: usize = if tiny { 1 << 20 } else { 1 << 27 };
    let x = Tensor::<1>::random([length], uniform, device);
    let y = Tensor::<1>::random([length], uniform, device);
    let sum_ms = median(budget, device, || x.clone() + y.clone())?;
    Ok(Card {
        gflops: 2.0 * (n as f64).powi(3) / product_ms / 1e6,
        gbytes: 12.0 * length as f64 / sum_ms / 1e6,
    })
}

/// Times one size.
pub fn size(size: Size, device: &Device, budget: Duration, tiny: bool) -> Result<Times, String> {
    let (batch, steps) = size.batch_and_steps(tiny);
    let config = size.neuron();
    let autodiff = device.clone().autodiff();
    let mut model = config.init(&autodiff).map_err(|e| e.to_string())?;
    let form = config.form();
    let spec = ScanSpec {
        memory: form.num_memory,
        hidden_layers: form.hidden_layers,
        hidden: form.hidden(),
        activation: form.activation,
    };
    let scan_ms = scan(&spec, batch, steps, device, budget)?;
    let x = size.input(batch, steps, device);
    let plain = model.valid();
    let forward_ms = median(budget, device, || plain.forward(x.clone(), None).0)?;
    let target = Tensor::random(
        [batch, steps, config.num_outputs],
        Distribution::Normal(0.0, 1.0),
        &autodiff,
    );
    let x = x.autodiff();
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let train_ms = median(budget, device, || {
        let error = model.forward(x.clone(), None).0 - target.clone();
        let grads = (error.clone() * error).mean().backward();
        let grads = GradientsParams::from_grads(grads, &model);
        model = optimizer.step(5e-4, model.clone(), grads);
    })?;
    Ok(Times {
        scan_ms,
        forward_ms,
        train_ms,
        // two products forward, two backward, two of weight gradients, two flops each
        gflop: 12e-9 * (spec.memory * spec.hidden * batch * steps) as f64,
    })
}

fn scan(
    spec: &ScanSpec,
    batch: usize,
    steps: usize,
    device: &Device,
    budget: Duration,
) -> Result<f64, String> {
    let random = |low, high| Distribution::Uniform(low, high);
    let scale = 1.0 / (spec.hidden as f64).sqrt();
    let inputs = ScanInputs {
        drive: Tensor::random([batch, steps, spec.first()], random(-1.0, 1.0), device),
        weights: Tensor::random([spec.num_weights()], random(-scale, scale), device),
        decay: Tensor::random([spec.memory], random(0.4, 0.99), device),
        gate: Tensor::random([spec.memory], random(0.0, 1.0), device),
        memory: Tensor::zeros([batch, spec.memory], device),
    };
    median(budget, device, || {
        memory_scan(inputs.clone(), spec, ScanPath::Auto)
    })
}
