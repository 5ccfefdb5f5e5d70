//! From a path to sequences: which format it is, and which layout a folder has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::array::View;
use super::layout::{Raw, RawInputs, RawTargets, names, sample_targets_of, sequences, splits};
use super::options::{ArrayKeys, ArrayOptions};
use super::rows::{Described, FileTable, labels_of};
use super::source::{Arrays, FileKind, read_npy};
use super::table::Table;
use crate::{DataError, Result};

/// The table of a folder that says what its files are.
const LABELS: &str = "labels.csv";

impl Raw {
    /// The sequences of a file or folder.
    pub(super) fn open(path: &Path, options: &ArrayOptions) -> Result<Self> {
        let kind = std::fs::metadata(path).map_err(|e| DataError::io(path, "open it", e))?;
        if kind.is_dir() {
            return Folder::list(path)?.read(options);
        }
        let keys = &options.keys;
        match FileKind::of(path)? {
            FileKind::Npz => Self::from_named(Arrays::npz(path)?, options),
            FileKind::Safetensors => Self::from_named(Arrays::safetensors(path)?, options),
            FileKind::Npy => Self::from_named(Arrays::files(path, siblings(path, keys)), options),
            FileKind::Hdf5 => match &options.events {
                Some(binning) => Self::from_shd(path, options.kind, binning),
                None => Err(DataError::format(
                    path,
                    "HDF5 is read as events in the layout of SHD: set `events.bin_ms` and `events.unit`; save other \
                     arrays with np.savez",
                )),
            },
            FileKind::Table => {
                let table = Table::read(path, keys)?;
                match &options.events {
                    Some(binning) => Self::from_event_table(table, keys, options.kind, binning),
                    None => Self::from_table(table, keys, options.kind),
                }
            }
        }
    }

    fn from_named(mut arrays: Arrays, options: &ArrayOptions) -> Result<Self> {
        match &options.events {
            Some(binning) => {
                Self::from_event_arrays(&mut arrays, &options.keys, options.kind, binning)
            }
            None => Self::from_arrays(&mut arrays, &options.keys, options.kind),
        }
    }
}

/// The files that go with a single array: `X_train.npy` with `y_train.npy`, `lengths_train.npy`, ….
fn siblings(path: &Path, keys: &ArrayKeys) -> Vec<(String, PathBuf)> {
    let mut files = vec![(keys.x.clone(), path.to_path_buf())];
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned());
    let Some(stem) = stem else {
        return files;
    };
    let is_key = |word: &str| word.eq_ignore_ascii_case(&keys.x);
    let separators = |c: char| matches!(c, '_' | '-' | '.');
    let mut start = 0;
    for word in stem.split(separators) {
        let end = start + word.len();
        if is_key(word) {
            for key in [&keys.y, &keys.lengths, &keys.group, &keys.split] {
                let name = format!("{}{key}{}.npy", &stem[..start], &stem[end..]);
                let file = path.with_file_name(name);
                if file.is_file() {
                    files.push((key.clone(), file));
                }
            }
            break;
        }
        start = end + 1;
    }
    files
}

/// The name of a file in its folder, and its path.
type NamedFile = (String, PathBuf);

/// What is in a folder.
struct Folder {
    path: PathBuf,
    arrays: Vec<NamedFile>,
    tables: Vec<NamedFile>,
    folders: Vec<NamedFile>,
}

impl Folder {
    /// Lists a folder by name, without hidden files and other kinds of files.
    fn list(path: &Path) -> Result<Self> {
        let cannot_list = |e| DataError::io(path, "list it", e);
        let mut folder = Self {
            path: path.into(),
            arrays: vec![],
            tables: vec![],
            folders: vec![],
        };
        for entry in std::fs::read_dir(path).map_err(cannot_list)? {
            let entry = entry.map_err(cannot_list)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            let lower = name.to_ascii_lowercase();
            match &lower {
                _ if lower.starts_with('.') => {}
                _ if path.is_dir() => folder.folders.push((name, path)),
                _ if lower.ends_with(".npy") => folder.arrays.push((name, path)),
                _ if [".csv", ".tsv", ".txt"].iter().any(|e| lower.ends_with(e)) => {
                    folder.tables.push((name, path));
                }
                _ => {}
            }
        }
        for list in [&mut folder.arrays, &mut folder.tables, &mut folder.folders] {
            list.sort();
        }
        Ok(folder)
    }

