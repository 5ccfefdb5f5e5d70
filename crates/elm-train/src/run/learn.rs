//! Burn's learner on one device, with checkpoints that also hold within an epoch.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use burn::data::dataloader::Progress;
use burn::tensor::Device;
use burn::train::metric::LossMetric;
use burn::train::metric::Metric;
use burn::train::metric::store::{Aggregate, EventStoreClient, Split};
use burn::train::{
    EventProcessorTraining, InferenceStep, Interrupter, Learner, LearnerEvent, LearnerModel,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents,
    TrainingItem, ValidLoader,
};

use super::experiment::BEST;
use super::history::{Column, EpochRecord, History};
use super::progress::duration;
use super::unfinished::Unfinished;
use crate::error::{Result, TrainError};
use crate::optim::Clock;
use crate::say;

type Processor<M> = SupervisedTrainingEventProcessor<M>;

/// The training loop: Burn's own for one device, but it counts gradient steps over epochs, saves a checkpoint
/// when it is stopped in the middle of one, and keeps the best model and the history as files.
pub struct Loop<M> {
    /// Where it runs, with autodiff.
    pub device: Device,
    /// Epochs of the whole training.
    pub epochs: usize,
    /// Gradient steps in an epoch.
    pub batches: u64,
    /// Seconds after which it ends, whatever the epochs; none where they end it.
    pub budget: Option<f64>,
    /// Shows the schedule how much of the budget is used.
    pub clock: Clock,
    /// Gradient steps so far, moved by the training loader.
    pub position: Arc<AtomicU64>,
    /// The task's validation metrics.
    pub columns: &'static [Column],
    /// How the best model is written.
    pub save: fn(&M, &Path) -> Result<()>,
    /// Metrics of each epoch.
    pub history: Arc<Mutex<History>>,
    /// The run's folder.
    pub folder: PathBuf,
    /// The epoch that the run goes on in the middle of.
    pub unfinished: Option<Unfinished>,
    /// First failure that Burn does not know of.
    pub failure: Arc<Mutex<Option<TrainError>>>,
}

impl<M: LearnerModel> SupervisedLearningStrategy<M> for Loop<M> {
    fn fit(
        &self,
        components: TrainingComponents<M>,
        mut learner: Learner<M>,
        train: TrainLoader<M>,
        valid: ValidLoader<M>,
        _: usize,
    ) -> (M, Processor<M>) {
        let train = train.to_device(&self.device);
        let valid = valid.to_device(&self.device.clone().inner());
        learner.fork(&self.device);
        let TrainingComponents {
            mut event_processor,
            mut checkpointer,
            event_store,
            interrupter,
            ..
        } = components;
        let (earlier, mut trained_for) = self.seconds_so_far();
        let timer = Timer {
            started: Instant::now(),
            earlier,
        };
        let mut unfinished = self.unfinished;
        while self.goes_on(&timer) && !interrupter.should_stop() {
            let first = self.step();
            let epoch = (first / self.batches + 1) as usize;
            let epoch_started = Instant::now();
            self.train_epoch(
                epoch,
                &timer,
                &mut learner,
                &train,
                &mut event_processor,
                &interrupter,
            );
            trained_for += epoch_started.elapsed().as_secs_f64();
            // An epoch that was trained to its end is validated even when asked to stop, or its metrics would be lost;
            // so is what time has left of the last one.
            let full = self.step() == epoch as u64 * self.batches;
            let last = !self.goes_on(&timer) && self.step() > first && !interrupter.should_stop();
            let whole = full || last;
            if whole {
                self.valid_epoch(epoch, &learner, &valid, &mut event_processor, &interrupter);
            }
            interrupter.fail_on_error(event_processor.flush());
            let trained = Unfinished {
                step: self.step(),
                batches: self.step() - first,
                train_loss: find(&event_store, &LossMetric::new().name(), epoch, Split::Train),
                seconds: timer.seconds(),
                train_seconds: trained_for,
            };
            let trained = unfinished.take().map_or(trained, |part| part.and(trained));
            if interrupter.error().is_none() {
                let kept = if whole {
                    let rate = learner.lr_current().base();
                    let record = record(epoch, trained, rate, self.columns, &event_store);
                    self.keep(record, &learner)
                } else if trained.batches > 0 {
                    trained.save(&self.folder)
                } else {
                    Ok(())
                };
                if let Err(error) = kept {
                    self.fail(error);
                    interrupter.stop(Some("cannot write the run folder"));
                }
            }
            if let Some(checkpointer) = &mut checkpointer {
                checkpointer.checkpoint(&learner, self.step() as usize, &event_store);
            }
        }
        (learner.model(), event_processor)
    }
}

impl<M: LearnerModel> Loop<M> {
    fn step(&self) -> u64 {
        self.position.load(Ordering::SeqCst)
    }

    /// Is there anything left to train? Sets the clock.
    ///
    /// A budget of time keeps back what a validation takes, by those so far.
    fn goes_on(&self, timer: &Timer) -> bool {
        let Some(budget) = self.budget else {
            return self.step() < self.epochs as u64 * self.batches;
        };
        let history = self.history.lock();
        let kept_back = history.map_or(0.0, |history| history.validation_seconds());
        let share = timer.seconds() / (budget - kept_back).max(1e-3);
        self.clock.set(share);
        // one step at least, or there would be no model to test
        share < 1.0 || self.step() == 0
    }

