//! Streams of any form against the equations, step by step.
#![allow(clippy::unwrap_used)]

mod common;

use common::oracle::Oracle;
use common::random::{Draw, cases, form};
use elm_stream::equations::OutputActivation;
use elm_stream::{
    ElmStream, InputEmbedding, LayerState, LayerStream, NetworkState, NetworkStream, NeuronForm,
    NeuronState, Trace,
};
use proptest::prelude::*;

/// Sums of f32 differ from the oracle's by what was added up, not by what is left of it.
fn near(found: &[f32], expected: &[f64]) -> Result<(), String> {
    let largest = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        if (f64::from(*found) - expected).abs() > 2e-4 * largest {
            return Err(format!("found {found}, expected {expected}"));
        }
    }
    assert_eq!(found.len(), expected.len());
    Ok(())
}

fn routed(x: &[f32], channels: &Option<Vec<u32>>) -> Vec<f64> {
    match channels {
        None => x.iter().map(|x| f64::from(*x)).collect(),
        Some(channels) => channels.iter().map(|c| f64::from(x[*c as usize])).collect(),
    }
}

/// The channels that are not zero, backwards and one of them in two parts.
fn events(x: &[f32]) -> Vec<(usize, f32)> {
    let active = x
        .iter()
        .copied()
        .enumerate()
        .rev()
        .filter(|(_, x)| *x != 0.0);
    let mut events: Vec<(usize, f32)> = active.collect();
    if let Some((channel, x)) = events.first().copied() {
        events[0].1 = 0.25 * x;
        events.push((channel, 0.75 * x));
    }
    events
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn neurons_follow_the_equations(
        form in form(), inputs in 1usize..70, outputs in 1usize..20, routed_ in any::<bool>(), seed in 1u64..u64::MAX,
    ) {
        let mut draw = Draw(seed);
        let parts = draw.neuron(form, inputs, outputs, routed_);
        let mut oracle = Oracle::of_neuron(&parts);
        let (mut dense, mut sparse) = (parts.stream().unwrap(), parts.stream().unwrap());
        for t in 0..25 {
            let x = draw.input(inputs);
            let expected = oracle.step(&routed(&x, &parts.channels));
            let found = near(dense.step(&x).unwrap(), &expected);
            prop_assert!(found.is_ok(), "step {t}: {found:?}");
            let found = near(sparse.step_events(&events(&x)).unwrap(), &expected);
            prop_assert!(found.is_ok(), "events of step {t}: {found:?}");
            let found = near(dense.memory(), &oracle.memory);
            prop_assert!(found.is_ok(), "memory at step {t}: {found:?}");
        }
    }

    #[test]
    fn layers_follow_the_equations(form in form(), inputs in 1usize..30, neurons in 1usize..9, seed in 1u64..u64::MAX) {
        let mut draw = Draw(seed);
        let parts = draw.layer(form, inputs, neurons);
        let mut oracles = Oracle::of_layer(&parts);
        let (mut dense, mut sparse) = (parts.stream().unwrap(), parts.stream().unwrap());
        let mut activity = vec![0.0; neurons];
        for t in 0..20 {
            let x = draw.input(inputs);
            let sources: Vec<f64> = x.iter().map(|x| f64::from(*x)).chain(activity).collect();
            let synapses = parts.form.synapses();
            let read = |n: usize| -> Vec<f64> {
                parts.connectome[n * synapses..][..synapses].iter().map(|s| sources[*s as usize]).collect()
            };
            activity = oracles.iter_mut().enumerate().map(|(n, oracle)| oracle.step(&read(n))[0]).collect();
            let found = near(dense.step(&x).unwrap(), &activity);
            prop_assert!(found.is_ok(), "step {t}: {found:?}");
            let found = near(sparse.step_events(&events(&x)).unwrap(), &activity);
            prop_assert!(found.is_ok(), "events of step {t}: {found:?}");
            let memory = near(dense.memory(neurons - 1).unwrap(), &oracles[neurons - 1].memory);
            prop_assert!(memory.is_ok(), "memory at step {t}: {memory:?}");
            // a chaotic layer grows its rounding errors: go on from what the stream has
            activity = dense.activity().iter().map(|a| f64::from(*a)).collect();
        }
    }

    /// A stream that is stopped, written as JSON and continued elsewhere goes on as if nothing had been.
    #[test]
    fn states_go_through_json(form in form(), inputs in 1usize..20, seed in 1u64..u64::MAX) {
        let mut draw = Draw(seed);
        let neuron = draw.neuron(form.clone(), inputs, 3, true);
        let network = draw.network(&form, &[inputs, 4, 3], Some(5));
        let (mut a, mut b) = (neuron.stream().unwrap(), network.stream().unwrap());
        for _ in 0..9 {
            let x = draw.input(inputs);
            a.step(&x).unwrap();
            b.step(&x).unwrap();
        }
        let json = (serde_json::to_string(&a.state()).unwrap(), serde_json::to_string(&b.state()).unwrap());
        let (mut c, mut d) = (neuron.stream().unwrap(), network.stream().unwrap());
        c.set_state(&serde_json::from_str::<NeuronState>(&json.0).unwrap()).unwrap();
        d.set_state(&serde_json::from_str::<NetworkState>(&json.1).unwrap()).unwrap();
        prop_assert_eq!(a.state(), c.state());
        prop_assert_eq!(b.state(), d.state());
        for _ in 0..9 {
            let x = draw.input(inputs);
            prop_assert_eq!(a.step(&x).unwrap(), c.step(&x).unwrap());
            prop_assert_eq!(b.step(&x).unwrap(), d.step(&x).unwrap());
        }
        a.reset();
        prop_assert_eq!(a.state(), neuron.stream().unwrap().state());
    }
}

