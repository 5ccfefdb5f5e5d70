//! Sequences of any number of files with the same channels, targets and classes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::array::View;
use super::data::{InputKind, Inputs, SequenceData, SequenceSample, Target, TargetKind, Targets};
use super::events::EventList;
use super::labels::{ClassNames, Label};
use super::layout::{Raw, RawInputs, RawTargets};
use super::options::{ArrayOptions, Missing};
use crate::{DataError, Result, Split};

/// Samples looked at by a thread at a time.
const CHUNK: usize = 16;

/// Where the steps of a sample are.
#[derive(Debug)]
enum Steps {
    View(View),
    /// A sample in a list of events.
    Events(u32, u32),
}

/// Where the target of a sample is.
#[derive(Debug)]
enum Goal {
    None,
    Class(u16),
    /// Classes of its steps.
    Classes(Range<usize>),
    Values(View),
    StepValues(View),
}

#[derive(Debug)]
struct Item {
    steps: Steps,
    goal: Goal,
    group: u32,
    /// File, and number in it.
    place: (u32, u32),
    /// First step in the sequence of the file that it was cut from.
    first_step: u32,
}

/// A user's own sequences: see the [module](super)'s docs for their files.
#[derive(Debug)]
pub struct ArrayData {
    paths: Vec<PathBuf>,
    items: Vec<Item>,
    /// Classes of all steps, where each has one.
    classes: Vec<u16>,
    events: Vec<EventList>,
    names: Vec<Option<Vec<String>>>,
    splits: Option<Vec<Split>>,
    inputs: InputKind,
    targets: Targets,
    missing: Missing,
    bin_ms: Option<f64>,
    groups: usize,
    window: bool,
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
        let mut raws = Vec::with_capacity(paths.len());
        for path in paths {
            let raw = Raw::open(path, options)?;
            if raw.inputs.len() == 0 {
                return Err(DataError::format(
                    path,
                    "expected at least one sequence, found none",
                ));
            }
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

    fn not_finite(&self, item: &Item) -> Option<DataError> {
        let fill = self.missing == Missing::Fill;
        let sample = item.place.1;
        let look = |view: &View, may_miss: bool| {
            if view.array.element.is_integer() || view.array.element.is_text() {
                return None;
            }
            let values = view.read();
            let good = |v: &f64| v.is_finite() || (may_miss && v.is_nan());
            let at = values.iter().position(|v| !good(v))?;
            let step = item.first_step as usize + at / view.channels;
            let (channel, value) = (at % view.channels, values[at]);
            let hint = if value.is_nan() && !fill {
                " (`missing = \"fill\"` lets missing values of x take the mean)"
            } else {
                ""
            };
            Some(view.array.error(format!(
                "[sample {sample}, step {step}, channel {channel}]: expected a finite number, found {value}{hint}"
            )))
        };
        let inputs = match (&item.steps, &self.inputs) {
            (Steps::View(view), InputKind::Values { .. }) => look(view, fill),
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
                Inputs::Symbols(self.symbols(view, names, item)?)
            }
            (Steps::Events(list, number), kind) => {
                let list = &self.events[*list as usize];
                Inputs::Values(list.read(*number as usize, kind.channels()))
            }
        };
        let target = match &item.goal {
            Goal::None => Target::None,
            Goal::Class(class) => Target::Class(usize::from(*class)),
            Goal::Classes(range) => Target::ClassSteps(self.classes[range.clone()].to_vec()),
            Goal::Values(view) => Target::Values(view.read()),
            Goal::StepValues(view) => Target::ValueSteps(view.read()),
        };
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

/// Puts the sequences of several paths together.
struct Builder<'a> {
    options: &'a ArrayOptions,
    known: Option<Known<'a>>,
    groups: HashMap<String, u32>,
    group_count: u32,
}

type Opened<'p> = Vec<(&'p Path, Raw)>;

impl<'a> Builder<'a> {
    fn new(options: &'a ArrayOptions, known: Option<Known<'a>>) -> Result<Self> {
        if let Some(window @ ..2) = options.window {
            return Err(DataError::request(format!(
                "window: expected at least 2 steps, found {window}"
            )));
        }
        if options.window.is_some() && options.events.is_some() {
            return Err(DataError::request(
                "window: events are not cut; set `events.duration_ms` instead",
            ));
        }
        Ok(Self {
            options,
            known,
            groups: HashMap::new(),
            group_count: 0,
        })
    }

