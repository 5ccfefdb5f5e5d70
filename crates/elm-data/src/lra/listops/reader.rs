//! Reading the published files.

use std::path::Path;

use burn_dataset::{Dataset, DatasetError};
use rayon::prelude::*;

use super::{CLASSES, SYMBOLS};
use crate::files::{Content, locate};
use crate::lra::store::{SequenceStore, tokens};
use crate::lra::table::{check_max_length, columns, lines, shown};
use crate::{DataError, Result, Sample, Split};

/// Lines that one thread parses at a time.
const LINES: usize = 1024;
const HEADER: &[u8] = b"Source\tTarget";

/// One part of ListOps, held in memory (one byte per symbol).
#[derive(Debug)]
pub struct ListOps {
    /// Positions in [`SYMBOLS`].
    store: SequenceStore,
}

impl ListOps {
    /// Reads a part from the folder `dir`, or the folder `listops-1000` in it. Sequences are cut after `max_length`
    /// symbols ([`MAX_LENGTH`](super::MAX_LENGTH) as published).
    ///
    /// # Errors
    /// If the file is missing or cannot be read, its header is another, or a line has not two columns, holds an
    /// unknown symbol or none, or has a target outside 0 to 9.
    pub fn open(dir: &Path, split: Split, max_length: usize) -> Result<Self> {
        let name = match split {
            Split::Train => "basic_train.tsv",
            Split::Valid => "basic_val.tsv",
            Split::Test => "basic_test.tsv",
        };
        let (folder, _) = locate(dir, &["", "listops-1000"], &[name])?;
        let path = folder.join(name);
        let content = Content::map(&path, "a ListOps file")?;
        Self::parse(&path, &content, max_length)
    }

    /// Reads a file that is in memory; `name` stands for the path in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(name: &str, bytes: &[u8], max_length: usize) -> Result<Self> {
        Self::parse(Path::new(name), bytes, max_length)
    }

    fn parse(path: &Path, bytes: &[u8], max_length: usize) -> Result<Self> {
        check_max_length(max_length)?;
        let lines: Vec<&[u8]> = lines(bytes).map(|range| &bytes[range]).collect();
        let Some((header, lines)) = lines.split_first() else {
            return Err(DataError::format(
                path,
                "the file is empty, expected the header Source<TAB>Target",
            ));
        };
        if *header != HEADER {
            let found = shown(header);
            return Err(DataError::format(
                path,
                format!("line 1: expected the header Source<TAB>Target, found {found}"),
            ));
        }
        if lines.is_empty() {
            return Err(DataError::format(
                path,
                "expected samples after the header, found none",
            ));
        }
        let parts: Vec<std::result::Result<SequenceStore, String>> = lines
            .par_chunks(LINES)
            .enumerate()
            .map(|(chunk, lines)| samples(lines, 2 + chunk * LINES, max_length))
            .collect();
        let mut store = SequenceStore::default();
        for part in parts {
            store.append(&part.map_err(|problem| DataError::format(path, problem))?);
        }
        Ok(Self { store })
    }

    /// Sample `index`.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn sample(&self, index: usize) -> Sample {
        Sample {
            inputs: vec![tokens(self.store.values(index))],
            label: self.store.label(index),
        }
    }

    /// Class of sample `index`.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn label(&self, index: usize) -> usize {
        self.store.label(index)
    }
}

impl Dataset<Sample> for ListOps {
    fn get(&self, index: usize) -> std::result::Result<Sample, DatasetError> {
        Ok(self.sample(index))
    }

    fn len(&self) -> usize {
        self.store.len()
    }
}

/// The samples of `lines`, the first of which is line `first` (from 1) of the file.
fn samples(
    lines: &[&[u8]],
    first: usize,
    max_length: usize,
) -> std::result::Result<SequenceStore, String> {
    let mut store = SequenceStore::default();
    let mut symbols = Vec::new();
    for (number, line) in (first..).zip(lines) {
        let [source, target] = columns::<2>(line).map_err(|found| {
            format!("line {number}: expected 2 columns (Source, Target), found {found}")
        })?;
        symbols.clear();
        for word in line[source].split(|b| *b == b' ') {
            if matches!(word, b"" | b"(" | b")") {
                continue;
            }
            symbols.push(symbol(word).ok_or_else(|| {
                let (known, found) = (SYMBOLS.join(" "), shown(word));
                format!("line {number}: expected one of the symbols {known}, found {found}")
            })?);
        }
        if symbols.is_empty() {
            return Err(format!("line {number}: expected symbols, found none"));
        }
        symbols.truncate(max_length);
        let target = &line[target];
        let label = match target {
            [digit @ b'0'..=b'9'] => digit - b'0',
            _ => {
                let (last, found) = (CLASSES - 1, shown(target));
                return Err(format!(
                    "line {number}: expected a target of 0 to {last}, found {found}"
                ));
            }
        };
        store.push(&symbols, label);
    }
    Ok(store)
}

/// Position in [`SYMBOLS`].
fn symbol(word: &[u8]) -> Option<u8> {
    match word {
        [digit @ b'0'..=b'9'] => Some(digit - b'0'),
        _ => (10..)
            .zip(&SYMBOLS[10..])
            .find_map(|(place, symbol)| (symbol.as_bytes() == word).then_some(place)),
    }
}
