//! Everything that shows how a training goes, beside the report: step metrics, TensorBoard, the progress line.

use std::time::Instant;

use super::history::{Column, EpochRecord};
use super::progress::StatusLine;
use super::steps::{StepLog, StepRecord};
use super::tensorboard::EventFile;
use super::time::duration;
use crate::error::Result;

/// Where the metrics of a run go.
pub(super) struct Meters {
    steps: StepLog,
    events: Option<EventFile>,
    line: StatusLine,
    /// Steps of this call, and when the first of them began.
    done: u64,
    begun: Instant,
    /// Steps since the last line of metrics, and when that was.
    unlogged: (u64, Instant),
    /// Seconds that went into other things than steps.
    paused: f64,
    pause: Option<Instant>,
}

impl Meters {
    /// Metrics into these files.
    pub(super) fn new(steps: StepLog, events: Option<EventFile>) -> Self {
        let now = Instant::now();
        Self {
            steps,
            events,
            line: StatusLine::new(),
            done: 0,
            begun: now,
            unlogged: (0, now),
            paused: 0.0,
            pause: None,
        }
    }

    /// Takes in a step of so many samples; one in `every` is written.
    pub(super) fn step(&mut self, record: StepRecord, every: usize, samples: usize) -> Result<()> {
        if let Some(pause) = self.pause.take() {
            self.paused += pause.elapsed().as_secs_f64();
            self.unlogged = (0, Instant::now());
        }
        self.done += 1;
        self.unlogged.0 += 1;
        if !record.step.is_multiple_of(every.max(1) as u64) {
            return Ok(());
        }
        let (steps, since) = self.unlogged;
        let rate = (steps * samples as u64) as f64 / since.elapsed().as_secs_f64().max(1e-9);
        self.unlogged = (0, Instant::now());
        let record = StepRecord {
            samples_per_second: (rate * 10.0).round() / 10.0,
            ..record
        };
        self.steps.push(&record)?;
        if let Some(events) = &mut self.events {
            let values = [
                ("train/loss", record.loss),
                ("train/learning_rate", record.learning_rate),
                ("train/gradient_norm", record.gradient_norm),
                ("train/samples_per_second", record.samples_per_second),
            ];
            events.scalars(record.step, &values)?;
        }
        Ok(())
    }

    /// Takes in the end of an epoch.
    pub(super) fn epoch(&mut self, record: &EpochRecord, columns: &[Column]) -> Result<()> {
        let Some(events) = &mut self.events else {
            return Ok(());
        };
        let mut values = vec![
            ("epoch/train_loss".to_string(), record.train_loss),
            ("epoch/valid_loss".to_string(), record.valid_loss),
        ];
        for column in columns {
            let value = record.metric(column.key);
            values.extend(value.map(|value| (format!("epoch/{}", column.key), value)));
        }
        let values: Vec<(&str, f64)> = values.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        events.scalars(record.step, &values)
    }

    /// Seconds of a step of this call, on average; none before the first.
    pub(super) fn seconds_per_step(&self) -> Option<f64> {
        let seconds = self.begun.elapsed().as_secs_f64() - self.paused;
        (self.done > 0).then(|| seconds / self.done as f64)
    }

    /// Shows how far the run came, and the seconds that it will take.
    pub(super) fn show(&mut self, text: &str, eta: Option<f64>) {
        match eta {
            Some(eta) => self.line.show(&format!("{text}  ETA {}", duration(eta))),
            None => {
                self.pause.get_or_insert_with(Instant::now);
                self.line.show(text);
            }
        }
    }

    /// Removes the progress line.
    pub(super) fn clear(&mut self) {
        self.line.clear();
    }
}
