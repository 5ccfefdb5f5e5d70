//! Files and their parts: what a training opens.

use std::path::PathBuf;
use std::sync::Arc;

use super::data::{SequenceData, Target, TargetKind};
use super::dataset::{ArrayData, Known};
use super::options::{ArrayFiles, ArrayOptions};
use super::split::{Parts, SplitRule};
use crate::{DataError, Result, Split};

/// Sequences with their parts.
#[derive(Debug, Clone)]
pub struct ArraySet {
    /// All sequences.
    pub data: Arc<ArrayData>,
    /// Which are to train on, to validate and to test.
    pub parts: Parts,
    /// What a user should know about them, one sentence each.
    pub notes: Vec<String>,
}

impl ArraySet {
    /// Opens files and splits them.
    ///
    /// Files for a part are that part. What is left of the rule of the options splits the files to train on: with files
    /// to test, it gives only a part to validate, and with files to validate none.
    ///
    /// # Errors
    /// As [`ArrayData::open`] and [`Parts::split`]; and if a file is given for two parts.
    pub fn open(files: &ArrayFiles, options: &ArrayOptions) -> Result<Self> {
        Self::open_known(files, options, None)
    }

    /// As [`open`](Self::open), for a model that was trained before.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if the data are not what the model reads.
    pub fn open_known(
        files: &ArrayFiles,
        options: &ArrayOptions,
        known: Option<Known>,
    ) -> Result<Self> {
        if files.train.is_empty() {
            return Err(DataError::request(
                "expected at least one file to train on, found none",
            ));
        }
        check_different(files)?;
        let paths = [&files.train[..], &files.valid, &files.test].concat();
        let data = ArrayData::open(&paths, options, known)?;
        let own_parts = !files.valid.is_empty() || !files.test.is_empty();
        let parts = match own_parts {
            true => by_files(&data, files, options),
            false => by_rule(&data, options),
        };
        let parts = parts.map_err(|e| with_paths(e, &files.train))?;
        let mut notes = notes(&data, &parts);
        if options.kind.is_none() {
            notes.extend(whole_numbers(&data, &parts.train));
        }
        if parts.train.is_empty() {
            return Err(with_paths(
                DataError::request(format!(
                    "split: expected samples to train on, found {parts}"
                )),
                &files.train,
            ));
        }
        Ok(Self {
            data: Arc::new(data),
            parts,
            notes,
        })
    }
}

/// One file in two parts makes a test worth nothing.
fn check_different(files: &ArrayFiles) -> Result<()> {
    let mut seen: Vec<(PathBuf, &str)> = vec![];
    let parts = [
        ("train", &files.train),
        ("valid", &files.valid),
        ("test", &files.test),
    ];
    for (part, paths) in parts {
        for path in paths {
            let real =
                std::fs::canonicalize(path).map_err(|e| DataError::io(path, "open it", e))?;
            if let Some((_, other)) = seen.iter().find(|(p, _)| *p == real) {
                return Err(DataError::format(
                    path,
                    format!("expected each file once, found it for {other} and for {part}"),
                ));
            }
            seen.push((real, part));
        }
    }
    Ok(())
}

fn with_paths(error: DataError, paths: &[PathBuf]) -> DataError {
    match (error, paths) {
        (DataError::Request { problem }, [path, ..]) => DataError::format(path, problem),
        (error, _) => error,
    }
}

fn by_rule(data: &ArrayData, options: &ArrayOptions) -> Result<Parts> {
    match (&options.split, data.stored_split()) {
        (None | Some(SplitRule::Stored), Some(stored)) => Ok(Parts::stored(stored)),
        (Some(SplitRule::Stored), None) => Err(DataError::request(format!(
            "split: expected an array `{}` that names the part of each sequence, found none",
            options.keys.split
        ))),
        (Some(rule), _) => Parts::split(data, rule),
        // windows of too few recordings are cut in time
        (None, None) if data.is_cut() && data.groups() < 3 => {
            let rule = SplitRule::Order {
                valid: 0.1,
                test: 0.1,
            };
            Parts::split(data, &rule)
        }
        (None, None) => Parts::split(data, &SplitRule::default()),
    }
}

