//! Sequences of any number of files with the same channels, targets and classes.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::array::View;
use super::builder::Builder;
use super::data::{InputKind, Inputs, SequenceData, SequenceSample, Target, TargetKind, Targets};
use super::events::EventList;
use super::labels::{ClassNames, Label};
use super::layout::{Raw, RawTargets};
use super::options::{ArrayKeys, ArrayOptions, Missing};
use crate::{DataError, Result, Split};

/// Samples looked at by a thread at a time.
const CHUNK: usize = 16;

/// Where the steps of a sample are.
#[derive(Debug)]
pub(super) enum Steps {
    View(View),
    /// A sample in a list of events.
    Events(u32, u32),
}

/// Where the target of a sample is.
#[derive(Debug)]
pub(super) enum Goal {
    None,
    Class(u16),
    /// Classes of its steps.
    Classes(Range<usize>),
    Values(View),
    StepValues(View),
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) steps: Steps,
    pub(super) goal: Goal,
    pub(super) group: u32,
    /// File, and number in it.
    pub(super) place: (u32, u32),
    /// First step in the sequence of the file that it was cut from.
    pub(super) first_step: u32,
}

/// A user's own sequences: see the [module](super)'s docs for their files.
#[derive(Debug)]
pub struct ArrayData {
    pub(super) paths: Vec<PathBuf>,
    pub(super) items: Vec<Item>,
    /// Classes of all steps, where each has one.
    pub(super) classes: Vec<u16>,
    pub(super) events: Vec<EventList>,
    pub(super) names: Vec<Option<Vec<String>>>,
    pub(super) splits: Option<Vec<Split>>,
    pub(super) inputs: InputKind,
    pub(super) targets: Targets,
    pub(super) missing: Missing,
    pub(super) bin_ms: Option<f64>,
    pub(super) groups: usize,
    pub(super) window: bool,
}

/// What a trained model reads and gives, so that further data are read in the same way.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its inputs.
    pub inputs: &'a InputKind,
    /// Its targets.
    pub targets: &'a Targets,
}

impl ArrayData {
    /// Reads the sequences of `paths`, one path after the other.
    ///
    /// With `known`, classes, symbols and channels are those of a trained model, and targets may be missing.
    ///
    /// # Errors
    /// If a path cannot be read, a shape, type or value is not what is expected (which file, array and place), a value
    /// is not finite (unless missing ones are to be filled), files differ in their channels or kinds of targets, or a
    /// class or symbol is not known.
    pub fn open(paths: &[PathBuf], options: &ArrayOptions, known: Option<Known>) -> Result<Self> {
        Self::open_all(paths, options, known).map_err(in_one_line)
    }

    fn open_all(paths: &[PathBuf], options: &ArrayOptions, known: Option<Known>) -> Result<Self> {
        let mut raws = Vec::with_capacity(paths.len());
        for path in paths {
            let raw = Raw::open(path, options)?;
            if raw.inputs.len() == 0 {
                return Err(DataError::format(
                    path,
                    "expected at least one sequence, found none",
                ));
            }
            check_named(path, &raw, options, known.is_some())?;
            raws.push((path.as_path(), raw));
        }
        if raws.is_empty() {
            return Err(DataError::request(
                "expected the path of at least one file of sequences, found none",
            ));
        }
        let data = Builder::new(options, known)?.build(raws)?;
        data.check_finite()?;
        Ok(data)
    }

    /// The files and folders, as they were given.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Which of the paths a sample comes from.
    pub fn file(&self, sample: usize) -> usize {
        self.items[sample].place.0 as usize
    }

    /// What the files call a sample: the name of its file or of its rows, or else its number; with its first step where
    /// it is a window.
    pub fn name(&self, sample: usize) -> String {
        let item = &self.items[sample];
        let (file, number) = (item.place.0 as usize, item.place.1 as usize);
        let name = match &self.names[file] {
            Some(names) => names[number].clone(),
            None => number.to_string(),
        };
        match (self.window, item.first_step) {
            (true, step) => format!("{name}@{step}"),
            _ => name,
        }
    }

    /// Width of a step (ms), where events were binned: a model's `dt`.
    pub fn bin_ms(&self) -> Option<f64> {
        self.bin_ms
    }

    /// Number of different groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Are the samples windows of longer sequences?
    pub fn is_cut(&self) -> bool {
        self.window
    }

    /// The part of each sample, where the files say.
    pub fn stored_split(&self) -> Option<&[Split]> {
        self.splits.as_deref()
    }

    fn path_of(&self, item: &Item) -> &Path {
        &self.paths[item.place.0 as usize]
    }

    /// Looks at all values once, so that a bad one is found now and not in the middle of a training.
    fn check_finite(&self) -> Result<()> {
        let bad = self
            .items
            .par_chunks(CHUNK)
            .find_map_first(|items| items.iter().find_map(|i| self.not_finite(i)));
        bad.map_or(Ok(()), Err)
    }

    /// What is to be learnt about a sample, without reading its inputs; none if there is no such sample.
    pub(super) fn target(&self, sample: usize) -> Option<Target> {
        self.items.get(sample).map(|item| self.target_of(item))
    }

