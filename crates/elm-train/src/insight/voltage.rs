//! Simulations with their soma voltage and spikes, true and predicted.

use std::cmp::Reverse;
use std::ops::Range;

use elm_data::neuronio::Simulation;

use crate::report::ExampleTrace;
use crate::task::neuronio::Tested;

/// Part of a simulation that is drawn (ms).
const SHOWN_MS: Range<usize> = 500..3500;

/// The `most` simulations with the most output spikes in the part that is shown: silence tells little.
pub(crate) fn examples(
    simulations: &[Simulation],
    tested: &Tested,
    most: usize,
) -> Vec<ExampleTrace> {
    let mut chosen: Vec<usize> = (0..simulations.len()).collect();
    chosen.sort_by_key(|&i| Reverse(shown_spikes(&simulations[i]).len()));
    chosen.truncate(most);
    let chosen = chosen.into_iter();
    chosen
        .map(|i| example(i, &simulations[i], tested))
        .collect()
}

/// Name of a simulation.
pub(crate) fn title(simulation: &Simulation) -> String {
    format!("Simulation {} of {}", simulation.index, simulation.source)
}

/// The part that is shown (ms).
pub(crate) fn shown(simulation: &Simulation) -> Range<usize> {
    let end = SHOWN_MS.end.min(simulation.duration_ms as usize);
    SHOWN_MS.start.min(end)..end
}

fn example(i: usize, simulation: &Simulation, tested: &Tested) -> ExampleTrace {
    let shown = shown(simulation);
    ExampleTrace {
        title: title(simulation),
        start_ms: shown.start as f64,
        true_soma_mv: simulation.clipped_soma_mv()[shown.clone()].to_vec(),
        predicted_soma_mv: tested.evaluation.aligned_soma_mv[i][shown.clone()].to_vec(),
        true_spikes_ms: shown_spikes(simulation),
        spike_probability: tested.predictions[i].spike_probability[shown].to_vec(),
    }
}

fn shown_spikes(simulation: &Simulation) -> Vec<f32> {
    let shown = shown(simulation);
    let inside = |t: &f32| (shown.start as f32..shown.end as f32).contains(t);
    let spikes = simulation.output_spikes_ms.iter().copied();
    spikes.filter(inside).collect()
}
