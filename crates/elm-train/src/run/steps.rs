//! Metrics of single gradient steps, a JSON line each in `metrics.jsonl`.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable::{self, write_whole};
use crate::error::{Result, TrainError};

/// File of the steps in a run's folder.
pub(crate) const FILE: &str = "metrics.jsonl";

/// What one gradient step came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    /// Gradient steps since the start of training, this one included.
    pub step: u64,
    /// Epoch, from 1.
    pub epoch: usize,
    /// Mean loss over its batches, without penalties.
    pub loss: f64,
    /// Learning rate.
    pub learning_rate: f64,
    /// Norm of the gradient over all parameters, before it is bounded.
    pub gradient_norm: f64,
    /// Samples trained in a second, on average since the line before.
    pub samples_per_second: f64,
    /// Seconds of training and validation up to here, over all calls.
    pub seconds: f64,
}

/// The file of a run's steps.
#[derive(Debug)]
pub(super) struct StepLog {
    path: PathBuf,
    file: File,
}

impl StepLog {
    /// Goes on with the steps up to `step`: later ones are forgotten, as they are taken again, and so is a line that was cut
    /// off.
    ///
    /// # Errors
    /// [`TrainError::File`] if the file cannot be read or written.
    pub(super) fn open(run: &Path, step: u64) -> Result<Self> {
        let path = run.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(TrainError::file(
                    &path,
                    format!("cannot read the metrics: {e}"),
                ));
            }
            text => text.unwrap_or_default(),
        };
        let stays = |line: &&str| {
            let record = serde_json::from_str::<StepRecord>(line);
            line.ends_with('\n') && record.is_ok_and(|record| record.step <= step)
        };
        let kept: String = text.split_inclusive('\n').filter(stays).collect();
        write_whole(&path, kept)?;
        Ok(Self {
            file: durable::open_append(&path)?,
            path,
        })
    }

    /// Adds a step.
    ///
    /// # Errors
    /// [`TrainError::Run`] if the file cannot be written.
    pub(super) fn push(&mut self, record: &StepRecord) -> Result<()> {
        // a record holds numbers only: this cannot fail
        let line = serde_json::to_string(record).unwrap_or_default() + "\n";
        durable::append(&mut self.file, line.as_bytes())
            .map_err(|e| durable::unwritten(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_trained_again_and_what_was_cut_off_goes() {
        let folder = tempfile::tempdir().unwrap();
        let record = |step| StepRecord {
            step,
            epoch: 1,
            loss: 1.0 / (step as f64 + 0.1),
            learning_rate: 0.1,
            gradient_norm: 2.0,
            samples_per_second: 99.0,
            seconds: 1.0,
        };
        let mut log = StepLog::open(folder.path(), 0).unwrap();
        for step in [10, 20, 30] {
            log.push(&record(step)).unwrap();
        }
        let path = folder.path().join(FILE);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"step\": 40, \"ep")).unwrap();
        let mut log = StepLog::open(folder.path(), 25).unwrap();
        let two: String = whole.split_inclusive('\n').take(2).collect();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), two);
        log.push(&record(30)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
    }
}