#[test]
fn a_folded_stream_takes_the_trace_of_the_branches() {
    // more branches than hidden units: the stream keeps the first map's share
    let form = NeuronForm::v2()
        .with_num_memory(3)
        .with_hidden_size(Some(4));
    let parts = Draw(5).neuron(form, 12, 2, false);
    let (mut stream, mut oracle) = (parts.stream().unwrap(), Oracle::of_neuron(&parts));
    let x: Vec<f32> = (0..12).map(|i| (i as f32 - 4.0) / 6.0).collect();
    let sources: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    (0..7).for_each(|_| drop(oracle.step(&sources)));
    let state = NeuronState {
        trace: Trace::Branch(common::singles(&oracle.branch)),
        memory: common::singles(&oracle.memory),
        readout_mean: None,
    };
    stream.set_state(&state).unwrap();
    assert!(matches!(stream.state().trace, Trace::Drive(drive) if drive.len() == 4));
    near(stream.step(&x).unwrap(), &oracle.step(&sources)).unwrap();
}

#[test]
fn spikes_are_zero_or_one() {
    let form = NeuronForm::network()
        .with_num_memory(4)
        .with_num_branches(Some(3))
        .with_synapses_per_branch(Some(2))
        .with_output_activation(OutputActivation::Spike);
    let parts = Draw(11).layer(form, 5, 20);
    let mut stream = parts.stream().unwrap();
    let mut fired = [0, 0];
    for t in 0..50 {
        let y = stream.step(&[f32::from(u8::from(t % 3 == 0)); 5]).unwrap();
        assert!(y.iter().all(|y| *y == 0.0 || *y == 1.0));
        y.iter().for_each(|y| fired[*y as usize] += 1);
    }
    assert!(fired[0] > 50 && fired[1] > 50, "{fired:?}");
}

