//! From named arrays to sequences and their targets.

use std::sync::Arc;

use super::array::{Array, View};
use super::data::TargetKind;
use super::events::EventList;
use super::labels::CodedLabels;
use super::options::ArrayKeys;
use super::source::Arrays;
use crate::{DataError, Result, Split};

/// The sequences of one path, before classes and channels are compared with those of others.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) inputs: RawInputs,
    pub(super) targets: RawTargets,
    /// Name of the group of each sequence.
    pub(super) groups: Option<Vec<String>>,
    /// Part of each sequence.
    pub(super) splits: Option<Vec<Split>>,
    /// What the files call each sequence.
    pub(super) names: Option<Vec<String>>,
}

#[derive(Debug)]
pub(super) enum RawInputs {
    Values(Vec<View>),
    Events(EventList),
}

impl RawInputs {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Values(views) => views.len(),
            Self::Events(events) => events.len(),
        }
    }
}

/// Targets: one for each sequence, or one for each step of each sequence one after the other.
#[derive(Debug)]
pub(super) enum RawTargets {
    None,
    Labels(CodedLabels),
    StepLabels(CodedLabels),
    Values(Vec<View>),
    StepValues(Vec<View>),
}

impl Raw {
    /// The sequences in `arrays`.
    pub(super) fn from_arrays(
        arrays: &mut Arrays,
        keys: &ArrayKeys,
        kind: Option<TargetKind>,
    ) -> Result<Self> {
        let mut inputs = inputs(arrays, keys)?;
        // targets may be as long as the sequences are before they are cut
        let padded = inputs.iter().map(|v| v.steps).max().unwrap_or(0);
        cut_to_lengths(arrays, keys, &mut inputs)?;
        let steps: Vec<usize> = inputs.iter().map(|v| v.steps).collect();
        if let Some(sample) = steps.iter().position(|s| *s == 0) {
            let problem = format!("sample {sample}: expected at least 1 step, found 0");
            return Err(inputs[sample].array.error(problem));
        }
        let targets = match kind {
            Some(kind) if kind.is_next() => RawTargets::None,
            _ => targets(arrays, &keys.y, kind, padded, &steps)?,
        };
        Ok(Self {
            targets,
            groups: names(arrays, &keys.group, steps.len())?,
            splits: splits(arrays, &keys.split, steps.len())?,
            names: None,
            inputs: RawInputs::Values(inputs),
        })
    }
}

/// The sequences, as long as the arrays are.
fn inputs(arrays: &mut Arrays, keys: &ArrayKeys) -> Result<Vec<View>> {
    let key = &keys.x;
    if let Some(x) = arrays.get(key)? {
        if !(2..=3).contains(&x.shape.len()) {
            return Err(x.error(format!(
                "expected [sample, time, channel] or [sample, time], found {}",
                x.describe()
            )));
        }
        if x.shape.contains(&0) {
            return Err(x.error(format!(
                "expected at least one sample, step and channel, found {}",
                x.describe()
            )));
        }
        return Ok((0..x.shape[0]).map(|i| x.row(i)).collect());
    }
    let Some(list) = arrays.list(key)? else {
        let mut found: Vec<&str> = arrays.keys().take(8).collect();
        if arrays.keys().count() > 8 {
            found.push("…");
        }
        let is_there = |name: &String| arrays.keys().any(|key| key == name);
        let hint = match is_there(&keys.time) && is_there(&keys.channel) {
            true => "are they events? `arrays.events` says how they are binned".into(),
            false => format!(
                "other names are told by `arrays.keys`, such as {{ x = {:?} }}",
                found.first().unwrap_or(&"data")
            ),
        };
        return Err(DataError::format(
            &arrays.path,
            format!(
                "expected `{key}` [sample, time, channel], or `{key}_0`, `{key}_1`, … [time, channel], found {} ({hint})",
                found.join(", ")
            ),
        ));
    };
    sequences(&list)
}

