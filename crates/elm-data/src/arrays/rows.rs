//! From tables to sequences and their targets.

use std::path::PathBuf;
use std::sync::Arc;

use super::array::{Array, Doubles, Origin, View};
use super::data::TargetKind;
use super::events::Binner;
use super::labels::CodedLabels;
use super::layout::{Raw, RawInputs, RawTargets, bad_split, split_of};
use super::options::{ArrayKeys, EventBinning};
use super::table::{Named, Table, TargetColumns};
use crate::{DataError, Result, Split};

impl Raw {
    /// The sequences of one table: rows are steps, and a column may say which sequence a row belongs to.
    pub(super) fn from_table(
        mut table: Table,
        keys: &ArrayKeys,
        kind: Option<TargetKind>,
    ) -> Result<Self> {
        if table.channels.is_empty() {
            let found = "only columns of samples, times, groups and targets";
            return Err(table.error(format!("expected columns of values, found {found}")));
        }
        let samples = table.samples(&keys.time)?;
        let channels = table.channels.len();
        let order: Vec<usize> = samples.iter().flatten().copied().collect();
        let values = std::mem::take(&mut table.values);
        let inputs = views(&table, &keys.x, values, &order, channels, &samples)?;
        Ok(Self {
            inputs: RawInputs::Values(inputs),
            targets: targets(&mut table, &samples, &order, kind)?,
            groups: constant(&table, table.group.as_ref(), &samples, &keys.group)?,
            splits: parts(&table, &samples, keys)?,
            names: table.sample.map(|s| s.names),
        })
    }

    /// The events of one table: rows are events.
    pub(super) fn from_event_table(
        mut table: Table,
        keys: &ArrayKeys,
        kind: Option<TargetKind>,
        binning: &EventBinning,
    ) -> Result<Self> {
        let place = |name: &str| table.channels.iter().position(|c| c == name);
        let (channel, value) = (place(&keys.channel), place(&keys.value));
        let (Some(channel), Some(times)) = (channel, table.time.take()) else {
            return Err(table.error(format!(
                "expected events in columns `{}`, `{}` and `{}`, found {}",
                keys.sample,
                keys.time,
                keys.channel,
                table.channels.join(", ")
            )));
        };
        // without their times: several events may happen at once
        let samples = table.samples(&keys.time)?;
        let columns = table.channels.len();
        let mut binner = Binner::new(binning)?;
        for (sample, rows) in samples.iter().enumerate() {
            let cell = |row: usize, column: usize| table.values.get(row * columns + column);
            let events = rows.iter().map(|&row| {
                let value = value.map_or(1.0, |v| cell(row, v));
                (times[row], cell(row, channel), value)
            });
            let name = table.sample.as_ref().map_or("", |s| &s.names[sample]);
            let bad = |p| table.error(format!("sample `{name}`: {p}"));
            binner.push(events).map_err(bad)?;
        }
        let list = binner.finish().map_err(|p| table.error(p))?;
        let kind = kind.or(match &table.targets {
            Some(t) if t.whole || t.numbers.is_none() => Some(TargetKind::Classify),
            _ => Some(TargetKind::Regress),
        });
        let order: Vec<usize> = samples.iter().flatten().copied().collect();
        Ok(Self {
            inputs: RawInputs::Events(list),
            targets: targets(&mut table, &samples, &order, kind)?,
            groups: constant(&table, table.group.as_ref(), &samples, &keys.group)?,
            splits: parts(&table, &samples, keys)?,
            names: table.sample.map(|s| s.names),
        })
    }
}

/// The rows of each sample of `[row, column]` values as a view, its rows one after the other.
fn views(
    table: &Table,
    key: &str,
    values: Doubles,
    order: &[usize],
    columns: usize,
    samples: &[Vec<usize>],
) -> Result<Vec<View>> {
    let sorted = order.iter().enumerate().all(|(at, row)| at == *row);
    let values = match sorted {
        true => values,
        false => values.rows(order, columns),
    };
    let array = Array::from_values(Origin::new(&table.path, key), values, columns)?;
    let all = Arc::new(array).all();
    let mut first = 0;
    let view = |rows: &Vec<usize>| {
        let view = all.steps_in(first..first + rows.len());
        first += rows.len();
        view
    };
    Ok(samples.iter().map(view).collect())
}

