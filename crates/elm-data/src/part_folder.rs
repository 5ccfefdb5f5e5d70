//! Folders whose content appears elsewhere only once it is whole.

use std::path::{Path, PathBuf};

use crate::{DataError, Result};

/// A new, hidden folder to write into; it is removed again, with what is still in it, when this value is dropped.
///
/// Its name is always the same, so that what a killed process left in it goes away with the next try. Hence only one
/// process may write to a place at a time.
#[derive(Debug)]
pub(crate) struct PartFolder {
    path: PathBuf,
}

impl PartFolder {
    /// Makes `parent/.name.part`, empty.
    pub(crate) fn make(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(format!(".{name}.part"));
        remove_folder(&path)?;
        std::fs::create_dir_all(&path)
            .map_err(|e| DataError::io(&path, "create this folder", e))?;
        Ok(Self { path })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves the finished file `name` of this folder to `target`.
    pub(crate) fn release_file(&self, name: &str, target: &Path) -> Result<()> {
        std::fs::rename(self.path.join(name), target)
            .map_err(|e| DataError::io(target, "put the finished file there", e))
    }

    /// Makes this folder, finished, the folder `target` and removes the one that was there.
    pub(crate) fn release(self, target: &Path) -> Result<()> {
        remove_folder(target)?;
        std::fs::rename(&self.path, target)
            .map_err(|e| DataError::io(target, "put the finished folder there", e))
    }
}

impl Drop for PartFolder {
    fn drop(&mut self) {
        // After a release there is nothing to remove; a failure leaves a hidden folder and no false data.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn remove_folder(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(DataError::io(path, "remove this unfinished folder", e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_what_is_finished_stays() {
        let dir = tempfile::tempdir().unwrap();
        let part = PartFolder::make(dir.path(), "a").unwrap();
        std::fs::write(part.path().join("half"), "").unwrap();
        std::fs::write(part.path().join("whole"), "").unwrap();
        part.release_file("whole", &dir.path().join("whole"))
            .unwrap();
        assert_eq!(names(dir.path()), [".a.part", "whole"]);
        drop(part);
        assert_eq!(names(dir.path()), ["whole"]);
    }

    #[test]
    fn a_killed_process_leaves_nothing_to_the_next() {
        let dir = tempfile::tempdir().unwrap();
        std::mem::forget(PartFolder::make(dir.path(), "a").unwrap());
        std::fs::write(dir.path().join(".a.part/old"), "").unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/old"), "").unwrap();
        let part = PartFolder::make(dir.path(), "a").unwrap();
        std::fs::write(part.path().join("new"), "").unwrap();
        part.release(&dir.path().join("a")).unwrap();
        assert_eq!(names(dir.path()), ["a"]);
        assert_eq!(names(&dir.path().join("a")), ["new"]);
    }
}
