//! Training on the tasks that classify sequences.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use elm_data::made::Provenance;
use elm_data::shd::SyntheticShdRequest;
use elm_data::task::{Order, Published, SampleBatches};
use elm_data::{Encoding, SequenceBatch, Split};

use super::describe::Finished;
use super::experiment::{self, Experiment};
use super::history::Column;
use super::outcome::{Outcome, ResultRow};
use super::progress::StatusLine;
use crate::error::Result;
use crate::insight::{Ablating, ablate, decide};
use crate::recipe::Recipe;
use crate::report::{ClassReport, Report, SamplePicture};
use crate::stop::Stop;
use crate::task::sequence::{Answer, ClassLoss, Classified, SequenceInput, SequenceModel};
use crate::{say, tell};

/// Test samples that are drawn: half of them rightly classified, if there are as many.
const EXAMPLES: usize = 8;
/// Longest sequence whose memory is drawn (steps).
const SHOWN_STEPS: usize = 4096;
/// Synthetic spikes that are drawn where nothing is said of them: their seed, samples to train and validate, and to test.
const NEW_SEED: u64 = 1;
const NEW_TRAIN: usize = 2500;
const NEW_TEST: usize = 500;

/// A recipe of a classification task with its data.
pub(super) struct SequenceRun {
    recipe: Recipe,
    encoding: Encoding,
    train: Arc<SampleBatches>,
    valid: Arc<SampleBatches>,
    test: Arc<SampleBatches>,
    /// How the test's files were made, where a program of this project made them.
    made: Option<Provenance>,
}

impl SequenceRun {
    /// Opens the data of a recipe; synthetic data that is not there yet is made, unless `stop` is asked for.
    pub(super) fn open(recipe: &Recipe, stop: &Stop) -> Result<Self> {
        let (task, data) = (recipe.task, &recipe.data);
        let dir = data.dir.clone().unwrap_or_default();
        if task.is_synthetic() {
            make_spikes(recipe, &dir, stop)?;
        }
        // pairs to train on are drawn as many as published, whatever an epoch is: batches depend on the seed alone
        let pairs = [None, data.valid_samples, data.test_samples];
        let parts = task.open_parts(&dir, &recipe.task_options(), pairs)?;
        for warning in parts.warnings() {
            tell!("warning: {warning}");
        }
        if let Some(rules) = parts.test.provenance().and_then(|made| made.word("rules")) {
            say!("the files were made by this project, by the {rules} rules");
        }
        let encoding = task.encoding(&recipe.task_options())?;
        let size = recipe.train.batch_size;
        let batches =
            |split, order| SampleBatches::new(Arc::clone(parts.part(split)), encoding, size, order);
        let stored = |most| Order::Stored { most };
        let shuffled = Order::Shuffled { seed: recipe.seed };
        let dropout = recipe.train.input_dropout as f32;
        let train = batches(Split::Train, shuffled)?
            .with_input_dropout(dropout, recipe.seed)
            .group_by_length(recipe.train.group_by_length);
        Ok(Self {
            train: Arc::new(train),
            valid: Arc::new(batches(Split::Valid, stored(data.valid_samples))?),
            test: Arc::new(batches(Split::Test, stored(data.test_samples))?),
            made: parts.test.provenance().cloned(),
            recipe: recipe.clone(),
            encoding,
        })
    }
}

/// Draws the synthetic spikes of a recipe into `dir`, unless they are there as it asks for them.
fn make_spikes(recipe: &Recipe, dir: &Path, stop: &Stop) -> Result<()> {
    let asked = &recipe.data;
    let mut request = SyntheticShdRequest {
        seed: asked.make_seed,
        train: asked.make_train,
        test: asked.make_test,
    };
    if Provenance::read(dir)?.is_none() {
        request.seed.get_or_insert(NEW_SEED);
        request.train.get_or_insert(NEW_TRAIN);
        request.test.get_or_insert(NEW_TEST);
        say!("drawing synthetic spikes into {}", dir.display());
    }
    let line = std::cell::RefCell::new(StatusLine::new());
    let made = request.make_in(dir, &|progress| {
        let text = format!("drawn {}/{} samples", progress.done, progress.total);
        line.borrow_mut().show(&text);
        stop.flow()
    });
    line.borrow_mut().clear();
    stop.named(made)?;
    Ok(())
}

impl Experiment for SequenceRun {
    type Objective = ClassLoss;
    type Source = SampleBatches;
    type Tested = Classified;

