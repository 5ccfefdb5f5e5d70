//! What of the input is not zero, from the forward pass to the backward pass.

use crate::kernels::cpu::{simd::SimdReal, sparse::SparseRows, sparse_row::SparseRow};

/// A chunk of a tile is kept if at most one in so many of its numbers is not zero; else the backward pass reads the input
/// again.
const SPARSE: usize = 16;

/// Where the numbers of a row begin in the list, and how many they are; −1 for a row that is not kept.
pub type EventRow = [i32; 2];

/// A row that is not kept.
const NOT_KEPT: EventRow = [0, -1];

/// Channels and numbers in any order of the rows, and where each row is.
#[derive(Debug, Default)]
pub struct EventList<R> {
    /// Of each row.
    pub rows: Vec<EventRow>,
    /// Channels of the numbers.
    pub channels: Vec<i32>,
    /// The numbers themselves.
    pub values: Vec<R>,
}

/// Writes where the rows from `first` on lie among all that were read, each to its place in `to`; says whether they are
/// kept. `dense` is how many numbers they would be with the zeros.
#[inline(always)]
pub fn keep_rows<R: SimdReal>(
    rows: &SparseRows<R>,
    first: usize,
    dense: usize,
    to: &mut [EventRow],
    places: impl Iterator<Item = usize>,
) -> bool {
    let number = rows.start(rows.rows());
    let fits = i32::try_from(number).is_ok();
    let keep = fits && (number - rows.start(first)).saturating_mul(SPARSE) <= dense;
    for (row, place) in (first..).zip(places) {
        to[place] = match keep {
            // all rows together fit
            true => [rows.start(row) as i32, rows.row(row).values.len() as i32],
            false => NOT_KEPT,
        };
    }
    keep
}

impl<R: SimdReal> EventList<R> {
    /// All rows of tiles, whose `rows` lie one tile after the other with so many rows each, and whose numbers were read
    /// by each tile.
    pub fn joined(mut rows: Vec<EventRow>, tiles: Vec<(usize, SparseRows<R>)>) -> Self {
        let (mut channels, mut values) = (Vec::new(), Vec::new());
        let mut first = 0;
        for (count, tile) in tiles {
            let (more_channels, more_values) = tile.into_parts();
            for row in &mut rows[first..first + count] {
                // where the list is too long to be counted, the rest is read again
                let start = i32::try_from(values.len()).ok();
                let start = start.and_then(|before| before.checked_add(row[0]));
                *row = start.map_or(NOT_KEPT, |start| [start, row[1]]);
            }
            first += count;
            if values.is_empty() {
                (channels, values) = (more_channels, more_values);
            } else {
                channels.extend(more_channels);
                values.extend(more_values);
            }
        }
        Self {
            rows,
            channels,
            values,
        }
    }
}

/// The same to be read.
#[derive(Debug, Clone, Copy)]
pub struct Events<'a, R> {
    /// Of each row.
    pub rows: &'a [EventRow],
    /// Channels of the numbers.
    pub channels: &'a [i32],
    /// The numbers themselves.
    pub values: &'a [R],
}

impl<'a, R> Events<'a, R> {
    /// A row, if it was kept.
    #[inline(always)]
    pub fn row(&self, row: usize) -> Option<SparseRow<'a, R>> {
        let [start, count] = self.rows[row];
        let count = usize::try_from(count).ok()?;
        let start = start as usize;
        Some(SparseRow {
            indices: &self.channels[start..][..count],
            values: &self.values[start..][..count],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cpu::isa::Base;

    #[test]
    fn rows_come_back_unless_their_chunk_was_too_full() {
        let row = |numbers: &[(usize, f64)]| {
            let mut row = vec![0.0; 32];
            numbers.iter().for_each(|(i, x)| row[*i] = *x);
            row
        };
        let mut places = vec![NOT_KEPT; 5];
        let mut tiles = [SparseRows::with_room(32), SparseRows::with_room(32)];
        tiles[0].push::<Base>(&row(&[(0, 1.0), (31, f64::NAN)]));
        assert!(keep_rows(&tiles[0], 0, 32, &mut places, 0..1));
        tiles[0].push::<Base>(&row(&[(0, 2.0), (1, 2.0), (2, 2.0)]));
        assert!(!keep_rows(&tiles[0], 1, 32, &mut places, 1..2));
        tiles[0].truncate(1);
        tiles[1].push::<Base>(&row(&[]));
        tiles[1].push::<Base>(&row(&[(7, -1.0)]));
        assert!(keep_rows(&tiles[1], 0, 64, &mut places, [3, 2].into_iter()));
        let all = EventList::joined(places, [2, 3].into_iter().zip(tiles).collect());
        assert_eq!((all.channels.len(), all.values.len()), (3, 3));
        let events = Events {
            rows: &all.rows,
            channels: &all.channels,
            values: &all.values,
        };
        let found = |row: usize| events.row(row).map(|row| row.entries().collect::<Vec<_>>());
        let first = found(0).expect("it was kept");
        assert!(first[0] == (0, 1.0) && first[1].0 == 31 && first[1].1.is_nan());
        assert_eq!(found(1), None);
        assert_eq!(found(2), Some(vec![(7, -1.0)]));
        assert_eq!(found(3), Some(Vec::new()));
        assert_eq!(found(4), None);
    }
}
