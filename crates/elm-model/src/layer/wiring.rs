//! Which source each synapse of a layer reads: the connectome.
//!
//! A layer with I input channels and N neurons has the sources `[x_t ; a_{t−1}]`: a number below I is a
//! feed-forward synapse that reads that channel, a number from I on a recurrent one that reads the layer's own
//! activity one step earlier. Every sampler gives each neuron exactly S synapses, is a function of its seed alone,
//! and puts its synapses on the branches in random order.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::ElmError;

/// How the synapses of a layer draw their sources.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Wiring {
    /// Each synapse on its own, with replacement: recurrent with probability `recurrent_connect`, and uniform within
    /// its group (Spieler et al. 2026).
    Random {
        /// Probability that a synapse is recurrent; N/(I+N) unless set.
        #[serde(default)]
        recurrent_connect: Option<f64>,
    },
    /// Each neuron reads every source, channels and neurons alike, exactly once. Needs S = I + N.
    FullyConnected,
    /// Each neuron reads every channel exactly once; its other S − I synapses draw a neuron uniformly, with
    /// replacement. Needs S >= I.
    FeedForwardAll,
    /// A small world on a ring (after Watts and Strogatz, 1998): of each neuron's synapses, the share
    /// `recurrent_connect` (rounded) reads its nearest neighbours on the ring, near to far and both sides in turn, over
    /// again if there are more synapses than neighbours; each of these is rewired with probability `rewire` to a
    /// neuron drawn uniformly from the others. The remaining synapses draw a channel uniformly, with replacement.
    SmallWorld {
        /// Share of each neuron's synapses that is recurrent; N/(I+N) unless set.
        #[serde(default)]
        recurrent_connect: Option<f64>,
        /// Probability that a recurrent synapse leaves the neighbourhood.
        rewire: f64,
    },
    /// Modules of neighbouring neurons, of sizes that differ by one at most. Each synapse is recurrent with
    /// probability `recurrent_connect`; a recurrent one stays in its neuron's module with probability `within` and
    /// draws from the other modules otherwise, uniformly, with replacement.
    Modular {
        /// Number of modules.
        modules: usize,
        /// Probability that a synapse is recurrent; N/(I+N) unless set.
        #[serde(default)]
        recurrent_connect: Option<f64>,
        /// Probability that a recurrent synapse reads its own module.
        within: f64,
    },
}

fn fail(problem: String) -> Result<(), ElmError> {
    Err(ElmError::config("wiring", problem))
}

impl Default for Wiring {
    fn default() -> Self {
        Self::Random {
            recurrent_connect: None,
        }
    }
}

/// The numbers of sources, neurons and synapses that a wiring is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WiringSizes {
    /// Input channels I.
    pub inputs: usize,
    /// Neurons N.
    pub neurons: usize,
    /// Synapses S of each neuron.
    pub synapses: usize,
}

impl Wiring {
    /// Checks that the wiring can be drawn at these sizes.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names what was expected and what was found.
    pub fn validate(&self, sizes: WiringSizes) -> Result<(), ElmError> {
        let WiringSizes {
            inputs,
            neurons,
            synapses,
        } = sizes;
        let probability = |name: &str, value: f64| {
            if (0.0..=1.0).contains(&value) {
                return Ok(());
            }
            fail(format!("needs {name} between 0 and 1, found {value}"))
        };
        match *self {
            Self::Random { recurrent_connect } => {
                probability("recurrent_connect", recurrent_connect.unwrap_or(0.0))
            }
            Self::FullyConnected if synapses != inputs + neurons => fail(format!(
                "fully_connected needs one synapse per source, found {synapses} synapses for {inputs} inputs and {neurons} neurons"
            )),
            Self::FeedForwardAll if synapses < inputs => fail(format!(
                "feed_forward_all needs at least one synapse per input, found {synapses} synapses for {inputs} inputs"
            )),
            Self::FullyConnected | Self::FeedForwardAll => Ok(()),
            Self::SmallWorld {
                recurrent_connect,
                rewire,
            } => {
                probability("recurrent_connect", recurrent_connect.unwrap_or(0.0))?;
                probability("rewire", rewire)?;
                if sizes.recurrent(recurrent_connect) > 0 && neurons < 2 {
                    return fail("small_world needs at least 2 neurons, found 1".to_string());
                }
                Ok(())
            }
            Self::Modular {
                modules,
                recurrent_connect,
                within,
            } => {
                probability("recurrent_connect", recurrent_connect.unwrap_or(0.0))?;
                probability("within", within)?;
                if modules == 0 || modules > neurons {
                    return fail(format!(
                        "modular needs 1 to {neurons} modules, found {modules}"
                    ));
                }
                if modules == 1 && within < 1.0 {
                    return fail(format!(
                        "modular with one module needs within = 1, found {within}"
                    ));
                }
                Ok(())
            }
        }
    }