    /// Seconds of the run's earlier sessions, and those that gradient steps took.
    fn seconds_so_far(&self) -> (f64, f64) {
        if let Some(part) = self.unfinished {
            return (part.seconds, part.train_seconds);
        }
        let history = self.history.lock();
        let last = history.ok().and_then(|h| h.records().last().cloned());
        last.map_or((0.0, 0.0), |r| (r.seconds, r.train_seconds))
    }

    fn fail(&self, error: TrainError) {
        if let Ok(mut slot) = self.failure.lock() {
            slot.get_or_insert(error);
        }
    }

    fn train_epoch(
        &self,
        epoch: usize,
        timer: &Timer,
        learner: &mut Learner<M>,
        loader: &TrainLoader<M>,
        processor: &mut Processor<M>,
        interrupter: &Interrupter,
    ) {
        let start = LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: loader.num_items(),
        };
        interrupter.fail_on_error(processor.process_train(start));
        let mut batches = loader.iter();
        // Asked before a batch is taken: a batch that was taken counts as trained.
        while self.goes_on(timer) && !interrupter.should_stop() {
            let item = match batches.next() {
                Some(Ok(item)) => item,
                Some(Err(error)) => {
                    interrupter.fail(error);
                    break;
                }
                None => break,
            };
            let progress = batches.progress();
            let output = learner.train_step(item);
            learner.lr_step();
            learner.optimizer_step(output.grads);
            let item = training_item(output.item, progress, Some(learner.lr_current()));
            interrupter.fail_on_error(processor.process_train(LearnerEvent::ProcessedItem(item)));
        }
        interrupter.fail_on_error(processor.process_train(LearnerEvent::EndSplit(epoch)));
    }

    fn valid_epoch(
        &self,
        epoch: usize,
        learner: &Learner<M>,
        loader: &ValidLoader<M>,
        processor: &mut Processor<M>,
        interrupter: &Interrupter,
    ) {
        let start = LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: loader.num_items(),
        };
        interrupter.fail_on_error(processor.process_valid(start));
        let model = learner.model().valid();
        let mut batches = loader.iter();
        while let Some(item) = batches.next() {
            match item {
                Ok(item) => {
                    let item =
                        training_item(InferenceStep::step(&model, item), batches.progress(), None);
                    interrupter
                        .fail_on_error(processor.process_valid(LearnerEvent::ProcessedItem(item)));
                }
                Err(error) => {
                    interrupter.fail(error);
                    break;
                }
            }
        }
        interrupter.fail_on_error(processor.process_valid(LearnerEvent::EndSplit(epoch)));
        interrupter.fail_on_error(processor.process_train(LearnerEvent::EndEpoch(epoch)));
    }

    /// Keeps the epoch's metrics, and the model if it is the best so far.
    fn keep(&self, record: EpochRecord, learner: &Learner<M>) -> Result<()> {
        if !(record.train_loss.is_finite() && record.valid_loss.is_finite()) {
            return Err(TrainError::Run(format!(
                "the loss of epoch {} is not a number (training {}, validation {}); try a smaller train.learning_rate",
                record.epoch, record.train_loss, record.valid_loss
            )));
        }
        let mut history = self
            .history
            .lock()
            .map_err(|_| TrainError::Run("the history is out of reach".into()))?;
        if history
            .best()
            .is_none_or(|best| record.valid_loss < best.valid_loss)
        {
            (self.save)(&learner.model().valid(), &self.folder.join(BEST))?;
        }
        say!("{}", self.line(&record));
        history.push(record)
    }

    fn line(&self, r: &EpochRecord) -> String {
        let metrics: String = self
            .columns
            .iter()
            .map(|column| {
                let value = r.metric(column.key).map_or("-".into(), |value| {
                    let digits = column.decimals;
                    let space = if column.unit.is_empty() { "" } else { " " };
                    format!("{value:.digits$}{space}{}", column.unit)
                });
                format!("  valid {} {value}", column.title)
            })
            .collect();
        let of = match self.budget {
            Some(_) => String::new(),
            None => format!("/{}", self.epochs),
        };
        format!(
            "epoch {:>3}{of}  loss {:.4}  valid loss {:.4}{metrics}  {}",
            r.epoch,
            r.train_loss,
            r.valid_loss,
            duration(r.seconds)
        )
    }
}

/// Time over all sessions of a run.
struct Timer {
    started: Instant,
    /// Seconds of the earlier sessions.
    earlier: f64,
}

impl Timer {
    fn seconds(&self) -> f64 {
        self.earlier + self.started.elapsed().as_secs_f64()
    }
}

fn find(store: &EventStoreClient, name: &str, epoch: usize, split: Split) -> f64 {
    store
        .find_metric(name, epoch, Aggregate::Mean, &split)
        .unwrap_or(f64::NAN)
}

fn record(
    epoch: usize,
    trained: Unfinished,
    learning_rate: f64,
    columns: &[Column],
    store: &EventStoreClient,
) -> EpochRecord {
    let valid = |name: &str| find(store, name, epoch, Split::Valid);
    let metrics = columns.iter().map(|column| {
        let value = valid(column.metric);
        (column.key.to_string(), value.is_finite().then_some(value))
    });
    EpochRecord {
        epoch,
        step: trained.step,
        seconds: trained.seconds,
        train_seconds: trained.train_seconds,
        learning_rate,
        train_loss: trained.train_loss,
        valid_loss: valid(&LossMetric::new().name()),
        metrics: metrics.collect(),
    }
}

fn training_item<T>(
    item: T,
    progress: Progress,
    rate: Option<burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate>,
) -> TrainingItem<T> {
    let iteration = Some(progress.items_processed);
    TrainingItem::new(item, progress, iteration, rate)
}
