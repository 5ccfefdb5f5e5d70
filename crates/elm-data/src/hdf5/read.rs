//! Reading an HDF5 file.

use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use hdf5_pure::{Datatype, Error, FileAccessProperties, FormatError, MetadataCacheConfig, Source};

use super::heap::{GlobalHeap, Reference};
use super::links::Links;
use super::number::{Number, NumberKind};
use super::source::{Bytes, ReadSeek, Uncounted};
use crate::files::{first_bytes, open_file, refuse_packed};
use crate::{DataError, Result};

/// A list with more rows than this is refused before anything is allocated for it.
const MOST_ROWS: u64 = 1 << 20;
/// Most bytes of the rows of a list, and of one chunk of it.
const MOST_BYTES: u64 = 1 << 24;
/// Stack of the thread that `hdf5-pure` runs in: it parses nested types recursively, and a message can nest them a few
/// thousand deep.
#[cfg(not(fuzzing))]
const STACK: usize = 64 << 20;

/// An HDF5 file open for reading.
pub(crate) struct Hdf5File {
    path: PathBuf,
    file: hdf5_pure::File,
    bytes: Bytes,
    links: Links,
    /// Where address 0 is in the file.
    base: u64,
}

impl Hdf5File {
    /// Opens the file `path`, called `what` in errors.
    pub(crate) fn open(path: &Path, what: &str) -> Result<Self> {
        let file: File = open_file(path, what)?;
        refuse_packed(path, what, &first_bytes(path)?)?;
        Self::new(path, what, Box::new(file))
    }

    /// A file in memory; `name` stands for the path in errors.
    pub(crate) fn from_bytes(name: &str, what: &str, bytes: Vec<u8>) -> Result<Self> {
        Self::new(Path::new(name), what, Box::new(Cursor::new(bytes)))
    }

