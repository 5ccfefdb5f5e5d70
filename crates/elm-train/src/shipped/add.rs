//! Makes a run's best model one that ships.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::EXTENSION;
use crate::durable;
use crate::error::{Result, TrainError};
use crate::model::card::{TestCard, TrainingCard};
use crate::model::{self, ModelCard};
use crate::run::{RunRecord, read_epochs};

use elm_model::weights::StateDict;

/// Which run becomes which model.
#[derive(Debug)]
pub struct AddRequest<'a> {
    /// Folder of a finished run.
    pub run: &'a Path,
    /// Name of the model: letters, digits and hyphens.
    pub name: &'a str,
    /// What it was trained on, where the task's published data is not meant.
    pub data: Option<String>,
    /// Licence of that.
    pub licence: Option<String>,
    /// Revision of the program, where the run was not called in its work tree.
    pub commit: Option<String>,
    /// Folder that gets it.
    pub into: &'a Path,
}

/// What `test.json` of a run tells.
#[derive(Deserialize)]
struct Tested {
    samples: usize,
    rows: Vec<Row>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    metric: String,
    ours: f64,
}

/// Writes the best model of a finished run into a folder, with a card of how it was trained and tested; the file.
///
/// # Errors
/// If the run is not finished, its files cannot be read, the name is none, or the file cannot be written.
pub fn add(request: &AddRequest) -> Result<PathBuf> {
    let AddRequest { run, name, .. } = *request;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(TrainError::Usage(format!(
            "--name {name}: expected letters, digits and hyphens"
        )));
    }
    let record = RunRecord::load(run)?;
    if !record.is_finished() {
        return Err(TrainError::file(
            run,
            "expected a finished run with its test: go on with it by `elm train --resume`",
        ));
    }
    let path = run.join("model.safetensors");
    let mut dict = StateDict::read_model(&path)?;
    let card = model::card_of(&dict)?
        .ok_or_else(|| TrainError::file(&path, "expected a model of `elm train`"))?;
    let training = training_card(request, &record, &card)?;
    let card = ModelCard {
        training: Some(training),
        ..card
    };
    model::describe(&mut dict, &card)?;
    std::fs::create_dir_all(request.into)
        .map_err(|e| TrainError::file(request.into, format!("cannot make this folder: {e}")))?;
    let target = request.into.join(format!("{name}.{EXTENSION}"));
    durable::write_whole(&target, dict.to_safetensors()?)?;
    Ok(target)
}

fn training_card(
    request: &AddRequest,
    record: &RunRecord,
    card: &ModelCard,
) -> Result<TrainingCard> {
    let path = request.run.join("test.json");
    let invalid = |e: &dyn std::fmt::Display| {
        TrainError::file(&path, format!("expected the test of a finished run: {e}"))
    };
    let text = std::fs::read_to_string(&path).map_err(|e| invalid(&e))?;
    let tested: Tested = serde_json::from_str(&text).map_err(|e| invalid(&e))?;
    let seconds = read_epochs(request.run)?.last().map_or(0.0, |e| e.seconds);
    let info = card.named_task().map(|task| task.info());
    let given = |said: &Option<String>, known: Option<&str>| {
        said.clone()
            .or_else(|| known.map(str::to_string))
            .unwrap_or_default()
    };
    let first = record.sessions.first();
    Ok(TrainingCard {
        command: first.map_or_else(String::new, |session| command(&session.command)),
        data: given(&request.data, info.map(|info| info.about)),
        licence: given(&request.licence, info.map(|info| info.licence)),
        seed: record.seed,
        parameters: record.trained_parameters,
        hours: seconds / 3600.0,
        device: first.map_or_else(String::new, |session| {
            format!("{}, {} threads", session.device, session.threads)
        }),
        elm: first.map_or_else(String::new, |session| session.elm.clone()),
        commit: first
            .and_then(|session| session.git.clone())
            .or_else(|| request.commit.clone()),
        test: TestCard {
            about: tested.notes.join(" "),
            samples: tested.samples,
            metrics: tested
                .rows
                .into_iter()
                .map(|row| (row.metric, row.ours))
                .collect::<BTreeMap<_, _>>(),
        },
    })
}

/// A command as another would call it: without the program's folder and the run's.
fn command(arguments: &[String]) -> String {
    let mut words = vec!["elm".to_string()];
    let mut rest = arguments.iter().skip(1);
    while let Some(word) = rest.next() {
        if word == "--out" {
            rest.next();
        } else if word.contains(char::is_whitespace) || word.contains('[') {
            words.push(format!("'{word}'"));
        } else {
            words.push(word.clone());
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_called_again() {
        let words = [
            "/home/me/elm",
            "train",
            "--out",
            "runs/a",
            "--set",
            "data.train=[\"x\"]",
        ];
        let words = words.map(str::to_string);
        assert_eq!(command(&words), "elm train --set 'data.train=[\"x\"]'");
    }
}
