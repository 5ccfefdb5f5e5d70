//! What a named task is, and one way to open the data of those that classify sequences. The tasks themselves are in
//! `tasks`.

mod batches;
mod info;
mod open;
mod shrunk;
mod statistics;

pub use batches::{Order, SampleBatches};
pub use info::{Published, TaskInfo, TaskKind, TaskRecipe};
pub use open::{Parts, TaskData, TaskOptions};
pub use statistics::PartStatistics;

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::shrunk::{Shrunk, shrunk_side};
use crate::lra::pathfinder::{ConvertProgress, ConvertSummary};
use crate::shd::Binning;
use crate::{DataError, Encoding, Result, Split};

/// A named task. Only tasks that classify sequences ([`TaskKind::Classification`]) have data of this form to open; the data
/// of the others is a user's own, or that of [`neuronio`](crate::neuronio).
pub trait NamedTask: std::fmt::Debug + Send + Sync {
    /// What is known of it.
    fn info(&self) -> &TaskInfo;

    /// How the steps of its sequences become channels; none of a task that classifies no sequences.
    fn encoding(&self) -> Option<Encoding> {
        None
    }

    /// Opens a part of its data in `dir` (Pathfinder: or in a converted file).
    ///
    /// # Errors
    /// If the task classifies no sequences, files are missing, damaged or not what the task demands, there are too few
    /// samples, or an option is out of range. Images of Pathfinder are there, and are only checked further as they are
    /// read.
    fn open(&self, dir: &Path, split: Split, options: &TaskOptions) -> Result<Arc<dyn TaskData>> {
        let _ = (dir, split, options);
        Err(no_classes(self.info()))
    }

    /// Opens all parts of its data; each file is read once, whichever parts it holds. An adding task has the numbers of
    /// `pairs` in an epoch of training, validation and test (as published where there is none), in the place of
    /// [`TaskOptions::pairs`].
    ///
    /// # Errors
    /// As [`Self::open`].
    fn open_parts(
        &self,
        dir: &Path,
        options: &TaskOptions,
        pairs: [Option<usize>; 3],
    ) -> Result<Parts> {
        let _ = (dir, options, pairs);
        Err(no_classes(self.info()))
    }

    /// Puts the files in `dir` into one compact file `out` that is read in their place, and reads it back before it gets its
    /// name; `progress` may stop it, which leaves nothing.
    ///
    /// # Errors
    /// If the task has no such file, an option or a file is not what it must be, or `progress` stopped it.
    fn convert(
        &self,
        dir: &Path,
        out: &Path,
        options: &TaskOptions,
        progress: &mut dyn FnMut(ConvertProgress) -> ControlFlow<()>,
    ) -> Result<ConvertSummary> {
        let _ = (dir, out, options, progress);
        let known = Task::ALL.iter().filter(|task| task.info().converts);
        let known: Vec<&str> = known.map(|task| task.name()).collect();
        Err(DataError::request(format!(
            "the files of {} are not converted; those of {} are",
            self.info().name,
            known.join(", ")
        )))
    }

    /// Writes a few samples of the published lengths into `dir`, in the files that [`open`](Self::open) reads: to try
    /// programs and to time them, with nothing to learn in most.
    ///
    /// # Errors
    /// If the task classifies no sequences, or a file cannot be written.
    fn make_example(&self, dir: &Path) -> Result<()> {
        let _ = dir;
        Err(no_classes(self.info()))
    }

    /// What its tokens stand for, from token 1 on; none where they are bytes, or there are none.
    fn symbols(&self) -> Option<Vec<String>> {
        None
    }
}

fn no_classes(info: &TaskInfo) -> DataError {
    DataError::request(format!(
        "{} is not a task of sequences with one class each",
        info.name
    ))
}

/// One of the named tasks ([`Task::ALL`]). Two are equal if they have the same name, which they also are in files.
#[derive(Clone, Copy)]
pub struct Task(&'static dyn NamedTask);

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Task({})", self.name())
    }
}

impl Task {
    /// The task that this value is.
    pub(crate) const fn new(task: &'static dyn NamedTask) -> Self {
        Self(task)
    }