    fn new(path: &Path, what: &str, bytes: Box<dyn ReadSeek>) -> Result<Self> {
        let open = || {
            let bytes = Bytes::new(bytes).map_err(said)?;
            // What a cache of the library's own answered would not be counted.
            let properties =
                FileAccessProperties::new().with_metadata_cache(MetadataCacheConfig::disabled());
            let file = hdf5_pure::File::from_source_with_options(bytes.clone(), properties)
                .map_err(|e| format!("expected {what} (HDF5), found no readable one: {e}"))?;
            let superblock = file.superblock();
            let widths = [superblock.offset_size, superblock.length_size];
            if widths != [8, 8] {
                return Err(format!(
                    "expected addresses and lengths of 8 bytes, found {widths:?}"
                ));
            }
            let (base, root) = (superblock.base_address.get(), superblock.root_group_address);
            let links = Links::new(bytes.clone(), base, root);
            Ok((file, bytes, links, base))
        };
        let (file, bytes, links, base) = contained(open).map_err(|p| DataError::format(path, p))?;
        Ok(Self {
            path: path.into(),
            file,
            bytes,
            links,
            base,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A format error of this file.
    pub(crate) fn error(&self, problem: impl Into<String>) -> DataError {
        DataError::format(&self.path, problem)
    }

    /// Is there a dataset `name`? That it cannot be reached because the file is damaged is an error.
    pub(crate) fn has(&self, name: &str) -> Result<bool> {
        let look = || match self.dataset(name)? {
            Ok(_) => Ok(true),
            Err(Error::Format(FormatError::PathNotFound(_))) => Ok(false),
            Err(e) => Err(said(e)),
        };
        contained(look).map_err(|problem| self.error(format!("dataset {name}: {problem}")))
    }

    /// The dataset `name`, whatever soft links lead to it; or what the library says of it.
    ///
    /// # Errors
    /// If a link on the way cannot be followed.
    fn dataset(
        &self,
        name: &str,
    ) -> std::result::Result<std::result::Result<hdf5_pure::Dataset, Error>, String> {
        self.bytes.begin();
        let found = self.file.dataset(name);
        if found.is_ok() {
            return Ok(found);
        }
        self.bytes.begin();
        match self.links.resolve(name)? {
            Some(path) if path != name => {
                self.bytes.begin();
                Ok(self.file.dataset(&path))
            }
            _ => Ok(found),
        }
    }

    /// What the library says of a dataset that it does not give, and whether a soft link may be the reason.
    fn missing(&self, name: &str, error: Error) -> String {
        let not_found = matches!(error, Error::Format(FormatError::PathNotFound(_)));
        let problem = said(error);
        self.bytes.begin();
        match not_found && self.links.are_indexed(name) {
            true => format!(
                "{problem}; a group on the way has an index of its links, in which soft links are not followed: if it is one, \
                 give the data that name itself (h5py: move)"
            ),
            false => problem,
        }
    }

    /// Does the root group have an attribute `name`?
    pub(crate) fn is_marked(&self, name: &str) -> bool {
        let marked = || {
            self.bytes.begin();
            let attributes = self.file.root().attrs().map_err(said)?;
            Ok(attributes.contains_key(name))
        };
        contained(marked).unwrap_or(false)
    }

    /// The integers of the one-dimensional dataset `name`.
    pub(crate) fn integers(&self, name: &str) -> Result<Vec<i64>> {
        self.list(name, |dataset| {
            let number = Number::of(&dataset.datatype().map_err(said)?)
                .filter(|n| n.kind() == NumberKind::Integer)
                .ok_or_else(|| expected("integers", dataset))?;
            Ok(number
                .integers(&dataset.read_raw().map_err(said)?)
                .collect())
        })
    }

    /// The strings of the one-dimensional dataset `name`.
    pub(crate) fn strings(&self, name: &str) -> Result<Vec<String>> {
        self.list(name, |dataset| match dataset.datatype().map_err(said)? {
            Datatype::String { .. } => dataset.read_string().map_err(said),
            Datatype::VariableLength {
                is_string: true, ..
            } => {
                let options = hdf5_pure::VlenStringReadOptions::new()
                    .with_max_elements(MOST_ROWS as usize)
                    .with_max_payload_bytes(MOST_BYTES as usize);
                dataset.read_vlen_strings(options).map_err(said)
            }
            _ => Err(expected("strings", dataset)),
        })
    }

    /// The one-dimensional dataset `name` of variable-length arrays of numbers of the kind `kind`.
    pub(crate) fn ragged(&self, name: &str, kind: NumberKind) -> Result<Ragged> {
        let (rows, number) = self.list(name, |dataset| {
            let words = match kind {
                NumberKind::Float => "variable-length arrays of floats of 16, 32 or 64 bits",
                NumberKind::Integer => "variable-length arrays of integers",
            };
            let number = match dataset.datatype().map_err(said)? {
                Datatype::VariableLength {
                    is_string: false,
                    base_type,
                    ..
                } => Number::of(&base_type),
                _ => None,
            };
            let number = number
                .filter(|n| n.kind() == kind)
                .ok_or_else(|| expected(words, dataset))?;
            let references = dataset.read_raw().map_err(said)?;
            Ok((Reference::all(&references), number))
        })?;
        Ok(Ragged {
            path: self.path.clone(),
            name: name.into(),
            rows,
            number,
            heap: GlobalHeap::new(self.bytes.uncounted(), self.base),
        })
    }

    /// Reads the dataset `name` after a look at its size.
    fn list<T: Send>(
        &self,
        name: &str,
        read: impl FnOnce(&hdf5_pure::Dataset) -> std::result::Result<T, String> + Send,
    ) -> Result<T> {
        let all = || {
            let dataset = self.dataset(name)?.map_err(|e| self.missing(name, e))?;
            self.bytes.begin();
            check_size(&dataset)?;
            check_chunks(&dataset, self.bytes.len())?;
            read(&dataset)
        };
        contained(all).map_err(|problem| self.error(format!("dataset {name}: {problem}")))
    }
}

/// Refuses what is no list, or so large that it cannot be what is asked for: storage that was never written, or that is
/// compressed, can claim any size.
fn check_size(dataset: &hdf5_pure::Dataset) -> std::result::Result<(), String> {
    let shape = dataset.shape().map_err(said)?;
    let [rows] = shape[..] else {
        return Err(format!("expected one dimension, found the shape {shape:?}"));
    };
    let chunk = dataset.chunk_shape().map_err(said)?;
    let chunk = chunk.map_or(0, |shape| {
        shape.iter().fold(1, |n: u64, &d| n.saturating_mul(d))
    });
    let element = dataset.element_size().map_err(said)?;
    let bytes = rows.max(chunk).saturating_mul(element);
    if rows > MOST_ROWS || bytes > MOST_BYTES {
        return Err(format!(
            "expected at most {MOST_ROWS} rows and {MOST_BYTES} bytes, found {rows} rows of {element} bytes in chunks \
             of {chunk}"
        ));
    }
    Ok(())
}

/// Refuses chunks that are not within the `length` bytes of the file: the library makes room for a chunk before it looks.
fn check_chunks(dataset: &hdf5_pure::Dataset, length: u64) -> std::result::Result<(), String> {
    if !dataset.is_chunked() {
        return Ok(());
    }
    for chunk in dataset.chunks().map_err(said)? {
        let (address, size) = (chunk.address, chunk.storage_size);
        let within = address.checked_add(size).is_some_and(|end| end <= length);
        if size > MOST_BYTES || !within {
            return Err(format!(
                "a chunk of {size} bytes at {address}: expected at most {MOST_BYTES} within the {length} bytes of the file"
            ));
        }
    }
    Ok(())
}

/// That a dataset holds something else than `what`.
fn expected(what: &str, dataset: &hdf5_pure::Dataset) -> String {
    match dataset.dtype() {
        Ok(found) => format!("expected {what}, found {found}"),
        Err(e) => format!("expected {what}, found a type that cannot be read: {e}"),
    }
}

/// The library's words; plainer ones for a missing dataset; and what to do about the one thing that the library cannot
/// do and a whole file may ask for.
fn said(error: impl Into<Error>) -> String {
    match error.into() {
        Error::Format(FormatError::PathNotFound(name)) => {
            format!("expected it in the file, found no {name}")
        }
        Error::Format(FormatError::InvalidLayoutVersion(version @ 5..)) => format!(
            "its storage has layout version {version}, of HDF5 2.0 and newer, which is not read here: write the file \
             again for HDF5 1.14 (h5py: libver=('earliest', 'v114'))"
        ),
        error => error.to_string(),
    }
}

/// Runs what calls `hdf5-pure` in a thread of its own: the file is not to be trusted, and neither a panic nor a deep
/// recursion over it may end the program.
fn contained<T: Send>(
    run: impl FnOnce() -> std::result::Result<T, String> + Send,
) -> std::result::Result<T, String> {
    // A fuzzer's inputs take less than a thread does. It ends at any panic, and fuzz/run.sh gives it as much stack.
    #[cfg(fuzzing)]
    let result = run();
    #[cfg(not(fuzzing))]
    let result = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("hdf5".into())
            .stack_size(STACK)
            .spawn_scoped(scope, run)
            .map_err(|e| format!("cannot start a thread to read it: {e}"))?;
        let broke_down = |_| Err("the HDF5 reader broke down on this file, it is damaged".into());
        thread.join().unwrap_or_else(broke_down)
    });
    // One sentence, whatever the library says.
    result.map_err(|problem: String| problem.replace(['\n', '\r'], " "))
}

/// Variable-length arrays of numbers: only their references are in memory. May be read by several threads.
pub(crate) struct Ragged {
    path: PathBuf,
    name: String,
    rows: Vec<Reference>,
    number: Number,
    heap: GlobalHeap<Uncounted>,
}

impl Ragged {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The numbers of a row as floats.
    pub(crate) fn floats(&self, row: usize) -> Result<Vec<f64>> {
        Ok(self.number.floats(&self.read(row)?).collect())
    }

    /// The numbers of a row as integers.
    pub(crate) fn integers(&self, row: usize) -> Result<Vec<i64>> {
        Ok(self.number.integers(&self.read(row)?).collect())
    }

    fn read(&self, row: usize) -> Result<Vec<u8>> {
        let problem = |problem: String| {
            let name = &self.name;
            DataError::format(&self.path, format!("dataset {name}, row {row}: {problem}"))
        };
        let reference = self.rows.get(row).ok_or_else(|| {
            let rows = self.rows.len();
            problem(format!("expected a row below {rows}"))
        })?;
        self.heap
            .read(*reference, self.number.size())
            .map_err(problem)
    }
}
