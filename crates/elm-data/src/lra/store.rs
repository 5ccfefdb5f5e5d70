//! Labelled sequences of bytes in memory, one after the other.

use crate::Sequence;

/// Sequences of bytes, each with a class.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct SequenceStore {
    values: Vec<u8>,
    /// End of each sequence in `values`; it begins where the one before ends.
    ends: Vec<usize>,
    labels: Vec<u8>,
}

impl SequenceStore {
    pub(super) fn push(&mut self, values: &[u8], label: u8) {
        self.values.extend_from_slice(values);
        self.ends.push(self.values.len());
        self.labels.push(label);
    }

    pub(super) fn append(&mut self, other: &Self) {
        let before = self.values.len();
        self.values.extend_from_slice(&other.values);
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.labels.extend_from_slice(&other.labels);
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Panics if there is no such sequence, as a slice does.
    pub(super) fn values(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start..self.ends[index]]
    }

    /// Panics if there is no such sequence, as a slice does.
    pub(super) fn label(&self, index: usize) -> usize {
        usize::from(self.labels[index])
    }
}

/// Bytes as tokens: 1 for byte 0, and so on; 0 is padding.
pub(super) fn tokens(bytes: &[u8]) -> Sequence {
    Sequence::Tokens(bytes.iter().map(|&b| u16::from(b) + 1).collect())
}
