//! What the page is told of runs, sweeps, comparisons and models, as JSON. `web/src/board/api.ts` is the other side.

use std::path::Path;

use elm_model::weights::StateDict;
use serde_json::{Value, json};

use super::root::{Root, read_text};
use crate::compare::plan_of;
use crate::model::{self, ModelCard};
use crate::run::{self, STEPS};
use crate::shipped;
use crate::sweep::{Results, SWEEP, SweepFolder};

/// Files that may be opened in a browser: name or ending, content type, and whether it is shown or saved.
const FILES: [(&str, &str, bool); 10] = [
    ("report.html", "text/html; charset=utf-8", true),
    ("model.safetensors", SAVED, false),
    ("head.bpk", SAVED, false),
    ("recipe.toml", TEXT, true),
    ("metrics.csv", TEXT, true),
    ("run.json", "application/json", true),
    ("test.json", "application/json", true),
    ("log.txt", TEXT, true),
    ("results.csv", TEXT, true),
    ("best.toml", TEXT, true),
];
const TEXT: &str = "text/plain; charset=utf-8";
const SAVED: &str = "application/octet-stream";
/// Largest recipe, table of epochs or test result that is read, and largest model file that is asked what it is (bytes).
const MOST_TEXT: u64 = 16 << 20;
const MOST_MODEL: u64 = 64 << 20;
/// How deep sweeps and comparisons are looked for.
const DEPTH: usize = 2;

/// Content type of a file that may be opened, by its name, and whether a browser is to show it.
pub(super) fn kind_of_file(name: &str) -> Option<(&'static str, bool)> {
    let file = name.rsplit('/').next()?;
    let known = FILES.iter().find(|(known, ..)| *known == file);
    let is_model = file.ends_with(".safetensors");
    known
        .map(|(_, kind, shown)| (*kind, *shown))
        .or_else(|| is_model.then_some((SAVED, false)))
}

/// All runs in short, those that wrote last first.
pub(super) fn list(root: &Root) -> Vec<Value> {
    let runs = run::list(root.path()).into_iter();
    let runs = runs.filter_map(|run| {
        let name = root.name(&run.folder)?;
        // what links lead to elsewhere is not told
        if !is_run(root, &name) {
            return None;
        }
        Some(json!({
            "name": name,
            "state": run.state,
            "epochs": run.epochs,
            "step": run.step,
            "best": run.best,
            "age": run.age,
            "why": run.why,
        }))
    });
    runs.collect()
}

/// Is this the name of a run whose files are all its own?
pub(super) fn is_run(root: &Root, name: &str) -> bool {
    let Some(folder) = root.folder(name) else {
        return false;
    };
    let own = |file: &str| root.file_of(name, file).is_some() || !folder.join(file).exists();
    folder.join("recipe.toml").exists()
        && ["recipe.toml", "run.json", "metrics.csv", STEPS]
            .into_iter()
            .all(own)
}

/// A run's recipe, epochs, files, model and test; none where there is no run of that name.
pub(super) fn details(root: &Root, name: &str) -> Option<Value> {
    if !is_run(root, name) {
        return None;
    }
    let folder = root.folder(name)?;
    let text = |file: &str| read_text(&root.file_of(name, file)?, MOST_TEXT).ok();
    let epochs = match text("metrics.csv").is_some() {
        true => run::read_epochs(&folder).unwrap_or_default(),
        false => Vec::new(),
    };
    let test: Option<Value> = text("test.json").and_then(|text| serde_json::from_str(&text).ok());
    let rows = test.as_ref().and_then(|test| test["rows"].as_array());
    let rows = rows.into_iter().flatten();
    let rows = rows.map(|row| json!([row["metric"], row["ours"], row["published"]]));
    let model = root.file_of(name, "model.safetensors");
    Some(json!({
        "recipe": text("recipe.toml").unwrap_or_default(),
        "epochs": epochs,
        "files": files(root, name),
        "test": rows.collect::<Vec<Value>>(),
        "model": model.and_then(|path| card(&path)).map_or(Vec::new(), |card| facts(&card)),
    }))
}

/// Names of the files of a folder that may be opened.
fn files(root: &Root, name: &str) -> Vec<&'static str> {
    let known = FILES.iter().map(|(file, ..)| *file);
    known
        .filter(|file| root.file_of(name, file).is_some())
        .collect()
}

/// Sweeps and comparisons: name, kind, state, best value and files.
pub(super) fn groups(root: &Root) -> Vec<Value> {
    let mut found = Vec::new();
    collect(root, root.path(), DEPTH, &mut found);
    found
}

fn collect(root: &Root, folder: &Path, depth: usize, found: &mut Vec<Value>) {
    let Some(name) = root.name(folder) else {
        return;
    };
    if root.file_of(&name, "recipe.toml").is_some() {
        return;
    }
    if root.file_of(&name, SWEEP).is_some() {
        found.push(sweep(root, &name, folder));
        return;
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    for folder in folders.into_iter().filter(|_| depth > 0) {
        collect(root, &folder, depth - 1, found);
    }
}

fn sweep(root: &Root, name: &str, folder: &Path) -> Value {
    let results =
        SweepFolder::existing(folder).and_then(|(folder, sweep)| Results::read(&sweep, &folder));
    let files = files(root, name);
    // a comparison is a sweep with a plan
    let kind = match plan_of(folder) {
        Ok(_) => "comparison",
        Err(_) => "sweep",
    };
    match results {
        Ok(results) => json!({
            "name": name,
            "kind": kind,
            "state": results.tally.sentence(),
            "metric": results.metric.name,
            "best": results.best().and_then(|best| best.spread).map(|spread| spread.mean),
            "files": files,
        }),
        Err(error) => json!({
            "name": name, "kind": kind, "state": error.to_string(), "files": files,
        }),
    }
}

/// Models that ship, and those that lie in the folder itself.
pub(super) fn models(root: &Root) -> Vec<Value> {
    let shipped = shipped::list().unwrap_or_default();
    let shipped = shipped
        .into_iter()
        .map(|model| json!({ "name": model.name, "facts": facts(&model.card) }));
    let entries = std::fs::read_dir(root.path()).into_iter().flatten();
    let mut own: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    own.sort();
    let own = own.into_iter().filter_map(|name| {
        let card = card(&root.file(&name)?)?;
        Some(json!({ "name": name, "file": name, "facts": facts(&card) }))
    });
    own.chain(shipped).collect()
}

/// What a model file says of itself; none if it says nothing, or is too large to be asked in passing.
fn card(path: &Path) -> Option<ModelCard> {
    if path.metadata().ok()?.len() > MOST_MODEL {
        return None;
    }
    let dict = StateDict::read_model(path).ok()?;
    model::card_of(&dict).ok()?
}

/// What there is to say of a model: names and values.
fn facts(card: &ModelCard) -> Vec<Value> {
    let (inputs, outputs) = card.config.sizes();
    let mut facts = vec![json!(["model", card.config.title()])];
    if let Some(task) = &card.task {
        facts.push(json!(["task", task.name]));
    }
    facts.push(json!(["inputs, outputs", format!("{inputs}, {outputs}")]));
    let trained = card.config.num_trained().to_string();
    facts.push(json!(["trained parameters", trained]));
    if let Some(training) = &card.training {
        for (name, value) in &training.test.metrics {
            facts.push(json!([format!("test: {name}"), format!("{value:.4}")]));
        }
        facts.push(json!(["tested on", training.test.about]));
        facts.push(json!(["trained on", training.data]));
    }
    facts
}
