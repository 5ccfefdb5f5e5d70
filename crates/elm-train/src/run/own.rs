//! Training on sequences of a user's own.

use std::sync::Arc;

use burn::tensor::Device;
use elm_data::arrays::{
    ArrayBatches, Buckets, InputKind, Parts, Scaler, SequenceData, Target, TargetKind,
};
use elm_data::{BatchSource, Split};
use rayon::prelude::*;

use super::card;
use super::describe::Finished;
use super::experiment::{self, Experiment};
use super::history::Column;
use super::outcome::{Outcome, ResultRow};
use super::progress::StatusLine;
use crate::error::{Result, TrainError};
use crate::model::card::TaskCard;
use crate::recipe::{DataForm, Recipe};
use crate::report::{ClassReport, Report};
use crate::stop::Stop;
use crate::task::own::{ArrayTensors, Judge, OwnBatches, OwnLoss, OwnMeter, SequenceTask};
use crate::task::{OnDevice, TaskModel};
use crate::tell;

/// Longest sequence whose memory is drawn (steps).
const SHOWN_STEPS: usize = 4096;

/// A task of a user's own with its data.
pub(super) struct OwnRun {
    /// For the data as they were found.
    recipe: Recipe,
    name: String,
    about: String,
    notes: Vec<String>,
    data: Arc<dyn SequenceData>,
    parts: Parts,
    scalers: [Scaler; 2],
    judge: Arc<dyn Judge>,
    batches: [Arc<OwnBatches>; 3],
    counts: [u64; 3],
}

impl OwnRun {
    /// Opens the data of a task for the model of a recipe.
    pub(super) fn open(recipe: &Recipe, task: &dyn SequenceTask) -> Result<Self> {
        let data = task.data();
        let mut parts = task.parts(&*data)?;
        let mut notes = task.notes();
        for (split, samples) in [(Split::Train, &parts.train), (Split::Valid, &parts.valid)] {
            if samples.is_empty() {
                return Err(TrainError::Usage(format!(
                    "{}: expected samples for the part {split}, found none of {}; name files for it or give it a share",
                    task.name(),
                    data.len()
                )));
            }
        }
        if parts.test.is_empty() {
            parts.test.clone_from(&parts.valid);
            notes.push("There are no samples to test: those that validate are tested, too.".into());
        }
        for note in &notes {
            tell!("note: {note}");
        }
        let scalers = task.scalers(&*data, &parts.train)?;
        let judge = task.judge(&*data, &scalers[1])?;
        check_targets(&*data, &*judge)?;
        let recipe = recipe.clone().with_form(form(&*data));
        recipe.validate_settings()?;
        let size = recipe.train.batch_size;
        let batches = |samples: &[usize], seed: Option<u64>| -> Result<(Arc<OwnBatches>, u64)> {
            let mut samples = samples.to_vec();
            if seed.is_none() {
                // samples of about the same length come together
                samples.sort_by_key(|sample| data.steps(*sample));
            }
            let buckets = Buckets::new(&*data, &samples, size, seed)?;
            let [inputs, targets] = scalers.clone();
            let batches = ArrayBatches::new(Arc::clone(&data), buckets, inputs, targets)?;
            let count = batches.batches() as u64;
            Ok((Arc::new(OwnBatches(batches)), count))
        };
        let train = batches(&parts.train, Some(recipe.seed))?;
        let valid = batches(&parts.valid, None)?;
        let test = batches(&parts.test, None)?;
        Ok(Self {
            name: task.name(),
            about: task.about(),
            notes,
            counts: [train.1, valid.1, test.1],
            batches: [train.0, valid.0, test.0],
            data,
            parts,
            scalers,
            judge,
            recipe,
        })
    }

    /// Names of the classes; none where the targets are numbers.
    fn classes(&self) -> Vec<String> {
        let targets = self.data.targets();
        let names = targets.classes.names();
        match (targets.kind.is_class(), names.is_empty()) {
            (false, _) => Vec::new(),
            (true, false) => names.to_vec(),
            (true, true) => (0..targets.outputs).map(|c| c.to_string()).collect(),
        }
    }
}

/// What the data ask of a model.
fn form(data: &dyn SequenceData) -> DataForm {
    let targets = data.targets();
    let longest = (0..data.len()).map(|sample| data.steps(sample)).max();
    let inputs: InputKind = data.inputs();
    DataForm {
        inputs: inputs.channels(),
        outputs: Some(targets.outputs),
        steps: longest.unwrap_or(1) - usize::from(targets.kind.is_next()),
        causal: targets.kind.per_step(),
    }
}

