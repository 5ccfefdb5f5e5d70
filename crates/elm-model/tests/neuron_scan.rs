//! The whole neuron as one operation against the parent's operations in plain tensors, on random shapes.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use std::cell::RefCell;

use burn::tensor::{DType, Device, Tensor, TensorData};
use common::{assert_relative, host};
use elm_model::HiddenActivation;
use elm_model::ScanPath;
use elm_model::dispatch::{neuron_scan, runs_as_one};
use elm_model::scan::memory::ScanSpec;
use elm_model::scan::neuron::NeuronInputs;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

thread_local! {
    // as in memory_scan.rs: the cases must be the same each run
    static RNG: RefCell<ChaCha8Rng> = RefCell::new(ChaCha8Rng::seed_from_u64(11));
}

/// Numbers between `low` and `high`, of which a share `density` is not zero.
fn numbers(count: usize, low: f64, high: f64, density: f64) -> Vec<f64> {
    RNG.with_borrow_mut(|rng| {
        (0..count)
            .map(|_| {
                let value = rng.random_range(low..high);
                if rng.random_bool(density) { value } else { 0.0 }
            })
            .collect()
    })
}

/// Sizes of a case.
#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    time: usize,
    inputs: usize,
    branches: usize,
    outputs: usize,
    folded: bool,
    trace: bool,
    density: f64,
    spec: ScanSpec,
}

impl Case {
    fn draw(&self, device: &Device, dtype: DType) -> NeuronInputs {
        let spec = &self.spec;
        let (m, first) = (spec.memory, spec.first());
        let width = if self.folded { first } else { self.branches };
        let scale = 1.0 / (m.max(spec.hidden).max(width) as f64).sqrt();
        let make = |shape: &[usize], low, high, density| {
            let values = numbers(shape.iter().product(), low, high, density);
            TensorData::new(values, shape.to_vec())
        };
        let options = (device, dtype);
        NeuronInputs {
            x: Tensor::from_data(
                make(
                    &[self.batch, self.time, self.inputs],
                    -1.0,
                    1.0,
                    self.density,
                ),
                options,
            ),
            matrix: Tensor::from_data(make(&[self.inputs, width], -0.5, 0.5, 1.0), options),
            trace_decay: self.trace.then_some(0.8),
            trace: Tensor::from_data(make(&[self.batch, width], -1.0, 1.0, 1.0), options),
            branch_weights: (!self.folded)
                .then(|| Tensor::from_data(make(&[width, first], -scale, scale, 1.0), options)),
            bias: Tensor::from_data(make(&[first], -0.5, 0.5, 1.0), options),
            weights: Tensor::from_data(make(&[spec.num_weights()], -scale, scale, 1.0), options),
            decay: Tensor::from_data(make(&[m], 0.3, 0.99, 1.0), options),
            gate: Tensor::from_data(make(&[m], 0.01, 1.5, 1.0), options),
            memory: Tensor::from_data(make(&[self.batch, m], -0.5, 0.5, 1.0), options),
            readout: Tensor::from_data(make(&[m, self.outputs], -scale, scale, 1.0), options),
            readout_bias: Tensor::from_data(make(&[self.outputs], -0.5, 0.5, 1.0), options),
        }
    }
}

/// Names of what [`run`] returns.
const NAMES: [&str; 13] = [
    "output",
    "last memory",
    "gradient of x",
    "gradient of matrix",
    "gradient of trace",
    "gradient of branch weights",
    "gradient of bias",
    "gradient of weights",
    "gradient of decay",
    "gradient of gate",
    "gradient of memory",
    "gradient of readout",
    "gradient of readout bias",
];

/// Results and the gradients of all tensors under a fixed weighting; of x and the last memory only if asked for.
fn run(
    x: &NeuronInputs,
    spec: &ScanSpec,
    (wy, wm): &(Tensor<3>, Tensor<2>),
    (input_gradient, last): (bool, bool),
    path: ScanPath,
) -> Vec<Vec<f64>> {
    fn tracked<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
        tensor.clone().detach().require_grad()
    }
    let x = NeuronInputs {
        x: match input_gradient {
            true => tracked(&x.x),
            false => x.x.clone(),
        },
        matrix: tracked(&x.matrix),
        trace_decay: x.trace_decay,
        trace: tracked(&x.trace),
        branch_weights: x.branch_weights.as_ref().map(tracked),
        bias: tracked(&x.bias),
        weights: tracked(&x.weights),
        decay: tracked(&x.decay),
        gate: tracked(&x.gate),
        memory: tracked(&x.memory),
        readout: tracked(&x.readout),
        readout_bias: tracked(&x.readout_bias),
    };
    let found = neuron_scan(x.clone(), spec, path);
    let mut loss = (found.y.clone() * wy.clone()).sum();
    if last {
        loss = loss + (found.memory.clone() * wm.clone()).sum();
    }
    let grads = loss.backward();
    fn gradient<const D: usize>(tensor: &Tensor<D>, grads: &burn::tensor::Gradients) -> Vec<f64> {
        host(tensor.grad(grads).unwrap())
    }
    vec![
        host(found.y),
        host(found.memory),
        match input_gradient {
            true => gradient(&x.x, &grads),
            false => vec![],
        },
        gradient(&x.matrix, &grads),
        // without a trace nobody reads its start
        x.trace
            .grad(&grads)
            .filter(|_| x.trace_decay.is_some())
            .map_or(vec![], host),
        x.branch_weights
            .as_ref()
            .map_or(vec![], |weights| gradient(weights, &grads)),
        gradient(&x.bias, &grads),
        gradient(&x.weights, &grads),
        gradient(&x.decay, &grads),
        gradient(&x.gate, &grads),
        gradient(&x.memory, &grads),
        gradient(&x.readout, &grads),
        gradient(&x.readout_bias, &grads),
    ]
}

