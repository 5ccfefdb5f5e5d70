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