    fn build(mut self, raws: Opened) -> Result<ArrayData> {
        let symbols = self.symbols(&raws);
        let inputs = match symbols {
            true => InputKind::Symbols(self.symbol_names(&raws)?),
            false => InputKind::Values {
                channels: self.channels(&raws)?,
            },
        };
        let targets = self.targets(&raws, &inputs)?;
        let has_splits = raws.iter().all(|(_, raw)| raw.splits.is_some());
        let mut data = ArrayData {
            paths: raws.iter().map(|(p, _)| p.to_path_buf()).collect(),
            items: vec![],
            classes: vec![],
            events: vec![],
            names: vec![],
            splits: has_splits.then(Vec::new),
            inputs,
            targets,
            missing: self.options.missing,
            bin_ms: self.options.events.as_ref().map(|e| e.bin_ms),
            groups: 0,
            window: self.options.window.is_some(),
        };
        for (file, (path, raw)) in raws.into_iter().enumerate() {
            self.add(&mut data, path, file as u32, raw)?;
        }
        data.groups = self.group_count as usize;
        Ok(data)
    }

    fn symbols(&self, raws: &Opened) -> bool {
        if let Some(known) = self.known {
            return matches!(known.inputs, InputKind::Symbols(_));
        }
        if self.options.symbols {
            return true;
        }
        match self.options.kind {
            Some(kind) => kind == TargetKind::NextSymbol,
            // without targets, whole numbers of one channel are symbols
            None => raws.iter().all(|(_, raw)| {
                matches!(raw.targets, RawTargets::None)
                    && match &raw.inputs {
                        RawInputs::Values(views) => views.iter().all(|v| {
                            v.channels == 1
                                && (v.array.element.is_integer() || v.array.element.is_text())
                        }),
                        RawInputs::Events(_) => false,
                    }
            }),
        }
    }

    /// The names of all symbols.
    fn symbol_names(&self, raws: &Opened) -> Result<ClassNames> {
        if let Some(Known {
            inputs: InputKind::Symbols(names),
            ..
        }) = self.known
        {
            return Ok(names.clone());
        }
        let mut small = vec![false; 1 << 16];
        let mut others: HashSet<Label> = HashSet::new();
        for (path, raw) in raws {
            let RawInputs::Values(views) = &raw.inputs else {
                return Err(DataError::format(
                    path,
                    "expected sequences of symbols, found events",
                ));
            };
            for view in views {
                if view.channels != 1 {
                    return Err(view.array.error(format!(
                        "expected symbols, one in each step, found {} channels",
                        view.channels
                    )));
                }
                let text = view.array.element.is_text();
                for (label, integer) in view.labels().zip(view.integers()) {
                    match integer.and_then(|i| usize::try_from(i).ok()) {
                        Some(small_one @ 0..65_536) if !text => small[small_one] = true,
                        _ => {
                            others.insert(label?);
                        }
                    }
                }
                if others.len() > 1 << 16 {
                    return Err(view.array.error(
                        "expected at most 65535 different symbols, found more: are they values?",
                    ));
                }
            }
        }
        let small = (0..1 << 16)
            .filter(|i| small[*i as usize])
            .map(Label::Integer);
        ClassNames::of(small.chain(others).collect())
    }

    fn channels(&self, raws: &Opened) -> Result<usize> {
        let of = |raw: &Raw| match &raw.inputs {
            RawInputs::Values(views) => views.first().map_or(0, |v| v.channels),
            RawInputs::Events(events) => events.channels,
        };
        let events = self.options.events.is_some();
        let expected = match (self.known, events) {
            (Some(known), _) => known.inputs.channels(),
            // a channel that is silent in one file is there all the same
            (None, true) => raws.iter().map(|(_, raw)| of(raw)).max().unwrap_or(0),
            (None, false) => of(&raws[0].1),
        };
        for (path, raw) in raws {
            let found = of(raw);
            if (events && found > expected) || (!events && found != expected) {
                let whose = match self.known {
                    Some(_) => "the model has".to_owned(),
                    None => format!("{} has", raws[0].0.display()),
                };
                return Err(DataError::format(
                    path,
                    format!("expected {expected} channels, as {whose}, found {found}"),
                ));
            }
            if let RawInputs::Values(views) = &raw.inputs
                && let Some(text) = views.iter().find(|v| v.array.element.is_text())
            {
                let found = text.array.describe();
                return Err(text.array.error(format!(
                    "expected numbers (or `symbols = true`), found {found}"
                )));
            }
            if let RawInputs::Events(list) = &raw.inputs
                && let Some(sample) = list.too_large(expected)
            {
                return Err(DataError::format(
                    path,
                    format!(
                        "sample {sample}: {} steps of {expected} channels are too many; set `events.duration_ms`, a \
                         wider `events.bin_ms`, or the right `events.unit`",
                        list.steps(sample)
                    ),
                ));
            }
        }
        Ok(expected)
    }

