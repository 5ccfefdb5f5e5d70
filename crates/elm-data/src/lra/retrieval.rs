//! Retrieval: does one paper cite the other? Pairs of papers of the ACL Anthology Network, byte by byte.
//!
//! The published files are `new_aan_pairs.train.tsv`, `new_aan_pairs.eval.tsv` and `new_aan_pairs.test.tsv` (147 086,
//! 18 090 and 17 437 pairs, about a gigabyte): five columns `label id1 id2 text1 text2`, no header, no quoting, bytes
//! that need not be valid text. Each sample has two input sequences.

use std::ops::Range;
use std::path::Path;

use super::store::tokens;
use super::table::{check_max_length, class, columns, lines, shown};
use crate::files::{Content, locate, refuse_packed};
use crate::{DataError, Encoding, Result, Sample, Split};

/// 1: the papers are related, 0: they are not.
pub const CLASSES: usize = 2;
/// Longer texts are cut after this many bytes, as published.
pub const MAX_LENGTH: usize = 4000;
/// One channel per byte value; token `b + 1` is byte `b`.
pub const ENCODING: Encoding = Encoding::OneHot { tokens: 256 };

/// One part of Retrieval. The file is mapped, and must not be changed while it is in use; only the places of its texts
/// are held in memory.
#[derive(Debug)]
pub struct Retrieval {
    content: Content,
    pairs: Vec<Pair>,
}

/// Where the texts of a pair lie in the file, cut to their maximal length.
#[derive(Debug)]
struct Pair {
    texts: [Range<usize>; 2],
    label: u8,
}

impl Retrieval {
    /// Opens a part in the folder `dir`, or the folder `tsv_data` in it. Texts are cut after `max_length` bytes
    /// ([`MAX_LENGTH`] as published). The whole file is looked through once, so that a bad line is found now.
    ///
    /// # Errors
    /// If the file is missing or cannot be read, holds nothing, or a line has not five columns, a label other than 0
    /// or 1 (`0.0` and `1.0` are read too), or an empty text. Blank lines are left out.
    pub fn open(dir: &Path, split: Split, max_length: usize) -> Result<Self> {
        let name = match split {
            Split::Train => "new_aan_pairs.train.tsv",
            Split::Valid => "new_aan_pairs.eval.tsv",
            Split::Test => "new_aan_pairs.test.tsv",
        };
        let (folder, _) = locate(dir, &["", "tsv_data"], &[name])?;
        let path = folder.join(name);
        let what = "a Retrieval file";
        let content = Content::map(&path, what)?;
        refuse_packed(&path, what, &content)?;
        Self::index(&path, content, max_length)
    }

    /// Reads a file that is in memory; `name` stands for the path in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>, max_length: usize) -> Result<Self> {
        Self::index(Path::new(name), Content::Owned(bytes), max_length)
    }

    fn index(path: &Path, content: Content, max_length: usize) -> Result<Self> {
        check_max_length(max_length)?;
        let mut pairs = Vec::new();
        for (number, line) in lines(&content) {
            let pair = pair(&content, line, max_length);
            pairs.push(
                pair.map_err(|problem| {
                    DataError::format(path, format!("line {number}: {problem}"))
                })?,
            );
        }
        if pairs.is_empty() {
            return Err(DataError::format(
                path,
                "the file is empty, expected pairs of texts",
            ));
        }
        Ok(Self { content, pairs })
    }

    /// Sample `index`, with two input sequences.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn sample(&self, index: usize) -> Sample {
        let pair = &self.pairs[index];
        let texts = pair.texts.iter();
        Sample {
            inputs: texts
                .map(|range| tokens(&self.content[range.clone()]))
                .collect(),
            label: usize::from(pair.label),
        }
    }

    /// Steps of the longer text of sample `index`.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn steps(&self, index: usize) -> usize {
        let texts = self.pairs[index].texts.iter();
        texts.map(ExactSizeIterator::len).max().unwrap_or(0)
    }

    /// Class of sample `index`.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn label(&self, index: usize) -> usize {
        usize::from(self.pairs[index].label)
    }
}

impl Retrieval {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The pair in the line at `range`.
fn pair(
    content: &[u8],
    range: Range<usize>,
    max_length: usize,
) -> std::result::Result<Pair, String> {
    let (start, line) = (range.start, &content[range]);
    let [label, _, _, first, second] = columns::<5>(line).map_err(|found| {
        format!("expected 5 columns (label, id1, id2, text1, text2), found {found}")
    })?;
    let label = &line[label];
    let label = class(label, CLASSES)
        .ok_or_else(|| format!("expected the label 0 or 1, found {}", shown(label)))?;
    for (name, text) in [("text1", &first), ("text2", &second)] {
        if text.is_empty() {
            return Err(format!("{name}: expected a text, found none"));
        }
    }
    let place = |text: Range<usize>| {
        start + text.start..start + text.end.min(text.start.saturating_add(max_length))
    };
    Ok(Pair {
        texts: [place(first), place(second)],
        label,
    })
}