    const ITEMS: &'static str = "samples";

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn columns(&self) -> &'static [Column] {
        &[Column {
            key: "valid_accuracy_percent",
            title: "accuracy",
            unit: "%",
            decimals: 2,
        }]
    }

    fn batches_in_data(&self) -> u64 {
        self.train.batches()
    }

    fn init(&self, device: &Device) -> Result<SequenceModel> {
        SequenceModel::init(&self.recipe, device)
    }

    fn train(&self) -> Arc<SampleBatches> {
        Arc::clone(&self.train)
    }

    fn valid(&self) -> (Arc<SampleBatches>, u64) {
        (Arc::clone(&self.valid), self.valid.batches())
    }

    fn test(
        &self,
        model: &SequenceModel,
        device: &Device,
        stop: &Stop,
        line: &mut StatusLine,
    ) -> Result<Classified> {
        let batches = (Arc::clone(&self.test), self.test.batches());
        let meter = experiment::measure(self, model, batches, device, stop, &mut |done, total| {
            line.show(&format!("testing, batch {done}/{total}"));
        })?;
        Ok(meter.classified(self.recipe.task.classes()))
    }

    fn outcome(&self, _: &SequenceModel, tested: &Classified) -> Outcome {
        let published = self.published();
        let accuracy = published.map(|published| published.accuracy);
        Outcome {
            samples: tested.answers.len(),
            items: "samples",
            rows: rows(tested, accuracy),
            published: published.map(|_| "published".into()),
            comparison: published.iter().map(|p| p.source.into()).collect(),
            notes: self.notes(tested.answers.len()),
            details: serde_json::to_value(tested).unwrap_or_default(),
        }
    }

    fn illustrate(
        &self,
        tested: &Classified,
        finished: &Finished<'_>,
        report: &mut Report,
    ) -> Result<()> {
        report.classification = Some(self.class_report(tested, finished)?);
        if finished.neuron().is_some()
            && let Some((x, label)) = self.first_input(finished.device)?
        {
            let title = format!("First test sample, {}", self.recipe.task.class_name(label));
            report.memory_traces = finished.memory(x.x, 0, title)?;
        }
        Ok(())
    }
}

fn rows(tested: &Classified, published: Option<f64>) -> Vec<ResultRow> {
    let rows = tested.confusion.iter();
    let commonest = rows.map(|row| row.iter().sum::<usize>()).max();
    let share = commonest.unwrap_or(0) as f64 / tested.answers.len().max(1) as f64;
    vec![
        ResultRow::new("Accuracy (%)", 100.0 * tested.accuracy, 2).published(published),
        ResultRow::new("Cross entropy (nats)", tested.loss, 4),
        ResultRow::new("Share of commonest class (%)", 100.0 * share, 2),
    ]
}

impl SequenceRun {
    /// The result that was published for exactly this: the model, bins and training of a built-in recipe, whatever the
    /// seed.
    fn published(&self) -> Option<Published> {
        let published = self.recipe.task.info().published?;
        let mut recipe = Recipe::builtin(published.recipe).ok()?;
        let own = &self.recipe;
        // none of these changes what is learnt
        recipe.seed = own.seed;
        recipe.data.dir.clone_from(&own.data.dir);
        recipe.checkpoint = own.checkpoint.clone();
        recipe.train.log_every = own.train.log_every;
        (*own == recipe && self.test.samples() == published.samples).then_some(published)
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

    fn class_report(&self, tested: &Classified, finished: &Finished<'_>) -> Result<ClassReport> {
        let task = self.recipe.task;
        let readout = self.recipe.train.readout;
        let (body, device) = (finished.body(), finished.device);
        let mut decisions = Vec::new();
        for place in decided(&tested.answers) {
            let sample = self.sample(place)?;
            let of = (task, &self.encoding);
            decisions.extend(decide(body, readout, of, &sample, device)?);
        }
        let on = Ablating {
            data: Arc::clone(self.test.data()),
            encoding: self.encoding,
            batch: self.recipe.train.batch_size,
            length: self.recipe.steps(),
            readout,
        };
        let mut line = StatusLine::new();
        let ablation = match task.inputs() {
            1 => ablate(body, &on, device, finished.stop, &mut |done, all| {
                line.show(&format!("comparing timescales, group {done}/{all}"));
            })?,
            _ => None,
        };
        line.clear();
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
            decisions,
            ablation,
        })
    }

    fn notes(&self, samples: usize) -> Vec<String> {
        let (task, info) = (self.recipe.task, self.recipe.task.info());
        let mut notes = vec![format!(
            "Task {task}: {}. Test: {samples} samples, by the model of the epoch with the least validation loss.",
            info.about
        )];
        notes.extend(info.notes.iter().map(ToString::to_string));
        if let Some(made) = &self.made {
            let differ = match made.word("rules") {
                Some("published") => ", by the process of the published images",
                Some("traceable") => {
                    ", by rules of our own for what is joined and what is apart: no result on them is one on the published images"
                }
                _ => "",
            };
            notes.push(format!(
                "The files were made by a program of this project ({made}){differ}."
            ));
        }
        notes
    }
}

/// Places of the first sample that was rightly answered, and of the first that was not.
fn decided(answers: &[Answer]) -> Vec<usize> {
    let first = |right| {
        let mut all = answers.iter();
        all.position(|a| (a.label == a.predicted) == right)
    };
    [true, false].into_iter().filter_map(first).collect()
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