    /// What is learnt, which must be the same in all files.
    fn targets(&self, raws: &Opened, inputs: &InputKind) -> Result<Targets> {
        if let Some(known) = self.known {
            return Ok(known.targets.clone());
        }
        let mut found: Option<(TargetKind, usize)> = None;
        let mut labels = BTreeSet::new();
        for (path, raw) in raws {
            let this = self.target_kind(path, raw, inputs)?;
            match found {
                Some(first) if first != this => {
                    let other = raws[0].0.display();
                    return Err(DataError::format(
                        path,
                        format!(
                            "expected targets to {} with {} outputs as in {other}, found {} with {}",
                            first.0, first.1, this.0, this.1
                        ),
                    ));
                }
                _ => found = Some(this),
            }
            if let RawTargets::Labels(coded) | RawTargets::StepLabels(coded) = &raw.targets {
                labels.extend(coded.different.iter().cloned());
            }
        }
        let (kind, outputs) = found.unwrap_or((TargetKind::NextValue, 1));
        let classes = match (kind, inputs) {
            (TargetKind::NextSymbol, InputKind::Symbols(names)) => names.clone(),
            _ => ClassNames::of(labels)?,
        };
        if kind.is_class() && classes.len() < 2 {
            return Err(DataError::format(
                raws[0].0,
                format!(
                    "expected at least 2 classes, found {} ({})",
                    classes.len(),
                    classes.summary()
                ),
            ));
        }
        let outputs = if kind.is_class() {
            classes.len()
        } else {
            outputs
        };
        Ok(Targets {
            kind,
            outputs,
            classes,
        })
    }

    /// Kind and number of values (0 of classes) of one file.
    fn target_kind(
        &self,
        path: &Path,
        raw: &Raw,
        inputs: &InputKind,
    ) -> Result<(TargetKind, usize)> {
        let outputs = |views: &[View]| views.first().map_or(0, |v| v.channels);
        let found = match &raw.targets {
            RawTargets::None if matches!(inputs, InputKind::Symbols(_)) => {
                (TargetKind::NextSymbol, 0)
            }
            RawTargets::None => (TargetKind::NextValue, inputs.channels()),
            RawTargets::Labels(_) => (TargetKind::Classify, 0),
            RawTargets::StepLabels(_) => (TargetKind::ClassifySteps, 0),
            RawTargets::Values(views) => (TargetKind::Regress, outputs(views)),
            RawTargets::StepValues(views) => (TargetKind::RegressSteps, outputs(views)),
        };
        match self.options.kind {
            Some(kind) if kind != found.0 => {
                let y = &self.options.keys.y;
                let what = match &raw.targets {
                    RawTargets::None if kind.is_next() => "found other inputs".to_owned(),
                    RawTargets::None => format!("found no `{y}`"),
                    _ => format!("found a `{y}` to {}", found.0),
                };
                Err(DataError::format(
                    path,
                    format!("expected data to {kind}, {what}"),
                ))
            }
            _ => Ok(found),
        }
    }

    fn add(&mut self, data: &mut ArrayData, path: &Path, file: u32, raw: Raw) -> Result<()> {
        let goals = self.goals(data, path, &raw)?;
        let count = raw.inputs.len();
        let groups: Vec<u32> = match &raw.groups {
            Some(names) => names.iter().map(|n| self.named_group(n)).collect(),
            None => (0..count).map(|_| self.new_group()).collect(),
        };
        let steps: Vec<Steps> = match raw.inputs {
            RawInputs::Values(views) => views.into_iter().map(Steps::View).collect(),
            RawInputs::Events(list) => {
                data.events.push(list);
                let list = data.events.len() as u32 - 1;
                (0..count as u32).map(|i| Steps::Events(list, i)).collect()
            }
        };
        for (number, ((steps, goal), group)) in steps.into_iter().zip(goals).zip(groups).enumerate()
        {
            let item = Item {
                steps,
                goal,
                group,
                place: (file, number as u32),
                first_step: 0,
            };
            let before = data.items.len();
            self.cut(item, &mut data.items);
            if data.items.len() == before {
                return Err(DataError::format(
                    path,
                    format!(
                        "sample {number}: expected at least 2 steps to predict the next one, found 1"
                    ),
                ));
            }
            if let (Some(splits), Some(of_file)) = (&mut data.splits, &raw.splits) {
                splits.resize(data.items.len(), of_file[number]);
            }
        }
        data.names.push(raw.names);
        Ok(())
    }