fn activation() -> impl Strategy<Value = HiddenActivation> {
    prop_oneof![
        Just(HiddenActivation::Relu),
        Just(HiddenActivation::Silu),
        Just(HiddenActivation::SquaredRelu)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, rng_seed: RngSeed::Fixed(3), ..ProptestConfig::default() })]

    #[test]
    fn one_operation_equals_its_parts(
        batch in 2usize..12, time in 1usize..70, inputs in 1usize..90, branches in 1usize..40, outputs in 1usize..21,
        folded in any::<bool>(), sparse in any::<bool>(), memory in 1usize..40, hidden in 1usize..70,
        hidden_layers in 0usize..3, activation in activation(), double in any::<bool>(), threads in 1usize..3, trace in any::<bool>(),
        input_gradient in any::<bool>(), memory_wanted in any::<bool>(),
    ) {
        let case = Case {
            batch, time, inputs, branches, outputs, folded, trace,
            density: if sparse { 0.03 } else { 0.7 },
            spec: ScanSpec { memory, hidden_layers, hidden, activation },
        };
        let wanted = (input_gradient, memory_wanted);
        let dtype = if double { DType::F64 } else { DType::F32 };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for (name, device) in common::devices() {
            // as in memory_scan.rs: Burn's own silu on NdArray computes in f32
            let single = !double || (name == "ndarray" && activation == HiddenActivation::Silu);
            let tolerance = if single { 1e-3 } else { 1e-9 };
            let device = device.autodiff();
            let x = case.draw(&device, dtype);
            let weighting = (
                Tensor::from_data(
                    TensorData::new(numbers(batch * time * outputs, -1.0, 1.0, 1.0), [batch, time, outputs]),
                    (&device, dtype),
                ),
                Tensor::from_data(
                    TensorData::new(numbers(batch * memory, -1.0, 1.0, 1.0), [batch, memory]),
                    (&device, dtype),
                ),
            );
            let fused = pool.install(|| {
                assert!(runs_as_one(&x, &case.spec, ScanPath::Auto));
                // the same without gradients, which keeps nothing
                let plain = neuron_scan(x.clone(), &case.spec, ScanPath::Auto);
                let all = run(&x, &case.spec, &weighting, wanted, ScanPath::Auto);
                assert_eq!(host(plain.y), all[0]);
                assert_eq!(host(plain.memory), all[1]);
                all
            });
            let reference = run(&x, &case.spec, &weighting, wanted, ScanPath::Reference);
            for ((what, a), b) in NAMES.iter().zip(fused).zip(reference) {
                assert_relative(&format!("{name} {case:?} {dtype:?}: {what}"), &a, &b, tolerance);
            }
        }
    }
}

#[test]
fn few_samples_and_little_memory_run_in_parts() {
    let spec = ScanSpec {
        memory: 3,
        hidden_layers: 1,
        hidden: 5,
        activation: HiddenActivation::Relu,
    };
    let case = Case {
        batch: 2,
        time: 4,
        inputs: 6,
        branches: 2,
        outputs: 1,
        folded: false,
        trace: true,
        density: 1.0,
        spec,
    };
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    for (name, device) in common::devices() {
        // a server's threads are its own
        if name == "server" {
            continue;
        }
        let x = case.draw(&device, DType::F32);
        let as_one = |threads, path| pool(threads).install(|| runs_as_one(&x, &spec, path));
        assert!(as_one(2, ScanPath::Auto));
        assert!(!as_one(3, ScanPath::Auto));
        assert!(!as_one(2, ScanPath::Reference));
        assert!(!as_one(2, ScanPath::CheckpointEvery(2)));
        // one hidden layer is less than what the parts have as a whole
        assert!(as_one(2, ScanPath::MemoryBudget(10)));
        let deep = ScanSpec {
            hidden_layers: 4,
            ..spec
        };
        let as_one = |path| pool(2).install(|| runs_as_one(&x, &deep, path));
        assert!(as_one(ScanPath::Auto));
        assert!(!as_one(ScanPath::MemoryBudget(10)));
    }
}

/// The test above once more, held to each lesser instruction set, in processes of their own.
#[test]
fn lesser_instruction_sets_pass_the_same_test() {
    for isa in ["base", "avx2"] {
        common::run_with_isa(isa, &["one_operation_equals_its_parts"]);
    }
}
