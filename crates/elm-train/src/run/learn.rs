//! The training loop of every task: steps, validations, checkpoints, and what is told of them.

use std::time::Instant;

use burn::tensor::Device;

use super::checkpoint::{Best, Checkpoints, Partial, State};
use super::experiment::{self, Experiment, ModelOf, Place};
use super::finish;
use super::folder::RunFolder;
use super::history::{self, EpochRecord};
use super::meters::Meters;
use super::step::{Stepped, Trainer, module_bytes};
use super::steps::StepRecord;
use crate::error::{Result, TrainError};
use crate::optim::Schedule;
use crate::recipe::Recipe;
use crate::say;
use crate::stop::{Stop, StopReason};
use crate::task::{Measured, Objective};

/// File of a checkpoint that holds the numbers.
pub(super) const STATE: &str = "state.json";
/// File of a checkpoint that holds the best model so far.
pub(super) const BEST: &str = "best.bpk";

/// A training that is under way.
pub(super) struct Loop<'a, E: Experiment> {
    pub(super) experiment: &'a E,
    pub(super) recipe: &'a Recipe,
    pub(super) folder: &'a RunFolder,
    /// The main device, without autodiff.
    pub(super) device: Device,
    pub(super) stop: &'a Stop,
    /// Epochs after which it pauses; none for all.
    pub(super) pause_after: Option<usize>,
    pub(super) schedule: Schedule,
    pub(super) trainer: Trainer<E::Objective>,
    pub(super) checkpoints: Checkpoints,
    pub(super) state: State,
    /// The best model so far, as a file of a checkpoint.
    pub(super) best: Option<Vec<u8>>,
    pub(super) meters: Meters,
    pub(super) timer: Timer,
    /// What the last checkpoint is of; none before the first.
    pub(super) saved: Option<Moment>,
    /// When it was saved, or the call began.
    pub(super) saved_at: Instant,
}

/// What tells two states of a training apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment {
    pub(super) step: u64,
    epochs: usize,
    used_up: Option<f64>,
}

impl Moment {
    pub(super) fn of(state: &State) -> Self {
        Self {
            step: state.step,
            epochs: state.epochs.len(),
            used_up: state.used_up,
        }
    }
}

/// Time over all calls of a run.
pub(super) struct Timer {
    started: Instant,
    /// Seconds of the earlier calls.
    earlier: f64,
}

impl Timer {
    /// Goes on after `earlier` seconds.
    pub(super) fn after(earlier: f64) -> Self {
        Self {
            started: Instant::now(),
            earlier,
        }
    }

    fn seconds(&self) -> f64 {
        self.earlier + self.started.elapsed().as_secs_f64()
    }
}