#[test]
fn tokens_are_channels_of_the_embedding() {
    let mut parts = Draw(3).network(
        &NeuronForm::network().with_num_memory(2),
        &[6, 4, 2],
        Some(3),
    );
    parts.input_embedding = InputEmbedding::OneHot { scale: 2.5 };
    let mut tokens = parts.stream().unwrap();
    parts.input_embedding = InputEmbedding::None;
    let mut numbers = parts.stream().unwrap();
    for token in [0, 5, 3, 3, 1] {
        let mut x = [0.0; 6];
        x[token] = 2.5;
        assert_eq!(tokens.step_token(token).unwrap(), numbers.step(&x).unwrap());
    }
    let state = tokens.state();
    let refused = [
        tokens.step_token(6).unwrap_err(),
        tokens.step(&[0.0; 6]).unwrap_err(),
        tokens.step_events(&[(0, 1.0)]).unwrap_err(),
        numbers.step_token(0).unwrap_err(),
    ];
    for (error, words) in refused
        .iter()
        .zip(["below 6, found 6", "a token", "a token", "numbers"])
    {
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(tokens.state(), state, "moved by an error");
}

/// What a stream gives after a step on one strange number among others.
fn after(step: impl FnOnce(&mut [f32]) -> Vec<f32>, channel: usize, value: f32) -> Vec<f32> {
    let mut x = [0.0f32; 20];
    x[channel] = value;
    step(&mut x)
}

#[test]
fn nan_comes_out_of_every_channel_and_infinities_as_the_equations_have_it() {
    for hidden in [4, 30] {
        // channel 19 is read by no synapse that counts, and channel 18 by one of weight 0
        let form = NeuronForm::v2()
            .with_num_memory(3)
            .with_hidden_size(Some(hidden))
            .with_num_branches(Some(10))
            .with_synapses_per_branch(Some(2));
        for trace in [true, false] {
            let form = match trace {
                true => form.clone(),
                false => form
                    .clone()
                    .with_branch_tau(elm_stream::equations::FilterTau::Off),
            };
            let mut parts = Draw(9).neuron(form, 20, 2, true);
            let channels = (0..20u32).collect();
            parts.channels = Some(channels);
            parts.valid = Some((0..20).map(|s| s != 19).collect());
            parts.proto_weight[18] = -1.0;
            for channel in 0..20 {
                let mut dense: ElmStream = parts.stream().unwrap();
                let mut sparse = dense.clone();
                let found = after(|x| dense.step(x).unwrap().to_vec(), channel, f32::NAN);
                assert!(
                    found.iter().all(|y| y.is_nan()),
                    "channel {channel}: {found:?}"
                );
                let found = sparse.step_events(&[(channel, f32::NAN)]).unwrap();
                assert!(
                    found.iter().all(|y| y.is_nan()),
                    "event {channel}: {found:?}"
                );
                assert!(
                    dense.step(&[0.0; 20]).unwrap().iter().all(|y| y.is_nan()),
                    "it stays in the memory"
                );
                dense.reset();
                assert!(
                    dense
                        .step(&[0.0; 20])
                        .unwrap()
                        .iter()
                        .all(|y| y.is_finite())
                );
                for infinite in [f32::INFINITY, f32::NEG_INFINITY] {
                    // it may saturate; where it meets a weight of 0 it is NaN
                    let (mut stream, mut oracle) =
                        (parts.stream().unwrap(), Oracle::of_neuron(&parts));
                    let found = after(|x| stream.step(x).unwrap().to_vec(), channel, infinite);
                    let mut x = [0.0; 20];
                    x[channel] = f64::from(infinite);
                    for (found, expected) in found.iter().zip(oracle.step(&x)) {
                        let near = (f64::from(*found) - expected).abs() < 1e-5;
                        assert!(
                            found.is_nan() || near,
                            "channel {channel}: {found}, expected {expected}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_nan_reaches_the_neurons_that_read_it_and_no_others() {
    let form = NeuronForm::network()
        .with_num_memory(2)
        .with_num_branches(Some(1))
        .with_synapses_per_branch(Some(1))
        .with_high_pass_tau(elm_stream::equations::FilterTau::Off);
    let mut parts = Draw(2).layer(form, 1, 3);
    // the channel to neuron 0, that to neuron 1, and neuron 2 reads itself
    parts.connectome = vec![0, 1, 3];
    let mut stream: LayerStream = parts.stream().unwrap();
    for nan in [[true, false, false], [true, true, false]] {
        let found: Vec<bool> = stream
            .step(&[f32::NAN])
            .unwrap()
            .iter()
            .map(|y| y.is_nan())
            .collect();
        assert_eq!(found, nan);
    }
    let text = serde_json::to_string(&stream.state()).unwrap();
    let state: LayerState = serde_json::from_str(&text).unwrap();
    assert!(text.contains("nan") && state.activity[0].is_nan() && state.activity[2].is_finite());
}

#[test]
fn weights_that_are_not_finite_come_out_of_silence() {
    let form = NeuronForm::v1()
        .with_num_memory(2)
        .with_hidden_size(Some(3));
    for bad in [f32::NAN, f32::INFINITY] {
        let mut neuron = Draw(4).neuron(form.clone(), 7, 1, false);
        neuron.proto_weight[5] = bad;
        assert!(neuron.stream().unwrap().step_events(&[]).unwrap()[0].is_nan());
        let mut layer = Draw(4).layer(
            form.clone()
                .with_num_branches(Some(2))
                .with_synapses_per_branch(Some(2)),
            7,
            2,
        );
        layer.proto_weight[5] = bad;
        let y = layer.stream().unwrap().step_events(&[]).unwrap().to_vec();
        assert!(y[0].is_finite() && y[1].is_nan(), "{y:?}");
    }
}

#[test]
fn errors_say_what_was_expected_and_leave_the_stream_where_it_was() {
    let form = NeuronForm::v2().with_num_memory(2);
    let parts = Draw(6).neuron(form.clone(), 4, 2, false);
    let mut stream = parts.stream().unwrap();
    stream.step(&[1.0; 4]).unwrap();
    let state = stream.state();
    let error = stream.step(&[0.0; 5]).unwrap_err().to_string();
    assert_eq!(error, "`x`: expected 4 numbers, found 5");
    let error = stream
        .step_events(&[(0, 1.0), (4, 1.0)])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "`channel of an event`: expected indices below 4, found 4 at place 1"
    );
    for change in 0..4 {
        let mut other = state.clone();
        match change {
            0 => other.memory.push(0.0),
            1 => other.readout_mean = Some(vec![0.0; 2]),
            2 => other.trace = Trace::Off,
            _ => other.trace = Trace::Branch(vec![0.0; 5]),
        }
        assert!(stream.set_state(&other).is_err());
    }
    assert_eq!(stream.state(), state);

    let mut network: NetworkStream = Draw(6).network(&form, &[4, 3, 2], None).stream().unwrap();
    let error = network.step(&[0.0; 3]).unwrap_err().to_string();
    assert_eq!(error, "`x`: expected 4 numbers, found 3");
    let mut state = network.state();
    state.layers[1].activity.pop();
    let error = network.set_state(&state).unwrap_err().to_string();
    assert!(
        error.starts_with("layer 1: `state.activity`: expected 2"),
        "{error}"
    );
}

#[test]
fn parts_that_do_not_fit_are_errors() {
    let form = NeuronForm::network()
        .with_num_memory(2)
        .with_num_branches(Some(3))
        .with_synapses_per_branch(Some(2));
    let good = Draw(8).neuron(form.clone(), 5, 2, true);
    type Change<T> = (&'static str, fn(&mut T));
    let changes: [Change<elm_stream::NeuronParts>; 12] = [
        ("inputs", |p| p.inputs = 0),
        ("outputs", |p| p.outputs = 0),
        ("channels", |p| p.channels = None),
        ("channels", |p| p.channels.as_mut().unwrap()[4] = 5),
        ("valid", |p| p.valid.as_mut().unwrap().truncate(1)),
        ("proto_weight", |p| p.proto_weight.push(0.0)),
        ("mlp", |p| p.mlp.truncate(1)),
        ("mlp[0].weight", |p| p.mlp[0].weight.push(0.0)),
        ("mlp[1].bias", |p| p.mlp[1].bias.clear()),
        ("proto_tau", |p| p.proto_tau.clear()),
        ("readout", |p| p.outputs = 3),
        ("lambda", |p| p.form.lambda = f64::NAN),
    ];
    for (what, change) in changes {
        let mut parts = good.clone();
        change(&mut parts);
        let error = parts.stream().unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
    let good = Draw(8).network(&form, &[5, 4, 3], Some(2));
    let changes: [Change<elm_stream::NetworkParts>; 6] = [
        ("layers", |p| p.layers.clear()),
        ("layer 1: `inputs`", |p| p.layers[1].inputs = 5),
        ("layer 0: `connectome`", |p| p.layers[0].connectome[3] = 9),
        ("layer 1: `bias`", |p| p.layers[1].bias.clear()),
        ("linear.weight", |p| {
            p.linear.as_mut().unwrap().bias.push(0.0)
        }),
        ("input_embedding", |p| {
            p.input_embedding = InputEmbedding::OneHot {
                scale: f64::INFINITY,
            }
        }),
    ];
    for (what, change) in changes {
        let mut parts = good.clone();
        change(&mut parts);
        let error = parts.stream().unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}
