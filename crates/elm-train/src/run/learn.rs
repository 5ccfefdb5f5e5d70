//! Burn's learner on one device, with checkpoints that also hold within an epoch.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use burn::data::dataloader::Progress;
use burn::module::Module;
use burn::tensor::Device;
use burn::train::metric::LossMetric;
use burn::train::metric::Metric;
use burn::train::metric::store::{Aggregate, EventStoreClient, Split};
use burn::train::{
    EventProcessorTraining, InferenceStep, Interrupter, Learner, LearnerEvent,
    SupervisedLearningStrategy, SupervisedTrainingEventProcessor, TrainLoader, TrainingComponents,
    TrainingItem, ValidLoader,
};
use elm_model::weights::save_safetensors;

use super::history::{EpochRecord, History};
use super::progress::duration;
use super::unfinished::Unfinished;
use crate::error::{Result, TrainError};
use crate::say;
use crate::task::neuronio::{NeuronIoModel, PooledQuantity};

type Processor = SupervisedTrainingEventProcessor<NeuronIoModel>;

/// The training loop: Burn's own for one device, but it counts gradient steps over epochs, saves a checkpoint
/// when it is stopped in the middle of one, and keeps the best model and the history as files.
pub struct Loop {
    /// Where it runs, with autodiff.
    pub device: Device,
    /// Epochs of the whole training.
    pub epochs: usize,
    /// Gradient steps in an epoch.
    pub batches: u64,
    /// Gradient steps so far, moved by the training loader.
    pub position: Arc<AtomicU64>,
    /// Metrics of each epoch.
    pub history: Arc<Mutex<History>>,
    /// The run's folder.
    pub folder: PathBuf,
    /// The epoch that the run goes on in the middle of.
    pub unfinished: Option<Unfinished>,
    /// First failure that Burn does not know of.
    pub failure: Arc<Mutex<Option<TrainError>>>,
}

impl SupervisedLearningStrategy<NeuronIoModel> for Loop {
    fn fit(
        &self,
        components: TrainingComponents<NeuronIoModel>,
        mut learner: Learner<NeuronIoModel>,
        train: TrainLoader<NeuronIoModel>,
        valid: ValidLoader<NeuronIoModel>,
        _: usize,
    ) -> (NeuronIoModel, Processor) {
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
        let started = Instant::now();
        let earlier = self.seconds_so_far();
        let mut unfinished = self.unfinished;
        while self.step() < self.total() && !interrupter.should_stop() {
            let first = self.step();
            let epoch = (first / self.batches + 1) as usize;
            self.train_epoch(
                epoch,
                &mut learner,
                &train,
                &mut event_processor,
                &interrupter,
            );
            // An epoch that was trained to its end is validated even when asked to stop, or its metrics would be lost.
            let whole = self.step() == epoch as u64 * self.batches;
            if whole {
                self.valid_epoch(epoch, &learner, &valid, &mut event_processor, &interrupter);
            }
            interrupter.fail_on_error(event_processor.flush());
            let trained = Unfinished {
                step: self.step(),
                batches: self.step() - first,
                train_loss: find(&event_store, &LossMetric::new().name(), epoch, Split::Train),
                seconds: earlier + started.elapsed().as_secs_f64(),
            };
            let trained = unfinished.take().map_or(trained, |part| part.and(trained));
            if interrupter.error().is_none() {
                let kept = if whole {
                    let rate = learner.lr_current().base();
                    self.keep(record(epoch, trained, rate, &event_store), &learner)
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

impl Loop {
    fn step(&self) -> u64 {
        self.position.load(Ordering::SeqCst)
    }

    fn total(&self) -> u64 {
        self.epochs as u64 * self.batches
    }

    /// Seconds of the run's earlier sessions.
    fn seconds_so_far(&self) -> f64 {
        let last = |history: &History| history.records().last().map_or(0.0, |r| r.seconds);
        match self.unfinished {
            Some(part) => part.seconds,
            None => self.history.lock().map_or(0.0, |history| last(&history)),
        }
    }

    fn fail(&self, error: TrainError) {
        if let Ok(mut slot) = self.failure.lock() {
            slot.get_or_insert(error);
        }
    }

    fn train_epoch(
        &self,
        epoch: usize,
        learner: &mut Learner<NeuronIoModel>,
        loader: &TrainLoader<NeuronIoModel>,
        processor: &mut Processor,
        interrupter: &Interrupter,
    ) {
        let start = LearnerEvent::StartSplit {
            epoch_number: epoch,
            total_items: loader.num_items(),
        };
        interrupter.fail_on_error(processor.process_train(start));
        let mut batches = loader.iter();
        // Asked before a batch is taken: a batch that was taken counts as trained.
        while !interrupter.should_stop() {
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
        learner: &Learner<NeuronIoModel>,
        loader: &ValidLoader<NeuronIoModel>,
        processor: &mut Processor,
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
    fn keep(&self, record: EpochRecord, learner: &Learner<NeuronIoModel>) -> Result<()> {
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
            save_safetensors(
                &learner.model().valid().neuron,
                self.folder.join("model.safetensors"),
            )?;
        }
        say!("{}", self.line(&record));
        history.push(record)
    }

    fn line(&self, r: &EpochRecord) -> String {
        format!(
            "epoch {:>3}/{}  loss {:.4}  valid loss {:.4}  valid AUC {}  valid soma RMSE {:.2} mV  {}",
            r.epoch,
            self.epochs,
            r.train_loss,
            r.valid_loss,
            r.valid_auc.map_or("-".into(), |auc| format!("{auc:.4}")),
            r.valid_soma_rmse_mv,
            duration(r.seconds)
        )
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
    store: &EventStoreClient,
) -> EpochRecord {
    let valid = |name: &str| find(store, name, epoch, Split::Valid);
    let auc = valid(PooledQuantity::Auc.name());
    EpochRecord {
        epoch,
        step: trained.step,
        seconds: trained.seconds,
        learning_rate,
        train_loss: trained.train_loss,
        valid_loss: valid(&LossMetric::new().name()),
        valid_auc: auc.is_finite().then_some(auc),
        valid_soma_rmse_mv: valid(PooledQuantity::SomaRmse.name()),
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
