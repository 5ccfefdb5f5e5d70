//! Tables: CSV files with a column for each channel.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};

use super::array::Doubles;
use super::labels::{CodedLabels, Label};
use super::options::ArrayKeys;
use crate::files::open_file;
use crate::{DataError, Result};

/// Names with a number for each, such as the samples that rows belong to.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Number of the name of each row.
    pub(super) rows: Vec<u32>,
    /// The different names in the order of their first row.
    pub(super) names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Named {
    fn push(&mut self, name: &str) {
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                let number = self.names.len() as u32; // fewer rows than bytes in a file
                self.names.push(name.to_owned());
                self.numbers.insert(name.to_owned(), number);
                number
            }
        };
        self.rows.push(number);
    }

    /// Name of a row.
    pub(super) fn of_row(&self, row: usize) -> &str {
        &self.names[self.rows[row] as usize]
    }
}

/// Targets of rows, as numbers and as labels while they can be both.
#[derive(Debug)]
pub(super) struct TargetColumns {
    pub(super) names: Vec<String>,
    /// `[row, output]`, unless a cell is no number.
    pub(super) numbers: Option<Vec<f64>>,
    /// Of a single column, unless there are too many.
    pub(super) labels: Option<CodedLabels>,
    /// Is every cell a whole number?
    pub(super) whole: bool,
}

impl TargetColumns {
    fn new(names: Vec<String>) -> Self {
        Self {
            numbers: Some(vec![]),
            labels: (names.len() == 1).then(CodedLabels::default),
            whole: true,
            names,
        }
    }

    fn push(&mut self, cell: &str) {
        let label = Label::parse(cell);
        self.whole &= matches!(label, Label::Integer(_));
        if let Some(labels) = &mut self.labels
            && labels.push(label).is_err()
        {
            self.labels = None;
        }
        match (number(cell), &mut self.numbers) {
            (Some(value), Some(numbers)) => numbers.push(value),
            _ => self.numbers = None,
        }
    }
}

/// A table in memory.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) path: PathBuf,
    pub(super) rows: usize,
    /// Names of the channels.
    pub(super) channels: Vec<String>,
    /// `[row, channel]`.
    pub(super) values: Doubles,
    pub(super) sample: Option<Named>,
    pub(super) time: Option<Vec<f64>>,
    pub(super) group: Option<Named>,
    pub(super) split: Option<Named>,
    pub(super) targets: Option<TargetColumns>,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Channel,
    Target,
    Sample,
    Time,
    Group,
    Split,
    Ignored,
}

impl Table {
    /// Reads a table. Its first line names the columns, unless it has only numbers: then all are channels.
    pub(super) fn read(path: &Path, keys: &ArrayKeys) -> Result<Self> {
        Self::read_columns(path, keys, Role::Channel)
    }

    /// Reads the columns of samples, targets, groups and parts of a table, whatever else is in it.
    pub(super) fn read_without_channels(path: &Path, keys: &ArrayKeys) -> Result<Self> {
        Self::read_columns(path, keys, Role::Ignored)
    }

