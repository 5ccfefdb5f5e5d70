//! The two passes of an operation may run in thread pools of different sizes; nothing of the result depends on them.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{DType, Device, Gradients, Tensor, TensorData};
use common::{assert_relative, host};
use elm_model::dispatch::{input_product, leaky_trace, memory_scan, neuron_scan, runs_as_one};
use elm_model::scan::memory::{ScanInputs, ScanSpec};
use elm_model::scan::neuron::NeuronInputs;
use elm_model::{HiddenActivation, ScanPath};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads of the pools; with batches of 16, tiles of 8 (or 4), 4, 2 and 1 samples.
const THREADS: [usize; 5] = [1, 2, 4, 8, 16];

fn pools() -> Vec<ThreadPool> {
    let build = |threads| ThreadPoolBuilder::new().num_threads(threads).build();
    THREADS.map(|threads| build(threads).unwrap()).into()
}

/// A leaf of numbers that look random, of which about `density` are not zero.
struct Leaves<'a> {
    device: &'a Device,
    seed: f64,
}

impl Leaves<'_> {
    fn make<const D: usize>(
        &mut self,
        shape: [usize; D],
        (low, high): (f64, f64),
        density: f64,
    ) -> Tensor<D> {
        self.seed += 0.1234;
        let share = |i: usize, rate: f64| {
            (((i as f64 + self.seed) * rate).sin() * 4375.5)
                .fract()
                .abs()
        };
        let value = |i| match share(i, 78.23) < density {
            true => low + (high - low) * share(i, 12.99),
            false => 0.0,
        };
        let values: Vec<f64> = (0..shape.iter().product()).map(value).collect();
        Tensor::from_data(TensorData::new(values, shape), (self.device, DType::F64)).require_grad()
    }
}

/// A pass forward that has happened: its loss, and the leaves to ask for gradients.
struct Forward {
    loss: Tensor<1>,
    values: Vec<f64>,
    #[allow(clippy::type_complexity)] // every leaf's gradient
    leaves: Box<dyn Fn(&Gradients) -> Vec<Vec<f64>> + Send>,
}

/// A loss whose gradient differs in every number.
fn weighted<const D: usize>(y: Tensor<D>) -> Tensor<1> {
    let (shape, count) = (y.dims(), y.dims().iter().product::<usize>());
    let weights: Vec<f64> = (0..count).map(|i| (i as f64 * 0.77).sin()).collect();
    let options = (&y.device(), DType::F64);
    (y * Tensor::from_data(TensorData::new(weights, shape), options)).sum()
}

macro_rules! forward {
    ($loss:expr, $value:expr, [$($leaf:expr),* $(,)?]) => {{
        let of: Vec<Box<dyn Fn(&Gradients) -> Vec<f64> + Send>> = vec![
            $({ let leaf = $leaf.clone(); Box::new(move |g: &Gradients| host(leaf.grad(g).unwrap())) }),*
        ];
        Forward {
            loss: $loss,
            values: host($value),
            leaves: Box::new(move |g| of.iter().map(|leaf| leaf(g)).collect()),
        }
    }};
}

/// Runs `forward` in each pool and its backward pass in each pool, and once as plain tensor steps.
fn check(what: &str, forward: &(dyn Fn(ScanPath) -> Forward + Sync)) {
    let all = |passed: Forward, pool: Option<&ThreadPool>| {
        let Forward {
            loss,
            values,
            leaves,
        } = passed;
        let gradients = match pool {
            Some(pool) => pool.install(move || loss.backward()),
            None => loss.backward(),
        };
        let mut found = vec![values];
        found.extend(leaves(&gradients));
        found
    };
    let expected = all(forward(ScanPath::Reference), None);
    let pools = pools();
    for first in &pools {
        for second in &pools {
            let passed = first.install(|| forward(ScanPath::Auto));
            let found = all(passed, Some(second));
            let threads = [first, second].map(ThreadPool::current_num_threads);
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let what = format!("{what}, threads {threads:?}, tensor {i}");
                assert_relative(&what, found, expected, 1e-9);
            }
        }
    }
}

fn spec(hidden_layers: usize, activation: HiddenActivation) -> ScanSpec {
    ScanSpec {
        memory: 4,
        hidden_layers,
        hidden: 9,
        activation,
    }
}

/// Sizes with more steps than any chunk has (256), and a batch that no tile divides.
const SIZES: [[usize; 2]; 2] = [[16, 300], [19, 277]];

