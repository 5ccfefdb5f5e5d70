//! Options that files carry beside the form of the neuron.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// How the channels of a single neuron reach its synapses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// Synapse `i` reads channel `i`.
    #[default]
    None,
    /// Each synapse draws its channel uniformly, with replacement.
    Random {
        /// Seed of the draw.
        seed: u64,
    },
    /// Neighbouring branches read overlapping windows of the interlocked excitatory and inhibitory channels.
    Neuronio,
}

/// Channel of each synapse, and whether it counts, of the [`Neuronio`](Routing::Neuronio) routing; both `[synapse]`.
///
/// Interlocks the two halves of the I channels, `perm[k] = (k mod 2)·⌊I/2⌋ + ⌊k/2⌋`; branch d reads the window that
/// starts at `d·⌈I/D⌉`. Entries past the end read the last one and do not count. Empty where a size is 0.
pub fn neuronio_routing(
    inputs: usize,
    branches: usize,
    per_branch: usize,
) -> (Vec<u32>, Vec<bool>) {
    let stride = inputs
        .checked_div(branches)
        .map_or(0, |_| inputs.div_ceil(branches));
    let branches = if inputs == 0 { 0 } else { branches };
    let place = |s: usize| (s / per_branch * stride).saturating_add(s % per_branch);
    let interlocked = |k: usize| (k % 2) * (inputs / 2) + k / 2;
    (0..branches * per_branch)
        .map(|s| {
            (
                interlocked(place(s).min(inputs - 1)) as u32,
                place(s) < inputs,
            )
        })
        .unzip()
}

/// How the input of a network becomes that of its first layer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum InputEmbedding {
    /// Numbers per channel, as they come.
    #[default]
    None,
    /// Numbers per channel, times a factor.
    Scaled {
        /// The factor.
        scale: f64,
    },
    /// Tokens: the channel that a token names is `scale`, all others are 0.
    OneHot {
        /// The factor.
        scale: f64,
    },
}

impl InputEmbedding {
    /// Factor on the input.
    pub fn scale(self) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Scaled { scale } | Self::OneHot { scale } => scale,
        }
    }
}

/// How the activity of the last layer becomes the output of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputEmbedding {
    /// It is the output.
    #[default]
    None,
    /// A linear map with bias.
    Linear,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_inputs_interlock_as_published() {
        // n = 7 gives 0 3 1 4 2 5 3: the middle twice, and never the last
        let (channels, valid) = neuronio_routing(7, 1, 7);
        assert_eq!(channels, [0, 3, 1, 4, 2, 5, 3]);
        assert!(valid.iter().all(|v| *v));
    }

    #[test]
    fn the_published_neuron_has_218_synapses_that_do_not_count() {
        let (_, valid) = neuronio_routing(1278, 45, 100);
        assert_eq!(valid.iter().filter(|v| !**v).count(), 218);
        assert_eq!(valid[4400..].iter().filter(|v| **v).count(), 2);
    }

    #[test]
    fn sizes_of_zero_route_nothing() {
        for (inputs, branches, per_branch) in [(0, 3, 4), (3, 0, 4), (3, 4, 0)] {
            assert!(neuronio_routing(inputs, branches, per_branch).0.is_empty());
        }
    }
}
