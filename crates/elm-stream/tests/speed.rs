//! Time of a step; not a check, so it runs only when asked for: `cargo test --release -p elm-stream --test speed --
//! --ignored --nocapture`.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use elm_stream::{ElmStream, LayerParts, LinearParts, NeuronForm, NeuronParts, neuronio_routing};

fn wave(n: usize, size: f64) -> Vec<f32> {
    (0..n)
        .map(|i| (size * (i as f64 * 0.37).sin()) as f32)
        .collect()
}

fn mlp(form: &NeuronForm, neurons: usize) -> Vec<LinearParts> {
    let widths: Vec<usize> = form.mlp_widths().collect();
    let map = |w: &[usize]| LinearParts {
        weight: wave(neurons * w[0] * w[1], 0.2),
        bias: wave(neurons * w[1], 0.1),
    };
    widths.windows(2).map(map).collect()
}

/// The published neuron of NeuronIO with M memory units.
fn neuronio(memory: usize) -> ElmStream {
    let form = NeuronForm::v1()
        .with_num_memory(memory)
        .with_num_branches(Some(45))
        .with_synapses_per_branch(Some(100))
        .with_memory_tau_max(150.0);
    let (channels, valid) = neuronio_routing(1278, 45, 100);
    let parts = NeuronParts {
        inputs: 1278,
        outputs: 2,
        channels: Some(channels),
        valid: Some(valid),
        proto_weight: vec![0.5; 4500],
        mlp: mlp(&form, 1),
        proto_tau: wave(memory, 3.0),
        readout: wave(2 * memory, 0.3),
        bias: vec![0.0; 2],
        form,
    };
    parts.stream().unwrap()
}

/// Best of several rounds, in ns per step.
fn nanoseconds(mut step: impl FnMut()) -> f64 {
    const STEPS: u32 = 5000;
    let mut best = f64::INFINITY;
    for _ in 0..40 {
        let start = Instant::now();
        (0..STEPS).for_each(|_| step());
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(STEPS));
    }
    best
}

#[test]
#[ignore = "a measurement"]
fn neuron_steps() {
    for memory in [20, 100] {
        let mut stream = neuronio(memory);
        let silent = vec![0.0; 1278];
        let spikes: Vec<f32> = (0..1278)
            .map(|c| f32::from(u8::from(c * 37 % 91 == 0)))
            .collect();
        let events: Vec<(usize, f32)> = (0..1278)
            .filter(|c| spikes[*c] != 0.0)
            .map(|c| (c, 1.0))
            .collect();
        let dense = wave(1278, 1.0);
        for (what, x) in [
            ("silent", &silent),
            ("14 spikes", &spikes),
            ("dense", &dense),
        ] {
            let ns = nanoseconds(|| {
                black_box(stream.step(black_box(x)).unwrap());
            });
            println!("M = {memory}, {what}: {ns:.0} ns");
        }
        for (what, events) in [("no event", &events[..0]), ("14 events", &events[..])] {
            let ns = nanoseconds(|| {
                black_box(stream.step_events(black_box(events)).unwrap());
            });
            println!("M = {memory}, {what}: {ns:.0} ns");
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn layer_steps() {
    let (inputs, neurons) = (700, 96);
    let form = NeuronForm::network()
        .with_num_memory(5)
        .with_num_branches(Some(30))
        .with_synapses_per_branch(Some(10));
    let synapses = neurons * form.synapses();
    let parts = LayerParts {
        inputs,
        neurons,
        connectome: (0..synapses)
            .map(|s| (s * 7919 % (inputs + neurons)) as u32)
            .collect(),
        proto_weight: wave(synapses, 0.3),
        mlp: mlp(&form, neurons),
        proto_tau: wave(neurons * 5, 3.0),
        readout: wave(neurons * 5, 0.3),
        bias: wave(neurons, 0.1),
        form,
    };
    let mut stream = parts.stream().unwrap();
    for (what, x) in [("silent", vec![0.0; inputs]), ("dense", wave(inputs, 1.0))] {
        let ns = nanoseconds(|| {
            black_box(stream.step(black_box(&x)).unwrap());
        });
        println!("96 neurons as for SHD-Adding, {what}: {ns:.0} ns");
    }
}
