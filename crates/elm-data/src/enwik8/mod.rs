//! Enwik8: the first 10^8 bytes of an English Wikipedia dump (Hutter 2006), for language models of bytes.
//!
//! The published file is `enwik8`, or `enwik8.zip` with it; a gzip file is read too, and
//! other compressed files are refused by their content. The first 90 % of the bytes are to train on, 5 % each to
//! validate and to test (90, 5 and 5 million). A batch holds parallel streams: the text is cut into as many equal
//! parts, and each step gives the next bytes of every part, so that a model's state is carried from batch to batch.

mod read;
mod streams;
mod vocabulary;

pub use streams::{StreamBatch, Streams};
pub use vocabulary::Vocabulary;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{DataError, Result, Split};

/// A text as tokens, held in memory: one byte each.
#[derive(Debug, Clone)]
pub struct Enwik8 {
    tokens: Arc<Vec<u8>>,
    vocabulary: Vocabulary,
    /// The file, for errors.
    name: PathBuf,
}

impl Enwik8 {
    /// Reads a text: a file, as it is, zipped or gzipped (its content decides), or a folder with `enwik8` or such a file
    /// of it in it.
    ///
    /// The [`Vocabulary`] is that of the whole text, as published: which bytes there are is no secret of the test part,
    /// and every byte of it has a token.
    ///
    /// # Errors
    /// If there is no such file, it cannot be read, is empty, compressed otherwise or larger than 4 GiB, or an archive is damaged or holds no
    /// file, or several and none named `enwik8`.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self::new(path, read::read(path)?))
    }

    /// Reads a text in the vocabulary of another, such as the one that a model was trained with.
    ///
    /// # Errors
    /// As [`Self::open`], and if a byte is not in the vocabulary.
    pub fn open_with(path: &Path, vocabulary: Vocabulary) -> Result<Self> {
        let tokens = vocabulary.encode(path, read::read(path)?)?;
        Ok(Self {
            tokens: Arc::new(tokens),
            vocabulary,
            name: path.into(),
        })
    }

    /// A text in memory, zipped or not; `name` stands for the path in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self> {
        let path = Path::new(name);
        Ok(Self::new(path, read::unpack(path, bytes)?))
    }

    fn new(path: &Path, text: Vec<u8>) -> Self {
        let (vocabulary, tokens) = Vocabulary::of(text);
        Self {
            tokens: Arc::new(tokens),
            vocabulary,
            name: path.into(),
        }
    }

    /// The bytes that occur, by token.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The tokens of a part.
    pub fn part(&self, split: Split) -> &[u8] {
        &self.tokens[self.range(split)]
    }

    /// The batches of a part: `batch` streams, `time` steps at a time.
    ///
    /// # Errors
    /// If either is 0, or a stream would have fewer than two tokens.
    pub fn streams(&self, split: Split, batch: usize, time: usize) -> Result<Streams> {
        Streams::new(Arc::clone(&self.tokens), self.range(split), batch, time).map_err(|error| {
            DataError::request(format!(
                "the part `{split}` of {}: {error}",
                self.name.display()
            ))
        })
    }

    fn range(&self, split: Split) -> std::ops::Range<usize> {
        let count = self.tokens.len();
        let twentieth = count / 20;
        let (valid, test) = (count - 2 * twentieth, count - twentieth);
        match split {
            Split::Train => 0..valid,
            Split::Valid => valid..test,
            Split::Test => test..count,
        }
    }
}

/// The metric of the task: bits per character, from the mean cross entropy in nats.
pub fn bits_per_character(cross_entropy: f64) -> f64 {
    cross_entropy / std::f64::consts::LN_2
}