    fn read_columns(path: &Path, keys: &ArrayKeys, others: Role) -> Result<Self> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .trim(Trim::All)
            .delimiter(delimiter(path)?)
            .from_reader(open_file(path, "a table")?);
        let mut record = StringRecord::new();
        let mut read = |record: &mut StringRecord| {
            let more = reader.read_record(record);
            more.map_err(|e| bad_csv(path, &e))
        };
        if !read(&mut record)? {
            return Err(DataError::format(
                path,
                "expected a table, found an empty file",
            ));
        }
        let named = record.iter().any(|cell| number(cell).is_none());
        let header: Vec<String> = match named {
            true => record.iter().map(str::to_owned).collect(),
            false => (0..record.len())
                .map(|i| format!("column {}", i + 1))
                .collect(),
        };
        let roles = roles(path, &header, keys, named, others)?;
        let mut table = Self::empty(path, &header, &roles);
        let mut line = 1;
        if named {
            line += 1;
            if !read(&mut record)? {
                return Err(DataError::format(
                    path,
                    "expected rows below the names of the columns, found none",
                ));
            }
        }
        loop {
            let at = record.position().map_or(line, csv::Position::line);
            table.push(&record, &roles, &header, at)?;
            line += 1;
            if !read(&mut record)? {
                return Ok(table);
            }
        }
    }

    fn empty(path: &Path, header: &[String], roles: &[Role]) -> Self {
        let named = |role: Role| -> Vec<String> {
            let columns = header.iter().zip(roles).filter(|(_, r)| **r == role);
            columns.map(|(name, _)| name.clone()).collect()
        };
        let column = |role| roles.contains(&role).then(Named::default);
        let targets = named(Role::Target);
        Self {
            path: path.into(),
            rows: 0,
            channels: named(Role::Channel),
            values: Doubles::default(),
            sample: column(Role::Sample),
            time: roles.contains(&Role::Time).then(Vec::new),
            group: column(Role::Group),
            split: column(Role::Split),
            targets: (!targets.is_empty()).then(|| TargetColumns::new(targets)),
        }
    }

    fn push(
        &mut self,
        record: &StringRecord,
        roles: &[Role],
        header: &[String],
        line: u64,
    ) -> Result<()> {
        for ((cell, role), name) in record.iter().zip(roles).zip(header) {
            match role {
                Role::Channel => {
                    let value = self.number(cell, name, line)?;
                    self.values.push(value);
                }
                Role::Time => {
                    let time = self.number(cell, name, line)?;
                    if let Some(times) = &mut self.time {
                        times.push(time);
                    }
                }
                Role::Target => {
                    if let Some(targets) = &mut self.targets {
                        targets.push(cell);
                    }
                }
                Role::Sample | Role::Group | Role::Split => {
                    let column = match role {
                        Role::Sample => &mut self.sample,
                        Role::Group => &mut self.group,
                        _ => &mut self.split,
                    };
                    if let Some(column) = column {
                        column.push(cell);
                    }
                }
                Role::Ignored => {}
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn number(&self, cell: &str, column: &str, line: u64) -> Result<f64> {
        number(cell).ok_or_else(|| {
            let hint = match number(&cell.replace(',', ".")) {
                Some(_) => " (write numbers with a decimal point)".into(),
                // nobody writes a channel in words
                None if self.targets.is_none() && cell.chars().all(char::is_alphabetic) => {
                    format!(
                        " (is it the target? `arrays.keys` names that column, such as {{ y = {column:?} }})"
                    )
                }
                None => String::new(),
            };
            self.error(format!(
                "line {line}, column `{column}`: expected a number, found `{}`{hint}",
                cell.escape_debug()
            ))
        })
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> DataError {
        DataError::format(&self.path, problem)
    }

    /// The rows of each sample in the order of their times, and the samples' names; all rows are one sample where no
    /// column tells them apart.
    pub(super) fn samples(&self, time_key: &str) -> Result<Vec<Vec<usize>>> {
        let mut samples: Vec<Vec<usize>> = match &self.sample {
            None => vec![(0..self.rows).collect()],
            Some(column) => {
                let mut samples = vec![vec![]; column.names.len()];
                for (row, sample) in column.rows.iter().enumerate() {
                    samples[*sample as usize].push(row);
                }
                samples
            }
        };
        let Some(times) = &self.time else {
            return Ok(samples);
        };
        for (number, rows) in samples.iter_mut().enumerate() {
            rows.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
            let name = self.sample.as_ref().map_or("", |s| &s.names[number]);
            if let Some(row) = rows.iter().find(|r| !times[**r].is_finite()) {
                let found = times[*row];
                return Err(self.error(format!(
                    "sample `{name}`: expected a `{time_key}` in each row, found {found}"
                )));
            }
            if let Some(pair) = rows.windows(2).find(|p| times[p[0]] == times[p[1]]) {
                let time = times[pair[0]];
                return Err(self.error(format!(
                    "sample `{name}`: expected one row for each `{time_key}`, found two for {time} (are they events? \
                     `arrays.events` says how they are binned)"
                )));
            }
        }
        Ok(samples)
    }
}

/// The number in a cell, NaN where it says that there is none.
pub(super) fn number(cell: &str) -> Option<f64> {
    match cell {
        "" | "NA" | "N/A" | "null" | "NULL" | "None" => Some(f64::NAN),
        _ => cell.parse().ok(),
    }
}

/// What each column is for; `others` is for those that no key names.
fn roles(
    path: &Path,
    header: &[String],
    keys: &ArrayKeys,
    named: bool,
    others: Role,
) -> Result<Vec<Role>> {
    if !named {
        return Ok(vec![others; header.len()]);
    }
    for (at, name) in header.iter().enumerate() {
        if header[..at].contains(name) {
            return Err(DataError::format(
                path,
                format!("line 1: expected each column once, found `{name}` twice"),
            ));
        }
    }
    let is = |name: &str, key: &str| !key.is_empty() && name == key;
    let listed = |name: &str, key: &str| {
        let number = name.strip_prefix(key).and_then(|n| n.strip_prefix('_'));
        is(name, key)
            || number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let chosen = header.iter().any(|name| listed(name, &keys.x));
    let role = |name: &String| match name.as_str() {
        name if is(name, &keys.sample) => Role::Sample,
        name if is(name, &keys.time) => Role::Time,
        name if is(name, &keys.group) => Role::Group,
        name if is(name, &keys.split) => Role::Split,
        name if listed(name, &keys.y) => Role::Target,
        name if chosen && !listed(name, &keys.x) => Role::Ignored,
        _ => others,
    };
    Ok(header.iter().map(role).collect())
}

/// The delimiter that the first line has most of: comma, semicolon or tab.
fn delimiter(path: &Path) -> Result<u8> {
    use std::io::Read;
    let mut start = Vec::new();
    open_file(path, "a table")?
        .take(1 << 16)
        .read_to_end(&mut start)
        .map_err(|e| DataError::io(path, "read it", e))?;
    if start.contains(&0) {
        return Err(DataError::format(
            path,
            "expected .npz, .npy, .safetensors, .h5 or a CSV table in UTF-8, found other bytes",
        ));
    }
    let line = start.split(|b| *b == b'\n').next().unwrap_or(&[]);
    let count = |delimiter: u8| {
        let mut quoted = false;
        let outside = line.iter().filter(|b| {
            quoted ^= **b == b'"';
            !quoted && **b == delimiter
        });
        outside.count()
    };
    // of as many, the comma
    let best = [b'\t', b';', b','].into_iter().max_by_key(|d| count(*d));
    Ok(best.unwrap_or(b','))
}

fn bad_csv(path: &Path, error: &csv::Error) -> DataError {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            DataError::format(
                path,
                format!("line {line}: expected {expected_len} columns, found {len}"),
            )
        }
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            DataError::format(
                path,
                format!("line {line}: expected text in UTF-8, found other bytes"),
            )
        }
        _ => DataError::format(path, format!("expected a CSV table: {error}")),
    }
}
