//! Pictures of what a model does, as files of their own.

use std::sync::Arc;

use burn::tensor::Device;
use elm_data::Task;
use elm_data::neuronio::Simulation;
use elm_data::task::TaskData;

use super::{Ablating, ablate, decide, examples};
use crate::error::{Result, TrainError};
use crate::model::ModelFile;
use crate::model::card::ReadoutCard;
use crate::recipe::Readout;
use crate::report::{ClassReport, Decision, Report, pictures};
use crate::stop::Stop;
use crate::task::neuronio::Tested;

/// Simulations that are drawn.
const SIMULATIONS: usize = 1;
/// Samples among which one that is rightly answered and one that is not are looked for.
const LOOKED_AT: usize = 40;
/// Samples that are answered together.
const BATCH: usize = 25;

/// What a model of NeuronIO made of simulations: (file name, SVG).
pub(crate) fn draw_simulations(
    simulations: &[Simulation],
    tested: &Tested,
) -> Vec<(String, String)> {
    pictures(&Report {
        examples: examples(simulations, tested, SIMULATIONS),
        ..Report::default()
    })
}

/// How a model answers samples of a named task: (file name, SVG).
///
/// # Errors
/// If the samples cannot be read or do not fit the model, the task compares pairs, the device fails, or `stop` is asked for.
pub(crate) fn draw_answers(
    file: &ModelFile,
    (task, data): &(Task, Arc<dyn TaskData>),
    device: &Device,
    stop: &Stop,
    progress: &mut dyn FnMut(String),
) -> Result<Vec<(String, String)>> {
    if task.inputs() != 1 {
        return Err(TrainError::Usage(format!(
            "--pictures: {task} compares pairs, whose answer forms at their ends only"
        )));
    }
    let readout = match file.card.output().readout {
        ReadoutCard::Mean => Readout::Mean,
        ReadoutCard::Last | ReadoutCard::EveryStep => Readout::Last,
    };
    let options = file.card.reading().options(None);
    let encoding = task.encoding(&options)?;
    let mut decisions: [Option<Decision>; 2] = [None, None];
    let looked_at = LOOKED_AT.min(data.len());
    for i in 0..looked_at {
        stop.check("stopped before the pictures were drawn")?;
        progress(format!("drawing, sample {}/{looked_at}", i + 1));
        let sample = data.read(0, i * data.len() / looked_at)?;
        let of = (*task, &encoding);
        let Some(decision) = decide(&file.model, readout, of, &sample, device)? else {
            break;
        };
        let place = &mut decisions[usize::from(decision.answer() != decision.label)];
        place.get_or_insert(decision);
        if decisions.iter().all(Option::is_some) {
            break;
        }
    }
    let on = Ablating {
        data: Arc::clone(data),
        encoding,
        batch: BATCH,
        length: task.length(&options),
        readout,
    };
    let ablation = ablate(&file.model, &on, device, stop, &mut |done, all| {
        progress(format!("comparing timescales, group {done}/{all}"));
    })?;
    Ok(pictures(&Report {
        classification: Some(ClassReport {
            decisions: decisions.into_iter().flatten().collect(),
            ablation,
            ..ClassReport::default()
        }),
        ..Report::default()
    }))
}
