//! What a record holds, and what it is refused for; nothing that is not trained is touched by training.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use common::host;
use elm_model::layer::Wiring;
use elm_model::{
    ElmError, ElmLayer, ElmLayerConfig, ElmNetwork, ElmNetworkConfig, ElmNeuron, ElmNeuronConfig,
    FilterTau, HiddenActivation, NeuronForm, Routing,
};

fn wave(shape: [usize; 3], device: &Device) -> Tensor<3> {
    let values: Vec<f64> = (0..shape.iter().product())
        .map(|i| ((i as f64) * 0.7311).sin())
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Fourteen channels on three branches of eight synapses, of which some are not valid.
fn neuron_config() -> ElmNeuronConfig {
    ElmNeuronConfig::new(14, 1)
        .with_routing(Routing::Neuronio)
        .with_neuron(
            NeuronForm::v1()
                .with_num_memory(3)
                .with_num_branches(Some(3))
                .with_synapses_per_branch(Some(8)),
        )
}

/// Optimizer steps over all parameters.
fn trained(mut neuron: ElmNeuron, x: &Tensor<3>) -> ElmNeuron {
    let mut optimizer = AdamConfig::new().init();
    for _ in 0..20 {
        let (y, _) = neuron.forward(x.clone(), None);
        let grads = (y - 1.0).square().mean().backward();
        let grads = GradientsParams::from_grads(grads, &neuron);
        neuron = optimizer.step(1e-2, neuron, grads);
    }
    neuron
}

/// Burn's pattern of fine-tuning, `freeze().unfreeze()`, once woke dead synapses and trained fixed timescales.
#[test]
fn what_is_not_trained_survives_training_after_unfreeze() {
    let device = Device::flex().autodiff();
    let neuron = neuron_config().init(&device).unwrap();
    assert_eq!(neuron.num_params(), neuron.config().num_trained());
    let x = wave([4, 30, 14], &device);
    let (valid, tau) = (
        neuron.synapses.valid().unwrap(),
        host(neuron.timescales_ms().unwrap()),
    );
    let dead = host(valid.clone().bool_not().int().float());
    assert!(dead.contains(&1.0), "some synapse is not valid");
    let weights = |neuron: &ElmNeuron| host(neuron.synapses.weights());
    let ways: [(&str, ElmNeuron); 4] = [
        ("fresh", neuron.clone()),
        ("unfreeze", neuron.clone().freeze().unfreeze()),
        ("set_require_grad", neuron.clone().set_require_grad(true)),
        ("valid, train", neuron.valid().train()),
    ];
    for (what, start) in ways {
        let before = weights(&start);
        let neuron = trained(start, &x);
        assert_eq!(host(neuron.timescales_ms().unwrap()), tau, "{what}");
        let after = weights(&neuron);
        assert_ne!(before, after, "{what}: something is trained");
        for (weight, dead) in after.iter().zip(&dead) {
            assert!(*dead == 0.0 || *weight == 0.0, "{what}: {weight}");
        }
    }
}

#[test]
fn a_record_of_another_configuration_is_refused_with_both_values() {
    let device = Device::flex();
    let neuron = neuron_config().init(&device).unwrap();
    let record = neuron.clone().into_record();
    type Change = fn(NeuronForm) -> NeuronForm;
    let changes: [(&str, &str, Change); 5] = [
        ("memory_tau_max", "500", |f| f.with_memory_tau_max(500.0)),
        ("lambda", "4.0", |f| f.with_lambda(4.0)),
        ("dt", "2.0", |f| f.with_dt(2.0)),
        ("activation", "silu", |f| {
            f.with_activation(HiddenActivation::Silu)
        }),
        ("branch_tau", "7.0", |f| {
            f.with_branch_tau(FilterTau::Ms(7.0))
        }),
    ];
    for (name, value, change) in changes {
        let mut config = neuron_config();
        config.neuron = change(config.neuron);
        let other = config.init(&device).unwrap();
        let error = other.clone().try_load_record(record.clone()).unwrap_err();
        assert!(matches!(error, ElmError::Record { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("`neuron.{name}`")) && text.contains(value),
            "{text}"
        );
        // inside of another module nobody asks: then the first pass says so
        let loaded = Module::load_record(other, record.clone());
        let error = loaded
            .try_forward(wave([1, 2, 14], &device), None)
            .unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    let layer = |wiring| {
        let form = NeuronForm::network().with_num_memory(2);
        let config = ElmLayerConfig::new(6, 4)
            .with_neuron(form)
            .with_wiring(wiring);
        config.init(&device).unwrap()
    };
    let record = layer(Wiring::default()).into_record();
    let other = layer(Wiring::Random {
        recurrent_connect: Some(0.9),
    });
    let error = other.try_load_record(record).unwrap_err().to_string();
    assert!(
        error.contains("`wiring`") && error.contains("0.9"),
        "{error}"
    );
}

#[test]
fn a_record_restores_its_module_without_a_configuration() {
    let device = Device::flex();
    let x = wave([2, 9, 14], &device);
    let neuron = neuron_config().init(&device).unwrap();
    let again = ElmNeuron::from_record(neuron.clone().into_record(), &device).unwrap();
    assert_eq!(again.config(), neuron.config());
    let y = host(neuron.forward(x.clone(), None).0);
    assert_eq!(host(again.forward(x.clone(), None).0), y);

    let form = NeuronForm::network().with_num_memory(2);
    let layer = ElmLayerConfig::new(14, 4)
        .with_neuron(form.clone())
        .with_seed(5);
    let layer = layer.init(&device).unwrap();
    let again = ElmLayer::from_record(layer.clone().into_record(), &device).unwrap();
    let y = host(layer.forward(x.clone(), None).0);
    assert_eq!(host(again.forward(x.clone(), None).0), y);

    let network = ElmNetworkConfig::new(14, 3)
        .with_hidden_neurons(vec![5])
        .with_neuron(form)
        .init(&device)
        .unwrap();
    let again = ElmNetwork::from_record(network.clone().into_record(), &device).unwrap();
    assert_eq!(again.config(), network.config());
    let y = host(network.forward(x.clone(), None).0);
    assert_eq!(host(again.forward(x, None).0), y);
    assert!(ElmNeuron::from_record(network.into_record(), &device).is_err());
}

/// A record whose channels are out of range is an error, no panic.
#[test]
fn channels_out_of_range_are_told() {
    struct Shift;
    impl ModuleMapper for Shift {
        fn map_int<const D: usize>(
            &mut self,
            param: Param<Tensor<D, Int>>,
        ) -> Param<Tensor<D, Int>> {
            match param.dims().iter().product::<usize>() {
                // one for each of the synapses: the channels
                24 => param.map(|channels| channels + 14),
                _ => param,
            }
        }
    }
    let device = Device::flex();
    let bad = neuron_config().init(&device).unwrap().map(&mut Shift);
    let error = bad
        .try_forward(wave([1, 2, 14], &device), None)
        .unwrap_err();
    assert!(error.to_string().contains("expected 0..14"), "{error}");
    assert!(bad.stream().is_err());
}

struct Scaled(f64);

impl ModuleMapper for Scaled {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor * self.0)
    }
}

/// What a module has computed from its weights before is never used for other weights, however they were changed: each
/// output is that of a copy that has computed nothing yet.
#[test]
fn weights_that_were_changed_are_used() {
    fn fresh<M: Module>(module: &M) -> M {
        module.clone().map(&mut Scaled(1.0))
    }
    let device = Device::flex();
    let x = wave([2, 6, 14], &device);
    let mut last = Vec::new();
    let mut check = |found: Tensor<3>, expected: Tensor<3>| {
        let found = host(found);
        assert_eq!(found, host(expected));
        assert_ne!(found, last, "the change did nothing");
        last = found;
    };
    // the first layer apart, and folded into the branches
    for branches in [3, 9] {
        let mut config = neuron_config();
        config.neuron = config.neuron.with_num_branches(Some(branches));
        let mut neuron = config.init(&device).unwrap();
        let mut check = |neuron: &ElmNeuron| {
            let expected = fresh(neuron).forward(x.clone(), None).0;
            check(neuron.forward(x.clone(), None).0, expected);
        };
        check(&neuron);
        neuron = neuron.map(&mut Scaled(1.5));
        check(&neuron);
        let weight = neuron.synapses.proto_weight.val() * 2.0;
        neuron.synapses.proto_weight = Param::from_tensor(weight);
        check(&neuron);
        let map = &mut neuron.mlp.layers[1];
        map.weight = Param::from_tensor(map.weight.val() * -1.0);
        check(&neuron);
        let bias = neuron.bias.val() + 1.0;
        neuron.bias = Param::from_tensor(bias);
        check(&neuron);
        let record = config.init(&device).unwrap().into_record();
        neuron = neuron.load_record(record);
        check(&neuron);
        // the trained model and its copy without autodiff share their tensors
        let autodiff = device.clone().autodiff();
        let tracked = config.init(&autodiff).unwrap();
        check(&tracked.valid());
        let tracked = trained(tracked, &wave([2, 6, 14], &autodiff));
        check(&tracked.valid());
    }
    let mut layer = ElmLayerConfig::new(14, 5)
        .with_neuron(NeuronForm::network().with_num_memory(3))
        .init(&device)
        .unwrap();
    let mut check = |layer: &ElmLayer| {
        let expected = fresh(layer).forward(x.clone(), None).0;
        check(layer.forward(x.clone(), None).0, expected);
    };
    check(&layer);
    layer = layer.map(&mut Scaled(1.5));
    check(&layer);
    layer.proto_weight = Param::from_tensor(layer.proto_weight.val() * 2.0);
    check(&layer);
    let map = &mut layer.mlp[1];
    map.weight = Param::from_tensor(map.weight.val() * -1.0);
    check(&layer);
    layer.readout = Param::from_tensor(layer.readout.val() * -1.0);
    check(&layer);
}