fn by_files(data: &ArrayData, files: &ArrayFiles, options: &ArrayOptions) -> Result<Parts> {
    let mut parts = Parts::default();
    for sample in 0..data.len() {
        let file = data.file(sample);
        let split = match file.checked_sub(files.train.len()) {
            None => Split::Train,
            Some(rest) if rest < files.valid.len() => Split::Valid,
            Some(_) => Split::Test,
        };
        parts.part_mut(split).push(sample);
    }
    if !files.valid.is_empty() {
        return Ok(parts);
    }
    let rule = match &options.split {
        Some(SplitRule::Fractions {
            valid,
            seed,
            stratify,
            ..
        }) => SplitRule::Fractions {
            valid: *valid,
            test: 0.0,
            seed: *seed,
            stratify: *stratify,
        },
        Some(SplitRule::Order { valid, .. }) => SplitRule::Order {
            valid: *valid,
            test: 0.0,
        },
        _ => SplitRule::Fractions {
            valid: 0.1,
            test: 0.0,
            seed: 0,
            stratify: None,
        },
    };
    let rest = Parts::split_samples(data, &parts.train, &rule)?;
    Ok(Parts {
        test: parts.test,
        ..rest
    })
}

/// Says so if what is taken for values might be meant as classes: few different whole numbers.
fn whole_numbers(data: &ArrayData, samples: &[usize]) -> Option<String> {
    const LOOKED_AT: usize = 100;
    const MOST: usize = 10;
    let (every, targets) = (samples.len().div_ceil(LOOKED_AT).max(1), data.targets());
    if targets.kind.is_class() || targets.kind.is_next() || targets.outputs != 1 {
        return None;
    }
    let mut found = std::collections::BTreeSet::new();
    for sample in samples.iter().step_by(every) {
        let (Target::Values(values) | Target::ValueSteps(values)) = data.target(*sample)? else {
            return None;
        };
        for value in values {
            // beyond, not each whole number is one of f64
            let whole = (value.fract() == 0.0 && value.abs() < 1e15).then_some(value as i64);
            found.insert(whole?);
        }
        if found.len() > MOST {
            return None;
        }
    }
    let found: Vec<String> = found.iter().map(i64::to_string).collect();
    Some(format!(
        "`y` holds numbers and is learnt as such (regress), but they are all of {}: `arrays.kind` = {:?} learns classes",
        found.join(", "),
        match targets.kind {
            TargetKind::RegressSteps => "classify-steps",
            _ => "classify",
        }
    ))
}

/// What is unusual about the parts.
fn notes(data: &ArrayData, parts: &Parts) -> Vec<String> {
    let mut notes = vec![];
    let held = [(Split::Valid, &parts.valid), (Split::Test, &parts.test)];
    for (split, samples) in held {
        if samples.is_empty() {
            notes.push(format!("there is no sample in the part {split}"));
        }
    }
    let groups = |samples: &[usize]| -> std::collections::HashSet<usize> {
        samples.iter().map(|s| data.group(*s)).collect()
    };
    let train = groups(&parts.train);
    for (split, samples) in held {
        let both = groups(samples).intersection(&train).count();
        if both > 0 && !data.is_cut() {
            notes.push(format!("{both} groups are in the parts train and {split}"));
        }
    }
    let targets = data.targets();
    if targets.kind == TargetKind::Classify {
        let mut seen = vec![false; targets.outputs];
        for sample in &parts.train {
            if let Ok(Some(class)) = data.class(*sample) {
                seen[class] = true;
            }
        }
        let names = targets.classes.names().iter().zip(&seen);
        let unseen: Vec<&str> = names
            .filter(|(_, s)| !**s)
            .map(|(n, _)| n.as_str())
            .collect();
        if !unseen.is_empty() {
            notes.push(format!(
                "no sample to train on has the class {}",
                unseen.join(", ")
            ));
        }
    }
    notes
}
