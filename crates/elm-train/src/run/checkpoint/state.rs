//! The numbers of a checkpoint, beside the tensors.

use serde::{Deserialize, Serialize};

use crate::recipe::OptimizerChoice;
use crate::run::history::EpochRecord;

/// How far a training came. The schedule's position and that in the data follow from the step, as do all random numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(in crate::run) struct State {
    /// Gradient steps.
    pub step: u64,
    /// Seconds of training and validation, over all calls.
    pub seconds: f64,
    /// Those of them that gradient steps took.
    pub train_seconds: f64,
    /// What the epoch that is not ended came to so far.
    pub partial: Partial,
    /// The epochs that are ended.
    pub epochs: Vec<EpochRecord>,
    /// The best of them; its model is another file of the checkpoint.
    pub best: Option<Best>,
    /// The budget of time (s) that was used up; none where the training ends with its steps, or has time left.
    pub used_up: Option<f64>,
    /// Steps that the averaged weights are over.
    pub averaged: u64,
    /// The optimizer whose state is another file of the checkpoint.
    pub optimizer: OptimizerChoice,
}

/// The trained part of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(in crate::run) struct Partial {
    /// Gradient steps.
    pub steps: u64,
    /// Sum of their losses.
    pub loss: f64,
}

/// The epoch with the least validation loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::run) struct Best {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Its validation loss.
    pub valid_loss: f64,
}

impl State {
    /// Epochs since the best.
    pub(in crate::run) fn epochs_since_best(&self) -> usize {
        let best = self.best.map_or(0, |best| best.epoch);
        self.epochs.len().saturating_sub(best)
    }

    /// Seconds of a validation, on average; 0 before the first.
    pub(in crate::run) fn validation_seconds(&self) -> f64 {
        match self.epochs.last() {
            None => 0.0,
            Some(last) => (last.seconds - last.train_seconds).max(0.0) / self.epochs.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_digit_survives() {
        let state = State {
            step: 7,
            seconds: 0.1 + 0.2,
            partial: Partial {
                steps: 3,
                loss: 1.0 / 3.0,
            },
            best: Some(Best {
                epoch: 2,
                valid_loss: std::f64::consts::PI * 1e-7,
            }),
            ..State::default()
        };
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }
}
