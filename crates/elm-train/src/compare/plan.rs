//! What a comparison trains: a sweep over models, learning rates and seeds.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use crate::error::{Result, TrainError};
use crate::model::ModelKind;
use crate::recipe::{Recipe, key_named};
use crate::run::StepTimes;
use crate::sweep::{Assignment, Axis, Metric, Random, Sweep, SweepFile};

/// File of the plan in a comparison's folder, which tells it from that of another sweep.
pub(super) const PLAN: &str = "plan.json";
/// The key of the models, and that of `--rates`.
const KIND: &str = "model.kind";
const RATE: &str = "train.learning_rate";
/// What settings are judged by.
const METRIC: &str = "valid_loss";
/// Sections that are the same for all models.
const OF_DATA: [&str; 3] = ["data.", "arrays.", "text."];

/// A comparison: models, their data and their budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the recipe.
    pub recipe: String,
    /// The models in their order.
    pub models: Vec<ModelKind>,
    /// How long each run is trained.
    pub budget: Budget,
    /// Trained parameters that the sizes are chosen for; the recipe's own sizes and defaults unless set.
    pub params: Option<usize>,
    /// Seeds of each setting; the recipe's where there are none.
    pub seeds: Vec<u64>,
    /// Learning rates that each model is trained with; its own where there are none.
    pub rates: Vec<f64>,
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

    /// The plan in the folder of a comparison; none where it is the folder of another sweep, or of nothing.
    ///
    /// # Errors
    /// [`TrainError::File`] if the file holds something else.
    pub fn of(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(PLAN);
        if !path.is_file() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|e| TrainError::file(&path, format!("cannot read it: {e}")))?;
        let plan = serde_json::from_str(&text)
            .map_err(|e| TrainError::file(&path, format!("expected a comparison: {e}")))?;
        Ok(Some(plan))
    }

    /// `base` with the changes that are the same for all models: data, and the seed.
    ///
    /// # Errors
    /// For a wrong value, or options that contradict each other.
    pub fn base(&self, base: &Recipe) -> Result<Recipe> {
        self.budget.validate()?;
        self.refuse_twice()?;
        let mut base = base.clone();
        for assignment in self.set.iter().filter(|set| is_common(set)) {
            base.set(assignment)?;
        }
        Ok(base)
    }

    /// The sweep of the comparison on [its base](Self::base): a row for each model, with its size and budget, by all learning
    /// rates, by all seeds. `times` measures a model's steps where the budget is one of time.
    ///
    /// # Errors
    /// For a change that no model has a use for, a recipe that is not valid, and those of `times`.
    pub fn sweep(
        &self,
        base: &Recipe,
        mut times: impl FnMut(&Recipe) -> Result<StepTimes>,
    ) -> Result<Sweep> {
        let mut file = self.models_alone(base)?;
        let plain = sweep(&file, base)?;
        plain.validate()?;
        let mut chosen = Vec::new();
        for kind in &self.models {
            let member = plain
                .members
                .iter()
                .find(|m| is_of(m.changes.iter(), *kind));
            let Some(member) = member else { continue };
            let own = plain.recipe(member)?;
            let sized = match self.params {
                Some(params) => {
                    let sized = own.sized(params);
                    self.refuse_size(&own, &sized, params)?;
                    sized
                }
                None => own.clone(),
            };
            sized
                .validate()
                .map_err(|e| TrainError::Usage(format!("model {kind} on {}: {e}", self.recipe)))?;
            chosen.push((own, self.budget.of(&sized, &mut times)?));
        }
        lay(&mut file, &chosen);
        let sweep = sweep(&file, base)?;
        sweep.validate()?;
        Ok(sweep)
    }

    /// The sweep file before sizes and budgets are chosen.
    fn models_alone(&self, base: &Recipe) -> Result<SweepFile> {
        let mut set: Vec<Assignment> = Vec::new();
        for text in self.set.iter().filter(|set| !is_common(set)) {
            let key = key_of(text);
            let serves = |kind: &ModelKind| {
                let recipe = base.clone().with_model(*kind);
                key_named(key).is_some_and(|key| key.serves(&recipe))
            };
            if !self.models.iter().any(serves) {
                // the recipe says what is wrong with it
                base.clone().with_model(self.models[0]).set(text)?;
            }
            let assignment = Assignment::read(text).map_err(TrainError::Usage)?;
            set.retain(|earlier| earlier.key != assignment.key);
            set.push(assignment);
        }
        set.sort_by(|a, b| a.key.cmp(&b.key));
        let row = |kind: &ModelKind| {
            vec![Assignment {
                key: KIND.into(),
                value: kind.name().into(),
            }]
        };
        let rates = Axis {
            key: RATE.into(),
            values: self.rates.iter().map(|&rate| rate.into()).collect(),
        };
        Ok(SweepFile {
            base: self.recipe.clone(),
            seeds: self.seeds.clone(),
            metric: Metric::new(METRIC, None).map_err(TrainError::Usage)?,
            halving: None,
            power_law: None,
            set,
            list: self.models.iter().map(row).collect(),
            grid: match self.rates.is_empty() {
                true => Vec::new(),
                false => vec![rates],
            },
            random: Random::default(),
        })
    }

    /// Refuses keys that are given by --set and by an option of their own, too.
    fn refuse_twice(&self) -> Result<()> {
        let rates: Vec<String> = self.rates.iter().map(f64::to_string).collect();
        for set in &self.set {
            let key = key_of(set);
            let option = match key {
                KIND => {
                    return Err(TrainError::Usage(
                        "--set model.kind has no use here: --models says which models are compared"
                            .into(),
                    ));
                }
                "seed" if !self.seeds.is_empty() => format!("--seeds {}", list(&self.seeds)),
                RATE if !rates.is_empty() => format!("--rates {}", rates.join(",")),
                key if Budget::KEYS.contains(&key) => self.budget.option(),
                _ => continue,
            };
            return Err(TrainError::Usage(format!(
                "{option} gives {key}, which --set {set} gives as well: leave one of them out"
            )));
        }
        if let Some(twice) = twice(&self.seeds) {
            return Err(TrainError::Usage(format!("--seeds names {twice} twice")));
        }
        match twice(&rates) {
            Some(twice) => Err(TrainError::Usage(format!("--rates names {twice} twice"))),
            None => Ok(()),
        }
    }

    /// Refuses a size that is given by --set and chosen by --params, too.
    fn refuse_size(&self, given: &Recipe, chosen: &Recipe, params: usize) -> Result<()> {
        let kind = given.model.kind;
        let at_other_size = given.sized(params.saturating_mul(4).max(4));
        let sizes = given.differences(chosen).into_keys();
        for key in sizes.chain(given.differences(&at_other_size).into_keys()) {
            if let Some(set) = self.set.iter().find(|set| key_of(set) == key) {
                return Err(TrainError::Usage(format!(
                    "--params {params} chooses {key} of the model {kind}, which --set {set} gives as well: leave one of them out"
                )));
            }
        }
        Ok(())
    }
}

