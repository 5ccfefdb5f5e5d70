//! What the model file of a run says: from its recipe.

use elm_data::lra::listops;
use elm_data::neuronio::{SOMA_BIAS_MV, SOMA_SCALE};
use elm_data::{Encoding, Task};

use crate::model::card::{
    InputCard, Link, Meaning, OutputCard, OutputValue, ReadoutCard, TaskCard, Vocabulary,
};
use crate::model::{ModelCard, ModelConfig};
use crate::recipe::{Readout, Recipe};

/// The card of a recipe's model.
pub(crate) fn of_recipe(recipe: &Recipe, config: ModelConfig) -> ModelCard {
    let task = recipe.task;
    let card = match (task, task.encoding()) {
        (Task::Neuronio, _) => Some(neuronio()),
        (_, Ok(encoding)) => Some(TaskCard {
            name: task.name().into(),
            about: task.info().about.into(),
            step_ms: matches!(encoding, Encoding::Counts { .. }).then(|| recipe.dt()),
            input: InputCard::Files {
                encoding,
                reading: recipe.task_options_of_test().into(),
                vocabulary: vocabulary(task, encoding),
            },
            output: OutputCard {
                readout: match recipe.train.readout {
                    Readout::Last => ReadoutCard::Last,
                    Readout::Mean => ReadoutCard::Mean,
                },
                meaning: Meaning::Classes(
                    (0..task.classes())
                        .map(|class| task.class_name(class))
                        .collect(),
                ),
            },
        }),
        (_, Err(_)) => None,
    };
    ModelCard::new(config, card)
}

/// What every model of NeuronIO has in common.
pub(crate) fn neuronio() -> TaskCard {
    let value = |name: &str, unit: &str, link, scale, offset| OutputValue {
        name: name.into(),
        unit: unit.into(),
        link,
        scale,
        offset,
    };
    let scale = 1.0 / f64::from(SOMA_SCALE);
    TaskCard {
        name: Task::Neuronio.name().into(),
        about: Task::Neuronio.info().about.into(),
        step_ms: Some(1.0),
        input: InputCard::Simulations,
        output: OutputCard {
            readout: ReadoutCard::EveryStep,
            meaning: Meaning::Values(vec![
                value("spike probability", "", Link::Sigmoid, 1.0, 0.0),
                value(
                    "soma",
                    "mV",
                    Link::Identity,
                    scale,
                    -f64::from(SOMA_BIAS_MV),
                ),
            ]),
        },
    }
}

fn vocabulary(task: Task, encoding: Encoding) -> Option<Vocabulary> {
    match (task, encoding) {
        (Task::ListOps, _) => {
            let symbols = listops::SYMBOLS.map(str::to_string);
            Some(Vocabulary::Symbols(symbols.into()))
        }
        (_, Encoding::OneHot { tokens: 256 }) => Some(Vocabulary::Bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_task_that_is_trained_says_all_of_itself() {
        for task in Task::ALL {
            let recipe = Recipe::of(task);
            let config = recipe.model_config();
            let card = of_recipe(&recipe, config);
            let text = serde_json::to_string(&card).unwrap();
            assert_eq!(serde_json::from_str::<ModelCard>(&text).unwrap(), card);
            let Some(said) = &card.task else {
                assert_eq!(task, Task::Enwik8);
                continue;
            };
            assert_eq!(card.named_task(), Some(task));
            let columns = said.output.columns();
            assert!(!columns.is_empty());
            if task.inputs() == 1 {
                assert_eq!(columns.len(), card.config.sizes().1, "{task}");
            }
        }
        let mut recipe = Recipe::of(Task::Shd);
        recipe.data.bin_ms = 50;
        let card = of_recipe(&recipe, recipe.model_config());
        assert_eq!(card.task.unwrap().step_ms, Some(50.0));
    }
}