/// Looks at all targets once, so that one that does not fit the loss is told now.
fn check_targets(data: &dyn SequenceData, judge: &dyn Judge) -> Result<()> {
    if data.targets().kind.is_class() || judge.fault(f64::NEG_INFINITY).is_none() {
        return Ok(());
    }
    let next = data.targets().kind == TargetKind::NextValue;
    let fault = |sample: usize| -> Result<()> {
        let read = data.sample(sample)?;
        let values = match (read.target, read.inputs) {
            (Target::Values(values) | Target::ValueSteps(values), _) => values,
            (_, elm_data::arrays::Inputs::Values(values)) if next => values,
            _ => return Ok(()),
        };
        match values.iter().find_map(|value| judge.fault(*value)) {
            Some(fault) => Err(TrainError::Usage(format!("sample {sample}: {fault}"))),
            None => Ok(()),
        }
    };
    (0..data.len()).into_par_iter().try_for_each(fault)
}

impl Experiment for OwnRun {
    type Objective = OwnLoss;
    type Source = OwnBatches;
    type Tested = OwnMeter;

    const ITEMS: &'static str = "samples";

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn columns(&self) -> &'static [Column] {
        self.judge.columns()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn card(&self) -> Option<TaskCard> {
        Some(card::of_sequences(
            &self.name,
            &self.recipe,
            &*self.data,
            self.scalers.clone(),
            self.judge.loss(),
        ))
    }

    fn batches_in_data(&self) -> u64 {
        self.counts[0]
    }

    fn init(&self, device: &Device) -> Result<TaskModel<OwnLoss>> {
        let loss = OwnLoss {
            judge: Arc::clone(&self.judge),
            readout: self.recipe.train.readout,
        };
        let body = self.recipe.init_model(device)?;
        Ok(TaskModel::new(body, None, loss))
    }

    fn train(&self) -> Arc<OwnBatches> {
        Arc::clone(&self.batches[0])
    }

    fn valid(&self) -> (Arc<OwnBatches>, u64) {
        (Arc::clone(&self.batches[1]), self.counts[1])
    }

    fn test(
        &self,
        model: &TaskModel<OwnLoss>,
        device: &Device,
        stop: &Stop,
        line: &mut StatusLine,
    ) -> Result<OwnMeter> {
        let batches = (Arc::clone(&self.batches[2]), self.counts[2]);
        experiment::measure(self, model, batches, device, stop, &mut |done, total| {
            line.show(&format!("testing, batch {done}/{total}"));
        })
    }

    fn outcome(&self, _: &TaskModel<OwnLoss>, tested: &OwnMeter) -> Outcome {
        let values = tested.meter().map_or(Vec::new(), |m| m.metrics());
        let mut rows = ResultRow::of(self.columns(), &values);
        rows.push(ResultRow::new("Loss", tested.loss(), 4));
        let confusion = tested.meter().and_then(|m| m.confusion());
        if let Some(confusion) = &confusion {
            let commonest = confusion.iter().map(|row| row.iter().sum::<usize>()).max();
            let share = commonest.unwrap_or(0) as f64 / tested.rows().max(1) as f64;
            rows.push(ResultRow::new(
                "Share of commonest class (%)",
                100.0 * share,
                2,
            ));
        }
        let Parts { train, valid, test } = &self.parts;
        let mut notes = vec![format!(
            "Task {}: {}. {} samples to train on, {} to validate, {} to test, by the model of the epoch with the least \
             validation loss.",
            self.name,
            self.about,
            train.len(),
            valid.len(),
            test.len()
        )];
        notes.extend(self.notes.iter().cloned());
        Outcome {
            samples: test.len(),
            items: "samples",
            rows,
            notes,
            details: serde_json::json!({
                "kind": self.data.targets().kind,
                "classes": self.classes(),
                "confusion": confusion,
            }),
            ..Outcome::default()
        }
    }

    fn illustrate(
        &self,
        tested: &OwnMeter,
        finished: &Finished<'_>,
        report: &mut Report,
    ) -> Result<()> {
        report.plain = true;
        if let Some(confusion) = tested.meter().and_then(|m| m.confusion()) {
            report.classification = Some(ClassReport {
                classes: self.classes(),
                confusion,
                ..ClassReport::default()
            });
        }
        if finished.neuron().is_some() {
            let batch = self.batches[2].make(0)?;
            let steps = batch.lengths.first().copied().unwrap_or(1).min(SHOWN_STEPS);
            let tensors = ArrayTensors::on_device(batch, finished.device);
            let x = tensors.input.x.narrow(0, 0, 1).narrow(1, 0, steps);
            report.memory_traces = finished.memory(x, 0, "Shortest test sample".into())?;
        }
        Ok(())
    }
}
