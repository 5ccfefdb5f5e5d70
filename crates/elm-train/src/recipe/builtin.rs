//! The recipes that come with the program.

use elm_data::Task;
use elm_data::task::TaskRecipe;

use super::hint::hint;
use super::{Recipe, RecipeError};

/// Every built-in recipe, task by task.
fn all() -> impl Iterator<Item = &'static TaskRecipe> {
    Task::ALL.iter().flat_map(|task| task.info().recipes)
}

/// Name and one-line description of every built-in recipe.
pub fn builtins() -> Vec<(String, String)> {
    all()
        .map(|recipe| (recipe.name.to_string(), recipe.about.to_string()))
        .collect()
}

impl Recipe {
    /// A recipe that comes with the program; [`builtins`] lists them.
    ///
    /// # Errors
    /// [`RecipeError::UnknownBuiltin`] with the nearest name.
    pub fn builtin(name: &str) -> Result<Self, RecipeError> {
        let Some(found) = all().find(|recipe| recipe.name == name) else {
            let otherwise = "; `elm recipes` lists them";
            return Err(RecipeError::UnknownBuiltin {
                name: name.to_string(),
                hint: hint(name, all().map(|recipe| recipe.name), otherwise),
            });
        };
        let mut recipe = Self::from_toml(found.text, &format!("built-in recipe {name}"))?;
        for change in found.set {
            recipe.set(change)?;
        }
        Ok(recipe)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::recipe::{DataForm, DataSource};
    use elm_data::text::StateDrop;
    use elm_model::{ElmNeuronConfig, HiddenActivation};

    #[test]
    fn every_builtin_loads_and_survives_toml() {
        for (name, description) in builtins() {
            let recipe = Recipe::builtin(&name).unwrap();
            assert_eq!(
                Recipe::from_toml(&recipe.to_toml(), "text").unwrap(),
                recipe,
                "{name}"
            );
            assert!(!description.contains('\n'));
        }
    }

    #[test]
    fn quick_is_ready_to_run() {
        let recipe = Recipe::builtin("quick").unwrap();
        recipe.validate().unwrap();
        assert_eq!(recipe.data.train, DataSource::Shipped);
    }

    #[test]
    fn published_recipes_are_the_published_neurons() {
        for size in [1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 75, 100] {
            let mut recipe = Recipe::builtin(&format!("neuronio-m{size}")).unwrap();
            assert_eq!(recipe.model.config(), ElmNeuronConfig::neuronio(size));
            let train = &recipe.train;
            assert_eq!(train.epochs * train.batches_per_epoch, 350_000);
            let error = recipe.validate().unwrap_err().to_string();
            assert!(error.contains("--set data.train=folder"), "{error}");
            for part in ["train", "valid", "test"] {
                recipe.set(&format!("data.{part}=['folder']")).unwrap();
            }
            recipe.validate().unwrap();
        }
        let best = Recipe::builtin("neuronio-best").unwrap();
        assert_eq!(best.model.activation, HiddenActivation::Silu);
        assert_eq!((best.model.num_memory, best.train.batch_size), (100, 32));
        assert_eq!(best.train.epochs * best.train.batches_per_epoch, 250_000);
    }

    #[test]
    fn recipes_need_nothing_but_their_files() {
        for name in all().map(|recipe| recipe.name) {
            let mut recipe = Recipe::builtin(name).unwrap();
            if recipe.task.is_neuronio() {
                continue;
            }
            if recipe.task.is_open() {
                let error = recipe.validate().unwrap_err().to_string();
                assert!(error.contains("--set data.train=FILE"), "{name}: {error}");
                recipe.set("data.train=['file']").unwrap();
                recipe.validate().unwrap();
                continue;
            }
            if !recipe.task.is_synthetic() {
                let error = recipe.validate().unwrap_err().to_string();
                assert!(error.contains("--set data.dir=FOLDER"), "{name}: {error}");
                recipe.set("data.dir=folder").unwrap();
            }
            recipe.validate().unwrap();
            let (inputs, outputs) = recipe.model_config().sizes();
            let columns = if recipe.data.column_channels { 2 } else { 0 };
            assert_eq!(inputs, recipe.task.info().channels + columns, "{name}");
            assert!(
                recipe.task.inputs() == 2 || outputs == recipe.task.classes(),
                "{name}"
            );
        }
        let shd = Recipe::builtin("shd").unwrap();
        assert_eq!((shd.train.batch_size, shd.dt()), (8, 10.0));
    }

    #[test]
    fn the_published_network_has_its_size() {
        let recipe = Recipe::builtin("shd-adding-network").unwrap();
        assert_eq!(recipe.num_trained(), 77_310);
        assert_eq!(recipe.steps(), 1000);
        assert_eq!(
            recipe.train.epochs * recipe.train.batches_per_epoch,
            140_000
        );
        assert_eq!(recipe.network.regularisers.len(), 2);
    }

    #[test]
    fn the_published_language_model_has_its_size() {
        let form = DataForm {
            inputs: 204,
            outputs: Some(204),
            steps: 100,
            causal: true,
        };
        let recipe = Recipe::builtin("enwik8").unwrap().with_form(form);
        recipe.validate_settings().unwrap();
        assert_eq!(recipe.num_trained(), 3_516_748);
        assert_eq!(recipe.text.state_drop, StateDrop::default());
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let error = Recipe::builtin("quik").unwrap_err().to_string();
        assert_eq!(error, "unknown recipe `quik`, did you mean `quick`?");
        let error = Recipe::builtin("xyz").unwrap_err().to_string();
        assert_eq!(error, "unknown recipe `xyz`; `elm recipes` lists them");
    }
}
