//! NeuronIO simulations in words.

use elm_data::neuronio::Described;

use crate::say;

/// A line for each simulation.
pub(super) fn table(simulations: &[Described]) {
    say!(
        "{:>5} {:>9} {:>13} {:>14} {:>11}  source",
        "index",
        "ms",
        "input spikes",
        "output spikes",
        "soma mV"
    );
    for Described { head, soma_mean_mv } in simulations {
        let soma = soma_mean_mv.map_or("-".into(), |mean| format!("{mean:.2}"));
        say!(
            "{:>5} {:>9} {:>13} {:>14} {soma:>11}  {}",
            head.index,
            head.duration_ms,
            head.input_spikes,
            head.output_spikes,
            head.source
        );
    }
}
