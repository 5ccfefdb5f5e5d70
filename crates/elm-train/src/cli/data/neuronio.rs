//! NeuronIO simulations in words.

use crate::say;
use elm_data::neuronio::Simulation;

/// A line for each simulation.
pub(super) fn describe(simulations: &[Simulation]) {
    say!(
        "{:>5} {:>9} {:>13} {:>14} {:>11}  source",
        "index",
        "ms",
        "input spikes",
        "output spikes",
        "soma mV"
    );
    for s in simulations {
        let mean = s.soma_mv.iter().sum::<f32>() / s.soma_mv.len().max(1) as f32;
        say!(
            "{:>5} {:>9} {:>13} {:>14} {:>11.2}  {}",
            s.index,
            s.duration_ms,
            s.events.len(),
            s.output_spikes_ms.len(),
            mean,
            s.source
        );
    }
}
