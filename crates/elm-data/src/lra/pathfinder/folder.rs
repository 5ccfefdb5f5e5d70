//! The published folders: metadata in lines of text, one PNG file per image.

use std::io::BufReader;
use std::path::{Component, Path, PathBuf};

use super::picture::decode_png;
use super::{Difficulty, PathfinderConfig};
use crate::files::{files_in, locate, open_file, read_file};
use crate::lra::table::{binary_label, lines, shown};
use crate::{DataError, Result};

/// Largest metadata file that is read (bytes); the published ones have about 100 kB.
const MOST_METADATA: u64 = 1 << 28;

/// The one published image that is an empty file.
const KNOWN_EMPTY: (usize, Difficulty, &str, &str) =
    (32, Difficulty::Baseline, "imgs/0", "sample_172.png");

/// The images of one folder in the order of its metadata: by number of the file, then by line.
#[derive(Debug)]
pub(super) struct ImageFolder {
    root: PathBuf,
    /// Folders of images, relative to `root`.
    folders: Vec<Box<str>>,
    entries: Vec<Entry>,
}

/// One image.
#[derive(Debug)]
struct Entry {
    /// Position in [`ImageFolder::folders`].
    folder: u32,
    name: Box<str>,
    label: u8,
}

impl ImageFolder {
    /// Reads the metadata at `dir` or below; gives a warning if the known empty image was left out.
    pub(super) fn open(dir: &Path, config: &PathfinderConfig) -> Result<(Self, Option<String>)> {
        let difficulty = config.difficulty.folder();
        let below = format!("pathfinder{}/{difficulty}", config.side);
        let (root, metadata) = locate(dir, &["", difficulty, &below], &["metadata"])?;
        let mut files = files_in(&root.join(metadata), &[".npy"])?;
        files.sort_by_key(|file| number(file));
        let mut images = Self {
            root,
            folders: Vec::new(),
            entries: Vec::new(),
        };
        for file in &files {
            let bytes = read_file(file, "a metadata file", MOST_METADATA)?;
            images
                .add(&bytes)
                .map_err(|problem| DataError::format(file, problem))?;
        }
        if u32::try_from(images.entries.len()).is_err() {
            return Err(DataError::format(
                &images.root,
                format!("expected at most {} images, found more", u32::MAX),
            ));
        }
        let warning = images.drop_known_empty(config);
        Ok((images, warning))
    }

    /// Adds the images of a metadata file.
    fn add(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        if bytes.starts_with(b"\x93NUMPY") {
            return Err("expected lines of text, found a numpy array".into());
        }
        for (number, range) in (1..).zip(lines(bytes)) {
            let line = std::str::from_utf8(&bytes[range])
                .map_err(|_| format!("line {number}: expected text, found other bytes"))?;
            let mut columns = line.split_ascii_whitespace();
            let (Some(folder), Some(name), Some(_), Some(label)) = (
                columns.next(),
                columns.next(),
                columns.next(),
                columns.next(),
            ) else {
                return Err(format!(
                    "line {number}: expected at least 4 columns (folder, image, number, label), found {}",
                    line.split_ascii_whitespace().count()
                ));
            };
            for part in [folder, name] {
                let inside = |c| matches!(c, Component::Normal(_));
                if !Path::new(part).components().all(inside) {
                    let found = shown(part.as_bytes());
                    return Err(format!(
                        "line {number}: expected a path inside the folder, found {found}"
                    ));
                }
            }
            let label = binary_label(label.as_bytes()).ok_or_else(|| {
                let found = shown(label.as_bytes());
                format!("line {number}: expected the label 0 or 1, found {found}")
            })?;
            let folder = self.folder(folder)?;
            self.entries.push(Entry {
                folder,
                name: name.into(),
                label,
            });
        }
        Ok(())
    }

    /// Position of a folder of images, which is mostly the one before.
    fn folder(&mut self, folder: &str) -> std::result::Result<u32, String> {
        if self.folders.last().is_none_or(|last| **last != *folder) {
            self.folders.push(folder.into());
        }
        u32::try_from(self.folders.len() - 1).map_err(|_| "too many folders of images".into())
    }

    fn drop_known_empty(&mut self, config: &PathfinderConfig) -> Option<String> {
        let (side, difficulty, folder, name) = KNOWN_EMPTY;
        // A folder that was named directly tells by its name what it is.
        let named = Difficulty::ALL
            .into_iter()
            .find(|d| self.root.file_name().is_some_and(|name| name == d.folder()));
        if (config.side, named.unwrap_or(config.difficulty)) != (side, difficulty) {
            return None;
        }
        let path = self.root.join(folder).join(name);
        let is_it = |e: &Entry| *e.name == *name && *self.folders[e.folder as usize] == *folder;
        let at = self.entries.iter().position(is_it)?;
        if std::fs::metadata(&path).ok()?.len() > 0 {
            return None;
        }
        self.entries.remove(at);
        Some(format!(
            "{}: left out, the published image is an empty file",
            path.display()
        ))
    }

    /// Number of images.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn label(&self, image: usize) -> usize {
        usize::from(self.entries[image].label)
    }

    /// Reads an image.
    pub(super) fn pixels(&self, image: usize, side: usize) -> Result<Vec<u8>> {
        let entry = &self.entries[image];
        let folder = &*self.folders[entry.folder as usize];
        let path = self.root.join(folder).join(&*entry.name);
        let file = open_file(&path, "an image")?;
        decode_png(BufReader::new(file), side).map_err(|problem| DataError::format(&path, problem))
    }
}

/// The `<k>` of `metadata/<k>.npy`: 10 comes after 9. Files that are not numbered come last, by name.
fn number(file: &Path) -> (u64, Option<PathBuf>) {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    match stem.and_then(|stem| stem.parse().ok()) {
        Some(number) => (number, None),
        None => (u64::MAX, Some(file.to_path_buf())),
    }
}
