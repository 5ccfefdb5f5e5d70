//! Checkpoints named by gradient step, so that a run stopped within an epoch goes on from there.

use std::path::Path;

use burn::train::checkpoint::{CheckpointingAction, CheckpointingStrategy};
use burn::train::metric::store::EventStoreClient;

use crate::error::{Result, TrainError};

/// Files of one checkpoint, as Burn's file checkpointer names them.
const PARTS: [&str; 3] = ["model", "optim", "scheduler"];

/// Saves every time it is asked and keeps the last two: one whole checkpoint is there even while the next is
/// being written. (The best model is kept apart, as `model.safetensors`.)
#[derive(Debug, Default)]
pub struct KeepLastTwo {
    saved: Vec<usize>,
}

impl KeepLastTwo {
    /// Knows the checkpoint that the run was resumed from.
    pub fn resumed(from: Option<usize>) -> Self {
        Self {
            saved: from.into_iter().collect(),
        }
    }
}

impl CheckpointingStrategy for KeepLastTwo {
    fn checkpointing(&mut self, step: usize, _: &EventStoreClient) -> Vec<CheckpointingAction> {
        let mut actions = Vec::new();
        self.saved.retain(|s| *s != step);
        if self.saved.len() >= 2 {
            actions.push(CheckpointingAction::Delete(self.saved.remove(0)));
        }
        self.saved.push(step);
        actions.push(CheckpointingAction::Save);
        actions
    }
}

/// The last whole checkpoint in a run's folder, as its gradient step.
///
/// # Errors
/// [`TrainError::File`] if there is none.
pub fn latest(run: &Path) -> Result<usize> {
    let folder = run.join("checkpoint");
    let whole = |step: &usize| {
        PARTS
            .iter()
            .all(|part| folder.join(format!("{part}-{step}.bpk")).is_file())
    };
    std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| step_of(&entry.file_name().to_string_lossy()))
        .filter(whole)
        .max()
        .ok_or_else(|| TrainError::file(&folder, "no checkpoint to resume from"))
}

fn step_of(name: &str) -> Option<usize> {
    name.strip_prefix("model-")?
        .strip_suffix(".bpk")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_whole_checkpoint_counts() {
        let run = tempfile::tempdir().unwrap();
        assert!(
            latest(run.path())
                .unwrap_err()
                .to_string()
                .contains("no checkpoint")
        );
        let folder = run.path().join("checkpoint");
        std::fs::create_dir(&folder).unwrap();
        for name in [
            "model-5",
            "optim-5",
            "scheduler-5",
            "model-9",
            "optim-9",
            "model-x",
        ] {
            std::fs::write(folder.join(format!("{name}.bpk")), "").unwrap();
        }
        assert_eq!(latest(run.path()).unwrap(), 5);
    }
}