fn targets(
    table: &mut Table,
    samples: &[Vec<usize>],
    order: &[usize],
    kind: Option<TargetKind>,
) -> Result<RawTargets> {
    let Some(targets) = table.targets.take() else {
        return Ok(RawTargets::None);
    };
    if kind.is_some_and(TargetKind::is_next) {
        return Ok(RawTargets::None);
    }
    let classify = match kind {
        Some(kind) => kind.is_class(),
        None => targets.labels.is_some() && (targets.whole || targets.numbers.is_none()),
    };
    match classify {
        true => labels(table, targets, samples, order, kind),
        false => values(table, targets, samples, order, kind),
    }
}

/// What differs between the rows of a sample cannot be a target of the sample.
fn varies(table: &Table, name: &str, sample: usize) -> DataError {
    let sample = table.sample.as_ref().map_or("", |s| &s.names[sample]);
    table.error(format!(
        "column `{name}`: expected one value in all rows of sample `{sample}`, found several"
    ))
}

fn labels(
    table: &Table,
    targets: TargetColumns,
    samples: &[Vec<usize>],
    order: &[usize],
    kind: Option<TargetKind>,
) -> Result<RawTargets> {
    let name = targets.names.join(", ");
    let Some(mut labels) = targets.labels else {
        return Err(table.error(format!(
            "column `{name}`: expected one column of at most 65535 different labels, found more: are they values to \
             regress?"
        )));
    };
    if let Some(row) = labels
        .different
        .iter()
        .position(|l| l.to_string().is_empty())
    {
        let row = labels.codes.iter().position(|c| usize::from(*c) == row);
        let row = row.map_or(0, |r| r + 1);
        return Err(table.error(format!(
            "column `{name}`, row {row}: expected a label, found an empty cell"
        )));
    }
    let codes = std::mem::take(&mut labels.codes);
    let differs = |rows: &Vec<usize>| rows.iter().any(|r| codes[*r] != codes[rows[0]]);
    let varying = samples.iter().position(differs);
    let per_step = kind.map_or(
        varying.is_some() || samples.len() == 1,
        TargetKind::per_step,
    );
    if per_step {
        labels.codes = order.iter().map(|row| codes[*row]).collect();
        return Ok(RawTargets::StepLabels(labels));
    }
    if let Some(sample) = varying {
        return Err(varies(table, &name, sample));
    }
    labels.codes = samples.iter().map(|rows| codes[rows[0]]).collect();
    Ok(RawTargets::Labels(labels))
}

fn values(
    table: &Table,
    targets: TargetColumns,
    samples: &[Vec<usize>],
    order: &[usize],
    kind: Option<TargetKind>,
) -> Result<RawTargets> {
    let name = targets.names.join(", ");
    let outputs = targets.names.len();
    let Some(numbers) = targets.numbers else {
        return Err(table.error(format!("column `{name}`: expected numbers, found text")));
    };
    let row = |r: usize| &numbers[r * outputs..(r + 1) * outputs];
    let differs = |rows: &Vec<usize>| rows.iter().any(|r| row(*r) != row(rows[0]));
    let varying = samples.iter().position(differs);
    let per_step = kind.map_or(
        varying.is_some() || samples.len() == 1,
        TargetKind::per_step,
    );
    if per_step {
        let numbers = numbers.into_iter().collect();
        let steps = views(table, &name, numbers, order, outputs, samples)?;
        return Ok(RawTargets::StepValues(steps));
    }
    if let Some(sample) = varying {
        return Err(varies(table, &name, sample));
    }
    let firsts: Doubles = samples
        .iter()
        .flat_map(|rows| row(rows[0]))
        .copied()
        .collect();
    let array = Array::from_values(Origin::new(&table.path, &name), firsts, outputs)?;
    let array = Arc::new(array);
    let rows = (0..samples.len()).map(|s| array.row(s).as_channels());
    Ok(RawTargets::Values(rows.collect()))
}

