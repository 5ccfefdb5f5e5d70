//! The kernels in every arrangement, also those that the device at hand would not choose. What they compute is compared
//! with the reference in the integration tests; here all arrangements are compared with the device's own.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use burn::backend::{
    Dispatch, DispatchDevice, DispatchDeviceId, TensorData,
    ops::{FloatTensorOps, IntTensorOps},
};
use burn_cubecl::{CubeBackend, CubeDevice, tensor::CubeTensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::forward::Purpose;
use super::run;
use super::shape::NeuronShape;
use crate::equations::{FilterTau, NeuronForm};
use crate::kernels::cube::common::{layout::Limits, limits};
use crate::layer::{Wiring, WiringSizes};
use crate::scan::layer::ops::{LayerGivens, LayerTensors, Wanted};
use crate::scan::layer::{ConnectomePlan, LayerCall, LayerSpec, Masked, SourceKind};

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

fn host(tensor: CubeTensor) -> Vec<f32> {
    let data = burn::tensor::read_sync(CubeBackend::float_into_data(tensor)).unwrap();
    data.try_to_vec().unwrap()
}

/// A call over 20 steps of 5 samples, its tensors, and a gradient of its result.
struct Case {
    call: LayerCall,
    values: Vec<(Vec<f32>, Vec<usize>)>,
    grad: Vec<f32>,
}

impl Case {
    fn new(recurrent: f64, hidden_layers: usize) -> Self {
        let form = NeuronForm::network()
            .with_num_memory(3)
            .with_hidden_layers(hidden_layers)
            .with_num_branches(Some(6))
            .with_synapses_per_branch(Some(5))
            .with_branch_tau(FilterTau::Ms(3.0));
        let (inputs, n, batch, time) = (7, 9, 5, 20);
        let spec = LayerSpec::new(&form, inputs, n);
        let sizes = WiringSizes {
            inputs,
            neurons: n,
            synapses: form.synapses(),
        };
        let wiring = Wiring::Random {
            recurrent_connect: Some(recurrent),
        };
        let connectome = wiring.sample(sizes, 1).unwrap();
        let connectome = connectome.into_iter().map(|s| s as i64).collect();
        let rng = &mut ChaCha8Rng::seed_from_u64(7);
        let mut random = |shape: &[usize], low: f32, high: f32| {
            let len = shape.iter().product();
            let values: Vec<f32> = (0..len).map(|_| rng.random_range(low..high)).collect();
            (values, shape.to_vec())
        };
        let values = vec![
            random(&[batch, time, inputs], -1.0, 1.0),
            random(&[n, spec.synapses()], -0.4, 0.4),
            random(&[n, spec.joined(), spec.first()], -0.3, 0.3),
            random(&[n, spec.first()], -0.3, 0.3),
            random(&[n, spec.packed_len().max(1)], -0.3, 0.3),
            random(&[n, spec.memory], 0.3, 0.99),
            random(&[n, spec.memory], 0.1, 1.0),
            random(&[n, spec.memory], -0.5, 0.5),
            random(&[n], -0.1, 0.1),
            random(&[batch, n, spec.state_width()], -0.5, 0.5),
            random(&[batch, n], 0.0, 0.5),
        ];
        let (grad, _) = random(&[spec.result_len(batch, time)], -1.0, 1.0);
        Self {
            call: LayerCall {
                plan: Arc::new(ConnectomePlan::new(connectome, &spec).unwrap()),
                source: SourceKind::Dense,
                gain: 0.5,
                masked: Masked {
                    input: true,
                    recurrent: true,
                    memory: true,
                },
                spec,
                batch,
                time,
                block: time,
                kept: 0,
            },
            values,
            grad,
        }
    }

    /// The device with as little shared memory as makes the neuron's shape so.
    fn scarce(&self, own: Limits, so: impl Fn(&NeuronShape) -> bool) -> Limits {
        (1..=256)
            .rev()
            .map(|i| Limits {
                shared_bytes: 64 * i,
                ..own
            })
            .find(|limits| NeuronShape::steps(&self.call, limits).is_some_and(|shape| so(&shape)))
            .unwrap()
    }

    fn givens(&self, device: &CubeDevice) -> LayerGivens<CubeBackend> {
        let (batch, spec) = (self.call.batch, &self.call.spec);
        let mask = |shape: &[usize]| {
            let len = shape.iter().product();
            let values: Vec<f32> = (0..len).map(|i| (i % 3) as f32).collect();
            CubeBackend::float_from_data(TensorData::new(values, shape.to_vec()), device)
        };
        LayerGivens {
            tokens: CubeBackend::int_from_data(TensorData::new(vec![0i32], [1]), device),
            input_mask: mask(&[batch, spec.inputs]),
            recurrent_mask: mask(&[batch, spec.neurons]),
            memory_mask: mask(&[batch, spec.neurons, spec.memory]),
        }
    }

    /// Result and gradients of all tensors.
    fn run(&self, device: &CubeDevice, block: usize, limits: Limits) -> Vec<Vec<f32>> {
        let call = LayerCall {
            block,
            kept: 0,
            ..self.call.clone()
        };
        let tensors: Vec<CubeTensor> = self
            .values
            .iter()
            .map(|(values, shape)| {
                CubeBackend::float_from_data(TensorData::new(values.clone(), shape.clone()), device)
            })
            .collect();
        let tensors = LayerTensors::<CubeBackend>::from_array(tensors.try_into().unwrap());
        let givens = self.givens(device);
        let grad = TensorData::new(self.grad.clone(), [self.grad.len()]);
        let grad = CubeBackend::float_from_data(grad, device);
        let (result, kept) = run::forward(
            tensors.clone(),
            givens.clone(),
            &call,
            Purpose::Training,
            limits,
        );
        let (plain, _) = run::forward(
            tensors.clone(),
            givens.clone(),
            &call,
            Purpose::Inference,
            limits,
        );
        let wanted = Wanted {
            input: true,
            timescales: true,
        };
        let gradients = run::backward(tensors, givens, [kept, grad], &call, wanted, limits);
        let result = host(result);
        assert_eq!(result, host(plain), "what is kept changes no result");
        let mut found = vec![result];
        found.extend(gradients.into_array().map(host));
        found
    }
}

fn assert_close(what: &str, found: &[Vec<f32>], expected: &[Vec<f32>]) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}: {i}");
        let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(largest.is_finite(), "{what}: {i}");
        for (a, b) in found.iter().zip(expected) {
            // written so that a NaN fails
            let close = (a - b).abs() <= 1e-5 * largest.max(1e-6);
            assert!(
                close,
                "{what}: tensor {i}: {a} instead of {b}, largest {largest}"
            );
        }
    }
}

