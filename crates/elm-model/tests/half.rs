//! Half precision: decays, gates and memory stay in f32, so that long timescales neither freeze nor never forget.
//!
//! The bounds: what a module of half precision answers differs from the same module in f64 (with the same, rounded,
//! parameters) by at most one unit in the last place of the largest output: 2⁻⁸ of it for bf16, 2⁻¹¹ for f16, besides
//! f32's own rounding over the sequence (2⁻¹³ here).
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use common::{assert_relative, host, seeded};
use elm_model::{ElmLayerConfig, ElmNeuronConfig, NeuronForm, OutputActivation, ScanPath};

struct Cast(DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}

/// Numbers that every type here holds exactly.
fn input(shape: [usize; 3], dtype: DType, device: &Device) -> Tensor<3> {
    let values: Vec<f64> = (0..shape.iter().product())
        .map(|i| ((i * 7919) % 17) as f64 / 8.0 - 1.0)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), (device, dtype))
}

fn bound(dtype: DType) -> f64 {
    let unit: i32 = if dtype == DType::BF16 { -8 } else { -11 };
    2f64.powi(unit) + 2f64.powi(-13)
}

fn forms() -> [NeuronForm; 3] {
    [NeuronForm::v1(), NeuronForm::v2(), NeuronForm::network()].map(|form| {
        form.with_num_memory(20)
            .with_memory_tau_max(16_384.0)
            .with_output_activation(OutputActivation::Identity)
    })
}

#[test]
fn neurons_of_half_precision_are_those_of_f64() {
    let device = Device::flex();
    let _turn = seeded(&device);
    for dtype in [DType::BF16, DType::F16] {
        for form in forms() {
            let neuron = ElmNeuronConfig::new(6, 2).with_neuron(form.clone());
            let half = neuron.init(&device).unwrap().map(&mut Cast(dtype));
            let wide = half.clone().map(&mut Cast(DType::F64));
            let shape = [2, 2000, 6];
            let (expected, state) = wide.forward(input(shape, DType::F64, &device), None);
            for path in [ScanPath::Auto, ScanPath::Reference] {
                // the reference is slow over so many steps
                let steps = if path == ScanPath::Auto { 2000 } else { 60 };
                let x = input(shape, dtype, &device).narrow(1, 0, steps);
                let (y, found) = half.clone().with_path(path).forward(x, None);
                assert_eq!(y.dtype(), dtype);
                let what = format!("{dtype:?} {:?} {path:?}", form.gate);
                let expected = host(expected.clone().narrow(1, 0, steps));
                assert_relative(&what, &host(y), &expected, bound(dtype));
                if steps == 2000 {
                    assert_eq!(found.memory().dtype(), DType::F32);
                    let (found, expected) = (host(found.memory()), host(state.memory()));
                    assert_relative(
                        &format!("{what}: memory"),
                        &found,
                        &expected,
                        2f64.powi(-13),
                    );
                    // the slowest unit has moved
                    assert!(found[19].abs() > 1e-4, "{what}: {}", found[19]);
                }
            }
        }
    }
}

#[test]
fn layers_of_half_precision_are_those_of_f64() {
    let device = Device::flex();
    let _turn = seeded(&device);
    let form = forms()[2].clone().with_num_memory(4);
    let layer = ElmLayerConfig::new(6, 5)
        .with_neuron(form)
        .init(&device)
        .unwrap();
    for dtype in [DType::BF16, DType::F16] {
        let half = layer.clone().map(&mut Cast(dtype));
        let wide = half.clone().map(&mut Cast(DType::F64));
        let expected = wide
            .forward(input([2, 300, 6], DType::F64, &device), None)
            .0;
        let (y, _) = half.forward(input([2, 300, 6], dtype, &device), None);
        assert_eq!(y.dtype(), dtype);
        assert_relative(
            &format!("{dtype:?}"),
            &host(y),
            &host(expected),
            bound(dtype),
        );
    }
}

/// Mixed precision: parameters in f32, activations in half precision.
#[test]
fn inputs_of_half_precision_meet_parameters_of_f32() {
    let device = Device::flex().autodiff();
    let _turn = seeded(&device);
    for form in forms() {
        let neuron = ElmNeuronConfig::new(6, 2)
            .with_neuron(form)
            .init(&device)
            .unwrap();
        for dtype in [DType::BF16, DType::F16] {
            let (single, _) = neuron.forward(input([2, 200, 6], DType::F32, &device), None);
            let (y, _) = neuron.forward(input([2, 200, 6], dtype, &device), None);
            assert_eq!(y.dtype(), dtype);
            let what = format!("{dtype:?}");
            assert_relative(&what, &host(y.clone()), &host(single.clone()), bound(dtype));
            let grads = y.cast(DType::F32).mean().backward();
            let found = host(neuron.readout.weight.grad(&grads).unwrap());
            let grads = single.mean().backward();
            let expected = host(neuron.readout.weight.grad(&grads).unwrap());
            assert_relative(&what, &found, &expected, 4.0 * bound(dtype));
        }
    }
}

/// Another number type than the parameters' is an error that names both.
#[test]
fn other_number_types_are_told() {
    let device = Device::flex();
    let _turn = seeded(&device);
    let neuron = ElmNeuronConfig::new(6, 2).init(&device).unwrap();
    let error = neuron
        .try_forward(input([1, 3, 6], DType::F64, &device), None)
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("F64") && text.contains("F32"), "{text}");
    let form = NeuronForm::network().with_num_memory(2);
    let layer = ElmLayerConfig::new(6, 3)
        .with_neuron(form)
        .init(&device)
        .unwrap();
    assert!(
        layer
            .try_forward(input([1, 3, 6], DType::F64, &device), None)
            .is_err()
    );
}

#[test]
fn products_in_half_precision_leave_the_rest_in_f32() {
    let device = Device::flex().autodiff();
    let _turn = seeded(&device);
    for form in forms() {
        let neuron = ElmNeuronConfig::new(6, 2).with_neuron(form.clone());
        let plain = neuron.init(&device).unwrap();
        let found = |product_type| {
            let neuron = plain.clone().with_product_type(product_type);
            let x = input([3, 400, 6], DType::F32, &device);
            let (y, state) = neuron.forward(x, None);
            assert_eq!(
                (y.dtype(), state.memory().dtype()),
                (DType::F32, DType::F32)
            );
            let grads = (y.clone() * y.clone()).mean().backward();
            let weight = neuron.synapses.proto_weight.val().grad(&grads).unwrap();
            let readout = neuron.readout.weight.val().grad(&grads).unwrap();
            assert_eq!((weight.dtype(), readout.dtype()), (DType::F32, DType::F32));
            [host(y), host(weight), host(readout)]
        };
        let expected = found(None);
        let half = found(Some(DType::BF16));
        let names = [
            "output",
            "gradient of the synapses",
            "gradient of the readout",
        ];
        for ((name, half), expected) in names.iter().zip(&half).zip(&expected) {
            // input, matrix and product are each rounded to 2⁻⁹ of themselves, and a gradient twice
            let what = format!("{:?} {name}", form.gate);
            assert_relative(&what, half, expected, 2f64.powi(-6));
        }
        assert_ne!(half[0], expected[0]);
    }
}
