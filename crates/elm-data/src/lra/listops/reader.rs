//! Reading the published files.

use std::path::Path;

use rayon::prelude::*;

use super::{CLASSES, SYMBOLS};
use crate::files::{Content, locate, refuse_packed};
use crate::lra::store::{ByteSequences, Meaning};
use crate::lra::table::{check_max_length, class, columns, lines, shown};
use crate::made::Provenance;
use crate::{DataError, Result, Split};

/// Lines that one thread parses at a time.
const LINES: usize = 1024;
const HEADER: &[u8] = b"Source\tTarget";

/// Reads a part from the folder `dir`, or the folder `listops-1000` in it. Sequences are cut after `max_length` symbols
/// ([`MAX_LENGTH`](super::MAX_LENGTH) as published).
///
/// # Errors
/// If the file is missing or cannot be read, its header is another, or a line has not two columns, holds an unknown
/// symbol or none, or has a target outside 0 to 9 (`9.0` is read too). Blank lines are left out.
pub fn open(dir: &Path, split: Split, max_length: usize) -> Result<ByteSequences> {
    let name = match split {
        Split::Train => "basic_train.tsv",
        Split::Valid => "basic_val.tsv",
        Split::Test => "basic_test.tsv",
    };
    let (folder, _) = locate(dir, &["", "listops-1000"], &[name])?;
    let path = folder.join(name);
    let what = "a ListOps file";
    let content = Content::map(&path, what)?;
    refuse_packed(&path, what, &content)?;
    let sequences = parse(&path, &content, max_length)?;
    Ok(sequences.made(Provenance::read(&folder)?))
}

/// Reads a file that is in memory; `name` stands for the path in errors.
///
/// # Errors
/// As [`open`].
pub fn from_bytes(name: &str, bytes: &[u8], max_length: usize) -> Result<ByteSequences> {
    parse(Path::new(name), bytes, max_length)
}

fn parse(path: &Path, bytes: &[u8], max_length: usize) -> Result<ByteSequences> {
    check_max_length(max_length)?;
    let bad = |problem: String| DataError::format(path, problem);
    let lines: Vec<(usize, &[u8])> = lines(bytes).map(|(n, at)| (n, &bytes[at])).collect();
    let (&(number, header), lines) = lines
        .split_first()
        .ok_or_else(|| bad("the file is empty, expected the header Source<TAB>Target".into()))?;
    if header != HEADER {
        let found = shown(header);
        return Err(bad(format!(
            "line {number}: expected the header Source<TAB>Target, found {found}"
        )));
    }
    if lines.is_empty() {
        return Err(bad("expected samples after the header, found none".into()));
    }
    let parts: Vec<std::result::Result<ByteSequences, String>> = lines
        .par_chunks(LINES)
        .map(|lines| samples(lines, max_length))
        .collect();
    let mut all = ByteSequences::new(Meaning::Tokens);
    for part in parts {
        all.append(&part.map_err(bad)?);
    }
    Ok(all)
}

/// The samples of numbered `lines`.
fn samples(
    lines: &[(usize, &[u8])],
    max_length: usize,
) -> std::result::Result<ByteSequences, String> {
    let mut sequences = ByteSequences::new(Meaning::Tokens);
    let mut symbols = Vec::new();
    for &(number, line) in lines {
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
        let label = class(target, CLASSES).ok_or_else(|| {
            let (last, found) = (CLASSES - 1, shown(target));
            format!("line {number}: expected a target of 0 to {last}, found {found}")
        })?;
        sequences.push(symbols.iter().copied(), label);
    }
    Ok(sequences)
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
