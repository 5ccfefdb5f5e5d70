//! Which keys of a run's recipe may change when it is gone on with.

use std::collections::BTreeMap;

use crate::error::{Result, TrainError};
use crate::recipe::Recipe;

/// Keys that may change: they say how the run goes on, and nothing about the steps that were taken.
const FREE: [&str; 16] = [
    "data.workers",
    "train.epochs",
    "train.minutes",
    "train.steps",
    "train.learning_rate",
    "train.final_learning_rate",
    "train.warmup_steps",
    "train.timescale_rate",
    "train.weight_decay",
    "train.clip_norm",
    "train.memory_budget",
    "train.patience",
    "train.average_decay",
    "train.label_smoothing",
    "train.input_dropout",
    "train.log_every",
];
/// Where the data is: the same files may have moved.
const PLACES: [&str; 4] = ["data.dir", "data.train", "data.valid", "data.test"];

/// Makes changes to the recipe of a run; each changed key with its value before and after.
///
/// # Errors
/// [`TrainError::Usage`] for a key that has to stay, with the reason; [`TrainError::Recipe`] for one that is wrong.
pub(super) fn change(
    recipe: &mut Recipe,
    assignments: &[String],
) -> Result<BTreeMap<String, [String; 2]>> {
    let before = recipe.clone();
    for assignment in assignments {
        let key = assignment.split_once('=').map_or("", |(key, _)| key.trim());
        let mut changed = recipe.clone();
        changed.set(assignment)?;
        // a key that does not change is no change
        if changed != *recipe
            && let Some(reason) = fixed(key)
        {
            return Err(TrainError::Usage(format!(
                "--set {key}: cannot change when a run is gone on with: {reason}; begin a new run for that"
            )));
        }
        *recipe = changed;
    }
    Ok(before.differences(recipe))
}

/// Why a key has to stay; none if it may change.
fn fixed(key: &str) -> Option<&'static str> {
    if FREE.contains(&key) || PLACES.contains(&key) || key.starts_with("checkpoint.") {
        return None;
    }
    let (section, name) = key.split_once('.').unwrap_or(("", key));
    Some(match (section, name) {
        ("", "seed") => "it decided the batches and random numbers of the steps so far",
        ("", _) => "the checkpoint is one of this task",
        ("data" | "arrays" | "text", _) => "the steps so far were taken on the data as it was",
        ("train", "optimizer") => "the checkpoint holds the state of another optimizer",
        ("train", "batch_size" | "window_ms" | "batches_per_epoch" | "accumulate") => {
            "the position in the data is counted in batches as they were"
        }
        ("train", _) => "the losses of the epochs so far would not compare with those to come",
        _ => "the checkpoint holds the weights of the model as it was",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::recipe::key_named;

    fn try_change(assignments: &[&str]) -> Result<(Recipe, BTreeMap<String, [String; 2]>)> {
        let mut recipe = Recipe::builtin("quick").unwrap();
        let all: Vec<String> = assignments.iter().map(|a| a.to_string()).collect();
        let changed = change(&mut recipe, &all)?;
        Ok((recipe, changed))
    }

    #[test]
    fn what_may_change_is_noted_and_what_may_not_has_a_reason() {
        let (recipe, changed) =
            try_change(&["train.learning_rate=1e-4", "train.epochs=99"]).unwrap();
        assert_eq!(
            (recipe.train.learning_rate, recipe.train.epochs),
            (1e-4, 99)
        );
        let names: Vec<_> = changed.keys().map(String::as_str).collect();
        assert_eq!(names, ["train.epochs", "train.learning_rate"]);
        assert_eq!(changed["train.epochs"][1], "99");
        for (assignment, words) in [
            ("seed=9", "random numbers"),
            ("model.num_memory=9", "weights of the model"),
            ("train.batch_size=1", "position in the data"),
            ("train.optimizer=adamax", "state of another optimizer"),
            ("train.soma_weight=3", "would not compare"),
        ] {
            let error = try_change(&[assignment]).unwrap_err().to_string();
            assert!(
                error.contains(words) && error.contains("new run"),
                "{error}"
            );
        }
        // what stays as it is may be named
        let same = format!("seed={}", Recipe::builtin("quick").unwrap().seed);
        assert!(try_change(&[&same]).unwrap().1.is_empty());
        assert!(
            try_change(&["train.epoch=3"])
                .unwrap_err()
                .to_string()
                .contains("did you mean")
        );
    }

    #[test]
    fn the_lists_name_keys_that_there_are() {
        for name in FREE.iter().chain(&PLACES) {
            assert!(key_named(name).is_some(), "{name}");
        }
    }
}
