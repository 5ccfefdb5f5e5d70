//! The published folders: metadata in lines of text, one PNG file per image.

use std::collections::{HashMap, HashSet};
use std::io::BufReader;
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;

use super::picture::decode_png;
use super::{CLASSES, Difficulty, PathfinderConfig, generate};
use crate::files::{files_in, locate, open_file, read_file};
use crate::lra::table::{class, lines, shown};
use crate::made::Provenance;
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
    /// Places in `folders`.
    places: HashMap<Box<str>, u32>,
    entries: Vec<Entry>,
    /// How the images were made, if a program of this project made them.
    provenance: Option<Provenance>,
}

/// Bad images that an error names; the others are counted.
const NAMED: usize = 5;

/// One image.
#[derive(Debug)]
struct Entry {
    /// Position in [`ImageFolder::folders`].
    folder: u32,
    name: Box<str>,
    label: u8,
}

impl ImageFolder {
    /// Reads the metadata at `dir` or below, and looks that every image is there; gives a warning for each thing that
    /// was left out: another folder of the same images, images that are listed again, the known empty image.
    pub(super) fn open(dir: &Path, config: &PathfinderConfig) -> Result<(Self, Vec<String>)> {
        let (root, mut warnings) = find(dir, config)?;
        let provenance = generate::provenance(&root)?;
        let mut files = files_in(&root.join("metadata"), &[".npy"])?;
        files.sort_by_key(|file| number(file));
        let mut images = Self {
            root,
            folders: Vec::new(),
            places: HashMap::new(),
            entries: Vec::new(),
            provenance,
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
        warnings.extend(images.drop_repeated()?);
        warnings.extend(images.drop_known_empty(config));
        images.check_files()?;
        Ok((images, warnings))
    }

    /// Adds the images of a metadata file.
    fn add(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        if bytes.starts_with(b"\x93NUMPY") {
            return Err("expected lines of text, found a numpy array".into());
        }
        for (number, range) in lines(bytes) {
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
            let inside = |part: &str| {
                plain(part).ok_or_else(|| {
                    let found = shown(part.as_bytes());
                    format!("line {number}: expected a path inside the folder, found {found}")
                })
            };
            let (folder, name) = (inside(folder)?, inside(name)?);
            let label = class(label.as_bytes(), CLASSES).ok_or_else(|| {
                let found = shown(label.as_bytes());
                format!("line {number}: expected the label 0 or 1, found {found}")
            })?;
            let folder = self.folder(&folder)?;
            self.entries.push(Entry {
                folder,
                name: name.into(),
                label,
            });
        }
        Ok(())
    }

    /// Position of a folder of images.
    fn folder(&mut self, folder: &str) -> std::result::Result<u32, String> {
        if let Some(place) = self.places.get(folder) {
            return Ok(*place);
        }
        let place = u32::try_from(self.folders.len()).map_err(|_| "too many folders of images")?;
        self.folders.push(folder.into());
        self.places.insert(folder.into(), place);
        Ok(place)
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        let folder = &*self.folders[entry.folder as usize];
        self.root.join(folder).join(&*entry.name)
    }

    /// Keeps the first of the lines that list the same image: it must not be in two parts of the split.
    fn drop_repeated(&mut self) -> Result<Option<String>> {
        let mut seen: HashMap<(u32, &str), u8> = HashMap::with_capacity(self.entries.len());
        let mut repeated = HashSet::new();
        for (at, entry) in self.entries.iter().enumerate() {
            match seen.get(&(entry.folder, &*entry.name)) {
                None => {
                    seen.insert((entry.folder, &entry.name), entry.label);
                }
                Some(label) if *label == entry.label => {
                    repeated.insert(at);
                }
                Some(_) => {
                    return Err(DataError::format(
                        &self.path(entry),
                        "expected one label in the metadata, found this image listed with both",
                    ));
                }
            }
        }
        if repeated.is_empty() {
            return Ok(None);
        }
        let mut at = 0..;
        self.entries
            .retain(|_| at.next().is_none_or(|at| !repeated.contains(&at)));
        Ok(Some(format!(
            "{}: {} lines of the metadata list an image again; they were left out, so that no image is in two parts",
            self.root.display(),
            repeated.len()
        )))
    }

    /// Looks that every image is there and is not empty: a training should not find that out in its middle.
    fn check_files(&self) -> Result<()> {
        let is_bad =
            |entry: &&Entry| !std::fs::metadata(self.path(entry)).is_ok_and(|m| m.len() > 0);
        let bad: Vec<&Entry> = self.entries.par_iter().filter(is_bad).collect();
        if bad.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = bad
            .iter()
            .take(NAMED)
            .map(|entry| format!("{}/{}", self.folders[entry.folder as usize], entry.name))
            .collect();
        let more = match bad.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Err(DataError::format(
            &self.root,
            format!(
                "expected an image for each of the {} lines of the metadata, found {} missing or empty: {}{more}; get \
                 them again, or remove their lines",
                self.entries.len(),
                bad.len(),
                names.join(", ")
            ),
        ))
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
        let is_it = |e: &Entry| *e.name == *name && *self.folders[e.folder as usize] == *folder;
        let at = self.entries.iter().position(is_it)?;
        let path = self.path(&self.entries[at]);
        if std::fs::metadata(&path).ok()?.len() > 0 {
            return None;
        }
        self.entries.remove(at);
        Some(format!(
            "{}: left out, the published image is an empty file",
            path.display()
        ))
    }

    /// The folder with `imgs` and `metadata`.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
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
        let path = self.path(&self.entries[image]);
        let file = open_file(&path, "an image")?;
        decode_png(BufReader::new(file), side).map_err(|problem| DataError::format(&path, problem))
    }
}

