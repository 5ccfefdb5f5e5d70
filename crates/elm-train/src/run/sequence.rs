//! Training on the tasks that classify sequences.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use burn::tensor::Device;
use burn::train::metric::{AccuracyMetric, LossMetric};
use burn::train::{Interrupter, SupervisedTraining, TrainLoader, ValidLoader};
use elm_data::shd::{SyntheticShdOptions, generate_shd};
use elm_data::task::{Order, SampleBatches, TaskData, TaskOptions};
use elm_data::{Encoding, SequenceBatch, Split, Task};
use serde::Serialize;

use super::describe::Finished;
use super::experiment::{self, BEST, Experiment};
use super::folder::RunFolder;
use super::history::{Column, History};
use super::outcome::{ResultRow, table};
use super::progress::StatusLine;
use crate::error::Result;
use crate::model::ModelKind;
use crate::recipe::Recipe;
use crate::report::{ClassReport, SamplePicture, render};
use crate::task::sequence::{
    Answer, ClassLoss, Classified, SequenceInput, SequenceLoader, SequenceModel, classify,
};
use crate::{say, tell};

/// Test samples that are drawn: half of them rightly classified, if there are as many.
const EXAMPLES: usize = 8;
/// Longest sequence whose memory is drawn (steps).
const SHOWN_STEPS: usize = 4096;

/// A recipe of a classification task with its data.
pub(super) struct SequenceRun {
    recipe: Recipe,
    encoding: Encoding,
    train: Arc<SampleBatches>,
    valid: Arc<SampleBatches>,
    test: Arc<SampleBatches>,
}

impl SequenceRun {
    /// Opens the data of a recipe; synthetic data that is not there yet is made, unless `stop` is asked for.
    pub(super) fn open(recipe: &Recipe, stop: &Interrupter) -> Result<Self> {
        let (task, data) = (recipe.task, &recipe.data);
        let dir = data.dir.clone().unwrap_or_default();
        if task.is_synthetic() && !dir.exists() {
            make_spikes(recipe, &dir, stop)?;
        }
        let options = recipe.task_options();
        let encoding = task.encoding()?;
        let part = |split, order, pairs: Option<usize>| -> Result<Arc<SampleBatches>> {
            let options = TaskOptions { pairs, ..options };
            let samples: Arc<dyn TaskData> = task.open(&dir, split, &options)?;
            for warning in samples.warnings() {
                tell!("warning: {warning}");
            }
            let size = recipe.train.batch_size;
            let batches = SampleBatches::new(samples, encoding, size, order)?;
            Ok(Arc::new(match split {
                Split::Train => {
                    batches.with_input_dropout(recipe.train.input_dropout as f32, recipe.seed)
                }
                _ => batches,
            }))
        };
        let stored = |most| Order::Stored { most };
        let shuffled = Order::Shuffled { seed: recipe.seed };
        Ok(Self {
            // pairs to train on are drawn as many as published, whatever an epoch is: batches depend on the seed alone
            train: part(Split::Train, shuffled, None)?,
            valid: part(Split::Valid, stored(data.valid_samples), data.valid_samples)?,
            test: part(Split::Test, stored(data.test_samples), data.test_samples)?,
            recipe: recipe.clone(),
            encoding,
        })
    }
}

