//! What is known of a simulation without decoding it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::neuronio::simulation::Simulation;

/// What is known of a simulation without decoding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// As [`Simulation::source`].
    pub source: Arc<str>,
    /// As [`Simulation::index`].
    pub index: u32,
    /// As [`Simulation::duration_ms`].
    pub duration_ms: u32,
    /// Number of input spikes.
    pub input_spikes: u32,
    /// Number of output spikes.
    pub output_spikes: u32,
    /// Hash of what tells one simulation from another, whatever its file is called.
    pub(in crate::neuronio) fingerprint: u64,
}

impl Head {
    /// Time (ms) whose input spikes are counted for the fingerprint, ms by ms: about 13 a ms come at random.
    pub(super) const COUNTED_MS: u32 = 512;

    /// From duration, number of events and number of output spikes, and the number of events in each of the first ms.
    pub(super) fn new(source: Arc<str>, index: u32, totals: [u32; 3], counts: &[u32]) -> Self {
        let mut hasher = DefaultHasher::new();
        (totals, counts).hash(&mut hasher);
        Self {
            source,
            index,
            duration_ms: totals[0],
            input_spikes: totals[1],
            output_spikes: totals[2],
            fingerprint: hasher.finish(),
        }
    }

    /// The head of a decoded simulation.
    pub(in crate::neuronio) fn of(simulation: &Simulation) -> Self {
        let first = simulation.duration_ms.min(Self::COUNTED_MS);
        let mut counts = vec![0; first as usize];
        for event in &simulation.events {
            match counts.get_mut(event.time_ms() as usize) {
                Some(count) => *count += 1,
                None => break,
            }
        }
        let totals = [
            simulation.duration_ms,
            simulation.events.len() as u32,
            simulation.output_spikes_ms.len() as u32,
        ];
        Self::new(simulation.source.clone(), simulation.index, totals, &counts)
    }
}