/// The folder of the images at `dir` or below, and a warning if there are others: releases hold the same images in more
/// than one place.
fn find(dir: &Path, config: &PathfinderConfig) -> Result<(PathBuf, Vec<String>)> {
    let difficulty = config.difficulty.folder();
    let size = format!("pathfinder{}", config.side);
    let mut places = vec![String::new(), difficulty.to_string()];
    for above in ["", "lra_release/", "lra_release/lra_release/"] {
        for folder in sized_folders(&dir.join(above), &size) {
            places.push(format!("{above}{folder}/{difficulty}"));
        }
    }
    let own = format!("{size}/{difficulty}");
    if !places.contains(&own) {
        places.push(own); // for the message
    }
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let (root, _) = locate(dir, &places, &["metadata"])?;
    let all = places.iter().map(|place| dir.join(place));
    let others: Vec<String> = all
        .filter(|other| *other != root && other.join("metadata").exists() && root != dir.join(""))
        .map(|other| other.display().to_string())
        .collect();
    let warning = format!(
        "{}: taken; images of this size and difficulty are also in {}",
        root.display(),
        others.join(", ")
    );
    let warnings = (!others.is_empty()).then_some(warning);
    Ok((root, warnings.into_iter().collect()))
}

/// Folders in `dir` named `size` (first), or that and more which is no digit ("pathfinder128 (1)").
fn sized_folders(dir: &Path, size: &str) -> Vec<String> {
    let names = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let more = name.strip_prefix(size);
            more.is_some_and(|more| !more.starts_with(|c: char| c.is_ascii_digit()))
        })
        .collect();
    names.sort();
    names
}

/// A relative path without `.` and repeated slashes; none if it leads out of its folder.
fn plain(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// The `<k>` of `metadata/<k>.npy`: 10 comes after 9. Files that are not numbered come last, by name.
fn number(file: &Path) -> (u64, Option<PathBuf>) {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    match stem.and_then(|stem| stem.parse().ok()) {
        Some(number) => (number, None),
        None => (u64::MAX, Some(file.to_path_buf())),
    }
}
