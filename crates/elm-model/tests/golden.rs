//! Outputs, final states and gradients of every golden file, for the reference and the fused path.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::Device;
use common::{Golden, assert_absolute, assert_gradients, assert_relative, golden_files, host};
use elm_model::{ElmNeuron, ElmState, MemoryGate, ScanPath};

fn each(check: impl Fn(&str, &Golden, ScanPath, &Device) + Sync) {
    for file in golden_files() {
        let golden = Golden::read(&file);
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        for (backend, device) in common::devices_and_card() {
            for path in [ScanPath::Auto, ScanPath::Reference] {
                if backend == "card" && path == ScanPath::Reference {
                    continue; // thousands of small launches, of Burn's own operations
                }
                // which kernels run depends on the number of threads
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

fn neuron(golden: &Golden, path: ScanPath, device: &Device) -> ElmNeuron {
    golden
        .params
        .to_neuron(&golden.config, device)
        .unwrap()
        .with_path(path)
}

#[test]
fn golden_outputs_and_final_states() {
    each(|what, golden, path, device| {
        let neuron = neuron(golden, path, device);
        let x = golden.tensor::<3>("x", device);
        let y = &golden.values.tensors["y"].values;
        let (out, state) = neuron.try_forward(x, None).unwrap();
        assert_absolute(&format!("{what}: y"), &host(out), y, 1e-5);
        let expected = |name: &str| golden.values.tensors[name].values.clone();
        // the first published form keeps a trace for each synapse; the sum over a branch is what acts
        let per_branch = golden.config.form().per_branch();
        let traces = match golden.values.tensors.get("final.s") {
            Some(traces) => traces
                .values
                .chunks_exact(per_branch)
                .map(|branch| branch.iter().sum())
                .collect(),
            None => expected("final.b"),
        };
        assert_absolute(
            &format!("{what}: trace"),
            &host(state.branch().unwrap()),
            &traces,
            1e-5,
        );
        assert_absolute(
            &format!("{what}: memory"),
            &host(state.memory()),
            &expected("final.m"),
            1e-5,
        );
        let tau = host(neuron.timescales_ms().unwrap());
        assert_relative(
            &format!("{what}: tau"),
            &tau,
            &expected("derived.tau_m"),
            1e-5,
        );
    });
}

#[test]
fn golden_gradients_of_every_parameter_and_of_x() {
    each(|what, golden, path, device| {
        let device = device.clone().autodiff();
        let neuron = neuron(golden, path, &device);
        let x = golden.tensor::<3>("x", &device).require_grad();
        let (y, _) = neuron.forward(x.clone(), None);
        let loss = (y * golden.tensor::<3>("g", &device)).mean();
        let grads = loss.backward();
        let mut found = std::collections::BTreeMap::new();
        found.insert("x".to_string(), host(x.grad(&grads).unwrap()));
        found.insert(
            "_proto_w_s".into(),
            host(neuron.synapses.proto_weight.grad(&grads).unwrap()),
        );
        if let Some(grad) = neuron.timescales.trained().and_then(|tau| tau.grad(&grads)) {
            found.insert("_proto_tau_m".into(), host(grad));
        }
        let mut linear = |name: &str, layer: &burn::nn::Linear| {
            let weight = layer.weight.grad(&grads).unwrap().transpose();
            found.insert(format!("{name}.weight"), host(weight));
            if let Some(bias) = &layer.bias {
                found.insert(format!("{name}.bias"), host(bias.grad(&grads).unwrap()));
            }
        };
        for (k, layer) in neuron.mlp.layers.iter().enumerate() {
            linear(&format!("mlp.network.{}", 2 * k), layer);
        }
        linear("w_y", &neuron.readout);
        found.insert("w_y.bias".into(), host(neuron.bias.grad(&grads).unwrap()));
        let golden = golden.values.tensors.iter();
        assert_gradients(
            what,
            &found,
            golden.map(|(name, value)| (name, &value.values[..])),
        );
    });
}

#[test]
fn golden_in_two_pieces_and_step_by_step() {
    each(|what, golden, path, device| {
        let neuron = neuron(golden, path, device);
        let x = golden.tensor::<3>("x", device);
        let y = &golden.values.tensors["y"].values;
        let [batch, time, inputs] = x.dims();
        let mut state: Option<ElmState> = None;
        let mut pieces = Vec::new();
        let cut = time.div_ceil(3);
        let parts = [(0, cut), (cut, time - cut)];
        // a single step has no second part
        for (from, len) in parts.into_iter().filter(|(_, len)| *len > 0) {
            let (out, next) = neuron
                .try_forward(x.clone().narrow(1, from, len), state)
                .unwrap();
            state = Some(next);
            pieces.push(out);
        }
        assert_absolute(
            &format!("{what}: pieces"),
            &host(burn::tensor::Tensor::cat(pieces, 1)),
            y,
            1e-5,
        );
        let mut state = None;
        let mut steps = Vec::new();
        // each step is some twenty launches on a card, and a software one is slow with them
        let shown = time.min(if what.contains("on card") { 12 } else { 60 });
        for t in 0..shown {
            let now = x.clone().narrow(1, t, 1).reshape([batch, inputs]);
            let (out, next) = neuron.step(now, state).unwrap();
            state = Some(next);
            steps.push(out.unsqueeze_dim::<3>(1));
        }
        let expected = host(golden.tensor::<3>("y", device).narrow(1, 0, shown));
        assert_absolute(
            &format!("{what}: steps"),
            &host(burn::tensor::Tensor::cat(steps, 1)),
            &expected,
            1e-5,
        );
    });
}

#[test]
fn golden_recording_is_consistent() {
    each(|what, golden, path, device| {
        let neuron = neuron(golden, path, device);
        let (recording, _) = neuron
            .record(golden.tensor::<3>("x", device), None)
            .unwrap();
        assert_absolute(
            &format!("{what}: output"),
            &host(recording.output),
            &golden.values.tensors["y"].values,
            1e-5,
        );
        // m_t = κ m_{t−1} + g Δm_t ties memory and update together
        let (memory, update) = (host(recording.memory), host(recording.update));
        let tau = &golden.values.tensors["derived.tau_m"].values;
        let form = golden.config.form();
        let kappa: Vec<f64> = tau.iter().map(|t| (-form.dt / t).exp()).collect();
        let gate: Vec<f64> = match form.gate {
            MemoryGate::Scaled => kappa.iter().map(|k| form.lambda * (1.0 - k)).collect(),
            MemoryGate::TimescaleRatio => kappa.iter().map(|k| 1.0 - k.powf(form.lambda)).collect(),
        };
        let m = tau.len();
        let time = golden.values.tensors["x"].shape[1];
        for (i, value) in memory.iter().enumerate() {
            let (t, j) = ((i / m) % time, i % m);
            let previous = if t == 0 { 0.0 } else { memory[i - m] };
            let expected = kappa[j] * previous + gate[j] * update[i];
            assert!(
                (value - expected).abs() < 2e-5,
                "{what}: memory {j} at step {t}: {value} and {expected}"
            );
        }
    });
}
