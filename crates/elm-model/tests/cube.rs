//! The kernels for graphics cards through Burn's tensors, as a user runs them: lazily (fusion), under autodiff, with
//! odd shapes and views, against the plain-tensor reference in f64 on the CPU.
//!
//! Runs on the first graphics card, in CI a software one; without any the tests say so and pass.
#![cfg(all(feature = "cube", feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::module::Module;
use burn::tensor::{DType, Device, Tensor, TensorData};
use common::{assert_relative, card, host};
use elm_model::ScanPath;
use elm_model::dispatch;
use elm_model::scan::memory::{ScanInputs, ScanSpec};
use elm_model::{ElmNeuronConfig, HiddenActivation, NeuronForm};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const NAMES: [&str; 6] = ["memory", "drive", "weights", "decay", "gate", "start"];

/// Numbers of a scan, and of the weighting of its result, which stands for a loss.
struct Case {
    spec: ScanSpec,
    batch: usize,
    time: usize,
    values: [Vec<f64>; 6],
}

fn numbers(rng: &mut ChaCha8Rng, count: usize, low: f64, high: f64) -> Vec<f64> {
    (0..count)
        .map(|_| f64::from(rng.random_range(low..high) as f32))
        .collect()
}

impl Case {
    fn new(spec: ScanSpec, batch: usize, time: usize) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64((batch * 1000 + time) as u64);
        let scale = 1.0 / (spec.memory.max(spec.hidden) as f64).sqrt();
        let m = spec.memory;
        let values = [
            numbers(rng, batch * time * spec.first(), -1.0, 1.0),
            numbers(rng, spec.num_weights(), -scale, scale),
            numbers(rng, m, 0.3, 0.999),
            numbers(rng, m, 0.01, 2.0),
            numbers(rng, batch * m, -0.5, 0.5),
            numbers(rng, batch * time * m, -1.0, 1.0),
        ];
        Self {
            spec,
            batch,
            time,
            values,
        }
    }

    /// Result and gradients. `view` makes each input a view of a larger or transposed tensor.
    fn run(&self, device: &Device, dtype: DType, path: ScanPath, view: bool) -> Vec<Vec<f64>> {
        let (b, t, m) = (self.batch, self.time, self.spec.memory);
        let leaf = |i: usize| -> Tensor<1> {
            let data = TensorData::new(self.values[i].clone(), [self.values[i].len()]);
            Tensor::from_data(data, (device, dtype)).require_grad()
        };
        let leaves: Vec<Tensor<1>> = (0..5).map(leaf).collect();
        let mut drive = leaves[0].clone().reshape([b, t, self.spec.first()]);
        let mut weights = leaves[1].clone();
        let mut memory = leaves[4].clone().reshape([b, m]);
        if view {
            // time first in memory, as a [time, batch, channel] layer before would leave it
            let twice = drive.clone().swap_dims(0, 1) * 1.0;
            drive = twice.swap_dims(0, 1);
            let length = weights.dims()[0];
            weights = Tensor::cat(vec![weights.clone(), weights], 0).narrow(0, length, length);
            memory = (memory.transpose() * 1.0).transpose();
        }
        let inputs = ScanInputs {
            drive,
            weights,
            decay: leaves[2].clone(),
            gate: leaves[3].clone(),
            memory,
        };
        let out = dispatch::memory_scan(inputs, &self.spec, path);
        let weighting = leaf(5).detach().reshape([b, t, m]);
        let weighting = match view {
            true => (weighting.swap_dims(1, 2) * 1.0).swap_dims(1, 2),
            false => weighting,
        };
        let grads = (out.clone() * weighting).sum().backward();
        let mut found = vec![host(out)];
        found.extend(leaves.iter().map(|leaf| host(leaf.grad(&grads).unwrap())));
        found
    }

    fn expected(&self) -> Vec<Vec<f64>> {
        let device = Device::flex().autodiff();
        self.run(&device, DType::F64, ScanPath::Reference, false)
    }

    fn compare(&self, what: &str, found: &[Vec<f64>], expected: &[Vec<f64>], tolerance: f64) {
        for ((name, a), b) in NAMES.iter().zip(found).zip(expected) {
            let what = format!(
                "{what}: {:?} batch {} time {}: {name}",
                self.spec, self.batch, self.time
            );
            assert_relative(&what, a, b, tolerance);
        }
    }
}

