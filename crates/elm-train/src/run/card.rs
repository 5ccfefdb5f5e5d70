//! What the model file of a run says: from its recipe.

use elm_data::arrays::{Normalization, Scaler, SequenceData};
use elm_data::neuronio::{SOMA_BIAS_MV, SOMA_SCALE};
use elm_data::{Encoding, Task, text};

use crate::model::card::{
    InputCard, Link, Meaning, OutputCard, OutputValue, ReadoutCard, TaskCard, Vocabulary,
};
use crate::recipe::{Readout, Recipe};
use crate::task::own::LossChoice;

/// What a model file says of the named task of a recipe.
pub(super) fn of_recipe(recipe: &Recipe) -> Option<TaskCard> {
    let task = recipe.task;
    if task.is_neuronio() {
        return Some(neuronio());
    }
    let encoding = task.encoding(&recipe.task_options()).ok()?;
    let names = (0..task.classes()).map(|class| task.class_name(class));
    Some(TaskCard {
        name: task.name().into(),
        about: task.info().about.into(),
        step_ms: matches!(encoding, Encoding::Counts { .. }).then(|| recipe.dt()),
        input: InputCard::Files {
            encoding,
            reading: recipe.task_options_of_test().into(),
            vocabulary: vocabulary(task, encoding),
        },
        output: OutputCard {
            readout: readout(recipe),
            next: false,
            meaning: Meaning::Classes(names.collect()),
        },
    })
}

fn readout(recipe: &Recipe) -> ReadoutCard {
    match recipe.train.readout {
        Readout::Last => ReadoutCard::Last,
        Readout::Mean => ReadoutCard::Mean,
    }
}

/// What a model file says of a user's own sequences; the loss says what the outputs are, those of a loss of the user's own
/// are values as they are.
pub(super) fn of_sequences(
    name: &str,
    recipe: &Recipe,
    data: &dyn SequenceData,
    [inputs, outputs]: [Scaler; 2],
    loss: Option<LossChoice>,
) -> TaskCard {
    let targets = data.targets();
    let value = |index: usize| {
        let (offset, scale) = outputs.channel(index).unwrap_or((0.0, 1.0));
        OutputValue {
            // the next value of a channel, or an output of its own
            name: format!("{}{index}", if targets.kind.is_next() { "x" } else { "y" }),
            unit: String::new(),
            link: match loss {
                Some(LossChoice::Bce) => Link::Sigmoid,
                Some(LossChoice::Poisson) => Link::Exp,
                _ if outputs.kind() == Normalization::Log1p => Link::SignedExp,
                _ => Link::Identity,
            },
            scale,
            offset,
        }
    };
    TaskCard {
        name: name.into(),
        about: String::new(),
        step_ms: recipe
            .arrays
            .reading
            .events
            .as_ref()
            .map(|events| events.bin_ms),
        input: InputCard::Arrays {
            inputs: data.inputs(),
            normalisation: inputs,
            options: recipe.arrays.reading.clone(),
        },
        output: OutputCard {
            readout: match targets.kind.per_step() {
                true => ReadoutCard::EveryStep,
                false => readout(recipe),
            },
            next: targets.kind.is_next(),
            meaning: match targets.kind.is_class() {
                true => Meaning::Classes(targets.classes.names().to_vec()),
                false => Meaning::Values((0..targets.outputs).map(value).collect()),
            },
        },
    }
}

/// What a model file says of a text whose bytes are learnt.
pub(super) fn of_text(name: &str, vocabulary: &text::Vocabulary) -> TaskCard {
    let bytes = (0..vocabulary.len()).filter_map(|token| vocabulary.byte(token));
    TaskCard {
        name: name.into(),
        about: "the next byte of a text".into(),
        step_ms: None,
        input: InputCard::Text {
            vocabulary: vocabulary.clone(),
        },
        output: OutputCard {
            readout: ReadoutCard::EveryStep,
            next: true,
            meaning: Meaning::Classes(bytes.map(|b| b.escape_ascii().to_string()).collect()),
        },
    }
}

/// What every model of NeuronIO has in common.
pub(crate) fn neuronio() -> TaskCard {
    let task = Task::NEURONIO;
    let value = |name: &str, unit: &str, link, scale, offset| OutputValue {
        name: name.into(),
        unit: unit.into(),
        link,
        scale,
        offset,
    };
    let scale = 1.0 / f64::from(SOMA_SCALE);
    TaskCard {
        name: task.name().into(),
        about: task.info().about.into(),
        step_ms: Some(1.0),
        input: InputCard::Simulations,
        output: OutputCard {
            readout: ReadoutCard::EveryStep,
            next: false,
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
    if let Some(symbols) = task.symbols() {
        return Some(Vocabulary::Symbols(symbols));
    }
    matches!(encoding, Encoding::OneHot { tokens: 256 }).then_some(Vocabulary::Bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::ModelCard;

    #[test]
    fn every_task_that_is_trained_says_all_of_itself() {
        for &task in Task::ALL {
            let recipe = Recipe::of(task);
            let card = ModelCard::new(recipe.model_config(), of_recipe(&recipe));
            let text = serde_json::to_string(&card).unwrap();
            assert_eq!(serde_json::from_str::<ModelCard>(&text).unwrap(), card);
            let Some(said) = &card.task else {
                // what their models read follows from the data
                assert!(task.is_open(), "{task}");
                continue;
            };
            assert_eq!(card.named_task(), Some(task));
            let columns = said.output.columns();
            assert!(!columns.is_empty());
            if task.inputs() == 1 {
                assert_eq!(columns.len(), card.config.sizes().1, "{task}");
            }
        }
        let mut recipe = Recipe::of(Task::SHD);
        recipe.data.bin_ms = 50;
        assert_eq!(of_recipe(&recipe).unwrap().step_ms, Some(50.0));
    }
}