/// Draws the synthetic spikes of a recipe into `dir`.
fn make_spikes(recipe: &Recipe, dir: &Path, stop: &Interrupter) -> Result<()> {
    let mut options = SyntheticShdOptions::new(dir, recipe.seed);
    options.train = recipe.data.make_train.unwrap_or(options.train);
    options.test = recipe.data.make_test.unwrap_or(options.test);
    say!("drawing synthetic spikes into {}", dir.display());
    let line = std::cell::RefCell::new(StatusLine::new());
    generate_shd(&options, &|progress| {
        let text = format!("drawn {}/{} samples", progress.done, progress.total);
        line.borrow_mut().show(&text);
        match stop.should_stop() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    line.borrow_mut().clear();
    Ok(())
}

impl Experiment for SequenceRun {
    type Objective = ClassLoss;

    const COLUMNS: &'static [Column] = &[Column {
        key: "valid_accuracy_percent",
        metric: "Accuracy",
        title: "accuracy",
        unit: "%",
        decimals: 2,
    }];

    fn batches_per_epoch(&self) -> u64 {
        match self.recipe.train.batches_per_epoch {
            0 => self.train.batches(),
            batches => batches as u64,
        }
    }

    fn init(&self, device: &Device) -> Result<SequenceModel> {
        SequenceModel::init(&self.recipe, device)
    }

    fn loaders(
        &self,
        position: Arc<AtomicU64>,
        device: &Device,
    ) -> (TrainLoader<SequenceModel>, ValidLoader<SequenceModel>) {
        let batches = self.batches_per_epoch();
        let train = SequenceLoader::running(self.train.clone(), batches, position, device);
        let valid = SequenceLoader::fixed(self.valid.clone(), self.valid.batches(), device);
        (Arc::new(train), Arc::new(valid))
    }

    fn with_metrics(
        training: SupervisedTraining<SequenceModel>,
    ) -> SupervisedTraining<SequenceModel> {
        training
            .metric_train_numeric(LossMetric::new())
            .metric_valid_numeric(LossMetric::new())
            .metric_valid_numeric(AccuracyMetric::new())
    }

    fn finish(&self, folder: &RunFolder, history: &History, device: &Device) -> Result<()> {
        let task = self.recipe.task;
        let model = experiment::load(self, folder, device)?;
        let mut line = StatusLine::new();
        let tested = classify(
            &model,
            self.test.clone(),
            task.classes(),
            device,
            &mut |done, total| line.show(&format!("testing, batch {done}/{total}")),
        )?;
        line.clear();
        let rows = self.rows(&tested);
        let result = TestResult {
            task,
            samples: tested.answers.len(),
            rows: &rows,
            result: &tested,
        };
        folder.write_json("test.json", &result)?;
        let published = rows.iter().any(|row| row.published.is_some());
        say!(
            "\n{}",
            table(&rows, if published { "published" } else { "" })
        );
        say!("model  {}", folder.file(BEST).display());
        let finished = Finished {
            recipe: &self.recipe,
            batches: self.batches_per_epoch(),
            items: "samples",
            history,
            model: &model.body,
            trained: model.num_trained(),
            published: None,
            rows: &rows,
            device,
        };
        let mut report = finished.report()?;
        report.classification = Some(self.class_report(&tested)?);
        if finished.neuron().is_some()
            && let Some((x, label)) = self.first_input(device)?
        {
            let title = format!("First test sample, {}", task.class_name(label));
            report.memory_traces = finished.memory(x.x, 0, title)?;
        }
        report.notes = self.notes(tested.answers.len());
        folder.write("report.html", &render(&report))?;
        say!("report {}", folder.file("report.html").display());
        Ok(())
    }
}

/// What `test.json` holds.
#[derive(Serialize)]
struct TestResult<'a> {
    task: Task,
    samples: usize,
    rows: &'a [ResultRow],
    result: &'a Classified,
}

impl SequenceRun {
    fn rows(&self, tested: &Classified) -> Vec<ResultRow> {
        let commonest = tested
            .confusion
            .iter()
            .map(|row| row.iter().sum::<usize>())
            .max();
        let share = commonest.unwrap_or(0) as f64 / tested.answers.len().max(1) as f64;
        // Spieler et al., ICLR 2024, of the neuron with 100 memory units
        let model = &self.recipe.model;
        let published = (self.recipe.task == Task::Shd
            && model.kind == ModelKind::Elm
            && model.num_memory == 100)
            .then_some(86.0);
        let row = |metric, ours, published, decimals| ResultRow {
            metric,
            ours,
            published,
            decimals,
        };
        vec![
            row("Accuracy (%)", 100.0 * tested.accuracy, published, 2),
            row("Cross entropy (nats)", tested.loss, None, 4),
            row("Share of commonest class (%)", 100.0 * share, None, 2),
        ]
    }