#[test]
fn whole_neuron() {
    use HiddenActivation::{Relu, Silu, SquaredRelu};
    let cases = [
        (spec(1, Relu), 0.03, Some(0.8), true),
        (spec(2, Silu), 0.9, Some(0.8), false),
        (spec(1, SquaredRelu), 0.03, None, true),
        (spec(0, Relu), 0.05, None, false),
    ];
    for (name, device) in common::devices() {
        let device = device.autodiff();
        for (i, (spec, density, trace_decay, apart)) in cases.into_iter().enumerate() {
            // Burn's own silu on NdArray computes in f32
            if name == "ndarray" && spec.activation == Silu {
                continue;
            }
            let [batch, time] = SIZES[i % 2];
            check(&format!("{name} {spec:?} [{batch}, {time}]"), &|path| {
                let mut leaves = Leaves {
                    device: &device,
                    seed: i as f64,
                };
                let (m, first) = (spec.memory, spec.first());
                let width = if apart { 3 } else { first };
                let even = (-0.5, 0.5);
                let x = NeuronInputs {
                    x: leaves.make([batch, time, 40], (-1.0, 1.0), density),
                    matrix: leaves.make([40, width], even, 1.0),
                    trace_decay,
                    trace: leaves.make([batch, width], even, 1.0),
                    branch_weights: apart.then(|| leaves.make([width, first], even, 1.0)),
                    bias: leaves.make([first], even, 1.0),
                    weights: leaves.make([spec.num_weights()], even, 1.0),
                    decay: leaves.make([m], (0.3, 0.99), 1.0),
                    gate: leaves.make([m], (0.1, 0.9), 1.0),
                    memory: leaves.make([batch, m], even, 1.0),
                    readout: leaves.make([m, 2], even, 1.0),
                    readout_bias: leaves.make([2], even, 1.0),
                };
                assert_eq!(runs_as_one(&x, &spec, path), path == ScanPath::Auto);
                let found = neuron_scan(x.clone(), &spec, path);
                let loss = weighted(found.y.clone()) + weighted(found.memory);
                let mut passed = forward!(
                    loss,
                    found.y,
                    [
                        x.x,
                        x.matrix,
                        x.bias,
                        x.weights,
                        x.decay,
                        x.gate,
                        x.memory,
                        x.readout,
                        x.readout_bias,
                    ]
                );
                let (more, rest) = (passed.leaves, (x.branch_weights, x.trace));
                passed.leaves = Box::new(move |g| {
                    let mut all = more(g);
                    all.extend(rest.0.as_ref().map(|w| host(w.grad(g).unwrap())));
                    // without a trace nobody reads its start
                    all.extend(trace_decay.map(|_| host(rest.1.grad(g).unwrap())));
                    all
                });
                passed
            });
        }
    }
}

#[test]
fn memory_scan_alone() {
    use HiddenActivation::{Relu, SquaredRelu};
    for (name, device) in common::devices() {
        let device = device.autodiff();
        for (i, spec) in [spec(1, Relu), spec(0, Relu), spec(2, SquaredRelu)]
            .into_iter()
            .enumerate()
        {
            let [batch, time] = SIZES[i % 2];
            check(&format!("{name} {spec:?} [{batch}, {time}]"), &|path| {
                let mut leaves = Leaves {
                    device: &device,
                    seed: i as f64,
                };
                let even = (-0.5, 0.5);
                let x = ScanInputs {
                    drive: leaves.make([batch, time, spec.first()], (-1.0, 1.0), 1.0),
                    weights: leaves.make([spec.num_weights()], even, 1.0),
                    decay: leaves.make([spec.memory], (0.3, 0.99), 1.0),
                    gate: leaves.make([spec.memory], (0.1, 0.9), 1.0),
                    memory: leaves.make([batch, spec.memory], even, 1.0),
                };
                let y = memory_scan(x.clone(), &spec, path);
                forward!(
                    weighted(y.clone()),
                    y,
                    [x.drive, x.weights, x.decay, x.gate, x.memory]
                )
            });
        }
    }
}

#[test]
fn trace_and_input_product() {
    for (name, device) in common::devices() {
        let device = device.autodiff();
        for [batch, time] in SIZES {
            check(&format!("{name} trace [{batch}, {time}]"), &|path| {
                let mut leaves = Leaves {
                    device: &device,
                    seed: 0.3,
                };
                let input = leaves.make([batch, time, 7], (-1.0, 1.0), 1.0);
                let start = leaves.make([batch, 7], (-1.0, 1.0), 1.0);
                let decay = leaves.make([7], (0.3, 0.99), 1.0).detach();
                let y = leaky_trace(input.clone(), decay, start.clone(), path);
                forward!(weighted(y.clone()), y, [input, start])
            });
            check(&format!("{name} product [{batch}, {time}]"), &|path| {
                let mut leaves = Leaves {
                    device: &device,
                    seed: 0.6,
                };
                let input = leaves.make([batch * time, 33], (-1.0, 1.0), 0.05);
                let matrix = leaves.make([33, 11], (-1.0, 1.0), 1.0);
                let y = input_product(input.clone(), matrix.clone(), path);
                forward!(weighted(y.clone()), y, [input, matrix])
            });
        }
    }
}

/// The tests above once more, held to each lesser instruction set, in processes of their own.
#[test]
fn lesser_instruction_sets_pass_the_same_tests() {
    for isa in ["base", "avx2"] {
        let tests = [
            "whole_neuron",
            "memory_scan_alone",
            "trace_and_input_product",
        ];
        common::run_with_isa(isa, &tests);
    }
}
