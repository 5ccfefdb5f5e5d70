//! Which channel each synapse reads.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::config::{ElmNeuronConfig, Routing};

/// One channel per synapse, and which synapses are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutingTable {
    /// Channel of each synapse, `[synapse]`.
    pub channels: Vec<usize>,
    /// Does the synapse count? `[synapse]`.
    pub valid: Vec<bool>,
}

impl RoutingTable {
    /// The table for a configuration; `None` where synapse i simply reads channel i.
    pub fn new(config: &ElmNeuronConfig) -> Option<Self> {
        let (inputs, form) = (config.num_inputs, config.form());
        match config.routing {
            Routing::None => None,
            Routing::Random { seed } => Some(Self::random(inputs, form.synapses(), seed)),
            Routing::Neuronio => Some(Self::neuronio(inputs, form.branches(), form.per_branch())),
        }
    }

    fn random(inputs: usize, synapses: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            channels: (0..synapses).map(|_| rng.random_range(0..inputs)).collect(),
            valid: vec![true; synapses],
        }
    }

    /// Interlocks the two halves of the channels, `perm[k] = (k mod 2)·⌊I/2⌋ + ⌊k/2⌋`; branch d reads
    /// the window that starts at `d·⌈I/D⌉`. Entries past the end read the last one and are not valid.
    fn neuronio(inputs: usize, branches: usize, per_branch: usize) -> Self {
        let stride = inputs.div_ceil(branches);
        let interlocked = |k: usize| (k % 2) * (inputs / 2) + k / 2;
        let places = (0..branches).flat_map(|d| (0..per_branch).map(move |k| d * stride + k));
        Self {
            channels: places
                .clone()
                .map(|p| interlocked(p.min(inputs - 1)))
                .collect(),
            valid: places.map(|p| p < inputs).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_inputs_interlock_as_published() {
        // as published: n = 7 gives 0 3 1 4 2 5 3, the middle twice and never the last
        let table = RoutingTable::neuronio(7, 1, 7);
        assert_eq!(table.channels, [0, 3, 1, 4, 2, 5, 3]);
        assert!(table.valid.iter().all(|v| *v));
    }

    #[test]
    fn published_neuron_has_218_invalid_synapses() {
        let table = RoutingTable::neuronio(1278, 45, 100);
        assert_eq!(table.valid.iter().filter(|v| !**v).count(), 218);
        assert_eq!(table.valid[4400..].iter().filter(|v| **v).count(), 2);
    }

    #[test]
    fn random_routing_is_seeded_and_in_range() {
        let table = RoutingTable::random(10, 200, 3);
        assert_eq!(table, RoutingTable::random(10, 200, 3));
        assert_ne!(table, RoutingTable::random(10, 200, 4));
        assert!((0..10).all(|c| table.channels.contains(&c)));
        assert!(table.channels.iter().all(|c| *c < 10));
    }
}