/// Blocks of the backward pass, launches of few steps, small cubes and parameters in global memory change nothing.
#[test]
fn every_arrangement_yields_the_same() {
    let Some(device) = device() else { return };
    let own = limits::of_device(&device.client());
    for (recurrent, hidden_layers) in [(0.5, 1), (0.0, 0)] {
        let case = Case::new(recurrent, hidden_layers);
        let expected = case.run(&device, case.call.time, own);
        assert!(NeuronShape::steps(&case.call, &own).unwrap().staged);
        for block in [1, 6, 7] {
            let found = case.run(&device, block, own);
            assert_close(&format!("blocks of {block}"), &found, &expected);
        }
        let scarce = case.scarce(own, |shape| !shape.staged);
        let found = case.run(&device, 8, scarce);
        assert_close("parameters in global memory", &found, &expected);
        let scarcer = case.scarce(own, |shape| shape.rows < 8);
        let found = case.run(&device, 20, scarcer);
        assert_close("few samples of a cube", &found, &expected);
        // three steps of a launch, where a launch takes several
        let short = Limits {
            units: 32,
            launch_work: 3 * 9 * 5 * NeuronShape::steps(&case.call, &own).unwrap().parameters(),
            ..own
        };
        let found = case.run(&device, 8, short);
        assert_close("short launches of small cubes", &found, &expected);
    }
}

/// Two runs give the same numbers to the last bit: nothing is added to from two cubes.
#[test]
fn results_are_the_same_each_time() {
    let Some(device) = device() else { return };
    let own = limits::of_device(&device.client());
    let case = Case::new(0.5, 1);
    assert_eq!(case.run(&device, 7, own), case.run(&device, 7, own));
}
