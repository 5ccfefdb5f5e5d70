//! The one operation against Burn's own recurrence.
#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Distribution, Tensor};

use super::module::ChronoLstmState;
use crate::{ChronoLstm, ChronoLstmConfig};

const BATCH: usize = 5;
const UNITS: usize = 7;
const CHANNELS: usize = 3;

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device).require_grad()
}

/// Hidden states and last state, and the gradients of all that go in, for sums of random weight.
fn run(
    lstm: &ChronoLstm,
    fused: bool,
    x: &Tensor<3>,
    state: &ChronoLstmState,
    weights: &(Tensor<3>, Tensor<2>, Tensor<2>),
) -> Vec<Vec<f32>> {
    let (hidden, last) = lstm.recurrence(x.clone(), state.clone(), fused);
    let loss = (hidden.clone() * weights.0.clone()).sum()
        + (last.cell.clone() * weights.1.clone()).sum()
        + (last.hidden.clone() * weights.2.clone()).sum();
    let grads = loss.backward();
    let gates = &lstm.lstm;
    let gates = [
        &gates.input_gate,
        gates.forget_gate.as_ref().unwrap(),
        &gates.output_gate,
        &gates.cell_gate,
    ];
    let host = |data: burn::tensor::TensorData| data.try_to_vec::<f32>().unwrap();
    let mut found = vec![
        host(hidden.into_data()),
        host(last.cell.into_data()),
        host(last.hidden.into_data()),
        host(x.grad(&grads).unwrap().into_data()),
        host(state.cell.grad(&grads).unwrap().into_data()),
        host(state.hidden.grad(&grads).unwrap().into_data()),
    ];
    for gate in gates {
        let of_input = gate.input_transform.weight.val().grad(&grads).unwrap();
        let of_hidden = gate.hidden_transform.weight.val().grad(&grads).unwrap();
        let bias = gate.input_transform.bias.as_ref().unwrap().val();
        found.push(host(of_input.into_data()));
        found.push(host(of_hidden.into_data()));
        found.push(host(bias.grad(&grads).unwrap().into_data()));
    }
    found
}

#[test]
fn it_is_burns_recurrence_on_any_number_of_threads() {
    let device = Device::flex().autodiff();
    device.seed(3);
    let config = ChronoLstmConfig::new(CHANNELS, 2).with_hidden_size(UNITS);
    let lstm = config.init(&device).unwrap();
    for time in [1, 2, 70] {
        // a view that is not in one piece
        let x = random([time, BATCH, CHANNELS], &device).inner();
        let x = Tensor::from_inner(x.swap_dims(0, 1)).require_grad();
        let state = ChronoLstmState {
            cell: random([BATCH, UNITS], &device),
            hidden: random([BATCH, UNITS], &device),
        };
        let weights = (
            random([BATCH, time, UNITS], &device),
            random([BATCH, UNITS], &device),
            random([BATCH, UNITS], &device),
        );
        let expected = run(&lstm, false, &x, &state, &weights);
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let found = pool
                .build()
                .unwrap()
                .install(|| run(&lstm, true, &x, &state, &weights));
            for (what, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found.len(), expected.len());
                for (a, b) in found.iter().zip(expected) {
                    let near = (a - b).abs() <= 2e-5 * (1.0 + b.abs());
                    assert!(
                        near,
                        "{what}, {time} steps, {threads} threads: {a}, expected {b}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_changed_recurrence_is_burns_own() {
    let device = Device::flex();
    let config = ChronoLstmConfig::new(CHANNELS, 2).with_hidden_size(UNITS);
    let mut lstm = config.init(&device).unwrap();
    assert!(lstm.side_by_side().is_some());
    lstm.lstm.clip = Some(0.1);
    assert!(lstm.side_by_side().is_none());
    let x = Tensor::random(
        [BATCH, 20, CHANNELS],
        Distribution::Normal(0.0, 5.0),
        &device,
    );
    let (_, state) = lstm.forward(x, None);
    assert!(state.cell.abs().max().into_scalar::<f32>() <= 0.1);
}

#[test]
fn nan_comes_out_where_it_goes_in() {
    let device = Device::flex();
    let config = ChronoLstmConfig::new(CHANNELS, 2).with_hidden_size(UNITS);
    let lstm = config.init(&device).unwrap();
    let mut values = vec![0.1; BATCH * 9 * CHANNELS];
    values[(9 + 4) * CHANNELS] = f32::NAN;
    let x = Tensor::<1>::from_floats(values.as_slice(), &device).reshape([BATCH, 9, CHANNELS]);
    let (y, _) = lstm.forward(x, None);
    let y: Vec<f32> = y.into_data().try_to_vec().unwrap();
    for (step, y) in y.chunks(2).enumerate() {
        let spoilt = (9 + 4..18).contains(&step);
        assert!(y.iter().all(|y| y.is_nan() == spoilt), "step {step}: {y:?}");
    }
}
