//! What the machine could reach, and the neuron driven step by step.

use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor};
use elm_model::dispatch::memory_scan;
use elm_model::scan::memory::{ScanInputs, ScanSpec};
use elm_model::{ElmError, ElmNeuronConfig, HiddenActivation, ScanPath};
use serde::Serialize;

use super::{once, wait};
use crate::error::Result;

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
        let time = once(|| wait(memory_scan(inputs.clone(), &spec, ScanPath::Auto)))?;
        scan = scan.min(time);
        product = product.min(once(|| wait(a.clone().matmul(a.clone())))?);
    }
    let scan_flops = 4.0 * (batch * steps * spec.memory * spec.hidden) as f64;
    Ok(RecurrenceShare {
        recurrence_gflops: scan_flops / scan / 1e6,
        product_gflops: 2.0 * (n as f64).powi(3) / product / 1e6,
    })
}

/// Time of one step of a NeuronIO neuron with 20 memory units that is driven step by step, in microseconds: the median
/// over many steps, with all 1278 channels handed in, about one in a hundred of them active. Its weights are drawn on `device`.
///
/// # Errors
/// If the neuron cannot be made.
pub fn stream_micros(device: &Device, budget: Duration) -> Result<f64> {
    const STEPS: usize = 1000;
    let neuron = ElmNeuronConfig::neuronio(20).init(device)?;
    let mut stream = neuron.stream()?;
    let inputs = neuron.config().num_inputs;
    // a different seventh of a hundredth spikes in each step
    let steps: Vec<Vec<f32>> = (0..100)
        .map(|t| {
            (0..inputs)
                .map(|c| f32::from(u8::from((c * 37 + t * 11) % 91 == 0)))
                .collect()
        })
        .collect();
    let (mut times, start) = (Vec::new(), Instant::now());
    while start.elapsed() < budget {
        let time = once(|| {
            for t in 0..STEPS {
                stream
                    .step(&steps[t % steps.len()])
                    .map_err(ElmError::from)?;
            }
            Ok(())
        })?;
        times.push(time * 1e3 / STEPS as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