impl<E: Experiment> Loop<'_, E> {
    /// Trains to the end, or until it is asked to stop: then the reason is returned, with a checkpoint kept.
    ///
    /// # Errors
    /// If a file cannot be written, data cannot be read, the device fails, or a number is none.
    pub(super) fn run(&mut self) -> Result<Option<StopReason>> {
        let accumulate = self.recipe.train.accumulate as u64;
        let first = self.state.step * accumulate;
        let mut batches = experiment::batches(
            self.experiment,
            self.experiment.train(),
            first,
            u64::MAX - first,
        );
        loop {
            if self.epoch_is_over() {
                match self.end_epoch() {
                    Err(TrainError::Stopped { reason, .. }) => return self.stopped(reason),
                    ended => ended?,
                }
            }
            if !self.goes_on() {
                // a run that is gone on with must not find some of its time left
                self.state.used_up = self.budget();
                self.save()?;
                return Ok(None);
            }
            let paused = self
                .pause_after
                .is_some_and(|n| self.state.epochs.len() >= n);
            let paused = paused.then_some(StopReason::Pause);
            if let Some(reason) = self.stop.asked().or(paused) {
                return self.stopped(reason);
            }
            self.step(&mut batches)?;
            if self.checkpoint_is_due() && !self.epoch_is_over() {
                self.save()?;
            }
        }
    }

    fn stopped(&mut self, reason: StopReason) -> Result<Option<StopReason>> {
        self.meters.clear();
        self.save()?;
        Ok(Some(reason))
    }

    /// Is anything left to train?
    fn goes_on(&self) -> bool {
        let patience = self.recipe.train.patience;
        if patience > 0 && self.state.epochs_since_best() >= patience {
            return false;
        }
        match self.budget() {
            // one step at least, or there would be no model to test
            Some(budget) => {
                let left = self.share() < 1.0 && self.state.used_up != Some(budget);
                left || self.state.step == 0
            }
            None => self.state.step < self.experiment.steps_in_all(),
        }
    }

    /// Seconds after which the training ends; none where it ends with its steps.
    fn budget(&self) -> Option<f64> {
        let minutes = self.recipe.train.minutes;
        (minutes > 0.0).then_some(60.0 * minutes)
    }

    /// The share of the time that is used; what a validation takes is kept back, by those so far.
    fn share(&self) -> f64 {
        self.budget().map_or(0.0, |budget| {
            let left = budget - self.state.validation_seconds();
            (self.timer.seconds() / left.max(1e-3)).min(1.0)
        })
    }

    /// Was an epoch, or what the training has of the last one, trained and not yet validated?
    fn epoch_is_over(&self) -> bool {
        let full = self
            .state
            .step
            .is_multiple_of(self.experiment.steps_per_epoch());
        self.state.partial.steps > 0 && (full || !self.goes_on())
    }

    fn checkpoint_is_due(&self) -> bool {
        let every = &self.recipe.checkpoint;
        let (step, last) = (self.state.step, self.saved_at);
        let by_steps = every.every_steps > 0 && step.is_multiple_of(every.every_steps as u64);
        let minutes = last.elapsed().as_secs_f64() / 60.0;
        by_steps || (every.every_minutes > 0.0 && minutes >= every.every_minutes)
    }

    fn step(&mut self, batches: &mut elm_data::BatchStream<E::Source>) -> Result<()> {
        let begun = Instant::now();
        let step = self.state.step;
        let rate = self.schedule.rate(step, self.share());
        let stepped = self
            .trainer
            .step(step, rate, || experiment::next(batches))?;
        if let Some(fault) = &stepped.fault {
            return Err(self.not_a_number(fault, &stepped));
        }
        let state = &mut self.state;
        state.step += 1;
        state.partial.steps += 1;
        state.partial.loss += stepped.loss;
        state.train_seconds += begun.elapsed().as_secs_f64();
        state.seconds = self.timer.seconds();
        self.tell(&stepped, rate)
    }

    fn tell(&mut self, stepped: &Stepped, rate: f64) -> Result<()> {
        let train = &self.recipe.train;
        let epoch = self.state.epochs.len() + 1;
        let record = StepRecord {
            step: self.state.step,
            epoch,
            loss: stepped.loss,
            learning_rate: rate,
            gradient_norm: stepped.gradient_norm,
            samples_per_second: 0.0,
            seconds: self.state.seconds,
        };
        self.meters
            .step(record, train.log_every, train.batch_size * train.accumulate)?;
        let per_epoch = self.experiment.steps_per_epoch();
        let eta = match self.budget() {
            Some(budget) => Some(budget * (1.0 - self.share())),
            None => {
                let left = self
                    .experiment
                    .steps_in_all()
                    .saturating_sub(self.state.step);
                let validations = left.div_ceil(per_epoch) as f64;
                let per_step = self.meters.seconds_per_step();
                per_step.map(|s| s * left as f64 + validations * self.state.validation_seconds())
            }
        };
        let text = format!(
            "{}  step {}/{per_epoch}  loss {:.4}",
            self.place(epoch),
            (self.state.step - 1) % per_epoch + 1,
            stepped.loss
        );
        self.meters.show(&text, eta);
        Ok(())
    }

    /// The epoch, and out of how many where that is known.
    fn place(&self, epoch: usize) -> String {
        let epochs = self
            .experiment
            .steps_in_all()
            .div_ceil(self.experiment.steps_per_epoch());
        match self.budget() {
            Some(_) => format!("epoch {epoch:>3}"),
            None => format!("epoch {epoch:>3}/{epochs}"),
        }
    }

    fn not_a_number(&self, fault: &str, stepped: &Stepped) -> TrainError {
        let run = self.folder.path().display();
        let back = match self.checkpoints.steps().last() {
            Some(step) => format!(
                "the last checkpoint is that of step {step}; go on from there with a smaller step, such as: elm train --resume \
                 {run} --set train.learning_rate={:e}",
                self.recipe.train.learning_rate / 10.0
            ),
            None => "there is no checkpoint yet; try a smaller train.learning_rate".into(),
        };
        TrainError::Run(format!(
            "step {}: {fault} is not a number (loss {}, norm of the gradient {}); {back}",
            self.state.step + 1,
            stepped.loss,
            stepped.gradient_norm
        ))
    }

    /// Validates, and keeps what the epoch came to. The model is the best so far if no epoch before had less loss.
    fn end_epoch(&mut self) -> Result<()> {
        let epoch = self.state.epochs.len() + 1;
        let model = self.trainer.evaluated();
        let measured = self.validate(&model, epoch)?;
        let Partial { steps, loss } = self.state.partial;
        if !measured.loss.is_finite() {
            return Err(TrainError::Run(format!(
                "epoch {epoch}: the validation loss is not a number; the last checkpoint is kept"
            )));
        }
        self.state.seconds = self.timer.seconds();
        let values = measured.metrics.iter().map(|v| v.is_finite().then_some(*v));
        let columns = self
            .experiment
            .columns()
            .iter()
            .map(|column| column.key.to_string());
        let record = EpochRecord {
            epoch,
            step: self.state.step,
            seconds: self.state.seconds,
            train_seconds: self.state.train_seconds,
            learning_rate: self
                .schedule
                .rate(self.state.step.saturating_sub(1), self.share()),
            train_loss: loss / steps as f64,
            valid_loss: measured.loss,
            metrics: columns.zip(values).collect(),
        };
        self.state.partial = Partial::default();
        self.state.epochs.push(record.clone());
        let improved = self
            .state
            .best
            .is_none_or(|best| record.valid_loss < best.valid_loss);
        if improved {
            self.best = Some(module_bytes(&model)?);
            self.state.best = Some(Best {
                epoch,
                valid_loss: record.valid_loss,
            });
        }
        self.save()?;
        if improved {
            finish::publish(self.folder, &model, self.experiment.card())?;
        }
        history::write(
            self.folder.path(),
            self.experiment.columns(),
            &self.state.epochs,
        )?;
        self.meters.epoch(&record, self.experiment.columns())?;
        say!("{}", self.line(&record));
        let best = match improved {
            true => Some(model),
            false => None,
        };
        self.report(best)
    }

    /// Draws the report of the epochs so far, with the best model; `best` if that is at hand.
    fn report(&self, best: Option<ModelOf<E>>) -> Result<()> {
        let best = match best {
            Some(best) => best,
            None => finish::best_model(self.experiment, self.best.as_deref(), &self.device)?,
        };
        finish::interim_report(
            self.experiment,
            self.folder,
            &self.state,
            &best,
            &self.device,
        )
    }

    fn validate(&mut self, model: &ModelOf<E>, epoch: usize) -> Result<Measured> {
        let place = self.place(epoch);
        let meters = &mut self.meters;
        let valid = self.experiment.valid();
        let meter = experiment::measure(
            self.experiment,
            model,
            valid,
            Place::of(&self.device, self.trainer.fan()),
            self.stop,
            &mut |done, total| {
                meters.show(&format!("{place}  validating, batch {done}/{total}"), None);
            },
        );
        self.meters.clear();
        Ok(E::Objective::measured(&meter?))
    }

    fn line(&self, r: &EpochRecord) -> String {
        let metrics = self.experiment.columns().iter().map(|column| {
            let value = r.metric(column.key).map_or("-".into(), |value| {
                let digits = column.decimals;
                let space = if column.unit.is_empty() { "" } else { " " };
                format!("{value:.digits$}{space}{}", column.unit)
            });
            format!("  valid {} {value}", column.title)
        });
        format!(
            "{}  loss {:.4}  valid loss {:.4}{}  {}",
            self.place(r.epoch),
            r.train_loss,
            r.valid_loss,
            metrics.collect::<String>(),
            super::duration(r.seconds)
        )
    }

    /// Saves a checkpoint, unless there is nothing to save or the last one is of this state.
    fn save(&mut self) -> Result<()> {
        let step = self.state.step;
        let now = Moment::of(&self.state);
        if step == 0 || self.saved == Some(now) {
            return Ok(());
        }
        if let Some(tensor) = self.trainer.fault() {
            return Err(TrainError::Run(format!(
                "step {step}: `{tensor}` is not a number; the checkpoint before is kept"
            )));
        }
        self.state.averaged = self.trainer.averaged();
        self.state.optimizer = self.recipe.train.optimizer;
        self.state.seconds = self.timer.seconds();
        let state = serde_json::to_vec_pretty(&self.state)
            .map_err(|e| TrainError::Run(format!("the state of the run cannot be saved: {e}")))?;
        let mut files = self.trainer.save()?;
        files.push((STATE, state));
        files.extend(self.best.clone().map(|best| (BEST, best)));
        let files: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (*n, b.as_slice())).collect();
        self.checkpoints.save(step, &files)?;
        tracing::debug!("checkpoint of step {step}");
        self.saved = Some(now);
        self.saved_at = Instant::now();
        Ok(())
    }
}
