//! A text as tokens, with its parts.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::files::read;
use super::streams::Streams;
use super::vocabulary::Vocabulary;
use crate::files::locate;
use crate::{DataError, Result, Split};

/// Which bytes are tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Symbols {
    /// Those that occur in any part of the text, as published for Enwik8: fewer tokens, but a later text with another
    /// byte cannot be read.
    #[default]
    Used,
    /// All 256.
    All,
}

/// Which texts are read, and how they are split: files of a part are that part; without any but those to train on, the
/// fractions are cut from their end; with files to test, only the fraction to validate is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextOptions {
    /// Files or folders to train on; without others, they are split.
    pub train: Vec<PathBuf>,
    /// Files or folders to choose a model by.
    pub valid: Vec<PathBuf>,
    /// Files or folders to report results on.
    pub test: Vec<PathBuf>,
    /// Extensions of the files of folders that are read, such as `txt`; all if there is none.
    pub extensions: Vec<String>,
    /// Which bytes are tokens.
    pub symbols: Symbols,
    /// Share of the text to validate, before the test.
    pub valid_fraction: f64,
    /// Share of the text to test, its end.
    pub test_fraction: f64,
}

impl Default for TextOptions {
    /// 90 % to train, 5 % to validate, 5 % to test: as published for Enwik8.
    fn default() -> Self {
        Self {
            train: vec![],
            valid: vec![],
            test: vec![],
            extensions: vec![],
            symbols: Symbols::Used,
            valid_fraction: 0.05,
            test_fraction: 0.05,
        }
    }
}

impl TextOptions {
    /// Enwik8 as published: the file at `path`, packed or not, or the one in the folder `path`.
    ///
    /// # Errors
    /// If there is no such file or folder, or the folder has no file `enwik8`, `enwik8.zip` or `enwik8.gz`.
    pub fn enwik8(path: &Path) -> Result<Self> {
        let kind = std::fs::metadata(path).map_err(|e| DataError::io(path, "open it", e))?;
        let file = match kind.is_dir() {
            true => {
                let (folder, name) = locate(path, &[""], &["enwik8", "enwik8.zip", "enwik8.gz"])?;
                folder.join(name)
            }
            false => path.into(),
        };
        Ok(Self {
            train: vec![file],
            ..Self::default()
        })
    }
}

/// A text as tokens, held in memory: one byte each.
#[derive(Debug, Clone)]
pub struct Text {
    tokens: Arc<Vec<u8>>,
    /// Ends of the parts to train on and to validate.
    ends: [usize; 2],
    vocabulary: Vocabulary,
    files: usize,
    notes: Vec<String>,
}

impl Text {
    /// Reads the texts of `options`.
    ///
    /// # Errors
    /// If one cannot be read, a folder has none, the fractions are out of range, or there is nothing to train on.
    pub fn open(options: &TextOptions) -> Result<Self> {
        Self::open_known(options, None)
    }

    /// As [`open`](Self::open), in the vocabulary of a trained model.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if a byte is not in the vocabulary.
    pub fn open_known(options: &TextOptions, vocabulary: Option<&Vocabulary>) -> Result<Self> {
        let mut all = Self {
            tokens: Arc::new(vec![]),
            ends: [0; 2],
            vocabulary: Vocabulary::all_bytes(),
            files: 0,
            notes: vec![],
        };
        let mut bytes = vec![];
        let mut sizes = [0; 3];
        let parts = [&options.train, &options.valid, &options.test];
        for (size, paths) in sizes.iter_mut().zip(parts) {
            let start = bytes.len();
            for path in paths {
                let text = read(path, &options.extensions)?;
                all.files += text.files;
                all.notes.extend(text.notes);
                if text.bytes.is_empty() {
                    return Err(DataError::format(
                        path,
                        "expected a text, found an empty file",
                    ));
                }
                if bytes.is_empty() {
                    bytes = text.bytes; // a large text is not copied
                } else {
                    bytes.extend(text.bytes);
                }
            }
            *size = bytes.len() - start;
        }
        let Some(first) = options.train.first() else {
            return Err(DataError::request(
                "expected the path of a text to train on, found none",
            ));
        };
        all.ends = ends(first, sizes, options)?;
        all.vocabulary = match (vocabulary, options.symbols) {
            (Some(known), _) => known.clone(),
            (None, Symbols::Used) => Vocabulary::of([&bytes[..]])?,
            (None, Symbols::All) => Vocabulary::all_bytes(),
        };
        all.vocabulary
            .encode(&mut bytes)
            .map_err(|e| DataError::format(first, e.to_string()))?;
        all.tokens = Arc::new(bytes);
        Ok(all)
    }

    /// The bytes that are tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How many files were read.
    pub fn files(&self) -> usize {
        self.files
    }

    /// What a user should know about the files, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The tokens of a part.
    pub fn part(&self, split: Split) -> &[u8] {
        &self.tokens[self.range(split)]
    }

    /// The batches of a part: `batch` parallel streams, `time` steps at a time.
    ///
    /// # Errors
    /// If either is 0, or a stream would have fewer than two tokens.
    pub fn streams(&self, split: Split, batch: usize, time: usize) -> Result<Streams> {
        let range = self.range(split);
        Streams::new(Arc::clone(&self.tokens), range, batch, time)
            .map_err(|e| DataError::request(format!("part {split} of the text: {e}")))
    }

    fn range(&self, split: Split) -> Range<usize> {
        let [train, valid] = self.ends;
        match split {
            Split::Train => 0..train,
            Split::Valid => train..valid,
            Split::Test => valid..self.tokens.len(),
        }
    }
}

/// Where the parts to train on and to validate end in a text whose files give parts of these sizes.
fn ends(path: &Path, sizes: [usize; 3], options: &TextOptions) -> Result<[usize; 2]> {
    let (valid, test) = (options.valid_fraction, options.test_fraction);
    let good = |share: f64| (0.0..1.0).contains(&share);
    if !good(valid) || !good(test) || valid + test >= 1.0 {
        return Err(DataError::request(format!(
            "split: expected fractions of at least 0 that leave something to train on, found valid {valid} and test \
             {test}"
        )));
    }
    // files of a part are that part; then only the part to validate is cut from the text to train on
    let [train, valid_size, test_size] = sizes;
    let share = |fraction: f64, cut: bool| match cut {
        true => (train as f64 * fraction) as usize,
        false => 0,
    };
    let cut_valid = share(valid, valid_size == 0);
    let cut_test = share(test, valid_size == 0 && test_size == 0);
    let left = train - cut_valid - cut_test;
    let empty = |fraction: f64, size: usize| fraction > 0.0 && size < 2;
    if left < 2
        || (valid_size == 0 && empty(valid, cut_valid))
        || (valid_size == 0 && test_size == 0 && empty(test, cut_test))
    {
        return Err(DataError::format(
            path,
            format!(
                "expected a text that can be split, found {train} bytes: {left} to train on, {cut_valid} to validate, \
                 {cut_test} to test"
            ),
        ));
    }
    let valid_size = valid_size.max(cut_valid);
    Ok([left, left + valid_size])
}
