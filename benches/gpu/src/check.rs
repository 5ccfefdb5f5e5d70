//! Is what the card computes right? Against the CPU of the same program.

use burn::tensor::{DType, Device, Tensor, TensorData};
use elm_gpu_bench::numbers;
use elm_model::dispatch::{describe_path, memory_scan};
use elm_model::scan::memory::{ScanInputs, ScanSpec};
use elm_model::{HiddenActivation, ScanPath};

/// Largest differences that pass, relative to the largest expected number of a tensor: of the memory, which the kernels
/// compute in f32, and of gradients, whose batched products Burn computes in TF32 (10 bits of mantissa) on cards with
/// tensor cores.
const TOLERANCES: [f64; 6] = [2e-4, 5e-3, 5e-3, 5e-3, 5e-3, 5e-3];

/// Result and gradients.
const NAMES: [&str; 6] = ["memory", "drive", "weights", "decay", "gate", "start"];

fn leaf<const D: usize>(
    seed: u64,
    shape: [usize; D],
    low: f32,
    high: f32,
    device: &Device,
) -> Tensor<D> {
    let values = numbers(seed, shape.iter().product(), low, high);
    Tensor::from_data(TensorData::new(values, shape), device).require_grad()
}

/// All numbers of a tensor.
pub fn host<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f64>, String> {
    tensor
        .into_data()
        .convert::<f64>()
        .try_to_vec()
        .map_err(|e| format!("a tensor could not be read: {e:?}"))
}

fn run(
    spec: &ScanSpec,
    batch: usize,
    steps: usize,
    device: &Device,
) -> Result<Vec<Vec<f64>>, String> {
    let device = device.clone().autodiff();
    let scale = 1.0 / (spec.memory.max(spec.hidden) as f32).sqrt();
    let x = ScanInputs {
        drive: leaf(1, [batch, steps, spec.first()], -1.0, 1.0, &device),
        weights: leaf(2, [spec.num_weights()], -scale, scale, &device),
        decay: leaf(3, [spec.memory], 0.4, 0.999, &device),
        gate: leaf(4, [spec.memory], 0.01, 1.0, &device),
        memory: leaf(5, [batch, spec.memory], -0.3, 0.3, &device),
    };
    let weighting = leaf(6, [batch, steps, spec.memory], -1.0, 1.0, &device).detach();
    let out = memory_scan(x.clone(), spec, ScanPath::Auto);
    let grads = (out.clone() * weighting).sum().backward();
    let missing = || "a gradient is missing".to_string();
    Ok(vec![
        host(out)?,
        host(x.drive.grad(&grads).ok_or_else(missing)?)?,
        host(x.weights.grad(&grads).ok_or_else(missing)?)?,
        host(x.decay.grad(&grads).ok_or_else(missing)?)?,
        host(x.gate.grad(&grads).ok_or_else(missing)?)?,
        host(x.memory.grad(&grads).ok_or_else(missing)?)?,
    ])
}

/// Prints the largest relative difference per case; true if all pass.
pub fn all(device: &Device, tiny: bool) -> Result<bool, String> {
    let cases = [
        (20, 1, 40, HiddenActivation::Relu, 8, 100),
        (100, 1, 200, HiddenActivation::Relu, 8, 100),
        (100, 1, 200, HiddenActivation::Silu, 130, 60),
        (33, 1, 77, HiddenActivation::SquaredRelu, 3, 50),
        (200, 1, 400, HiddenActivation::Silu, 5, 20),
        (256, 1, 512, HiddenActivation::Silu, 2, 20),
        (40, 0, 80, HiddenActivation::Relu, 4, 50),
        (30, 2, 50, HiddenActivation::Silu, 4, 50),
    ];
    let mut passed = true;
    for (memory, hidden_layers, hidden, activation, batch, steps) in cases {
        let (batch, steps) = if tiny {
            (batch.min(3), 10)
        } else {
            (batch, steps)
        };
        let spec = ScanSpec {
            memory,
            hidden_layers,
            hidden,
            activation,
        };
        let expected = run(&spec, batch, steps, &Device::flex())?;
        let found = run(&spec, batch, steps, device)?;
        let found: Vec<f64> = expected
            .iter()
            .zip(&found)
            .map(|(a, b)| difference(a, b))
            .collect();
        let fine = found.iter().zip(TOLERANCES).all(|(d, most)| *d <= most);
        passed &= fine;
        let gradients = NAMES.iter().zip(&found).skip(1);
        let worst = gradients.fold(
            ("", 0.0),
            |w: (&str, f64), (name, d)| {
                if *d > w.1 { (name, *d) } else { w }
            },
        );
        println!(
            "  {} M {memory:>3}, {hidden_layers} x H {hidden:>3}, {activation:?}, batch {batch}, {steps} steps: relative difference of the memory {:.1e}, of gradients {:.1e} ({}); {}",
            if fine { "ok  " } else { "FAIL" },
            found[0],
            worst.1,
            worst.0,
            describe_path(ScanPath::Auto, device, DType::F32, &spec, batch),
        );
    }
    Ok(passed)
}

/// Largest difference, relative to the largest expected number.
pub fn difference(expected: &[f64], found: &[f64]) -> f64 {
    let largest = expected.iter().fold(1e-12f64, |m, v| m.max(v.abs()));
    let worst = expected.iter().zip(found).fold(0.0f64, |m, (a, b)| {
        let d = (a - b).abs();
        // a NaN must not pass as small
        if d.is_nan() { f64::INFINITY } else { m.max(d) }
    });
    worst / largest
}
