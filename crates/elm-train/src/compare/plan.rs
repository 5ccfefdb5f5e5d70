//! What a comparison trains, and for how long.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};
use crate::model::ModelKind;
use crate::recipe::{Recipe, key_named};
use crate::run::StepTimes;

/// Epochs that a budget of steps is divided into, if it can be.
const EPOCHS: std::ops::RangeInclusive<u64> = 8..=25;
/// Epochs that a budget of time is divided into, unless its validations would take too much of it.
const TIMED_EPOCHS: u64 = 12;
/// Largest share of a budget of time that validations may take.
const VALIDATION_SHARE: f64 = 0.2;
/// Largest part of a training that warms up.
const WARM_UP: usize = 10;

/// How long each model is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Gradient steps.
    Steps(u64),
    /// Minutes of training and validation.
    Minutes(f64),
}

impl Budget {
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
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "{steps} steps each"),
            Self::Minutes(minutes) => write!(f, "{minutes} minutes each"),
        }
    }
}

/// A comparison: models, their data and their budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the recipe.
    pub recipe: String,
    /// The models in their order.
    pub models: Vec<ModelKind>,
    /// How long each is trained.
    pub budget: Budget,
    /// Trained parameters that the sizes are chosen for; the recipe's own sizes and defaults unless set.
    pub params: Option<usize>,
    /// Changes of recipe keys.
    pub set: Vec<String>,
}

impl Plan {
    /// Models by their names, separated by commas.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for an unknown name, one that is given twice, or none.
    pub fn models(names: &str) -> Result<Vec<ModelKind>> {
        let mut models = Vec::new();
        for name in names.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            let kind = ModelKind::from_name(name)?;
            if models.contains(&kind) {
                return Err(TrainError::Usage(format!(
                    "--models names {kind} twice; a model is compared with others"
                )));
            }
            models.push(kind);
        }
        match models.is_empty() {
            true => Err(TrainError::Usage(
                "--models names no model; give some, such as elm,chrono-lstm".into(),
            )),
            false => Ok(models),
        }
    }

    /// The recipe of each model, before its budget: `base` with the model, the changes that it has a use for, and its
    /// size.
    ///
    /// # Errors
    /// For a change that no model has a use for, or a recipe that is not valid.
    pub fn recipes(&self, base: &Recipe) -> Result<Vec<Recipe>> {
        for assignment in &self.set {
            let key = assignment.split_once('=').map_or("", |(key, _)| key.trim());
            if key == "model.kind" {
                return Err(TrainError::Usage(
                    "--set model.kind has no use here: --models says which models are compared"
                        .into(),
                ));
            }
            let serves = |kind: &ModelKind| {
                let recipe = base.clone().with_model(*kind);
                key_named(key).is_some_and(|key| key.serves(&recipe))
            };
            if !self.models.iter().any(serves) {
                // the recipe says what is wrong with it
                let mut recipe = base.clone().with_model(self.models[0]);
                recipe.set(assignment)?;
            }
        }
        let one = |kind: &ModelKind| {
            let mut recipe = base.clone();
            self.change(&mut recipe)?;
            let mut recipe = recipe.with_model(*kind);
            self.change(&mut recipe)?;
            if let Some(params) = self.params {
                let chosen = recipe.sized(params);
                self.refuse_twice(&recipe, &chosen, params)?;
                recipe = chosen;
            }
            recipe.validate().map_err(|error| {
                TrainError::Usage(format!("model {kind} on {}: {error}", self.recipe))
            })?;
            Ok(recipe)
        };
        self.models.iter().map(one).collect()
    }

    /// Refuses a size that is given by --set and chosen by --params, too.
    fn refuse_twice(&self, given: &Recipe, chosen: &Recipe, params: usize) -> Result<()> {
        let kind = given.model.kind;
        let at_other_size = given.sized(params.saturating_mul(4).max(4));
        let sizes = given.differences(chosen).into_keys();
        for key in sizes.chain(given.differences(&at_other_size).into_keys()) {
            let same = |set: &&String| set.split_once('=').is_some_and(|(k, _)| k.trim() == key);
            if let Some(set) = self.set.iter().find(same) {
                return Err(TrainError::Usage(format!(
                    "--params {params} chooses {key} of the model {kind}, which --set {set} gives as well: leave one of them out"
                )));
            }
        }
        Ok(())
    }

    /// `base` with the changes that it has a use for.
    pub(super) fn changed(&self, base: &Recipe) -> Result<Recipe> {
        let mut recipe = base.clone();
        self.change(&mut recipe)?;
        Ok(recipe)
    }

    /// Makes the changes that a recipe has a use for.
    fn change(&self, recipe: &mut Recipe) -> Result<()> {
        for assignment in &self.set {
            let key = assignment.split_once('=').map_or("", |(key, _)| key.trim());
            if key_named(key).is_some_and(|key| key.serves(recipe)) {
                recipe.set(assignment)?;
            }
        }
        Ok(())
    }

    /// The plan in a folder of a comparison.
    ///
    /// # Errors
    /// [`TrainError::File`] if there is none, or it is none.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(PLAN);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            TrainError::file(
                folder,
                format!("expected the folder of a comparison with a {PLAN}: {e}"),
            )
        })?;
        let plan: Self = serde_json::from_str(&text)
            .map_err(|e| TrainError::file(&path, format!("expected a comparison: {e}")))?;
        plan.budget.validate()?;
        match plan.models.is_empty() {
            true => Err(TrainError::file(&path, "names no models")),
            false => Ok(plan),
        }
    }
}

