//! Trained models that ship with the project, by their names.
//!
//! They lie in `models` of the repository or, where they are in the program, of this crate, each a model file whose card says how it was trained ([`TrainingCard`](crate::model::card::TrainingCard)). Those
//! in the program have at most [`MOST_EMBEDDED`] bytes; an installed `elm` has them, too.

mod add;

use std::path::{Path, PathBuf};

use elm_model::weights::StateDict;

pub use self::add::{AddRequest, add};
use crate::error::{Result, TrainError};
use crate::model::{self, ModelCard};

/// Folder of the repository.
pub const FOLDER: &str = "models";
/// What the names of model files end with.
const EXTENSION: &str = "safetensors";
/// Largest file that is in the program (bytes).
pub const MOST_EMBEDDED: u64 = 200_000;

/// Models in the program: names and files.
const EMBEDDED: [(&str, &[u8]); 1] = [(
    "neuronio-m20",
    include_bytes!("../../models/neuronio-m20.safetensors"),
)];

/// A model that ships.
#[derive(Debug)]
pub struct Shipped {
    /// Its name.
    pub name: String,
    /// Its file; none of a model that is in the program.
    pub path: Option<PathBuf>,
    /// What its file says of it.
    pub card: ModelCard,
}

/// Reads the weights of a model by its path, or by the name of one that ships.
///
/// # Errors
/// If there is neither a file nor a model of that name, or the file is none of a model.
pub fn read(model: &Path) -> Result<StateDict> {
    let Some(name) = name_of(model) else {
        return Ok(StateDict::read_model(model)?);
    };
    if let Some(path) = files().into_iter().find(|path| stem(path) == Some(name)) {
        return Ok(StateDict::read_model(path)?);
    }
    if let Some((_, bytes)) = EMBEDDED.iter().find(|(known, _)| *known == name) {
        return Ok(StateDict::from_safetensors(model, bytes)?);
    }
    let known: Vec<String> = list()?.into_iter().map(|model| model.name).collect();
    Err(TrainError::file(
        model,
        format!(
            "expected a model file, or the name of a model that ships ({}), found none",
            known.join(", ")
        ),
    ))
}

/// All models that ship, sorted by name: those in the program, and those in `models` here or of the project that the
/// program was built from.
///
/// # Errors
/// If a file in `models` is none of a model.
pub fn list() -> Result<Vec<Shipped>> {
    let mut found = Vec::new();
    for path in files() {
        let dict = StateDict::read_model(&path)?;
        let name = stem(&path).unwrap_or_default().to_string();
        found.extend(shipped(name, Some(path), &dict)?);
    }
    for (name, bytes) in EMBEDDED {
        if found.iter().all(|model: &Shipped| model.name != name) {
            let dict = StateDict::from_safetensors(name, bytes)?;
            found.extend(shipped(name.to_string(), None, &dict)?);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn shipped(name: String, path: Option<PathBuf>, dict: &StateDict) -> Result<Option<Shipped>> {
    let card = model::card_of(dict)?;
    Ok(card.map(|card| Shipped { name, path, card }))
}

/// The name that a path is, if it can be one: no file, no folder, no ending.
fn name_of(model: &Path) -> Option<&str> {
    let name = model.to_str()?;
    let is_plain = model.components().count() == 1 && !name.contains('.') && !model.exists();
    is_plain.then_some(name)
}

/// The model files in `models`, here or of the project that the program was built from.
fn files() -> Vec<PathBuf> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = [Path::new(FOLDER).to_path_buf(), built_from.join(FOLDER)];
    let entries = folders
        .iter()
        .find_map(|folder| std::fs::read_dir(folder).ok());
    let paths = entries.into_iter().flatten().flatten().map(|e| e.path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == EXTENSION))
        .collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem().and_then(|stem| stem.to_str())
}
