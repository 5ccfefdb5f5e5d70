//! What an epoch that was stopped in its middle came to, so that its mean loss is over all its batches in the end.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::folder::write_whole;
use crate::error::{Result, TrainError};

const FILE: &str = "unfinished.json";

/// The trained part of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Gradient steps since the start of training.
    pub step: u64,
    /// Batches of the epoch that were trained.
    pub batches: u64,
    /// Their mean loss.
    pub train_loss: f64,
    /// Seconds of training up to here, over all sessions of the run.
    pub seconds: f64,
    /// Those of them that gradient steps took.
    #[serde(default)]
    pub train_seconds: f64,
}

impl Unfinished {
    /// The epoch that was left unfinished at `step`; none if the run's folder tells of none, or of another one.
    pub fn load(run: &Path, step: u64) -> Option<Self> {
        let text = std::fs::read_to_string(run.join(FILE)).ok()?;
        let found: Self = serde_json::from_str(&text).ok()?;
        (found.step == step).then_some(found)
    }

    /// Keeps it in the run's folder.
    ///
    /// # Errors
    /// [`TrainError::File`] if it cannot be written.
    pub fn save(&self, run: &Path) -> Result<()> {
        let text = serde_json::to_string(self).map_err(|e| TrainError::Run(e.to_string()))?;
        write_whole(&run.join(FILE), &(text + "\n"))
    }

    /// Both parts of one epoch together.
    pub fn and(self, later: Self) -> Self {
        let batches = self.batches + later.batches;
        let sum = self.train_loss * self.batches as f64 + later.train_loss * later.batches as f64;
        Self {
            batches,
            train_loss: sum / batches.max(1) as f64,
            ..later
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parts_of_an_epoch_have_the_mean_of_the_whole() {
        let part = |step, batches, train_loss| Unfinished {
            step,
            batches,
            train_loss,
            seconds: 1.0,
            train_seconds: 0.5,
        };
        let whole = part(10, 3, 2.0).and(part(11, 1, 6.0));
        assert_eq!(whole, part(11, 4, 3.0));
        let run = tempfile::tempdir().unwrap();
        assert_eq!(Unfinished::load(run.path(), 11), None);
        whole.save(run.path()).unwrap();
        assert_eq!(Unfinished::load(run.path(), 11), Some(whole));
        assert_eq!(Unfinished::load(run.path(), 12), None);
    }
}