/// Arrays of one sequence each, which must have the same channels.
pub(super) fn sequences(list: &[Arc<Array>]) -> Result<Vec<View>> {
    let mut views: Vec<View> = Vec::with_capacity(list.len());
    for x in list {
        if !(1..=2).contains(&x.shape.len()) || x.shape.contains(&0) {
            return Err(x.error(format!(
                "expected [time, channel] or [time] with at least one step, found {}",
                x.describe()
            )));
        }
        let view = x.all();
        if let Some(first) = views.first()
            && first.channels != view.channels
        {
            let (expected, name) = (first.channels, &first.array.origin.key);
            return Err(x.error(format!(
                "expected {expected} channels as in `{name}`, found {}",
                x.describe()
            )));
        }
        views.push(view);
    }
    Ok(views)
}

fn cut_to_lengths(arrays: &mut Arrays, keys: &ArrayKeys, inputs: &mut [View]) -> Result<()> {
    let Some(array) = arrays.get(&keys.lengths)? else {
        // every sequence may be as long as `x`, but not where lengths are asked for by a name
        return match keys.lengths == ArrayKeys::default().lengths {
            true => Ok(()),
            false => Err(DataError::format(
                &arrays.path,
                format!(
                    "expected `{}` with the steps of each sequence, found no array of this name",
                    keys.lengths
                ),
            )),
        };
    };
    let lengths = array.integers()?;
    expect_count(&array, lengths.len(), inputs.len())?;
    for (sample, (length, view)) in lengths.iter().zip(inputs).enumerate() {
        let most = view.steps;
        let steps = usize::try_from(*length).ok();
        let Some(steps) = steps.filter(|s| (1..=most).contains(s)) else {
            return Err(array.error(format!(
                "[{sample}]: expected a length of 1 to {most} steps, found {length}"
            )));
        };
        *view = view.steps_in(0..steps);
    }
    Ok(())
}

fn expect_count(array: &Array, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(array.error(format!(
        "expected one for each of the {expected} sequences, found {}",
        array.describe()
    )))
}

/// What is to be learnt, by what `y` holds and by `kind`.
fn targets(
    arrays: &mut Arrays,
    key: &str,
    kind: Option<TargetKind>,
    padded: usize,
    steps: &[usize],
) -> Result<RawTargets> {
    if let Some(y) = arrays.get(key)? {
        expect_count(&y, y.shape.first().copied().unwrap_or(0), steps.len())?;
        let per_step = match (&y.shape[..], kind) {
            (_, Some(kind)) => kind.per_step(),
            ([_, time], None) => *time == padded && padded > 1,
            (shape, None) => shape.len() == 3,
        };
        let rows: Vec<View> = (0..steps.len()).map(|i| y.row(i)).collect();
        return match per_step {
            true => step_targets(&y, rows, kind, steps, Some(padded)),
            false => sample_targets(&y, &rows, kind),
        };
    }
    let Some(list) = arrays.list(key)? else {
        return Ok(RawTargets::None);
    };
    let Some(first) = list.first() else {
        return Ok(RawTargets::None);
    };
    if list.len() != steps.len() {
        let (expected, found) = (steps.len(), list.len());
        return Err(first.error(format!(
            "expected one array for each of the {expected} sequences, found {found}"
        )));
    }
    let rows = sequences(&list)?;
    step_targets(first, rows, kind, steps, None)
}

/// One target for each sequence.
fn sample_targets(y: &Array, rows: &[View], kind: Option<TargetKind>) -> Result<RawTargets> {
    let discrete = y.element.is_integer() || y.element.is_text();
    let single = y.shape.len() == 1 || y.shape[1..] == [1];
    let classify = kind.map_or(discrete, TargetKind::is_class);
    match (classify, &y.shape[..]) {
        (true, _) if single => Ok(RawTargets::Labels(coded(rows.iter())?)),
        (false, [_] | [_, _]) if !y.element.is_text() => {
            Ok(RawTargets::Values(rows.iter().map(View::as_channels).collect()))
        }
        (true, _) => Err(y.error(format!(
            "expected labels [sample] (classify) or [sample, time] (classify-steps), found {}",
            y.describe()
        ))),
        (false, _) => Err(y.error(format!(
            "expected numbers [sample] or [sample, output] (regress), or [sample, time, output] (regress-steps), found {}",
            y.describe()
        ))),
    }
}

