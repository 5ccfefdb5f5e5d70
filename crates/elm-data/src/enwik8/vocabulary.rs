//! Tokens for the bytes of a text.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// The bytes that occur in a text, each a token: 0 is the most frequent; of two as frequent ones the smaller comes
/// first. Enwik8 has 204 or 205 of them, depending on whether the line feed is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Vocabulary {
    /// Byte of each token.
    bytes: Vec<u8>,
}

impl Vocabulary {
    /// The vocabulary of a text, and the text as tokens.
    pub(super) fn of(mut text: Vec<u8>) -> (Self, Vec<u8>) {
        let mut counts = [0u64; 256];
        for byte in &text {
            counts[usize::from(*byte)] += 1;
        }
        let mut bytes: Vec<u8> = (0..=255).filter(|b| counts[usize::from(*b)] > 0).collect();
        bytes.sort_by_key(|b| std::cmp::Reverse(counts[usize::from(*b)]));
        let vocabulary = Self { bytes };
        let table = vocabulary.table().map(|token| token.unwrap_or(0)); // every byte has one
        for byte in &mut text {
            *byte = table[usize::from(*byte)];
        }
        (vocabulary, text)
    }

    /// Number of tokens, 1 to 256.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Is there none? Only of an empty text.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Token of each byte.
    fn table(&self) -> [Option<u8>; 256] {
        let mut table = [None; 256];
        for (token, byte) in (0..=255).zip(&self.bytes) {
            table[usize::from(*byte)] = Some(token);
        }
        table
    }

    /// A text as tokens; `path` is where it comes from.
    ///
    /// # Errors
    /// If a byte has no token: which one, and where.
    pub fn encode(&self, path: &Path, mut text: Vec<u8>) -> Result<Vec<u8>> {
        let table = self.table();
        for (at, byte) in text.iter_mut().enumerate() {
            *byte = table[usize::from(*byte)].ok_or_else(|| {
                let problem = format!(
                    "byte {at}: expected one of the {} bytes of the vocabulary, found 0x{byte:02x}",
                    self.len()
                );
                DataError::format(path, problem)
            })?;
        }
        Ok(text)
    }

    /// The bytes of `tokens`.
    ///
    /// # Errors
    /// If a token is out of range.
    pub fn decode(&self, tokens: &[u8]) -> Result<Vec<u8>> {
        let byte = |token: &u8| {
            self.bytes.get(usize::from(*token)).copied().ok_or_else(|| {
                let count = self.len();
                DataError::request(format!("expected tokens below {count}, found {token}"))
            })
        };
        tokens.iter().map(byte).collect()
    }
}

impl TryFrom<Vec<u8>> for Vocabulary {
    type Error = DataError;

    /// A vocabulary from the bytes of its tokens.
    fn try_from(bytes: Vec<u8>) -> Result<Self> {
        let mut seen = [false; 256];
        for byte in &bytes {
            if std::mem::replace(&mut seen[usize::from(*byte)], true) {
                return Err(DataError::request(format!(
                    "vocabulary: expected each byte once, found {byte} twice"
                )));
            }
        }
        Ok(Self { bytes })
    }
}

impl From<Vocabulary> for Vec<u8> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.bytes
    }
}
