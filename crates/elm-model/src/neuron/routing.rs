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

    fn neuronio(inputs: usize, branches: usize, per_branch: usize) -> Self {
        let (channels, valid) = elm_stream::neuronio_routing(inputs, branches, per_branch);
        Self {
            channels: channels.into_iter().map(|c| c as usize).collect(),
            valid,
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