fn spec(
    memory: usize,
    hidden_layers: usize,
    hidden: usize,
    activation: HiddenActivation,
) -> ScanSpec {
    ScanSpec {
        memory,
        hidden_layers,
        hidden,
        activation,
    }
}

use HiddenActivation::{Relu, Silu, SquaredRelu};

#[test]
fn random_shapes_equal_the_reference() {
    let Some(device) = card() else { return };
    for (memory, layers, hidden, activation, batch, time) in [
        (1, 1, 1, Relu, 1, 1),
        (1, 0, 1, Silu, 2, 3),
        (3, 1, 5, SquaredRelu, 33, 2),
        (5, 1, 9, Silu, 1, 300),
        (7, 2, 11, Relu, 4, 17),
        (20, 1, 40, Relu, 9, 31),
        (31, 0, 62, Silu, 3, 40),
        (33, 1, 77, Silu, 5, 13),
        (64, 1, 128, SquaredRelu, 2, 12),
        (100, 1, 200, Relu, 8, 10),
        (129, 1, 65, Silu, 3, 8),
        (10, 3, 16, SquaredRelu, 6, 9),
    ] {
        let case = Case::new(spec(memory, layers, hidden, activation), batch, time);
        let found = case.run(
            &device.clone().autodiff(),
            DType::F32,
            ScanPath::Auto,
            false,
        );
        case.compare("card", &found, &case.expected(), 5e-4);
    }
}

#[test]
fn views_and_gradient_checkpointing() {
    let Some(device) = card() else { return };
    let case = Case::new(spec(12, 1, 25, Silu), 3, 21);
    let expected = case.expected();
    let plain = device.clone().autodiff();
    let recomputing = device.autodiff().gradient_checkpointing();
    for (what, device, view) in [
        ("views", &plain, true),
        ("gradient checkpointing", &recomputing, false),
        ("views, gradient checkpointing", &recomputing, true),
    ] {
        let found = case.run(device, DType::F32, ScanPath::Auto, view);
        case.compare(what, &found, &expected, 5e-4);
    }
}

/// Computing the hidden values again in the backward pass gives the gradients of keeping them.
#[test]
fn checkpoints_change_no_gradient() {
    let devices = [Some(Device::flex()), card()];
    for device in devices.into_iter().flatten() {
        let device = device.autodiff();
        for layers in [0, 1, 2] {
            let case = Case::new(spec(11, layers, 19, Silu), 4, 23);
            let kept = case.run(&device, DType::F32, ScanPath::Auto, false);
            let step = 4 * (2 * case.spec.hidden_total() + 4 * 11) as u64 * 4;
            for path in [
                ScanPath::CheckpointEvery(1),
                ScanPath::CheckpointEvery(7),
                ScanPath::CheckpointEvery(100),
                ScanPath::MemoryBudget(step * 20),
            ] {
                let found = case.run(&device, DType::F32, path, false);
                case.compare(&format!("{path:?}"), &found, &kept, 2e-5);
            }
        }
    }
}

#[test]
fn half_precision_where_the_device_has_it() {
    let Some(device) = card() else { return };
    let case = Case::new(spec(20, 1, 40, Silu), 5, 30);
    let expected = case.expected();
    for dtype in [DType::F16, DType::BF16] {
        if !device.supports_dtype(dtype) {
            eprintln!("skipped: this device has no {dtype:?}");
            continue;
        }
        let found = case.run(&device.clone().autodiff(), dtype, ScanPath::Auto, false);
        case.compare(&format!("{dtype:?}"), &found, &expected, 3e-2);
    }
}