    fn target_of(&self, item: &Item) -> Target {
        match &item.goal {
            Goal::None => Target::None,
            Goal::Class(class) => Target::Class(usize::from(*class)),
            Goal::Classes(range) => Target::ClassSteps(self.classes[range.clone()].to_vec()),
            Goal::Values(view) => Target::Values(view.read()),
            Goal::StepValues(view) => Target::ValueSteps(view.read()),
        }
    }

    fn not_finite(&self, item: &Item) -> Option<DataError> {
        let fill = self.missing == Missing::Fill;
        let sample = item.place.1;
        let look = |view: &View, may_be_filled: bool| {
            let may_miss = may_be_filled && fill;
            if view.array.element.is_integer() || view.array.element.is_text() {
                return None;
            }
            let values = view.read();
            let good = |v: &f64| v.is_finite() || (may_miss && v.is_nan());
            let at = values.iter().position(|v| !good(v))?;
            let step = item.first_step as usize + at / view.channels;
            let (channel, value) = (at % view.channels, values[at]);
            let hint = if value.is_nan() && may_be_filled && !fill {
                " (`missing = \"fill\"` lets missing values of x take the mean)"
            } else {
                ""
            };
            Some(view.array.error(format!(
                "[sample {sample}, step {step}, channel {channel}]: expected a finite number, found {value}{hint}"
            )))
        };
        let inputs = match (&item.steps, &self.inputs) {
            (Steps::View(view), InputKind::Values { .. }) => look(view, true),
            _ => None,
        };
        inputs.or_else(|| match &item.goal {
            Goal::Values(view) | Goal::StepValues(view) => look(view, false),
            _ => None,
        })
    }

    fn symbols(&self, view: &View, names: &ClassNames, item: &Item) -> Result<Vec<u16>> {
        let number = |(step, label): (usize, Result<Label>)| {
            let label = label?;
            names.number_of(&label).ok_or_else(|| {
                let problem = format!(
                    "`{}`[sample {}, step {step}]: expected one of the {} symbols {}, found {label}",
                    view.array.origin.key,
                    item.place.1,
                    names.len(),
                    names.summary()
                );
                DataError::format(self.path_of(item), problem)
            })
        };
        view.labels().enumerate().map(number).collect()
    }
}

/// Refuses a file without an array that a user named: it would be read as if nobody had asked for one. Data for a trained
/// model need no targets.
fn check_named(path: &Path, raw: &Raw, options: &ArrayOptions, known: bool) -> Result<()> {
    let (keys, usual) = (&options.keys, ArrayKeys::default());
    let no_targets = matches!(raw.targets, RawTargets::None)
        && !known
        && !options.kind.is_some_and(TargetKind::is_next);
    for (key, name, usual, missing) in [
        ("y", &keys.y, usual.y, no_targets),
        ("group", &keys.group, usual.group, raw.groups.is_none()),
        ("split", &keys.split, usual.split, raw.splits.is_none()),
    ] {
        if missing && *name != usual {
            return Err(DataError::format(
                path,
                format!(
                    "expected an array or column `{name}`, as the key `{key}` says, found none"
                ),
            ));
        }
    }
    Ok(())
}

/// A message may have names from a file in it: none of them may break its line or drive a terminal.
fn in_one_line(error: DataError) -> DataError {
    let plain = |problem: String| problem.replace(char::is_control, " ");
    match error {
        DataError::Format { path, problem } => DataError::Format {
            path,
            problem: plain(problem),
        },
        DataError::Request { problem } => DataError::Request {
            problem: plain(problem),
        },
        other => other,
    }
}

impl SequenceData for ArrayData {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn inputs(&self) -> InputKind {
        self.inputs.clone()
    }

    fn targets(&self) -> &Targets {
        &self.targets
    }

    fn steps(&self, sample: usize) -> usize {
        match &self.items[sample].steps {
            Steps::View(view) => view.steps,
            Steps::Events(list, number) => self.events[*list as usize].steps(*number as usize),
        }
    }

    fn sample(&self, sample: usize) -> Result<SequenceSample> {
        let count = self.items.len();
        let item = self.items.get(sample).ok_or_else(|| {
            DataError::request(format!("expected a sample below {count}, found {sample}"))
        })?;
        let inputs = match (&item.steps, &self.inputs) {
            (Steps::View(view), InputKind::Values { .. }) => Inputs::Values(view.read()),
            (Steps::View(view), InputKind::Symbols(names)) => {
                Inputs::Symbols(self.symbols(view, names, item).map_err(in_one_line)?)
            }
            (Steps::Events(list, number), kind) => {
                let list = &self.events[*list as usize];
                Inputs::Values(list.read(*number as usize, kind.channels()))
            }
        };
        let target = self.target_of(item);
        Ok(SequenceSample { inputs, target })
    }

    fn group(&self, sample: usize) -> usize {
        self.items[sample].group as usize
    }

    fn class(&self, sample: usize) -> Result<Option<usize>> {
        Ok(match self.items[sample].goal {
            Goal::Class(class) => Some(usize::from(class)),
            _ => None,
        })
    }
}