    /// Test sample number `place` of those that were tested, without the rest of its batch.
    fn sample(&self, place: usize) -> Result<elm_data::Sample> {
        let size = self.recipe.train.batch_size;
        let indices = self.test.indices((place / size) as u64);
        let (epoch, index) = indices.get(place % size).copied().unwrap_or_default();
        Ok(self.test.data().read(epoch, index)?)
    }

    /// The first input of the first test sample, cut to what can be drawn, and its class.
    fn first_input(&self, device: &Device) -> Result<Option<(SequenceInput, usize)>> {
        let sample = self.sample(0)?;
        let label = sample.label;
        let batches = SequenceBatch::encode(&[sample], &self.encoding)?;
        Ok(batches.into_iter().next().map(|batch| {
            let mut input = SequenceInput::new(batch, device);
            let steps = input.x.dims()[1].min(SHOWN_STEPS);
            input.x = input.x.narrow(1, 0, steps);
            (input, label)
        }))
    }

    fn class_report(&self, tested: &Classified) -> Result<ClassReport> {
        let task = self.recipe.task;
        let samples = examples(&tested.answers)
            .into_iter()
            .map(|place| {
                let answer = tested.answers[place];
                let sample = self.sample(place)?;
                Ok(SamplePicture::new(task, &sample).answered(
                    task.class_name(answer.predicted),
                    answer.probability,
                    answer.predicted == answer.label,
                ))
            })
            .collect::<Result<_>>()?;
        Ok(ClassReport {
            classes: (0..task.classes())
                .map(|class| task.class_name(class))
                .collect(),
            confusion: tested.confusion.clone(),
            samples,
        })
    }

    fn notes(&self, samples: usize) -> Vec<String> {
        let (task, info) = (self.recipe.task, self.recipe.task.info());
        let mut notes = vec![format!(
            "Task {task}: {}. Test: {samples} samples, by the model of the epoch with the least validation loss.",
            info.about
        )];
        if task == Task::Text {
            notes.push(
                "As in the arena, the test reviews also validate: they chose the epoch.".into(),
            );
        }
        if task.is_synthetic() {
            notes.push(
                "The data is drawn by a program: no speech, and no result on it is one on the Heidelberg digits."
                    .into(),
            );
        }
        notes
    }
}

/// Places of the samples to draw: right and wrong ones, evenly spaced, in their order.
fn examples(answers: &[Answer]) -> Vec<usize> {
    let of = |right: bool| -> Vec<usize> {
        (0..answers.len())
            .filter(|&i| (answers[i].label == answers[i].predicted) == right)
            .collect()
    };
    let spaced = |from: &[usize], count: usize| -> Vec<usize> {
        let count = count.min(from.len());
        (0..count).map(|i| from[i * from.len() / count]).collect()
    };
    let (right, wrong) = (of(true), of(false));
    let wrongs = (EXAMPLES / 2).min(wrong.len());
    let mut chosen = spaced(&right, EXAMPLES - wrongs);
    chosen.extend(spaced(&wrong, EXAMPLES - chosen.len()));
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_wrong_answers_are_drawn() {
        let answer = |label, predicted| Answer {
            label,
            predicted,
            probability: 0.5,
        };
        let mut answers = vec![answer(1, 1); 100];
        assert_eq!(examples(&answers).len(), EXAMPLES);
        answers[7] = answer(1, 0);
        answers[50] = answer(0, 1);
        let chosen = examples(&answers);
        assert_eq!(chosen.len(), EXAMPLES);
        assert!(chosen.contains(&7) && chosen.contains(&50), "{chosen:?}");
        assert!(examples(&[]).is_empty());
        assert_eq!(examples(&[answer(0, 1); 3]), [0, 1, 2]);
    }
}
