//! Which timescales of a neuron's memory matter: groups of units are cut off, and what is lost is measured.

use std::sync::Arc;

use burn::tensor::Device;
use elm_data::task::{Order, SampleBatches, TaskData};
use elm_data::{BatchSource, Encoding};
use elm_model::ElmNeuron;

use crate::error::Result;
use crate::model::SequenceToSequence;
use crate::recipe::Readout;
use crate::report::{AblatedUnits, Ablation, TimeUnit};
use crate::stop::Stop;
use crate::task::numbers;
use crate::task::sequence::{SequenceInput, read_out};

/// Groups of about equally many units, from the shortest timescales to the longest.
const GROUPS: usize = 8;
/// Samples that are answered, evenly spaced: a whole test set would be answered nine times. Of long sequences fewer, so that
/// about so many steps are computed for each answer.
const SAMPLES: std::ops::RangeInclusive<usize> = 100..=500;
const STEPS: usize = 1 << 20;

/// Data to measure on.
pub(crate) struct Ablating {
    /// Samples with one input sequence each.
    pub data: Arc<dyn TaskData>,
    /// How they become channels.
    pub encoding: Encoding,
    /// Samples that are answered together.
    pub batch: usize,
    /// Steps of the longest sequences.
    pub length: usize,
    /// Where the answer is read out.
    pub readout: Readout,
}

/// The share of right answers of a whole neuron and of those that lack a group of memory units each. None for other models
/// than a neuron.
///
/// # Errors
/// If the data cannot be read, the device fails, or `stop` is asked for.
pub(crate) fn ablate(
    model: &SequenceToSequence,
    on: &Ablating,
    device: &Device,
    stop: &Stop,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Option<Ablation>> {
    let SequenceToSequence::Elm(neuron) = model else {
        return Ok(None);
    };
    // bins, or steps whose length was set
    let timed = matches!(on.encoding, Encoding::Counts { .. }) || neuron.config().neuron.dt != 1.0;
    let taus = numbers(neuron.timescales_ms()?)?;
    let mut order: Vec<usize> = (0..taus.len()).collect();
    order.sort_by(|a, b| taus[*a].total_cmp(&taus[*b]));
    let cuts = |g: usize| g * order.len() / GROUPS;
    let groups: Vec<&[usize]> = (0..GROUPS)
        .map(|g| &order[cuts(g)..cuts(g + 1)])
        .filter(|units| !units.is_empty())
        .collect();
    let most = (STEPS / on.length.max(1)).clamp(*SAMPLES.start(), *SAMPLES.end());
    let order = Order::Stored { most: Some(most) };
    let batches = SampleBatches::new(Arc::clone(&on.data), on.encoding, on.batch, order)?;
    let all = groups.len() + 1;
    progress(0, all);
    let whole = accuracy(neuron, on, &batches, device, stop)?;
    let mut found = Vec::with_capacity(groups.len());
    for (done, units) in (1..).zip(groups) {
        progress(done, all);
        let cut = neuron.without_units(units)?;
        let ends = [units[0], units[units.len() - 1]];
        found.push(AblatedUnits {
            tau: ends.map(|unit| taus[unit]),
            units: units.len(),
            accuracy: accuracy(&cut, on, &batches, device, stop)?,
        });
    }
    Ok(Some(Ablation {
        accuracy: whole,
        samples: batches.samples(),
        unit: TimeUnit::of(timed),
        groups: found,
    }))
}

/// The share of right answers, 0 to 1.
fn accuracy(
    neuron: &ElmNeuron,
    on: &Ablating,
    batches: &SampleBatches,
    device: &Device,
    stop: &Stop,
) -> Result<f64> {
    let mut right = 0;
    for index in 0..batches.batches() {
        stop.check("stopped while timescales were compared")?;
        let Some(batch) = batches.make(index)?.into_iter().next() else {
            continue;
        };
        let labels = batch.labels.clone();
        let input = SequenceInput::new(batch, device);
        let lengths = input.lengths.as_deref();
        let y = neuron.try_forward(input.x.clone(), None)?.0;
        let answers = read_out(on.readout, y, lengths).argmax(1).float();
        let answers = numbers(answers)?;
        let pairs = labels.iter().zip(answers);
        right += pairs
            .filter(|(label, answer)| **label == *answer as usize)
            .count();
    }
    Ok(right as f64 / batches.samples().max(1) as f64)
}