    fn new_group(&mut self) -> u32 {
        self.group_count += 1;
        self.group_count - 1
    }

    fn named_group(&mut self, name: &str) -> u32 {
        if let Some(group) = self.groups.get(name) {
            return *group;
        }
        let group = self.new_group();
        self.groups.insert(name.to_owned(), group);
        group
    }

    /// The target of each sequence of a file.
    fn goals(&self, data: &mut ArrayData, path: &Path, raw: &Raw) -> Result<Vec<Goal>> {
        let count = raw.inputs.len();
        let unknown = |(place, label): (usize, Label)| {
            let classes = &data.targets.classes;
            DataError::format(
                path,
                format!(
                    "`{}`, number {place}: expected one of the {} classes {}, found {label}",
                    self.options.keys.y,
                    classes.len(),
                    classes.summary()
                ),
            )
        };
        let differ = |found: &str| {
            let kind = data.targets.kind;
            let outputs = data.targets.outputs;
            Err(DataError::format(
                path,
                format!(
                    "expected targets to {kind} with {outputs} outputs, as the model has, found {found}"
                ),
            ))
        };
        let kind = data.targets.kind;
        let fits = |views: &[View]| views.iter().all(|v| v.channels == data.targets.outputs);
        match &raw.targets {
            _ if kind.is_next() => Ok((0..count).map(|_| Goal::None).collect()),
            RawTargets::None => Ok((0..count).map(|_| Goal::None).collect()),
            RawTargets::Labels(coded) if kind == TargetKind::Classify => {
                debug_assert_eq!(coded.len(), count);
                let numbers = coded.numbers(&data.targets.classes).map_err(unknown)?;
                Ok(numbers.into_iter().map(Goal::Class).collect())
            }
            RawTargets::StepLabels(coded) if kind == TargetKind::ClassifySteps => {
                let numbers = coded.numbers(&data.targets.classes).map_err(unknown)?;
                let RawInputs::Values(views) = &raw.inputs else {
                    return differ("labels of steps for events");
                };
                let mut start = data.classes.len();
                data.classes.extend(numbers);
                let range = |view: &View| {
                    start += view.steps;
                    Goal::Classes(start - view.steps..start)
                };
                Ok(views.iter().map(range).collect())
            }
            RawTargets::Values(views) if kind == TargetKind::Regress && fits(views) => {
                Ok(views.iter().cloned().map(Goal::Values).collect())
            }
            RawTargets::StepValues(views) if kind == TargetKind::RegressSteps && fits(views) => {
                Ok(views.iter().cloned().map(Goal::StepValues).collect())
            }
            RawTargets::Labels(_) => differ("labels of sequences"),
            RawTargets::StepLabels(_) => differ("labels of steps"),
            RawTargets::Values(_) => differ("other values of sequences"),
            RawTargets::StepValues(_) => differ("other values of steps"),
        }
    }

    /// Cuts a sequence into windows, if that is asked for; what is too short to predict a next step is left out.
    fn cut(&self, item: Item, items: &mut Vec<Item>) {
        let kind = self.known.map(|k| k.targets.kind).or(self.options.kind);
        let least = match kind {
            Some(kind) if !kind.is_next() => 1,
            // inferred ones have no target
            _ if !matches!(item.goal, Goal::None) => 1,
            _ => 2,
        };
        let Steps::View(view) = &item.steps else {
            items.push(item);
            return;
        };
        let window = self.options.window.unwrap_or(view.steps).max(1);
        let (view, steps) = (view.clone(), view.steps);
        let mut first = 0;
        while first < steps {
            let range = first..steps.min(first + window);
            first = range.end;
            if range.len() < least {
                continue;
            }
            let goal = match &item.goal {
                Goal::None => Goal::None,
                Goal::Class(class) => Goal::Class(*class),
                Goal::Classes(all) => Goal::Classes(all.start + range.start..all.start + range.end),
                Goal::Values(values) => Goal::Values(values.clone()),
                Goal::StepValues(values) => Goal::StepValues(values.steps_in(range.clone())),
            };
            items.push(Item {
                steps: Steps::View(view.steps_in(range.clone())),
                goal,
                group: item.group,
                place: item.place,
                first_step: range.start as u32,
            });
        }
    }
}
