//! Labelled sequences of bytes in memory, one after the other.

use crate::made::Provenance;
use crate::{Sample, Sequence};

/// What the bytes of a sequence are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Byte `b` is token `b + 1`; 0 is padding.
    Tokens,
    /// Grey values.
    Pixels,
}

/// A data set that is held in memory with one byte per step: ListOps, Text and Image.
#[derive(Debug, Clone, PartialEq)]
pub struct ByteSequences {
    meaning: Meaning,
    values: Vec<u8>,
    /// End of each sequence in `values`; it begins where the one before ends.
    ends: Vec<usize>,
    labels: Vec<u8>,
    provenance: Option<Provenance>,
}

impl ByteSequences {
    pub(super) fn new(meaning: Meaning) -> Self {
        Self {
            meaning,
            values: Vec::new(),
            ends: Vec::new(),
            labels: Vec::new(),
            provenance: None,
        }
    }

    pub(super) fn push(&mut self, values: impl IntoIterator<Item = u8>, label: u8) {
        self.values.extend(values);
        self.ends.push(self.values.len());
        self.labels.push(label);
    }

    /// Adds all sequences of `other`, which are of the same meaning.
    pub(super) fn append(&mut self, other: &Self) {
        let before = self.values.len();
        self.values.extend_from_slice(&other.values);
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.labels.extend_from_slice(&other.labels);
    }

    /// Splits off the sequences from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let start = self.start(at);
        let ends = self.ends.split_off(at);
        Self {
            meaning: self.meaning,
            values: self.values.split_off(start),
            ends: ends.iter().map(|end| end - start).collect(),
            labels: self.labels.split_off(at),
            provenance: self.provenance.clone(),
        }
    }

    /// The same sequences with how their file was made, if a program of this project made it.
    pub(super) fn made(mut self, provenance: Option<Provenance>) -> Self {
        self.provenance = provenance;
        self
    }

    /// How the file was made, if a program of this project made it and noted it.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// Sample `index`, with one input sequence.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn sample(&self, index: usize) -> Sample {
        let values = &self.values[self.start(index)..self.ends[index]];
        let input = match self.meaning {
            Meaning::Tokens => tokens(values),
            Meaning::Pixels => Sequence::Pixels(values.to_vec()),
        };
        Sample {
            inputs: vec![input],
            label: self.label(index),
        }
    }

    /// Steps of sample `index`.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn steps(&self, index: usize) -> usize {
        self.ends[index] - self.start(index)
    }

    /// Class of sample `index`.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn label(&self, index: usize) -> usize {
        usize::from(self.labels[index])
    }
}

impl ByteSequences {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes as tokens: 1 for byte 0, and so on; 0 is padding.
pub(super) fn tokens(bytes: &[u8]) -> Sequence {
    Sequence::Tokens(bytes.iter().map(|&b| u16::from(b) + 1).collect())
}