/// File of the plan in a comparison's folder.
pub(super) const PLAN: &str = "plan.json";

/// The recipe with exactly this many gradient steps; where they cannot be divided into epochs, the last one is shorter.
pub(super) fn for_steps(recipe: &Recipe, steps: u64) -> Recipe {
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
pub(super) fn for_minutes(recipe: &Recipe, minutes: f64, times: StepTimes) -> Recipe {
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

    fn plan(models: &str, set: &[&str]) -> Plan {
        Plan {
            recipe: "spikes-adding".into(),
            models: Plan::models(models).unwrap(),
            budget: Budget::Steps(100),
            params: None,
            set: set.iter().map(|s| s.to_string()).collect(),
        }
    }

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

    #[test]
    fn every_model_gets_the_changes_it_has_a_use_for() {
        let base = Recipe::builtin("spikes-adding").unwrap();
        let set = [
            "train.batch_size=4",
            "model.num_memory=7",
            "lif.num_neurons=9",
            "train.learning_rate=1e-3",
        ];
        let recipes = plan("elm,lif,tcn", &set).recipes(&base).unwrap();
        let rates: Vec<_> = recipes
            .iter()
            .map(|r| (r.train.batch_size, r.train.learning_rate))
            .collect();
        assert_eq!(rates, [(4, 1e-3); 3]);
        assert_eq!(recipes[0].model.num_memory, 7);
        assert_eq!(recipes[1].lif.num_neurons, 9);
        for recipe in &recipes {
            assert_eq!((&recipe.data, recipe.seed), (&base.data, base.seed));
        }
        for (models, set, words) in [
            ("elm", "lif.num_neurons=9", "no use in the model elm"),
            (
                "elm,tcn",
                "train.batchsize=9",
                "did you mean `train.batch_size`",
            ),
            ("elm", "model.kind=lif", "--models"),
            ("elm,lif", "lif.num_neurons=0", "model lif on spikes-adding"),
        ] {
            let error = plan(models, &[set]).recipes(&base).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_size_is_not_chosen_twice() {
        let base = Recipe::builtin("spikes-adding").unwrap();
        for set in ["model.num_memory=30", "network.hidden_neurons=[7]"] {
            let mut plan = plan("elm,network", &[set]);
            plan.recipes(&base).unwrap();
            plan.params = Some(5000);
            let error = plan.recipes(&base).unwrap_err().to_string();
            assert!(
                error.contains("--params 5000") && error.contains(set),
                "{error}"
            );
        }
        let mut plan = plan("elm", &["model.memory_tau_max=300"]);
        plan.params = Some(5000);
        plan.recipes(&base).unwrap();
    }

    #[test]
    fn names_are_checked() {
        for (names, words) in [
            ("elm,lstm", "unknown model `lstm`"),
            ("elm,elm", "twice"),
            (" ,", "no model"),
        ] {
            let error = Plan::models(names).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let models = Plan::models("elm, tcn").unwrap();
        assert_eq!(models, [ModelKind::Elm, ModelKind::Tcn]);
    }
}
