//! Checkpoints in the folder of a run.
//!
//! A checkpoint is a folder `checkpoints/step-<n>`. It is made under another name, every file flushed to the disk, the
//! manifest with sizes and checksums last, and then renamed: a folder of that name is whole unless the disk damaged it
//! later, which the checksums tell.

use std::io;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use crate::durable;
use crate::error::{Result, TrainError};

/// Folder of the checkpoints in that of a run.
const FOLDER: &str = "checkpoints";
const MANIFEST: &str = "manifest.json";
/// How the names of checkpoints begin.
const NAME: &str = "step-";
/// How the names of folders begin that are being made or removed.
const HIDDEN: &str = ".step-";
/// What such a folder is: one in the making, a whole one whose successor of the same step comes, or one to be removed.
const PARTIAL: &str = "tmp";
const REPLACED: &str = "replaced";
const OLD: &str = "old";

/// The checkpoints of a run.
#[derive(Debug)]
pub(in crate::run) struct Checkpoints {
    folder: PathBuf,
    /// How many of the last ones stay.
    keep: usize,
}

/// The files of a whole checkpoint.
#[derive(Debug)]
pub(in crate::run) struct Saved {
    files: Vec<(String, Vec<u8>)>,
}

impl Saved {
    /// A file's content.
    ///
    /// # Errors
    /// If the checkpoint has no such file.
    pub(in crate::run) fn file(&self, name: &str) -> std::result::Result<&[u8], String> {
        self.optional(name)
            .ok_or_else(|| format!("{name} is missing"))
    }

    /// A file's content, if the checkpoint has such a file.
    pub(in crate::run) fn optional(&self, name: &str) -> Option<&[u8]> {
        let found = self.files.iter().find(|(known, _)| known == name);
        found.map(|(_, content)| content.as_slice())
    }
}

/// A checkpoint to go on from.
#[derive(Debug, PartialEq)]
pub(in crate::run) struct Found<T> {
    /// Its gradient step.
    pub step: u64,
    /// What was made of it.
    pub content: T,
    /// What is wrong with a later one, where it is not the last.
    pub damaged: Option<String>,
}

impl Checkpoints {
    /// The checkpoints of a run, of which the last `keep` stay. What a process left unfinished is removed.
    ///
    /// # Errors
    /// [`TrainError::File`] if the folder cannot be made or read.
    pub(in crate::run) fn open(run: &Path, keep: usize) -> Result<Self> {
        let folder = run.join(FOLDER);
        let failed = |e: io::Error| {
            TrainError::file(
                &folder,
                format!("cannot make the folder of checkpoints: {e}"),
            )
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        for entry in std::fs::read_dir(&folder).map_err(failed)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((step, what)) = name.strip_prefix(HIDDEN).and_then(|n| n.split_once('.'))
            else {
                continue;
            };
            let whole = folder.join(format!("{NAME}{step}"));
            if what.starts_with(REPLACED) && !whole.exists() {
                // the process died between the two renames of a replacement
                std::fs::rename(entry.path(), whole).map_err(failed)?;
            } else {
                // of no use to anybody; where it cannot be removed it does no harm
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        Ok(Self { folder, keep })
    }

    /// Saves a checkpoint, then removes those that are too many.
    ///
    /// # Errors
    /// [`TrainError::Run`] if it cannot be written; those that were there before stay.
    pub(in crate::run) fn save(&self, step: u64, files: &[(&str, &[u8])]) -> Result<()> {
        let partial = self.hidden(step, PARTIAL);
        self.write(step, &partial, files).map_err(|e| {
            // make room, and leave nothing half made behind
            let _ = std::fs::remove_dir_all(&partial);
            let kept = match self.steps().last() {
                Some(step) => format!("the checkpoint of step {step} is intact"),
                None => "there is none yet".into(),
            };
            TrainError::Run(format!(
                "{}: cannot write the checkpoint of step {step}: {e}; {kept}",
                self.folder.display()
            ))
        })?;
        self.prune();
        Ok(())
    }

    fn write(&self, step: u64, partial: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
        match std::fs::remove_dir_all(partial) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => std::fs::create_dir(partial)?,
        }
        let mut manifest = Manifest::new();
        for (name, content) in files {
            durable::write_synced(&partial.join(name), content)?;
            manifest.add(name, content);
        }
        let text = serde_json::to_string_pretty(&manifest).map_err(io::Error::other)?;
        durable::write_synced(&partial.join(MANIFEST), (text + "\n").as_bytes())?;
        durable::sync_folder(partial)?;
        let whole = self.path(step);
        if whole.exists() {
            // one from before the validation of its epoch, or a damaged one whose steps were taken again
            std::fs::rename(&whole, self.hidden(step, REPLACED))?;
            durable::fault_point();
        }
        durable::rename(partial, &whole)?;
        let _ = std::fs::remove_dir_all(self.hidden(step, REPLACED));
        Ok(())
    }

    /// Removes all but the last ones, under another name first: half a checkpoint never has a checkpoint's name.
    fn prune(&self) {
        let steps = self.steps();
        let most = steps.len().saturating_sub(self.keep.max(1));
        for &step in &steps[..most] {
            let hidden = self.hidden(step, OLD);
            if std::fs::rename(self.path(step), &hidden).is_ok() {
                durable::fault_point();
                let _ = std::fs::remove_dir_all(&hidden);
            }
        }
    }

    /// The last checkpoint that is whole and that `read` can make something of; none where none was saved.
    ///
    /// # Errors
    /// [`TrainError::File`] if there are checkpoints and none can be read.
    pub(in crate::run) fn latest<T>(
        &self,
        mut read: impl FnMut(&Saved) -> std::result::Result<T, String>,
    ) -> Result<Option<Found<T>>> {
        let mut damaged = None;
        for &step in self.steps().iter().rev() {
            match self.read(step).and_then(|saved| read(&saved)) {
                Ok(content) => {
                    return Ok(Some(Found {
                        step,
                        content,
                        damaged,
                    }));
                }
                Err(problem) => {
                    damaged.get_or_insert(format!("{NAME}{step}: {problem}"));
                }
            }
        }
        match damaged {
            Some(problem) => Err(TrainError::file(
                &self.folder,
                format!("no checkpoint can be read: {problem}"),
            )),
            None => Ok(None),
        }
    }

    /// A whole checkpoint.
    fn read(&self, step: u64) -> std::result::Result<Saved, String> {
        let folder = self.path(step);
        let bytes = |name: &str| {
            std::fs::read(folder.join(name)).map_err(|e| format!("{name} cannot be read: {e}"))
        };
        let manifest: Manifest = serde_json::from_slice(&bytes(MANIFEST)?)
            .map_err(|e| format!("{MANIFEST} is damaged: {e}"))?;
        let mut files = Vec::new();
        for name in manifest.names() {
            let content = bytes(name)?;
            manifest.check(name, &content)?;
            files.push((name.to_string(), content));
        }
        Ok(Saved { files })
    }

    /// Steps of the checkpoints, rising.
    pub(in crate::run) fn steps(&self) -> Vec<u64> {
        let entries = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten();
        let mut steps: Vec<u64> = entries
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix(NAME)?.parse().ok())
            .collect();
        steps.sort_unstable();
        steps
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{NAME}{step}"))
    }

