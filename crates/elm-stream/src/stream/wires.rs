//! The synapses of a layer, by their sources.

use alloc::{vec, vec::Vec};

use crate::lanes::{Lane, WIDTH, lanes};
use crate::{LayerParts, NeuronForm};

/// For each source the branches that read it, and with which weight: a source that is silent costs nothing.
#[derive(Debug, Clone)]
pub(crate) struct Wires {
    /// End of each source's entries.
    ends: Vec<usize>,
    /// Place of the branch among the branches of all neurons, rows in whole lanes; and weight.
    entries: Vec<(u32, f32)>,
}

impl Wires {
    /// From parts that were checked. Several synapses of a branch that read one source are one entry.
    pub fn new(parts: &LayerParts) -> Self {
        let form = &parts.form;
        let sources = parts.inputs + parts.neurons;
        let mut sorted: Vec<(u32, u32, f32)> = (0u32..)
            .zip(parts.connectome.iter().zip(&parts.proto_weight))
            .map(|(s, (source, proto))| (*source, place(s as usize, form), weight(form, *proto)))
            .collect();
        sorted.sort_unstable_by_key(|(source, place, _)| (*source, *place));
        let (mut ends, mut entries) = (vec![0; sources], Vec::<(u32, f32)>::new());
        let mut last = None;
        for (source, place, weight) in sorted {
            match entries.last_mut() {
                Some(entry) if last == Some((source, place)) => entry.1 += weight,
                _ => entries.push((place, weight)),
            }
            last = Some((source, place));
            ends[source as usize] = entries.len();
        }
        // a source that nothing reads ends where the one before it does
        let mut end = 0;
        for at in &mut ends {
            end = end.max(*at);
            *at = end;
        }
        Self { ends, entries }
    }

    /// Adds what a source sends to the branches.
    #[inline(always)]
    pub fn send(&self, source: usize, x: f32, branches: &mut [Lane]) {
        let start = match source {
            0 => 0,
            _ => self.ends[source - 1],
        };
        for (place, weight) in &self.entries[start..self.ends[source]] {
            let place = *place as usize;
            branches[place / WIDTH].0[place % WIDTH] += x * weight;
        }
    }
}

/// Weight of a synapse as its branch adds it up.
fn weight(form: &NeuronForm, proto: f32) -> f32 {
    (form.input_scale * form.synapse_rectification.weight(f64::from(proto))) as f32
}

/// Place of a synapse's branch among the branches of all neurons.
fn place(synapse: usize, form: &NeuronForm) -> u32 {
    let branch = synapse / form.per_branch();
    let (neuron, branch) = (branch / form.branches(), branch % form.branches());
    (neuron * lanes(form.branches()) * WIDTH + branch) as u32
}

/// Neurons with a weight that is infinite or NaN: silent sources make NaN of it, though steps leave them out.
pub(crate) fn broken_neurons(parts: &LayerParts) -> Vec<usize> {
    let each = parts.proto_weight.chunks_exact(parts.form.synapses());
    let broken = |weights: &[f32]| weights.iter().any(|w| !weight(&parts.form, *w).is_finite());
    each.enumerate()
        .filter(|(_, weights)| broken(weights))
        .map(|(n, _)| n)
        .collect()
}