fn key_of(assignment: &str) -> &str {
    assignment.split_once('=').map_or("", |(key, _)| key.trim())
}

/// Does a change concern all models alike?
fn is_common(assignment: &str) -> bool {
    let key = key_of(assignment);
    key == "seed" || OF_DATA.iter().any(|section| key.starts_with(section))
}

fn list(numbers: &[u64]) -> String {
    let all: Vec<String> = numbers.iter().map(u64::to_string).collect();
    all.join(",")
}

fn twice<T: Ord + ToString>(all: &[T]) -> Option<String> {
    let mut seen = BTreeSet::new();
    all.iter().find(|one| !seen.insert(*one)).map(T::to_string)
}

fn sweep(file: &SweepFile, base: &Recipe) -> Result<Sweep> {
    Sweep::new(file.clone(), base.clone()).map_err(TrainError::Usage)
}

fn is_of<'a>(mut changes: impl Iterator<Item = &'a Assignment>, kind: ModelKind) -> bool {
    changes.any(|a| a.key == KIND && a.value.as_str() == Some(kind.name()))
}

/// Writes into the rows of a file what was chosen for each: the recipe before, and after. What is the same for all of them
/// goes to the keys of all members.
fn lay(file: &mut SweepFile, chosen: &[(Recipe, Recipe)]) {
    let keys: BTreeSet<String> = chosen
        .iter()
        .flat_map(|(own, chosen)| own.differences(chosen).into_keys())
        .collect();
    for key in keys {
        let values: Vec<Option<toml::Value>> = chosen
            .iter()
            .map(|(_, recipe)| recipe.value(&key))
            .collect();
        file.set.retain(|earlier| earlier.key != key);
        let assignment = |value: &toml::Value| Assignment {
            key: key.clone(),
            value: value.clone(),
        };
        match values.first() {
            Some(Some(first)) if values.iter().all(|value| value.as_ref() == Some(first)) => {
                file.set.push(assignment(first));
            }
            _ => {
                for (row, value) in file.list.iter_mut().zip(&values) {
                    row.extend(value.iter().map(assignment));
                }
            }
        }
    }
    file.set.sort_by(|a, b| a.key.cmp(&b.key));
    for row in &mut file.list {
        row.sort_by(|a, b| a.key.cmp(&b.key));
    }
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
            seeds: Vec::new(),
            rates: Vec::new(),
            set: set.iter().map(|s| s.to_string()).collect(),
        }
    }

    /// A step takes 10 ms, and a validation a second.
    fn sweep_of(plan: &Plan) -> Result<Sweep> {
        let base = plan.base(&Recipe::builtin("spikes-adding")?)?;
        plan.sweep(&base, |_| {
            Ok(StepTimes {
                step: 0.01,
                validation: 1.0,
            })
        })
    }

    fn recipes(plan: &Plan) -> Vec<Recipe> {
        let sweep = sweep_of(plan).unwrap();
        let members = sweep.members.iter();
        members.map(|m| sweep.recipe(m).unwrap()).collect()
    }

    fn error(plan: &Plan) -> String {
        sweep_of(plan).unwrap_err().to_string()
    }

    #[test]
    fn every_model_gets_the_changes_it_has_a_use_for() {
        let base = Recipe::builtin("spikes-adding").unwrap();
        let set = [
            "train.batch_size=4",
            "model.num_memory=7",
            "lif.num_neurons=9",
            "train.learning_rate=1e-3",
            "data.valid_samples=30",
            "seed=5",
        ];
        let recipes = recipes(&plan("elm,lif,tcn", &set));
        let rates: Vec<_> = recipes
            .iter()
            .map(|r| (r.train.batch_size, r.train.learning_rate))
            .collect();
        assert_eq!(rates, [(4, 1e-3); 3]);
        assert_eq!(recipes[0].model.num_memory, 7);
        assert_eq!(recipes[1].lif.num_neurons, 9);
        for recipe in &recipes {
            assert_eq!((recipe.seed, recipe.train.steps), (5, 100));
            assert_eq!(recipe.data.valid_samples, Some(30));
            assert_eq!(recipe.data.dir, base.data.dir);
        }
        for (models, set, words) in [
            ("elm", "lif.num_neurons=9", "no use in the model elm"),
            (
                "elm,tcn",
                "train.batchsize=9",
                "did you mean `train.batch_size`",
            ),
            ("elm", "model.kind=lif", "--models"),
            ("elm,lif", "lif.num_neurons=0", "kind-lif"),
        ] {
            let error = error(&plan(models, &[set]));
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn every_model_has_as_many_tries_and_what_they_share_is_said_once() {
        let mut plan = plan("elm,chrono-lstm", &[]);
        plan.params = Some(20_000);
        plan.rates = vec![1e-3, 1e-2];
        plan.seeds = vec![0, 1, 2];
        let sweep = sweep_of(&plan).unwrap();
        assert_eq!((sweep.members.len(), sweep.num_settings()), (12, 4));
        let text = sweep.file.to_toml();
        assert_eq!(text.matches("train.steps = 100").count(), 1, "{text}");
        assert_eq!(text.matches("num_memory").count(), 1, "{text}");
        for (place, recipe) in recipes(&plan).iter().enumerate() {
            let kind = [ModelKind::Elm, ModelKind::ChronoLstm][place / 6];
            assert_eq!(recipe.model.kind, kind);
            assert_eq!(recipe.train.learning_rate, [1e-3, 1e-2][place / 3 % 2]);
            assert_eq!(recipe.seed, place as u64 % 3);
            assert!(recipe.num_trained().abs_diff(20_000) < 2000);
        }
        // what is written down is the same sweep
        let read = SweepFile::parse(&text).unwrap();
        assert!(
            Sweep::new(read, sweep.base.clone())
                .unwrap()
                .is_same(&sweep)
        );
    }

    #[test]
    fn minutes_are_kept_and_a_warm_up_is_bounded() {
        let mut plan = plan("elm,lif", &["train.warmup_steps=9999"]);
        plan.budget = Budget::Minutes(1.0);
        for recipe in recipes(&plan) {
            assert_eq!((recipe.train.minutes, recipe.train.steps), (1.0, 0));
            let steps = recipe.train.epochs * recipe.train.batches_per_epoch;
            assert!((4000..=4900).contains(&steps), "{steps}");
            assert_eq!(recipe.train.warmup_steps, steps / 10);
        }
    }

    #[test]
    fn nothing_is_said_twice() {
        for set in ["model.num_memory=30", "network.hidden_neurons=[7]"] {
            let mut plan = plan("elm,network", &[set]);
            sweep_of(&plan).unwrap();
            plan.params = Some(5000);
            let error = error(&plan);
            assert!(
                error.contains("--params 5000") && error.contains(set),
                "{error}"
            );
        }
        let mut plan = plan("elm", &["model.memory_tau_max=300"]);
        plan.params = Some(5000);
        plan.seeds = vec![3];
        plan.rates = vec![1e-3];
        sweep_of(&plan).unwrap();
        for (set, option) in [
            ("seed=4", "--seeds 3"),
            ("train.learning_rate=1", "--rates 0.001"),
            ("train.epochs=3", "--steps 100"),
            ("train.minutes=3", "--steps 100"),
        ] {
            plan.set = vec![set.into()];
            let error = error(&plan);
            assert!(error.contains(option) && error.contains(set), "{error}");
        }
        plan.set.clear();
        plan.rates = vec![1e-3, 0.001];
        assert!(error(&plan).contains("--rates names 0.001 twice"));
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