/// A target for each step; `padded` is the time that an array of all sequences must have.
fn step_targets(
    y: &Array,
    rows: Vec<View>,
    kind: Option<TargetKind>,
    steps: &[usize],
    padded: Option<usize>,
) -> Result<RawTargets> {
    let discrete = y.element.is_integer() || y.element.is_text();
    let classify = kind.map_or(discrete && rows[0].channels == 1, TargetKind::is_class);
    if let Some(padded) = padded
        && (!(2..=3).contains(&y.shape.len()) || y.shape[1] != padded)
    {
        return Err(y.error(format!(
            "expected a target for each of {padded} steps, [sample, time] or [sample, time, output], found {}",
            y.describe()
        )));
    }
    let mut cut = Vec::with_capacity(rows.len());
    for (row, &steps) in rows.iter().zip(steps) {
        let wrong = match padded {
            Some(_) => row.steps < steps,
            None => row.steps != steps,
        };
        if wrong {
            return Err(row.array.error(format!(
                "expected a target for each of the {steps} steps of its sequence, found {}",
                row.array.describe()
            )));
        }
        cut.push(row.steps_in(0..steps));
    }
    if classify {
        if cut[0].channels != 1 {
            return Err(y.error(format!(
                "expected one label for each step, found {}",
                y.describe()
            )));
        }
        return Ok(RawTargets::StepLabels(coded(cut.iter())?));
    }
    if let Some(text) = cut.iter().find(|v| v.array.element.is_text()) {
        let found = text.array.describe();
        return Err(text.array.error(format!("expected numbers, found {found}")));
    }
    Ok(RawTargets::StepValues(cut))
}

fn coded<'a>(rows: impl Iterator<Item = &'a View>) -> Result<CodedLabels> {
    let mut labels = CodedLabels::default();
    for (sample, row) in rows.enumerate() {
        for label in row.labels() {
            labels.push(label?).map_err(|p| {
                let problem = format!("sample {sample}: {p}");
                row.array.error(problem)
            })?;
        }
    }
    Ok(labels)
}

/// A name for each sequence, if there is such an array.
pub(super) fn names(arrays: &mut Arrays, key: &str, count: usize) -> Result<Option<Vec<String>>> {
    let Some(array) = arrays.get(key)? else {
        return Ok(None);
    };
    expect_count(&array, array.shape.first().copied().unwrap_or(0), count)?;
    if array.shape.len() != 1 {
        let found = array.describe();
        return Err(array.error(format!("expected [sample], found {found}")));
    }
    let names = (0..count).map(|i| Ok(array.label(i)?.to_string()));
    names.collect::<Result<_>>().map(Some)
}

/// The part of each sequence, if there is such an array.
pub(super) fn splits(arrays: &mut Arrays, key: &str, count: usize) -> Result<Option<Vec<Split>>> {
    let Some(names) = names(arrays, key, count)? else {
        return Ok(None);
    };
    let part = |(sample, name): (usize, &String)| {
        split_of(name).ok_or_else(|| {
            let problem = format!("`{key}`[{sample}]: {}", bad_split(name));
            DataError::format(&arrays.path, problem)
        })
    };
    names
        .iter()
        .enumerate()
        .map(part)
        .collect::<Result<_>>()
        .map(Some)
}

/// The part called `name`.
pub(super) fn split_of(name: &str) -> Option<Split> {
    match name.to_ascii_lowercase().as_str() {
        "train" | "training" | "0" => Some(Split::Train),
        "valid" | "val" | "validation" | "dev" | "1" => Some(Split::Valid),
        "test" | "testing" | "2" => Some(Split::Test),
        _ => None,
    }
}

pub(super) fn bad_split(name: &str) -> String {
    format!("expected train, valid or test (or 0, 1 or 2), found `{name}`")
}

/// Targets of events: those for whole sequences only.
pub(super) fn sample_targets_of(
    arrays: &mut Arrays,
    key: &str,
    kind: Option<TargetKind>,
    count: usize,
) -> Result<RawTargets> {
    let Some(y) = arrays.get(key)? else {
        return Ok(RawTargets::None);
    };
    expect_count(&y, y.shape.first().copied().unwrap_or(0), count)?;
    let rows: Vec<View> = (0..count).map(|i| y.row(i)).collect();
    sample_targets(&y, &rows, kind)
}