/// The one name that all rows of each sample have in a column.
fn constant(
    table: &Table,
    column: Option<&Named>,
    samples: &[Vec<usize>],
    name: &str,
) -> Result<Option<Vec<String>>> {
    let Some(column) = column else {
        return Ok(None);
    };
    let of_sample = |(sample, rows): (usize, &Vec<usize>)| {
        let first = column.rows[rows[0]];
        match rows.iter().any(|r| column.rows[*r] != first) {
            true => Err(varies(table, name, sample)),
            false => Ok(column.of_row(rows[0]).to_owned()),
        }
    };
    let names = samples.iter().enumerate().map(of_sample);
    names.collect::<Result<_>>().map(Some)
}

fn parts(table: &Table, samples: &[Vec<usize>], keys: &ArrayKeys) -> Result<Option<Vec<Split>>> {
    let names = constant(table, table.split.as_ref(), samples, &keys.split)?;
    let Some(names) = names else {
        return Ok(None);
    };
    let part = |name: &String| {
        split_of(name)
            .ok_or_else(|| table.error(format!("column `{}`: {}", keys.split, bad_split(name))))
    };
    names.iter().map(part).collect::<Result<_>>().map(Some)
}

/// What is known of sequences besides their steps.
pub(super) struct Described {
    pub(super) targets: RawTargets,
    pub(super) groups: Option<Vec<String>>,
    pub(super) splits: Option<Vec<Split>>,
}

/// Labels, groups and parts of files, from a table that names each file in a row.
pub(super) struct FileTable {
    table: Table,
    row_of: std::collections::HashMap<String, usize>,
}

impl FileTable {
    /// Reads a table with a column `file`.
    pub(super) fn read(path: &std::path::Path, keys: &ArrayKeys) -> Result<Self> {
        let keys = ArrayKeys {
            sample: "file".into(),
            time: String::new(),
            ..keys.clone()
        };
        let table = Table::read_without_channels(path, &keys)?;
        let Some(files) = &table.sample else {
            return Err(
                table.error("expected a column `file` that names each sequence, found none")
            );
        };
        if files.names.len() != table.rows {
            return Err(table.error("expected each file once, found one twice"));
        }
        let names = files.names.iter().enumerate();
        let row_of = names.map(|(row, name)| (name.clone(), row)).collect();
        Ok(Self { table, row_of })
    }

    /// What the table says of `files`, which are all there are; `names` are their names in the table.
    pub(super) fn describe(
        mut self,
        files: &[(String, PathBuf)],
        keys: &ArrayKeys,
        kind: Option<TargetKind>,
    ) -> Result<Described> {
        let mut samples = Vec::with_capacity(files.len());
        for (name, _) in files {
            let stem = name
                .rsplit_once('.')
                .map_or(name.as_str(), |(stem, _)| stem);
            let row = self.row_of.get(name).or_else(|| self.row_of.get(stem));
            let row = row.ok_or_else(|| {
                self.table
                    .error(format!("expected a row for the file `{name}`, found none"))
            })?;
            samples.push(vec![*row]);
        }
        if samples.len() < self.row_of.len() {
            let listed = |stem: &str, name: &str| {
                name == stem || name.rsplit_once('.').is_some_and(|(s, _)| s == stem)
            };
            let lost = self
                .row_of
                .keys()
                .filter(|r| !files.iter().any(|(n, _)| listed(r, n)))
                .min();
            let lost = lost.map_or("", String::as_str);
            return Err(self.table.error(format!(
                "it lists {} files, this folder has {}: `{lost}` is missing",
                self.row_of.len(),
                samples.len()
            )));
        }
        let kind = kind.or(match &self.table.targets {
            Some(t) if t.labels.is_some() && (t.whole || t.numbers.is_none()) => {
                Some(TargetKind::Classify)
            }
            _ => Some(TargetKind::Regress),
        });
        let order: Vec<usize> = samples.iter().flatten().copied().collect();
        let targets = targets(&mut self.table, &samples, &order, kind)?;
        let groups = constant(
            &self.table,
            self.table.group.as_ref(),
            &samples,
            &keys.group,
        )?;
        let splits = parts(&self.table, &samples, keys)?;
        Ok(Described {
            targets,
            groups,
            splits,
        })
    }
}

/// One label for each sequence.
pub(super) fn labels_of(
    names: impl Iterator<Item = String>,
) -> std::result::Result<RawTargets, String> {
    let mut labels = CodedLabels::default();
    for name in names {
        labels.push(super::labels::Label::parse(&name))?;
    }
    Ok(RawTargets::Labels(labels))
}
