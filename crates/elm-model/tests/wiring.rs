//! What every wiring of a layer promises, over random sizes.
#![allow(clippy::unwrap_used)]

use elm_model::layer::{Wiring, WiringSizes, module_of, ring_neighbour};
use proptest::prelude::*;

fn sizes() -> impl Strategy<Value = WiringSizes> {
    (1usize..40, 2usize..40, 1usize..60).prop_map(|(inputs, neurons, synapses)| WiringSizes {
        inputs,
        neurons,
        synapses,
    })
}

fn probability() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64]
}

/// Fan-in and range, what every wiring promises, and that the seed decides.
fn check(wiring: Wiring, sizes: WiringSizes, seed: u64) -> Vec<usize> {
    let drawn = wiring.sample(sizes, seed).unwrap();
    assert_eq!(drawn.len(), sizes.neurons * sizes.synapses, "fan-in");
    assert!(
        drawn.iter().all(|s| *s < sizes.inputs + sizes.neurons),
        "range"
    );
    assert_eq!(drawn, wiring.sample(sizes, seed).unwrap(), "same seed");
    drawn
}

/// Is a count within 5 standard deviations of `draws · share`?
fn plausible(count: usize, draws: usize, share: f64) -> bool {
    let expected = draws as f64 * share;
    let deviation = (draws as f64 * share * (1.0 - share)).sqrt();
    (count as f64 - expected).abs() <= 5.0 * deviation + 1e-9
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(3), ..ProptestConfig::default() })]

    #[test]
    fn random_draws_its_recurrent_share(sizes in sizes(), share in probability(), seed in any::<u64>()) {
        let drawn = check(Wiring::Random { recurrent_connect: Some(share) }, sizes, seed);
        let recurrent = drawn.iter().filter(|s| **s >= sizes.inputs).count();
        prop_assert!(plausible(recurrent, drawn.len(), share), "{recurrent} of {} at {share}", drawn.len());
    }

    #[test]
    fn random_defaults_to_the_share_of_neurons(sizes in sizes(), seed in any::<u64>()) {
        let drawn = check(Wiring::default(), sizes, seed);
        let share = sizes.neurons as f64 / (sizes.inputs + sizes.neurons) as f64;
        prop_assert!(plausible(drawn.iter().filter(|s| **s >= sizes.inputs).count(), drawn.len(), share));
    }

    #[test]
    fn fully_connected_reads_each_source_once(inputs in 1usize..30, neurons in 1usize..30, seed in any::<u64>()) {
        let sizes = WiringSizes { inputs, neurons, synapses: inputs + neurons };
        for row in check(Wiring::FullyConnected, sizes, seed).chunks(sizes.synapses) {
            let mut row = row.to_vec();
            row.sort_unstable();
            prop_assert!(row.iter().copied().eq(0..sizes.synapses));
        }
    }

    #[test]
    fn feed_forward_all_reads_each_channel_once(inputs in 1usize..30, neurons in 1usize..30, more in 0usize..30, seed in any::<u64>()) {
        let sizes = WiringSizes { inputs, neurons, synapses: inputs + more };
        for row in check(Wiring::FeedForwardAll, sizes, seed).chunks(sizes.synapses) {
            let mut channels: Vec<usize> = row.iter().copied().filter(|s| *s < inputs).collect();
            channels.sort_unstable();
            prop_assert!(channels.into_iter().eq(0..inputs));
        }
    }

    #[test]
    fn small_world_is_a_ring_but_for_what_was_rewired(sizes in sizes(), share in probability(), rewire in probability(), seed in any::<u64>()) {
        let drawn = check(Wiring::SmallWorld { recurrent_connect: Some(share), rewire }, sizes, seed);
        let recurrent = (share * sizes.synapses as f64).round() as usize;
        let (mut far, mut draws) = (0, 0);
        for (neuron, row) in drawn.chunks(sizes.synapses).enumerate() {
            let others: Vec<usize> = row.iter().filter(|s| **s >= sizes.inputs).map(|s| s - sizes.inputs).collect();
            prop_assert_eq!(others.len(), recurrent);
            prop_assert!(!others.contains(&neuron), "no synapse on itself");
            let near: Vec<usize> = (0..recurrent).map(|k| ring_neighbour(neuron, k, sizes.neurons)).collect();
            far += others.iter().filter(|o| !near.contains(o)).count();
            draws += recurrent;
        }
        // a rewired synapse may land in the neighbourhood again
        let outside = 1.0 - (recurrent.min(sizes.neurons - 1) as f64 / (sizes.neurons - 1) as f64);
        prop_assert!(plausible(far, draws, rewire * outside), "{far} of {draws} at {rewire}");
    }

    #[test]
    fn modular_stays_within_by_its_share(sizes in sizes(), modules in 2usize..6, share in probability(), within in probability(), seed in any::<u64>()) {
        let modules = modules.min(sizes.neurons);
        let drawn = check(Wiring::Modular { modules, recurrent_connect: Some(share), within }, sizes, seed);
        let (mut recurrent, mut own) = (0, 0);
        for (neuron, row) in drawn.chunks(sizes.synapses).enumerate() {
            let module = module_of(neuron, sizes.neurons, modules);
            prop_assert!(module.contains(&neuron));
            let others = row.iter().filter(|s| **s >= sizes.inputs).map(|s| s - sizes.inputs);
            recurrent += others.clone().count();
            own += others.filter(|o| module.contains(o)).count();
        }
        prop_assert!(plausible(recurrent, drawn.len(), share));
        prop_assert!(plausible(own, recurrent, within));
    }

    #[test]
    fn modules_are_of_equal_size(neurons in 1usize..200, modules in 1usize..20) {
        let modules = modules.min(neurons);
        let mut covered = 0;
        while covered < neurons {
            let module = module_of(covered, neurons, modules);
            prop_assert_eq!(module.start, covered);
            prop_assert!((neurons / modules..=neurons.div_ceil(modules)).contains(&module.len()));
            covered = module.end;
        }
    }
}

#[test]
fn seeds_differ() {
    let sizes = WiringSizes {
        inputs: 20,
        neurons: 20,
        synapses: 20,
    };
    let wiring = Wiring::default();
    assert_ne!(
        wiring.sample(sizes, 1).unwrap(),
        wiring.sample(sizes, 2).unwrap()
    );
}

#[test]
fn ring_neighbours_come_near_to_far() {
    let order: Vec<usize> = (0..5).map(|k| ring_neighbour(0, k, 6)).collect();
    assert_eq!(order, [1, 5, 2, 4, 3]);
    assert_eq!(ring_neighbour(4, 5, 6), 5, "over again");
}

#[test]
fn wirings_that_cannot_be_drawn_are_errors() {
    let sizes = WiringSizes {
        inputs: 3,
        neurons: 4,
        synapses: 2,
    };
    for wiring in [
        Wiring::FullyConnected,
        Wiring::FeedForwardAll,
        Wiring::Random {
            recurrent_connect: Some(1.5),
        },
        Wiring::Random {
            recurrent_connect: Some(f64::NAN),
        },
        Wiring::SmallWorld {
            recurrent_connect: None,
            rewire: -0.1,
        },
        Wiring::Modular {
            modules: 5,
            recurrent_connect: None,
            within: 0.5,
        },
        Wiring::Modular {
            modules: 1,
            recurrent_connect: None,
            within: 0.5,
        },
    ] {
        let error = wiring.sample(sizes, 0).unwrap_err().to_string();
        assert!(error.contains("`wiring`"), "{error}");
    }
}