    /// Draws the connectome, `[neuron, synapse]` row by row, consecutive synapses on one branch.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn sample(&self, sizes: WiringSizes, seed: u64) -> Result<Vec<usize>, ElmError> {
        self.validate(sizes)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut connectome = Vec::with_capacity(sizes.neurons * sizes.synapses);
        for neuron in 0..sizes.neurons {
            let from = connectome.len();
            self.sample_neuron(neuron, sizes, &mut rng, &mut connectome);
            connectome[from..].shuffle(&mut rng);
        }
        Ok(connectome)
    }

    /// Appends the sources of one neuron.
    fn sample_neuron(
        &self,
        neuron: usize,
        sizes: WiringSizes,
        rng: &mut ChaCha8Rng,
        out: &mut Vec<usize>,
    ) {
        let WiringSizes {
            inputs,
            neurons,
            synapses,
        } = sizes;
        match *self {
            Self::Random { recurrent_connect } => {
                let share = sizes.share(recurrent_connect);
                out.extend((0..synapses).map(|_| match rng.random_bool(share) {
                    true => inputs + rng.random_range(0..neurons),
                    false => rng.random_range(0..inputs),
                }));
            }
            Self::FullyConnected => out.extend(0..inputs + neurons),
            Self::FeedForwardAll => {
                out.extend(0..inputs);
                out.extend((inputs..synapses).map(|_| inputs + rng.random_range(0..neurons)));
            }
            Self::SmallWorld {
                recurrent_connect,
                rewire,
            } => {
                let recurrent = sizes.recurrent(recurrent_connect);
                for k in 0..recurrent {
                    let other = match rng.random_bool(rewire) {
                        true => (neuron + rng.random_range(1..neurons)) % neurons,
                        false => ring_neighbour(neuron, k, neurons),
                    };
                    out.push(inputs + other);
                }
                out.extend((recurrent..synapses).map(|_| rng.random_range(0..inputs)));
            }
            Self::Modular {
                modules,
                recurrent_connect,
                within,
            } => {
                let share = sizes.share(recurrent_connect);
                let own = module_of(neuron, neurons, modules);
                let others = neurons - own.len();
                for _ in 0..synapses {
                    out.push(if !rng.random_bool(share) {
                        rng.random_range(0..inputs)
                    } else if rng.random_bool(within) {
                        inputs + rng.random_range(own.clone())
                    } else {
                        // the others are those before the module, then those after it
                        let k = rng.random_range(0..others);
                        inputs + if k < own.start { k } else { k + own.len() }
                    });
                }
            }
        }
    }
}

impl WiringSizes {
    fn share(&self, recurrent_connect: Option<f64>) -> f64 {
        recurrent_connect.unwrap_or(self.neurons as f64 / (self.inputs + self.neurons) as f64)
    }

    fn recurrent(&self, recurrent_connect: Option<f64>) -> usize {
        (self.share(recurrent_connect) * self.synapses as f64).round() as usize
    }
}

/// The k-th nearest other neuron on the ring: one step right, one left, two right, …; over again past the last.
pub fn ring_neighbour(neuron: usize, k: usize, neurons: usize) -> usize {
    let k = k % (neurons - 1);
    let distance = k / 2 + 1;
    match k % 2 {
        0 => (neuron + distance) % neurons,
        _ => (neuron + neurons - distance) % neurons,
    }
}

/// The neurons of the module that holds `neuron`.
pub fn module_of(neuron: usize, neurons: usize, modules: usize) -> core::ops::Range<usize> {
    let start = |module: usize| (module * neurons).div_ceil(modules);
    let module = neuron * modules / neurons;
    start(module)..start(module + 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
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
}