    /// What is known of it.
    pub fn info(self) -> &'static TaskInfo {
        self.0.info()
    }

    /// Name on the command line and in recipes.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The task of this name.
    ///
    /// # Errors
    /// [`DataError::Request`] that lists the names.
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|task| task.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|task| task.name()).collect();
            let names = names.join(", ");
            DataError::request(format!("unknown task `{name}` (known: {names})"))
        })
    }

    /// Has it a use for the keys of recipes that need this?
    pub fn uses(self, what: &str) -> bool {
        self.info().uses.contains(&what)
    }

    /// Is it of the kind of NeuronIO: windows of simulations, spikes and voltage in every ms?
    pub fn is_neuronio(self) -> bool {
        self.info().kind == TaskKind::NeuronIo
    }

    /// Does it make sequences into classes? Then [`open`](Self::open) opens its data.
    pub fn classifies(self) -> bool {
        matches!(self.info().kind, TaskKind::Classification { .. })
    }

    /// Is it to predict the next byte of a text?
    pub fn is_language(self) -> bool {
        self.info().kind == TaskKind::Language
    }

    /// Are its files a user's own, whose sizes only they know?
    pub fn is_open(self) -> bool {
        matches!(self.info().kind, TaskKind::Language | TaskKind::Open)
    }

    /// Number of classes; 0 where there are none.
    pub fn classes(self) -> usize {
        match self.info().kind {
            TaskKind::Classification { classes, .. } => classes,
            _ => 0,
        }
    }

    /// Sequences in a sample: two where a pair is compared.
    pub fn inputs(self) -> usize {
        match self.info().kind {
            TaskKind::Classification { inputs, .. } => inputs,
            _ => 1,
        }
    }

    /// Is the data drawn by a program of this project and nowhere to be got?
    pub fn is_synthetic(self) -> bool {
        self.info().is_synthetic
    }

    /// Width and height (pixels) of the pictures of a task of pictures where they are read so.
    ///
    /// # Errors
    /// If the blocks of [`TaskOptions::shrink`] do not fill a picture.
    pub fn side(self, options: &TaskOptions) -> Result<Option<usize>> {
        match (self.info().side, options.shrink) {
            (Some(side), Some(block)) => shrunk_side(side, block).map(Some),
            (side, _) => Ok(side),
        }
    }

    /// Steps of its longest sequences where they are read so; of those that differ, no more than published. An option that
    /// does not fit, which opening the data tells, counts as not set.
    pub fn length(self, options: &TaskOptions) -> usize {
        let longest = self.info().length;
        if self.uses("bins") {
            // the published length is that with the published bins
            let published = Binning::default().steps().unwrap_or(1);
            return longest * options.binning.steps().unwrap_or(published) / published;
        }
        match (self.side(options), options.max_length) {
            (Ok(Some(side)), _) => side * side,
            (_, Some(most)) if self.uses("lengths") => most.min(longest),
            _ => longest,
        }
    }

    /// How the steps of its sequences become channels where they are read so.
    ///
    /// # Errors
    /// If it is no classification task, or as [`Self::side`].
    pub fn encoding(self, options: &TaskOptions) -> Result<Encoding> {
        let encoding = self.0.encoding();
        let mut encoding = encoding.ok_or_else(|| no_classes(self.info()))?;
        if let Encoding::Grey { columns, .. } = &mut encoding {
            *columns = self.side(options)?.filter(|_| options.column_channels);
        }
        Ok(encoding)
    }

    /// See [`NamedTask::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(
        self,
        dir: &Path,
        split: Split,
        options: &TaskOptions,
    ) -> Result<Arc<dyn TaskData>> {
        let shrink = self.shrink(options)?;
        Ok(shrink(self.0.open(dir, split, options)?))
    }

    /// See [`NamedTask::open_parts`].
    ///
    /// # Errors
    /// As there.
    pub fn open_parts(
        self,
        dir: &Path,
        options: &TaskOptions,
        pairs: [Option<usize>; 3],
    ) -> Result<Parts> {
        let shrink = self.shrink(options)?;
        let parts = self.0.open_parts(dir, options, pairs)?;
        Ok(Parts {
            train: shrink(parts.train),
            valid: shrink(parts.valid),
            test: shrink(parts.test),
        })
    }

    /// What shrinks the pictures of a part as the options say.
    fn shrink(
        self,
        options: &TaskOptions,
    ) -> Result<impl Fn(Arc<dyn TaskData>) -> Arc<dyn TaskData>> {
        self.side(options)?;
        let blocks = self
            .info()
            .side
            .zip(options.shrink.filter(|block| *block > 1));
        Ok(move |data: Arc<dyn TaskData>| match blocks {
            Some((side, block)) => Arc::new(Shrunk::new(data, side, block)) as _,
            None => data,
        })
    }

    /// See [`NamedTask::convert`].
    ///
    /// # Errors
    /// As there.
    pub fn convert(
        self,
        dir: &Path,
        out: &Path,
        options: &TaskOptions,
        progress: &mut dyn FnMut(ConvertProgress) -> ControlFlow<()>,
    ) -> Result<ConvertSummary> {
        self.0.convert(dir, out, options, progress)
    }

    /// See [`NamedTask::make_example`].
    ///
    /// # Errors
    /// As there.
    pub fn make_example(self, dir: &Path) -> Result<()> {
        self.0.make_example(dir)
    }

    /// What its tokens stand for, see [`NamedTask::symbols`].
    pub fn symbols(self) -> Option<Vec<String>> {
        self.0.symbols()
    }

    /// Name of class `class` for people.
    pub fn class_name(self, class: usize) -> String {
        let name = self.info().classes.get(class);
        name.map_or_else(|| class.to_string(), ToString::to_string)
    }

    /// A token as text for people; what is no printable character is a dot.
    pub fn token_text(self, token: u16) -> String {
        let Some(value) = usize::from(token).checked_sub(1) else {
            return String::new();
        };
        match self.symbols() {
            Some(symbols) => symbols
                .get(value)
                .map_or_else(|| "?".into(), |symbol| format!("{symbol} ")),
            None => u8::try_from(value)
                .ok()
                .filter(|byte| (b' '..=b'~').contains(byte))
                .map_or_else(|| "·".into(), |byte| char::from(byte).to_string()),
        }
    }
}

impl Default for Task {
    /// The first of the list.
    fn default() -> Self {
        Self::NEURONIO
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Task {}

impl Hash for Task {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Task {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Task {
    fn schema_name() -> Cow<'static, str> {
        "Task".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let each = Self::ALL
            .iter()
            .map(|task| json_schema!({ "const": task.name(), "description": task.info().about }));
        json_schema!({ "oneOf": each.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests;