    fn hidden(&self, step: u64, what: &str) -> PathBuf {
        let process = std::process::id();
        self.folder.join(format!("{HIDDEN}{step}.{what}-{process}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILES: [(&str, &[u8]); 2] = [("a", b"first file"), ("b", b"")];

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_last_ones_stay_and_what_was_unfinished_goes() {
        let run = tempfile::tempdir().unwrap();
        let folder = run.path().join(FOLDER);
        let checkpoints = Checkpoints::open(run.path(), 2).unwrap();
        assert!(checkpoints.latest(|_| Ok(())).unwrap().is_none());
        for step in [3, 20, 100] {
            checkpoints.save(step, &FILES).unwrap();
        }
        assert_eq!(names(&folder), ["step-100", "step-20"]);
        let name = ".step-120.tmp-1";
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("a"), "half").unwrap();
        Checkpoints::open(run.path(), 1).unwrap();
        assert_eq!(names(&folder), ["step-100", "step-20"]);
        // died while it replaced one
        std::fs::rename(folder.join("step-100"), folder.join(".step-100.replaced-1")).unwrap();
        let checkpoints = Checkpoints::open(run.path(), 1).unwrap();
        assert_eq!(names(&folder), ["step-100", "step-20"]);
        // more of them after each resume were a leak
        checkpoints.save(120, &FILES).unwrap();
        assert_eq!(names(&folder), ["step-120"]);
    }

    #[test]
    fn a_damaged_one_is_passed_over_and_told() {
        let run = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(run.path(), 2).unwrap();
        checkpoints.save(5, &FILES).unwrap();
        checkpoints.save(9, &FILES).unwrap();
        let read = |saved: &Saved| Ok(saved.file("a")?.to_vec());
        let folder = run.path().join(FOLDER).join("step-9");
        let found = checkpoints.latest(read).unwrap().unwrap();
        assert_eq!((found.step, found.damaged), (9, None));
        for file in ["a", "b", MANIFEST] {
            let path = folder.join(file);
            let whole = std::fs::read(&path).unwrap();
            let mut flipped = whole.clone();
            match flipped.first_mut() {
                Some(byte) => *byte ^= 1,
                None => flipped.push(0),
            }
            let half = whole.get(..whole.len() / 2 + 1).map(|h| h[1..].to_vec());
            for bad in [Some(flipped), half, None] {
                match bad {
                    Some(bytes) if bytes != whole => std::fs::write(&path, bytes).unwrap(),
                    _ => drop(std::fs::remove_file(&path)),
                }
                let found = checkpoints.latest(read).unwrap().unwrap();
                assert_eq!((found.step, &*found.content), (5, FILES[0].1));
                let problem = found.damaged.unwrap();
                assert!(
                    problem.contains(file) && problem.contains("step-9"),
                    "{problem}"
                );
            }
            std::fs::write(&path, whole).unwrap();
        }
        // what cannot be used counts as damaged, too
        let error = checkpoints
            .latest(|_| Err::<(), _>("unfit".into()))
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("no checkpoint can be read: step-9: unfit")
        );
        // the steps of a damaged one are taken again
        std::fs::write(folder.join("a"), "x").unwrap();
        checkpoints.save(9, &FILES).unwrap();
        assert_eq!(checkpoints.latest(read).unwrap().unwrap().step, 9);
        assert_eq!(names(&run.path().join(FOLDER)), ["step-5", "step-9"]);
    }
}
