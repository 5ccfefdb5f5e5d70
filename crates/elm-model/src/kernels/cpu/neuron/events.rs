//! What of the input is not zero, from the forward pass to the backward pass.

use crate::kernels::cpu::{simd::SimdReal, sparse::SparseRows};

/// A row is kept if at most one in so many of its numbers is not zero; else the backward pass reads the input again.
const SPARSE: usize = 16;

/// The rows of some samples, each sample's steps in order.
#[derive(Debug)]
pub struct EventList<R> {
    /// Numbers of each row, or −1 where they are too many to be kept.
    pub counts: Vec<i32>,
    /// Their channels, row after row.
    pub channels: Vec<i32>,
    /// The numbers themselves.
    pub values: Vec<R>,
}

impl<R: SimdReal> EventList<R> {
    /// No rows.
    pub fn new() -> Self {
        Self {
            counts: Vec::new(),
            channels: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a row of so many channels.
    #[inline(always)]
    pub fn push(&mut self, row: &[(u32, R)], channels: usize) {
        if row.len() * SPARSE > channels {
            self.counts.push(-1);
            return;
        }
        self.counts.push(row.len() as i32);
        self.channels.extend(row.iter().map(|(i, _)| *i as i32));
        self.values.extend(row.iter().map(|(_, x)| *x));
    }

    /// The rows of all samples, from those of each.
    pub fn joined(lists: &[Self]) -> Self {
        fn join<T: Copy>(parts: impl Iterator<Item = impl AsRef<[T]>> + Clone) -> Vec<T> {
            let mut all = Vec::with_capacity(parts.clone().map(|p| p.as_ref().len()).sum());
            parts.for_each(|part| all.extend_from_slice(part.as_ref()));
            all
        }
        Self {
            counts: join(lists.iter().map(|list| &list.counts)),
            channels: join(lists.iter().map(|list| &list.channels)),
            values: join(lists.iter().map(|list| &list.values)),
        }
    }
}

/// The same to be read.
#[derive(Debug)]
pub struct EventRows<'a, R> {
    counts: &'a [i32],
    channels: &'a [i32],
    values: &'a [R],
    /// First number of each row.
    starts: Vec<usize>,
}

impl<'a, R: SimdReal> EventRows<'a, R> {
    /// Of these counts, channels and numbers.
    pub fn new(counts: &'a [i32], channels: &'a [i32], values: &'a [R]) -> Self {
        let starts = counts.iter().scan(0, |next, count| {
            let start = *next;
            *next += (*count).max(0) as usize;
            Some(start)
        });
        Self {
            counts,
            channels,
            values,
            starts: starts.collect(),
        }
    }

    /// Adds a row to `to`; says whether it was kept.
    #[inline(always)]
    pub fn push_to(&self, row: usize, to: &mut SparseRows<R>) -> bool {
        let Ok(count) = usize::try_from(self.counts[row]) else {
            return false;
        };
        let range = self.starts[row]..self.starts[row] + count;
        to.push_known(&self.channels[range.clone()], &self.values[range]);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_unless_they_were_too_full() {
        let few = [(0, 1.0), (31, f64::NAN)];
        let full: Vec<(u32, f64)> = (0..3).map(|i| (i, 2.0)).collect();
        let mut lists = [EventList::new(), EventList::new()];
        lists[0].push(&few, 32);
        lists[0].push(&full, 32);
        lists[1].push(&[], 32);
        lists[1].push(&few[..1], 32);
        let all = EventList::joined(&lists);
        assert_eq!(all.counts, [2, -1, 0, 1]);
        let rows = EventRows::new(&all.counts, &all.channels, &all.values);
        let mut sparse = SparseRows::with_room(32);
        let kept: Vec<bool> = (0..4).map(|row| rows.push_to(row, &mut sparse)).collect();
        assert_eq!(kept, [true, false, true, true]);
        assert_eq!(sparse.row(0)[0], (0, 1.0));
        assert!(sparse.row(0)[1].0 == 31 && sparse.row(0)[1].1.is_nan());
        assert!(sparse.row(1).is_empty());
        assert_eq!(sparse.row(2), [(0, 1.0)]);
    }
}
