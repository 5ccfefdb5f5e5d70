//! Puts the sequences of several paths together: one numbering of classes, symbols, channels and groups.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::array::View;
use super::data::{InputKind, TargetKind, Targets};
use super::dataset::{ArrayData, Goal, Item, Known, Steps};
use super::labels::{ClassNames, Label};
use super::layout::{Raw, RawInputs, RawTargets};
use super::options::ArrayOptions;
use crate::{DataError, Result};

/// Puts the sequences of several paths together.
pub(super) struct Builder<'a> {
    options: &'a ArrayOptions,
    known: Option<Known<'a>>,
    groups: HashMap<String, u32>,
    group_count: u32,
}

/// What was read of each path.
pub(super) type Opened<'p> = Vec<(&'p Path, Raw)>;

impl<'a> Builder<'a> {
    pub(super) fn new(options: &'a ArrayOptions, known: Option<Known<'a>>) -> Result<Self> {
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

    pub(super) fn build(mut self, raws: Opened) -> Result<ArrayData> {
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
