//! Layers on the card: right, and how much faster than plain tensor steps on the same card.

use std::time::Duration;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::Device;
use elm_gpu_bench::{LayerSize, loss, on_autodiff, weighting};
use elm_model::layer::LayerOutput;
use elm_model::{ElmLayer, LayerSource, ScanPath};

use crate::check::{difference, host};
use crate::time::median;

/// Largest relative differences that pass: of the activity, and of gradients.
const TOLERANCES: [f64; 2] = [1e-3, 5e-3];

/// Prints the largest relative difference to Flex per size, over fewer steps than are timed; true if all pass.
pub fn check(device: &Device, tiny: bool) -> Result<bool, String> {
    let mut passed = true;
    for size in LayerSize::ALL {
        let (batch, steps) = size.batch_and_steps(tiny);
        let steps = steps.min(40);
        let layer = size
            .config(tiny)
            .init(&Device::flex().autodiff())
            .map_err(|e| e.to_string())?;
        let expected = gradients(size, &layer, batch, steps, &Device::flex())?;
        let found = gradients(size, &layer, batch, steps, device)?;
        let differences: Vec<f64> = expected
            .iter()
            .zip(&found)
            .map(|(a, b)| difference(a, b))
            .collect();
        let worst = differences[1..].iter().fold(0.0f64, |m, d| m.max(*d));
        let fine = differences[0] <= TOLERANCES[0] && worst <= TOLERANCES[1];
        passed &= fine;
        println!(
            "  {} layer {}, batch {batch}, {steps} steps: relative difference of the activity {:.1e}, of gradients {worst:.1e}; {}",
            if fine { "ok  " } else { "FAIL" },
            size.name(),
            differences[0],
            layer.fork(device).describe_path(batch, steps),
        );
    }
    Ok(passed)
}

/// Activity, and gradients of synapses, first map, last map, readout and bias.
fn gradients(
    size: LayerSize,
    layer: &ElmLayer,
    batch: usize,
    steps: usize,
    device: &Device,
) -> Result<Vec<Vec<f64>>, String> {
    let layer = layer.clone().fork(&device.clone().autodiff());
    let out = run(&layer, &on_autodiff(size.source(batch, steps, device)))?;
    let grads = loss(&out, &weighting(&layer, batch, steps, device)).backward();
    let missing = || "a gradient is missing".to_string();
    let last = &layer.mlp[layer.mlp.len() - 1];
    Ok(vec![
        host(out.activity)?,
        host(layer.proto_weight.grad(&grads).ok_or_else(missing)?)?,
        host(layer.mlp[0].weight.grad(&grads).ok_or_else(missing)?)?,
        host(last.weight.grad(&grads).ok_or_else(missing)?)?,
        host(layer.readout.grad(&grads).ok_or_else(missing)?)?,
        host(layer.bias.grad(&grads).ok_or_else(missing)?)?,
    ])
}

fn run(layer: &ElmLayer, source: &LayerSource) -> Result<LayerOutput, String> {
    layer.run(source.clone(), None).map_err(|e| e.to_string())
}

/// Medians of one size and path in ms: forward pass, and forward pass, loss, backward pass and Adam step.
fn measure(
    size: LayerSize,
    path: ScanPath,
    device: &Device,
    budget: Duration,
    tiny: bool,
) -> Result<[f64; 2], String> {
    let (batch, steps) = size.batch_and_steps(tiny);
    let autodiff = device.clone().autodiff();
    let mut layer = size
        .config(tiny)
        .init(&autodiff)
        .map_err(|e| e.to_string())?
        .with_path(path);
    let source = size.source(batch, steps, device);
    let weighting = weighting(&layer, batch, steps, device);
    let plain = layer.valid();
    let forward = median(budget, device, || run(&plain, &source))?;
    let source = on_autodiff(source);
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let mut failed = None;
    let train = median(budget, device, || match run(&layer, &source) {
        Ok(out) => {
            let grads = GradientsParams::from_grads(loss(&out, &weighting).backward(), &layer);
            layer = optimizer.step(5e-4, layer.clone(), grads);
        }
        Err(error) => failed = Some(error),
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok([forward, train]),
    }
}

/// Prints the times of every size, fused and as plain tensor steps, and their ratios.
pub fn time(
    device: &Device,
    sizes: &[LayerSize],
    budget: Duration,
    tiny: bool,
) -> Result<(), String> {
    println!(
        "{:<14} {:<20} {:>11} {:>9} {:>7} {:>11} {:>7}",
        "layer", "implementation", "forward ms", "us/step", "ratio", "train ms", "ratio"
    );
    for &size in sizes {
        let (_, steps) = size.batch_and_steps(tiny);
        let ours = measure(size, ScanPath::Auto, device, budget, tiny)?;
        let plain = measure(size, ScanPath::Reference, device, budget, tiny)?;
        for (name, m) in [("elm", ours), ("plain tensor steps", plain)] {
            println!(
                "{:<14} {name:<20} {:>11.3} {:>9.1} {:>6.1}x {:>11.3} {:>6.1}x",
                size.name(),
                m[0],
                1e3 * m[0] / steps as f64,
                m[0] / ours[0],
                m[1],
                m[1] / ours[1],
            );
        }
    }
    Ok(())
}
