//! Tokens for the bytes of a text.

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// Which bytes are symbols, each a token from 0. Belongs to a trained model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct Vocabulary {
    /// Byte of each token.
    bytes: Vec<u8>,
    /// Token of each byte.
    tokens: Vec<Option<u8>>,
}

impl Vocabulary {
    /// The bytes that occur in `texts`: 0 is the most frequent; of two as frequent ones the smaller comes first. So is
    /// the vocabulary of Enwik8 made.
    ///
    /// # Errors
    /// If the texts are empty.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        let mut counts = [0_u64; 256];
        for text in texts {
            for byte in text {
                counts[usize::from(*byte)] += 1;
            }
        }
        let mut bytes: Vec<u8> = (0..=255).filter(|b| counts[usize::from(*b)] > 0).collect();
        bytes.sort_by_key(|b| std::cmp::Reverse(counts[usize::from(*b)]));
        Self::try_from(bytes)
    }

    /// All 256 bytes: every text can be written in it.
    pub fn all_bytes() -> Self {
        Self {
            bytes: (0..=255).collect(),
            tokens: (0..=255).map(Some).collect(),
        }
    }

    /// Number of tokens, 1 to 256.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: there is at least one token.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The token of a byte, if it has one.
    pub fn token(&self, byte: u8) -> Option<u8> {
        self.tokens[usize::from(byte)]
    }

    /// The byte of a token, if there is such a token.
    pub fn byte(&self, token: usize) -> Option<u8> {
        self.bytes.get(token).copied()
    }

    /// Turns a text into its tokens, in place.
    ///
    /// # Errors
    /// If a byte has no token: the first one and its place, in words.
    pub fn encode(&self, text: &mut [u8]) -> Result<()> {
        for (at, byte) in text.iter_mut().enumerate() {
            *byte = self.token(*byte).ok_or_else(|| {
                DataError::request(format!(
                    "byte {at}: expected one of the {} bytes of the vocabulary, found {} (0x{byte:02x})",
                    self.len(),
                    char::from(*byte).escape_default()
                ))
            })?;
        }
        Ok(())
    }

    /// The bytes of `tokens`.
    ///
    /// # Errors
    /// If a token is out of range.
    pub fn decode(&self, tokens: &[u8]) -> Result<Vec<u8>> {
        let byte = |token: &u8| {
            self.byte(usize::from(*token)).ok_or_else(|| {
                let count = self.len();
                DataError::request(format!("expected tokens below {count}, found {token}"))
            })
        };
        tokens.iter().map(byte).collect()
    }
}

impl TryFrom<Vec<u8>> for Vocabulary {
    type Error = DataError;

    /// A vocabulary from the byte of each token.
    fn try_from(bytes: Vec<u8>) -> Result<Self> {
        let mut tokens = vec![None; 256];
        for (token, byte) in (0..=255).zip(&bytes) {
            if tokens[usize::from(*byte)].replace(token).is_some() {
                return Err(DataError::request(format!(
                    "vocabulary: expected each byte once, found {byte} twice"
                )));
            }
        }
        if bytes.is_empty() || bytes.len() > 256 {
            return Err(DataError::request(format!(
                "vocabulary: expected 1 to 256 bytes, found {}",
                bytes.len()
            )));
        }
        Ok(Self { bytes, tokens })
    }
}

impl From<Vocabulary> for Vec<u8> {
    fn from(vocabulary: Vocabulary) -> Self {
        vocabulary.bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn frequent_bytes_have_small_tokens() {
        let vocabulary = Vocabulary::of([&b"abc"[..], b"bcc"]).unwrap();
        assert_eq!(vocabulary.decode(&[0, 1, 2]).unwrap(), b"cba");
        let mut text = *b"cab";
        vocabulary.encode(&mut text).unwrap();
        assert_eq!(text, [0, 2, 1]);
        let unknown = vocabulary.encode(&mut *b"ca\n".as_slice().to_vec().as_mut_slice());
        let message = unknown.unwrap_err().to_string();
        assert!(
            message.contains("byte 2") && message.contains("\\n (0x0a)"),
            "{message}"
        );
        assert!(vocabulary.decode(&[3]).is_err());
        assert!(Vocabulary::of([&b""[..]]).is_err());
    }

    #[test]
    fn it_is_stored_as_its_bytes() {
        let vocabulary = Vocabulary::of([&b"hello"[..]]).unwrap();
        let json = serde_json::to_string(&vocabulary).unwrap();
        assert_eq!(json, "[108,101,104,111]");
        assert_eq!(
            serde_json::from_str::<Vocabulary>(&json).unwrap(),
            vocabulary
        );
        for bad in ["[1,1]", "[]", "[256]"] {
            assert!(serde_json::from_str::<Vocabulary>(bad).is_err(), "{bad}");
        }
        let many: Vec<u8> = (0..=255).chain([7]).collect();
        assert!(Vocabulary::try_from(many).is_err());
        assert_eq!(Vocabulary::all_bytes().len(), 256);
    }
}
