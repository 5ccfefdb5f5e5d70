//! The stream against the forward pass, for every golden file and from a state.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Golden, assert_absolute, golden_files, host};
use elm_model::{ElmNeuronConfig, NeuronForm};

#[test]
fn stream_gives_the_golden_outputs() {
    for (backend, device) in common::devices() {
        for file in golden_files() {
            let golden = Golden::read(&file);
            let neuron = golden.params.to_neuron(&golden.config, &device).unwrap();
            let x = &golden.values.tensors["x"];
            let y = &golden.values.tensors["y"];
            let [time, inputs, outputs] = [x.shape[1], x.shape[2], y.shape[2]];
            let mut stream = neuron.stream().unwrap();
            for b in 0..x.shape[0] {
                stream.reset();
                for t in 0..time {
                    let row: Vec<f32> = x.values[(b * time + t) * inputs..][..inputs]
                        .iter()
                        .map(|v| *v as f32)
                        .collect();
                    // turns of dense steps and events
                    let events: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
                    let found = match t % 2 {
                        0 => stream.step(&row).unwrap(),
                        _ => stream.step_events(&events).unwrap(),
                    };
                    let found: Vec<f64> = found.iter().map(|v| f64::from(*v)).collect();
                    let what = format!("{} on {backend}, step {t}", file.display());
                    let want = &y.values[(b * time + t) * outputs..][..outputs];
                    assert_absolute(&what, &found, want, 1e-5);
                }
            }
        }
    }
}

#[test]
fn stream_goes_on_from_a_state() {
    let device = Device::flex();
    for form in [NeuronForm::v1(), NeuronForm::v2(), NeuronForm::network()] {
        // more branches than hidden units, and fewer
        for (branches, memory) in [(12, 2), (3, 9)] {
            let neuron = ElmNeuronConfig::new(12, 3)
                .with_neuron(
                    form.clone()
                        .with_num_branches(Some(branches))
                        .with_synapses_per_branch(Some(12 / branches))
                        .with_num_memory(memory),
                )
                .init(&device)
                .unwrap();
            let values: Vec<f32> = (0..20 * 12).map(|i| ((i * 7) % 5) as f32 - 2.0).collect();
            let x = Tensor::<3>::from_data(TensorData::new(values.clone(), [1, 20, 12]), &device);
            let want = host(neuron.forward(x.clone(), None).0);
            let (_, state) = neuron.try_forward(x.narrow(1, 0, 11), None).unwrap();
            let mut stream = neuron.stream_from(&state).unwrap();
            for t in 11..20 {
                let y = stream.step(&values[t * 12..][..12]).unwrap();
                let y: Vec<f64> = y.iter().map(|v| f64::from(*v)).collect();
                assert_absolute(&format!("step {t}"), &y, &want[t * 3..][..3], 1e-5);
            }
            assert_eq!(stream.memory().len(), memory);
        }
    }
}

#[test]
fn stream_refuses_what_does_not_fit() {
    let device = Device::flex();
    let neuron = ElmNeuronConfig::new(4, 1).init(&device).unwrap();
    let mut stream = neuron.stream().unwrap();
    let first = stream.step(&[1.0; 4]).unwrap().to_vec();
    let error = stream.step(&[1.0; 5]).unwrap_err().to_string();
    assert!(error.contains("expected 4 numbers, found 5"), "{error}");
    let error = stream.step_events(&[(4, 1.0)]).unwrap_err().to_string();
    assert!(error.contains("below 4, found 4"), "{error}");
    // neither moved it
    stream.reset();
    assert_eq!(stream.step(&[1.0; 4]).unwrap(), first);
    let two = Tensor::zeros([2, 4, 4], &device).slice([0..2, 0..3]);
    let (_, state) = neuron.try_forward(two, None).unwrap();
    assert!(neuron.stream_from(&state).is_err());
}
