//! Outputs, final states, regularisers and gradients of every golden file of layers and networks, for the reference
//! and the fused path.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/network.rs"]
mod network;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use common::{assert_absolute, assert_gradients, assert_relative, host};
use elm_model::{ElmNetwork, ElmNetworkState, ScanPath};
use network::{GoldenNetwork, golden_files};

fn each(check: impl Fn(&str, &GoldenNetwork, ScanPath, &Device) + Sync) {
    for file in golden_files() {
        let golden = GoldenNetwork::read(&file);
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        for (backend, device) in common::devices_and_card() {
            let paths: &[ScanPath] = match backend {
                // the reference there takes minutes on a software driver
                "card" => &[ScanPath::Auto],
                _ => &[ScanPath::Auto, ScanPath::Reference],
            };
            for path in paths.iter().copied() {
                // how the work is shared out depends on the number of threads
                common::in_pools(|threads| {
                    let what = format!("{name} on {backend}, {path:?}, {threads} thread(s)");
                    if threads == 1 || (backend != "card" && path == ScanPath::Auto) {
                        check(&what, &golden, path, &device);
                    }
                });
            }
        }
    }
}

fn check_state(what: &str, golden: &GoldenNetwork, state: ElmNetworkState) {
    for (l, layer) in state.layers.into_iter().enumerate() {
        let check = |name: &str, found: Vec<f64>| {
            let expected = golden.values(&format!("final.layers.{l}.{name}"));
            assert_absolute(
                &format!("{what}: layer {l}, final {name}"),
                &found,
                expected,
                1e-5,
            );
        };
        check("m", host(layer.memory));
        check("a", host(layer.activity));
        if let Some(branch) = layer.branch {
            check("branch", host(branch));
        }
        if let Some(mean) = layer.readout_mean {
            check("r", host(mean));
        }
    }
}

#[test]
fn golden_outputs_final_states_and_regularisers() {
    each(|what, golden, path, device| {
        let network = golden.network(path, device);
        let x = golden.tensor::<3>("x", device);
        let y = golden.values("y");
        let output = network.run(x, None).unwrap();
        check_state(what, golden, output.state());
        assert_absolute(
            &format!("{what}: mlp magnitude"),
            &host(output.layers[0].neuron_mlp_magnitude()),
            golden.values("mlp_magnitude"),
            1e-5,
        );
        assert_absolute(
            &format!("{what}: population activity"),
            &host(output.layers[0].population_activity()),
            golden.values("population_activity"),
            1e-5,
        );
        assert_absolute(&format!("{what}: y"), &host(output.output), y, 1e-5);
    });
}

/// Every gradient by its golden name.
fn gradients(network: &ElmNetwork, grads: &burn::tensor::Gradients) -> BTreeMap<String, Vec<f64>> {
    let mut found = BTreeMap::new();
    for (l, layer) in network.layers.iter().enumerate() {
        let mut put = |name: &str, values: Vec<f64>| {
            found.insert(format!("layers.{l}.{name}"), values);
        };
        put("w_s", host(layer.proto_weight.grad(grads).unwrap()));
        put("w_y", host(layer.readout.grad(grads).unwrap()));
        put("b", host(layer.bias.grad(grads).unwrap()));
        put(
            "tau_m_proto",
            host(layer.timescales.trained().unwrap().grad(grads).unwrap()),
        );
        for (k, map) in layer.mlp.iter().enumerate() {
            let weight = map.weight.grad(grads).unwrap().swap_dims(1, 2);
            put(&format!("mlp.{k}.weight"), host(weight));
            put(
                &format!("mlp.{k}.bias"),
                host(map.bias.grad(grads).unwrap()),
            );
        }
    }
    if let Some(linear) = &network.linear {
        let weight = linear.weight.grad(grads).unwrap().transpose();
        found.insert("linear.weight".into(), host(weight));
        let bias = linear.bias.as_ref().unwrap().grad(grads).unwrap();
        found.insert("linear.bias".into(), host(bias));
    }
    found
}

#[test]
fn golden_gradients_of_every_parameter_and_of_x() {
    each(|what, golden, path, device| {
        let device = device.clone().autodiff();
        let network = golden.network(path, &device);
        let x = golden.tensor::<3>("x", &device).require_grad();
        let output = network.run(x.clone(), None).unwrap();
        let layer = &output.layers[0];
        let loss = (output.output.clone() * golden.tensor::<3>("g", &device)).mean()
            + layer.neuron_mlp_magnitude() * 0.01
            + layer.population_activity() * 0.1;
        assert_absolute(
            &format!("{what}: loss"),
            &host(loss.clone()),
            golden.values("loss"),
            1e-5,
        );
        let grads = loss.backward();
        let mut found = gradients(&network, &grads);
        found.insert("x".into(), host(x.grad(&grads).unwrap()));
        let golden = golden.values.tensors.iter();
        assert_gradients(
            what,
            &found,
            golden.map(|(name, value)| (name, &value.values[..])),
        );
    });
}

#[test]
fn golden_in_two_halves_and_step_by_step() {
    each(|what, golden, path, device| {
        let network = golden.network(path, device);
        let x = golden.tensor::<3>("x", device);
        let y = golden.values("y");
        let time = x.dims()[1];
        for cut in [time / 2, 1] {
            let mut state = None;
            let mut pieces = Vec::new();
            let mut from = 0;
            while from < time {
                let len = if cut == 1 {
                    1
                } else if from == 0 {
                    cut
                } else {
                    time - cut
                };
                let (out, next) = network
                    .try_forward(x.clone().narrow(1, from, len), state)
                    .unwrap();
                state = Some(next);
                pieces.push(out);
                from += len;
            }
            assert_absolute(
                &format!("{what}: pieces of {cut}"),
                &host(Tensor::cat(pieces, 1)),
                y,
                1e-5,
            );
            check_state(what, golden, state.unwrap());
        }
    });
}

#[test]
fn golden_gradients_flow_through_a_state_handed_over() {
    each(|what, golden, path, device| {
        let device = device.clone().autodiff();
        let network = golden.network(path, &device);
        let x = golden.tensor::<3>("x", &device).require_grad();
        let g = golden.tensor::<3>("g", &device);
        let time = x.dims()[1];
        let run = |x: Tensor<3>| {
            let (first, state) = network
                .try_forward(x.clone().narrow(1, 0, time / 2), None)
                .unwrap();
            let rest = x.narrow(1, time / 2, time - time / 2);
            let (second, _) = network.try_forward(rest, Some(state)).unwrap();
            Tensor::cat(vec![first, second], 1)
        };
        let halves = (run(x.clone()) * g.clone()).mean().backward();
        let (y, _) = network.forward(x.clone(), None);
        let whole = (y * g).mean().backward();
        let expected = gradients(&network, &whole);
        for (name, found) in gradients(&network, &halves) {
            assert_relative(
                &format!("{what}: gradient of {name}"),
                &found,
                &expected[&name],
                1e-4,
            );
        }
        assert_relative(
            &format!("{what}: gradient of x"),
            &host(x.grad(&halves).unwrap()),
            &host(x.grad(&whole).unwrap()),
            1e-4,
        );
    });
}