/// Long enough for several chunks, forward and backward.
#[test]
fn the_trace_equals_its_reference() {
    let Some(device) = card() else { return };
    for (batch, time, channels) in [
        (1, 1, 1),
        (3, 70, 5),
        (2, 1000, 3),
        (1, 257, 33),
        (9, 64, 45),
    ] {
        let rng = &mut ChaCha8Rng::seed_from_u64(time as u64);
        let input = numbers(rng, batch * time * channels, -1.0, 1.0);
        let decay = numbers(rng, channels, 0.5, 0.999);
        let start = numbers(rng, batch * channels, -1.0, 1.0);
        let grad = numbers(rng, batch * time * channels, -1.0, 1.0);
        let run = |device: &Device, dtype, path| {
            let device = device.clone().autodiff();
            let make = |v: &[f64]| Tensor::<1>::from_data(v, (&device, dtype));
            let (x, s) = (make(&input).require_grad(), make(&start).require_grad());
            let out = dispatch::leaky_trace(
                x.clone().reshape([batch, time, channels]),
                make(&decay),
                s.clone().reshape([batch, channels]),
                path,
            );
            let weighting = make(&grad).reshape([batch, time, channels]);
            let grads = (out.clone() * weighting).sum().backward();
            [
                host(out),
                host(x.grad(&grads).unwrap()),
                host(s.grad(&grads).unwrap()),
            ]
        };
        let found = run(&device, DType::F32, ScanPath::Auto);
        let expected = run(&Device::flex(), DType::F64, ScanPath::Reference);
        for ((name, a), b) in ["trace", "input", "start"]
            .iter()
            .zip(&found)
            .zip(&expected)
        {
            let what = format!("batch {batch} time {time} channels {channels}: {name}");
            assert_relative(&what, a, b, 2e-5);
        }
    }
}

#[test]
fn a_neuron_in_two_halves_and_on_several_devices_at_once() {
    let Some(device) = card() else { return };
    let config = ElmNeuronConfig::new(14, 3).with_neuron(NeuronForm::v1().with_num_memory(9));
    let (batch, time) = (3, 40);
    let flex = Device::flex();
    let x: Vec<f64> = numbers(
        &mut ChaCha8Rng::seed_from_u64(3),
        batch * time * 14,
        0.0,
        1.0,
    );
    let input = |device: &Device| {
        Tensor::<1>::from_data(x.as_slice(), (device, DType::F32)).reshape([batch, time, 14])
    };
    let neuron = config.init(&flex).unwrap();
    let expected = host(neuron.forward(input(&flex), None).0);
    std::thread::scope(|scope| {
        for device in [&device, &device, &flex] {
            let (neuron, expected) = (neuron.clone().fork(device), &expected);
            scope.spawn(move || {
                let x = input(device);
                assert_relative(
                    "whole",
                    &host(neuron.forward(x.clone(), None).0),
                    expected,
                    1e-5,
                );
                let (first, state) = neuron
                    .try_forward(x.clone().narrow(1, 0, 17), None)
                    .unwrap();
                let (second, _) = neuron
                    .try_forward(x.narrow(1, 17, time - 17), Some(state))
                    .unwrap();
                let halves = Tensor::cat(vec![first, second], 1);
                assert_relative("halves", &host(halves), expected, 1e-5);
            });
        }
    });
}

#[test]
fn the_path_of_a_device_can_be_told() {
    let Some(device) = card() else { return };
    let describe =
        |spec: &ScanSpec| dispatch::describe_path(ScanPath::Auto, &device, DType::F32, spec, 8);
    let fused = describe(&spec(20, 1, 40, Relu));
    eprintln!("{:?}: {fused}", device.identity());
    assert!(fused.starts_with("fused: "), "{fused}");
    // a memory that no cube could hold
    let plain = describe(&spec(20_000, 1, 4, Relu));
    assert!(
        plain.starts_with("plain tensor steps: a step of 20000 memory"),
        "{plain}"
    );
}
