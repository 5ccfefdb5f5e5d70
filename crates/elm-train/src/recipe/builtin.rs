//! The recipes that come with the program.

use super::hint::hint;
use super::{Recipe, RecipeError};

const QUICK: &str = include_str!("recipes/quick.toml");
const NEURONIO: &str = include_str!("recipes/neuronio.toml");
const NEURONIO_BEST: &str = include_str!("recipes/neuronio-best.toml");

/// Recipes of all tasks but NeuronIO: name, what it is, text.
const OTHERS: [(&str, &str, &str); 15] = [
    (
        "spikes",
        "20 synthetic spike patterns, made on first use; minutes on two cores",
        include_str!("recipes/spikes.toml"),
    ),
    (
        "spikes-adding",
        "the sum of two synthetic spike patterns, made on first use",
        include_str!("recipes/spikes-adding.toml"),
    ),
    (
        "spikes-adding-network",
        "a small network of neurons on the same sums; minutes on two cores",
        include_str!("recipes/spikes-adding-network.toml"),
    ),
    (
        "shd",
        "published training on the Spiking Heidelberg Digits; needs their files",
        include_str!("recipes/shd.toml"),
    ),
    (
        "shd-adding",
        "published training on the sum of two Heidelberg digits; needs their files",
        include_str!("recipes/shd-adding.toml"),
    ),
    (
        "shd-adding-network",
        "published training of a network on the same sums; needs their files",
        include_str!("recipes/shd-adding-network.toml"),
    ),
    (
        "listops",
        "Long Range Arena: ListOps; its files can be made with elm data generate",
        include_str!("recipes/listops.toml"),
    ),
    (
        "text",
        "Long Range Arena: Text; needs the IMDb reviews",
        include_str!("recipes/text.toml"),
    ),
    (
        "retrieval",
        "Long Range Arena: Retrieval; needs the AAN pairs",
        include_str!("recipes/retrieval.toml"),
    ),
    (
        "image",
        "Long Range Arena: Image; needs CIFAR-10",
        include_str!("recipes/image.toml"),
    ),
    (
        "pathfinder",
        "Long Range Arena: Pathfinder; its files can be made with elm data generate",
        include_str!("recipes/pathfinder.toml"),
    ),
    (
        "pathx",
        "Long Range Arena: Path-X; its files can be made with elm data generate",
        include_str!("recipes/pathx.toml"),
    ),
    (
        "arrays",
        "a neuron on your own sequences; needs their files (elm data list)",
        include_str!("recipes/arrays.toml"),
    ),
    (
        "text-lm",
        "a small network that learns to write; needs a text or a folder of texts; minutes on two cores",
        include_str!("recipes/text-lm.toml"),
    ),
    (
        "enwik8",
        "published network on an English Wikipedia dump, byte by byte; needs its file and a graphics card",
        include_str!("recipes/enwik8.toml"),
    ),
];

/// Memory sizes M of the published NeuronIO neurons; each has a recipe `neuronio-m<M>`.
pub const PUBLISHED_MEMORY_SIZES: [usize; 14] =
    [1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 75, 100];

/// Name and one-line description of every built-in recipe.
pub fn builtins() -> Vec<(String, String)> {
    let mut list = vec![(
        "quick".to_string(),
        "a small neuron on the shipped simulations, minutes on two cores".to_string(),
    )];
    list.extend(PUBLISHED_MEMORY_SIZES.iter().map(|&m| {
        let units = if m == 1 {
            "1 memory unit".to_string()
        } else {
            format!("{m} memory units")
        };
        (
            sized_name(m),
            format!("published NeuronIO training, {units}; needs the full data set"),
        )
    }));
    list.push((
        "neuronio-best".to_string(),
        "published best NeuronIO neuron, 100 memory units, silu; needs the full data set"
            .to_string(),
    ));
    let others = OTHERS.iter();
    list.extend(others.map(|(name, about, _)| (name.to_string(), about.to_string())));
    list
}

fn sized_name(num_memory: usize) -> String {
    format!("neuronio-m{num_memory}")
}

impl Recipe {
    /// A recipe that comes with the program; [`builtins`] lists them.
    ///
    /// # Errors
    /// [`RecipeError::UnknownBuiltin`] with the nearest name.
    pub fn builtin(name: &str) -> Result<Self, RecipeError> {
        let origin = format!("built-in recipe {name}");
        match name {
            "quick" => return Self::from_toml(QUICK, &origin),
            "neuronio-best" => return Self::from_toml(NEURONIO_BEST, &origin),
            _ => {}
        }
        if let Some((_, _, text)) = OTHERS.iter().find(|(known, ..)| *known == name) {
            return Self::from_toml(text, &origin);
        }
        if let Some(&size) = PUBLISHED_MEMORY_SIZES
            .iter()
            .find(|&&m| sized_name(m) == name)
        {
            let mut recipe = Self::from_toml(NEURONIO, &origin)?;
            recipe.model.num_memory = size;
            return Ok(recipe);
        }
        let names: Vec<_> = builtins().into_iter().map(|(name, _)| name).collect();
        Err(RecipeError::UnknownBuiltin {
            name: name.to_string(),
            hint: hint(
                name,
                names.iter().map(String::as_str),
                "; `elm recipes` lists them",
            ),
        })
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
        for size in PUBLISHED_MEMORY_SIZES {
            let mut recipe = Recipe::builtin(&sized_name(size)).unwrap();
            assert_eq!(recipe.model.config(), ElmNeuronConfig::neuronio(size));
            let train = &recipe.train;
            assert_eq!(train.epochs * train.batches_per_epoch, 350_000);
            let error = recipe.validate().unwrap_err().to_string();
            assert!(error.contains("--set data.train='[\"folder\"]'"), "{error}");
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
        for (name, ..) in OTHERS {
            let mut recipe = Recipe::builtin(name).unwrap();
            if recipe.task.is_open() {
                let error = recipe.validate().unwrap_err().to_string();
                assert!(
                    error.contains("--set data.train='[\"FILE\"]'"),
                    "{name}: {error}"
                );
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
            assert_eq!(inputs, recipe.task.info().channels, "{name}");
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