    fn read(mut self, options: &ArrayOptions) -> Result<Raw> {
        let keys = &options.keys;
        let by_key = self.arrays.iter().map(|(name, path)| {
            let stem = name.rsplit_once('.').map_or(&name[..], |(stem, _)| stem);
            (stem.to_owned(), path.clone())
        });
        let mut arrays = Arrays::files(&self.path, by_key);
        if options.events.is_some() || arrays.has(&keys.x) {
            return Raw::from_named(arrays, options);
        }
        let described = |name: &str| {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            [&keys.y, &keys.lengths, &keys.group, &keys.split]
                .iter()
                .any(|k| *k == stem)
        };
        self.arrays.retain(|(name, _)| !described(name));
        let table = self.tables.iter().position(|(name, _)| name == LABELS);
        let table = table.map(|at| self.tables.remove(at).1);
        if self.arrays.is_empty() && self.tables.is_empty() && !self.folders.is_empty() {
            return self.read_classes();
        }
        let (files, inputs) = self.sequences(keys)?;
        let count = inputs.len();
        let described = match table {
            Some(table) => FileTable::read(&table, keys)?.describe(&files, keys, options.kind)?,
            None => Described {
                targets: sample_targets_of(&mut arrays, &keys.y, options.kind, count)?,
                groups: names(&mut arrays, &keys.group, count)?,
                splits: splits(&mut arrays, &keys.split, count)?,
            },
        };
        Ok(Raw {
            inputs: RawInputs::Values(inputs),
            targets: described.targets,
            groups: described.groups,
            splits: described.splits,
            names: Some(files.into_iter().map(|(name, _)| name).collect()),
        })
    }

    /// One sequence from each file of the folder.
    fn sequences(&self, keys: &ArrayKeys) -> Result<(Vec<NamedFile>, Vec<View>)> {
        let error = |problem: &str| Err(DataError::format(&self.path, problem));
        match (&self.arrays[..], &self.tables[..]) {
            ([], []) => error(
                "expected a folder with x.npy, with one .npy or .csv file for each sequence, or with a folder of them \
                 for each class, found none",
            ),
            ([_, ..], [_, ..]) => error(
                "expected sequences as .npy or as .csv files (and labels.csv), found both kinds",
            ),
            (arrays, []) => {
                let list: Vec<_> = arrays
                    .iter()
                    .map(|(name, path)| read_npy(path, name).map(Arc::new))
                    .collect::<Result<_>>()?;
                Ok((arrays.to_vec(), sequences(&list)?))
            }
            ([], tables) => {
                let mut inputs: Vec<View> = Vec::with_capacity(tables.len());
                for (_, path) in tables {
                    let view = sequence(path, keys)?;
                    if let Some(first) = inputs.first()
                        && first.channels != view.channels
                    {
                        let expected = first.channels;
                        let other = first.array.origin.path.display();
                        let found = view.channels;
                        return Err(DataError::format(
                            path,
                            format!(
                                "expected {expected} columns of values as in {other}, found {found}"
                            ),
                        ));
                    }
                    inputs.push(view);
                }
                Ok((tables.to_vec(), inputs))
            }
        }
    }

    /// A folder of sequences for each class, which is called like it.
    fn read_classes(&self) -> Result<Raw> {
        let (mut classes, mut names, mut inputs) = (vec![], vec![], vec![]);
        for (class, path) in &self.folders {
            let folder = Self::list(path)?;
            let (files, views) = folder.sequences(&ArrayKeys::default())?;
            classes.extend(std::iter::repeat_n(class.clone(), files.len()));
            names.extend(files.into_iter().map(|(name, _)| format!("{class}/{name}")));
            inputs.extend(views);
        }
        let first = inputs.first().map_or(0, |v: &View| v.channels);
        if let Some(other) = inputs.iter().find(|v| v.channels != first) {
            let (origin, found) = (&other.array.origin, other.channels);
            return Err(origin.error(format!(
                "expected {first} channels as in the other files, found {found}"
            )));
        }
        let targets = labels_of(classes.into_iter());
        Ok(Raw {
            inputs: RawInputs::Values(inputs),
            targets: targets.map_err(|p| DataError::format(&self.path, p))?,
            groups: None,
            splits: None,
            names: Some(names),
        })
    }
}

/// The one sequence in a table.
fn sequence(path: &Path, keys: &ArrayKeys) -> Result<View> {
    let raw = Raw::from_table(Table::read(path, keys)?, keys, None)?;
    match (raw.inputs, raw.targets) {
        (RawInputs::Values(views), RawTargets::None) if views.len() == 1 => Ok(views[0].clone()),
        (_, RawTargets::None) => Err(DataError::format(
            path,
            format!(
                "expected one sequence in each file of a folder, found several in column `{}`",
                keys.sample
            ),
        )),
        _ => Err(DataError::format(
            path,
            format!(
                "expected only columns of values in a folder of sequences, found `{}`",
                keys.y
            ),
        )),
    }
}
