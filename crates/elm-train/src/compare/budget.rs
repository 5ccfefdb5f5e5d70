//! How long each model of a comparison is trained.

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use crate::run::StepTimes;

/// Epochs that a budget of steps is divided into, if it can be.
const EPOCHS: std::ops::RangeInclusive<u64> = 8..=25;
/// Epochs that a budget of time is divided into, unless its validations would take too much of it.
const TIMED_EPOCHS: u64 = 12;
/// Largest share of a budget of time that validations may take.
const VALIDATION_SHARE: f64 = 0.2;
/// Largest part of a training that warms up.
const WARM_UP: usize = 10;

/// How long each run is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Gradient steps.
    Steps(u64),
    /// Minutes of training and validation.
    Minutes(f64),
}

impl Budget {
    /// Recipe keys that a budget gives, whichever it is.
    pub(super) const KEYS: [&str; 4] = [
        "train.steps",
        "train.minutes",
        "train.epochs",
        "train.batches_per_epoch",
    ];

    /// Checks its range.
    ///
    /// # Errors
    /// [`TrainError::Usage`] if it allows no training.
    pub fn validate(self) -> Result<()> {
        let problem = match self {
            Self::Steps(0) => "--steps must be at least 1, found 0".to_string(),
            Self::Minutes(m) if !(m > 0.0 && m <= 1e6) => {
                format!("--minutes must be above 0 and at most a million, found {m}")
            }
            _ => return Ok(()),
        };
        Err(TrainError::Usage(problem))
    }

    /// The option that gives it.
    pub(super) fn option(self) -> String {
        match self {
            Self::Steps(steps) => format!("--steps {steps}"),
            Self::Minutes(minutes) => format!("--minutes {minutes}"),
        }
    }

    /// The recipe with this budget; `times` are asked for where it is one of time.
    ///
    /// # Errors
    /// Those of `times`.
    pub(super) fn of(
        self,
        recipe: &Recipe,
        times: impl FnOnce(&Recipe) -> Result<StepTimes>,
    ) -> Result<Recipe> {
        Ok(match self {
            Self::Steps(steps) => for_steps(recipe, steps),
            Self::Minutes(minutes) => for_minutes(recipe, minutes, times(recipe)?),
        })
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "{steps} steps each"),
            Self::Minutes(minutes) => write!(f, "{minutes} minutes each"),
        }
    }
}

/// The recipe with exactly this many gradient steps; where they cannot be divided into epochs, the last one is shorter.
fn for_steps(recipe: &Recipe, steps: u64) -> Recipe {
    let epochs = EPOCHS
        .filter(|epochs| steps.is_multiple_of(*epochs))
        .max()
        .unwrap_or(steps.min(*EPOCHS.end()));
    let mut recipe = in_epochs(recipe, epochs, steps.div_ceil(epochs));
    let train = &mut recipe.train;
    train.steps = steps as usize;
    train.warmup_steps = train.warmup_steps.min(train.steps / WARM_UP);
    recipe
}

/// The recipe that ends after these minutes. Its epochs are of so many steps that about [`TIMED_EPOCHS`] of them go into
/// the time, fewer where their validations would take too much of it.
fn for_minutes(recipe: &Recipe, minutes: f64, times: StepTimes) -> Recipe {
    let seconds = 60.0 * minutes;
    let allowed = VALIDATION_SHARE * seconds / times.validation.max(1e-9);
    let epochs = TIMED_EPOCHS.min(allowed as u64).max(1);
    let left = seconds - epochs as f64 * times.validation;
    let steps = (left / times.step.max(1e-9)).max(1.0) as u64;
    let mut recipe = in_epochs(recipe, epochs, (steps / epochs).max(1));
    recipe.train.minutes = minutes;
    recipe
}

fn in_epochs(recipe: &Recipe, epochs: u64, batches: u64) -> Recipe {
    let mut recipe = recipe.clone();
    let train = &mut recipe.train;
    train.minutes = 0.0;
    train.steps = 0;
    train.epochs = epochs as usize;
    train.batches_per_epoch = batches as usize;
    let most = (epochs.saturating_mul(batches) as usize) / WARM_UP;
    train.warmup_steps = train.warmup_steps.min(most);
    recipe
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn steps_are_kept_where_epochs_divide_them() {
        let recipe = Recipe::builtin("spikes-adding").unwrap();
        let steps = |steps| {
            let train = for_steps(&recipe, steps).train;
            (
                train.steps,
                train.steps.div_ceil(train.batches_per_epoch),
                train.warmup_steps,
            )
        };
        assert_eq!(steps(1000), (1000, 25, 100));
        assert_eq!(steps(5000), (5000, 25, 200));
        assert_eq!(steps(1), (1, 1, 0));
        assert_eq!(steps(7), (7, 7, 0));
        assert_eq!(steps(88), (88, 22, 8));
        // primes: a shorter last epoch
        assert_eq!(steps(997), (997, 25, 99));
        assert_eq!(steps(47), (47, 24, 4));
    }

    #[test]
    fn time_is_divided_into_epochs() {
        let recipe = Recipe::builtin("spikes-adding").unwrap();
        for (step, validation, expected) in [
            (0.01, 0.5, 12),
            (0.3, 0.1, 12),
            // validations of 9 s: only one goes into a fifth of the time
            (0.01, 9.0, 1),
        ] {
            let times = StepTimes { step, validation };
            let train = for_minutes(&recipe, 1.0, times).train;
            assert_eq!((train.epochs, train.minutes), (expected, 1.0));
            let steps = (train.epochs * train.batches_per_epoch) as f64;
            let all = steps * step + expected as f64 * validation;
            assert!(all <= 60.0 && all > 50.0, "{all}");
        }
        // less time than a step takes: one step, and the time is over
        let times = StepTimes {
            step: 2.0,
            validation: 0.0,
        };
        let train = for_minutes(&recipe, 0.01, times).train;
        assert_eq!(train.batches_per_epoch, 1);
        for_steps(&recipe, 100).validate().unwrap();
    }
}
