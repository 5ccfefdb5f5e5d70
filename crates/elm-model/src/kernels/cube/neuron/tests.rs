//! The kernels in every layout, also those that the device at hand would not choose, against the reference in f64.
#![allow(clippy::unwrap_used)]

use burn::backend::{
    DType, Dispatch, DispatchDevice, DispatchDeviceId, TensorData, ops::FloatTensorOps,
};
use burn::tensor::{Device, Tensor};
use burn_cubecl::{
    CubeBackend, CubeDevice,
    cubecl::{self, prelude::*},
    tensor::CubeTensor,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::scan;
use crate::dispatch::{self, ScanPath};
use crate::equations::HiddenActivation;
use crate::kernels::cube::common::launch::empty;
use crate::kernels::cube::common::layout::{Combining, Limits};
use crate::kernels::cube::common::{limits, math};
use crate::scan::memory::{ScanInputs, ScanSpec};

/// The first graphics card; without one a test says so and ends.
fn device() -> Option<CubeDevice> {
    match Dispatch::enumerate(DispatchDeviceId::Cube)
        .into_iter()
        .next()
    {
        Some(DispatchDevice::Cube(device)) => Some(device),
        _ => {
            eprintln!("skipped: no graphics card (a software one: Debian's mesa-vulkan-drivers)");
            None
        }
    }
}

fn numbers(rng: &mut ChaCha8Rng, count: usize, low: f64, high: f64) -> Vec<f64> {
    (0..count)
        .map(|_| f64::from(rng.random_range(low..high) as f32))
        .collect()
}

fn to_device(values: &[f64], shape: &[usize], device: &CubeDevice) -> CubeTensor {
    let values: Vec<f32> = values.iter().map(|v| *v as f32).collect();
    CubeBackend::float_from_data(TensorData::new(values, shape.to_vec()), device)
}

fn to_host(tensor: CubeTensor) -> Vec<f64> {
    let data = burn::tensor::read_sync(CubeBackend::float_into_data(tensor)).unwrap();
    data.convert::<f64>().try_to_vec().unwrap()
}

/// Random inputs of a scan, of the scale of a fresh neuron's, and a weighting of its result.
struct Case {
    spec: ScanSpec,
    batch: usize,
    time: usize,
    drive: Vec<f64>,
    weights: Vec<f64>,
    decay: Vec<f64>,
    gate: Vec<f64>,
    start: Vec<f64>,
    grad: Vec<f64>,
}

impl Case {
    fn new(spec: ScanSpec, batch: usize, time: usize, seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let scale = 1.0 / (spec.memory.max(spec.hidden) as f64).sqrt();
        let m = spec.memory;
        Self {
            drive: numbers(rng, batch * time * spec.first(), -1.0, 1.0),
            weights: numbers(rng, spec.num_weights(), -scale, scale),
            decay: numbers(rng, m, 0.3, 0.999),
            gate: numbers(rng, m, 0.01, 2.0),
            start: numbers(rng, batch * m, -0.5, 0.5),
            grad: numbers(rng, batch * time * m, -1.0, 1.0),
            spec,
            batch,
            time,
        }
    }

    /// Memory and the gradients of drive, weights, decay, gate and start, by the reference in f64.
    fn expected(&self) -> Vec<Vec<f64>> {
        let device = Device::flex().autodiff();
        let options = (&device, DType::F64);
        let tensor = |values: &[f64]| Tensor::<1>::from_data(values, options);
        let (b, t, m) = (self.batch, self.time, self.spec.memory);
        let leaf = |values: &[f64]| tensor(values).require_grad();
        let (drive, weights) = (leaf(&self.drive), leaf(&self.weights));
        let (decay, gate, start) = (leaf(&self.decay), leaf(&self.gate), leaf(&self.start));
        let inputs = ScanInputs {
            drive: drive.clone().reshape([b, t, self.spec.first()]),
            weights: weights.clone(),
            decay: decay.clone(),
            gate: gate.clone(),
            memory: start.clone().reshape([b, m]),
        };
        let out = dispatch::memory_scan(inputs, &self.spec, ScanPath::Reference);
        let grad = tensor(&self.grad).reshape([b, t, m]);
        let grads = (out.clone() * grad).sum().backward();
        let host = |tensor: Tensor<1>| -> Vec<f64> { tensor.into_data().try_to_vec().unwrap() };
        let mut found = vec![out.into_data().try_to_vec().unwrap()];
        for leaf in [drive, weights, decay, gate, start] {
            found.push(host(leaf.grad(&grads).unwrap()));
        }
        found
    }

    /// The same by the kernels.
    fn found(&self, device: &CubeDevice, limits: &Limits) -> Vec<Vec<f64>> {
        let (b, t, m) = (self.batch, self.time, self.spec.memory);
        let drive = to_device(&self.drive, &[b, t, self.spec.first()], device);
        let weights = to_device(&self.weights, &[self.weights.len()], device);
        let decay = to_device(&self.decay, &[m], device);
        let gate = to_device(&self.gate, &[m], device);
        let start = to_device(&self.start, &[b, m], device);
        let inputs = scan::Inputs {
            drive,
            weights: weights.clone(),
            decay: decay.clone(),
            gate: gate.clone(),
            start: start.clone(),
        };
        let (memory, kept) = scan::forward_and_keep(inputs, &self.spec, limits);
        let x = scan::BackwardInputs {
            grad: to_device(&self.grad, &[b, t, m], device),
            memory: memory.clone(),
            kept,
            weights,
            decay,
            gate,
            start,
        };
        let g = scan::backward(x, &self.spec, limits);
        [memory, g.drive, g.weights, g.decay, g.gate, g.start]
            .into_iter()
            .map(to_host)
            .collect()
    }

    fn check(&self, device: &CubeDevice, limits: &Limits) {
        let names = ["memory", "drive", "weights", "decay", "gate", "start"];
        let all = self.expected().into_iter().zip(self.found(device, limits));
        for (name, (expected, found)) in names.iter().zip(all) {
            assert_eq!(expected.len(), found.len());
            let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            for (i, (a, b)) in found.iter().zip(&expected).enumerate() {
                // written so that a NaN fails
                let close = (a - b).abs() <= 5e-4 * largest.max(1e-6);
                assert!(
                    close,
                    "{name}[{i}]: {a} instead of {b}, largest {largest}; {:?} batch {} time {} {limits:?}",
                    self.spec, self.batch, self.time
                );
            }
        }
    }
}

fn spec(memory: usize, hidden_layers: usize, hidden: usize) -> ScanSpec {
    ScanSpec {
        memory,
        hidden_layers,
        hidden,
        activation: HiddenActivation::Silu,
    }
}

/// Weights in registers, in shared memory, in global memory, and in all three.
#[test]
fn every_place_of_the_weights() {
    let Some(device) = device() else { return };
    let own = limits::of_device(&device.client());
    let case = Case::new(spec(21, 1, 45), 3, 9, 1);
    for (unit_registers, shared_bytes) in [
        (own.unit_registers, own.shared_bytes),
        (0, own.shared_bytes),
        (0, 8 << 10),
        (64, 8 << 10),
    ] {
        case.check(
            &device,
            &Limits {
                units: 64,
                unit_registers,
                shared_bytes,
                ..own
            },
        );
    }
}

/// Both ways of adding partial sums up, with one to four rows per cube and batches that do not fill the last cube.
#[test]
fn both_ways_to_combine_and_all_numbers_of_rows() {
    let Some(device) = device() else { return };
    let own = limits::of_device(&device.client());
    for combining in [Combining::Plane, Combining::Shared] {
        for (batch, multiprocessors) in [(1, 32), (2, 1), (7, 1)] {
            for units in [8, 32, 256] {
                let limits = Limits {
                    combining,
                    multiprocessors,
                    units,
                    ..own
                };
                Case::new(spec(13, 1, 18), batch, 6, 2).check(&device, &limits);
            }
        }
    }
}

/// No hidden layer (the memory has two copies that take turns), and more than one.
#[test]
fn any_number_of_hidden_layers() {
    let Some(device) = device() else { return };
    let own = limits::of_device(&device.client());
    for combining in [Combining::Plane, Combining::Shared] {
        for layers in [0, 2, 3] {
            let limits = Limits { combining, ..own };
            Case::new(spec(9, layers, 14), 3, 7, 3).check(&device, &limits);
        }
    }
}

/// A scan that is cut into several launches is the same scan.
#[test]
fn several_launches() {
    let Some(device) = device() else { return };
    let own = limits::of_device(&device.client());
    for layers in [0, 1, 2] {
        let case = Case::new(spec(6, layers, 10), 5, 20, 4);
        case.check(
            &device,
            &Limits {
                launch_work: 5 * 7 * 120,
                ..own
            },
        );
    }
}

/// Without a barrier too many or too few, and without reading past the batch, all cubes see the same weights.
#[test]
fn the_largest_required_size() {
    let Some(device) = device() else { return };
    let own = limits::of_device(&device.client());
    Case::new(spec(256, 1, 512), 2, 4, 5).check(&device, &own);
}

#[cube(launch)]
fn tanh_kernel(input: &[f32], output: &mut [f32]) {
    if ABSOLUTE_POS < input.len() {
        output[ABSOLUTE_POS] = math::tanh(input[ABSOLUTE_POS]);
    }
}

/// The stated error of the kernels' tanh, over the whole range.
#[test]
fn tanh_keeps_its_error_bound() {
    let Some(device) = device() else { return };
    let mut x: Vec<f64> = (-4000..=4000).map(|i| f64::from(i) / 400.0).collect();
    for power in -30..=30 {
        let size = 2f64.powi(power) * 1.1;
        x.extend([size, -size]);
    }
    x.extend([0.0, 1e4, -1e4, f64::from(f32::MAX), f64::from(f32::MIN)]);
    let input = to_device(&x, &[x.len()], &device);
    let output = empty(&input, [x.len()]);
    tanh_kernel::launch(
        &device.client(),
        CubeCount::Static(x.len().div_ceil(64) as u32, 1, 1),
        CubeDim::new_1d(64),
        input.clone().into_buffer_arg(),
        output.clone().into_buffer_arg(),
    );
    for (x, found) in x.iter().zip(to_host(output)) {
        let x = f64::from(*x as f32);
        let error = (found - x.tanh()).abs();
        assert!(error <= 5e-7, "tanh({x}) = {found}");
        if x.abs() < 0.25 {
            assert!(error <= 1e-6 * x.abs(), "tanh({x}) = {found}");
        }
    }
}
