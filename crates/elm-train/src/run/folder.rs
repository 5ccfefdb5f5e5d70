//! The folder of a run.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use crate::error::{Result, TrainError};
use crate::recipe::Recipe;

/// A folder that holds the resolved recipe, versions, seed, model, metrics, checkpoints and the report.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes `path`, or the next free `runs/<name>-<n>`.
    ///
    /// # Errors
    /// [`TrainError::File`] if the folder holds files already or cannot be made.
    pub fn create(path: Option<&Path>, name: &str) -> Result<Self> {
        let path = match path {
            Some(path) => path.to_path_buf(),
            None => (1..)
                .map(|n| PathBuf::from(format!("runs/{name}-{n}")))
                .find(|p| !p.exists())
                .unwrap_or_default(),
        };
        if path.is_file() {
            return Err(TrainError::file(
                &path,
                "expected a folder for the run, found a file",
            ));
        }
        if std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(TrainError::file(
                &path,
                "the run folder must be empty; choose another one or continue this run with --resume",
            ));
        }
        std::fs::create_dir_all(&path)
            .map_err(|e| TrainError::file(&path, format!("cannot make the run folder: {e}")))?;
        Ok(Self { path })
    }

    /// An existing run.
    ///
    /// # Errors
    /// [`TrainError::File`] if it holds no recipe.
    pub fn open(path: &Path) -> Result<(Self, Recipe)> {
        let folder = Self {
            path: path.to_path_buf(),
        };
        let file = folder.file("recipe.toml");
        if !file.is_file() {
            return Err(TrainError::file(
                path,
                "expected the folder of a run with a recipe.toml, found none",
            ));
        }
        Ok((folder, Recipe::load(file)?))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the resolved recipe, the model's number of trained parameters and what it runs on.
    ///
    /// # Errors
    /// [`TrainError::File`] if a file cannot be written.
    pub fn describe(&self, recipe: &Recipe, device: &str, trained: usize) -> Result<()> {
        self.write("recipe.toml", &recipe.to_toml())?;
        let facts = json!({
            "elm": env!("CARGO_PKG_VERSION"),
            "burn": "0.22.1",
            "device": device,
            "model": recipe.model.kind,
            "trained_parameters": trained,
            "seed": recipe.seed,
            "threads": rayon::current_num_threads(),
            "command": std::env::args().collect::<Vec<_>>(),
        });
        self.write("run.json", &format!("{facts:#}\n"))
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// [`TrainError::File`] if it cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string_pretty(value)
            .map_err(|e| TrainError::file(&self.file(name), e))?;
        self.write(name, &(json + "\n"))
    }

    /// Writes a file of the run whole: a reader never sees a part of it.
    ///
    /// # Errors
    /// [`TrainError::File`] if it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        write_whole(&self.file(name), text)
    }
}

/// Writes a file whole: under another name first, so that a reader never sees a part of it.
///
/// # Errors
/// [`TrainError::File`] if it cannot be written.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial"));
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, path))
        .inspect_err(|_| drop(std::fs::remove_file(&partial)))
        .map_err(|e| TrainError::file(path, format!("cannot write it: {e}")))
}
