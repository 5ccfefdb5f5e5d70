//! Rows that are mostly zero, as the numbers that are not.

use super::{
    isa::Isa,
    simd::{BLOCK, SimdReal},
    sparse_row::SparseRow,
};

/// Index and value of each number that is not zero, row after row.
#[derive(Debug)]
pub struct SparseRows<R> {
    /// As many as there are values, and behind them room for a row that is added and a block more: a block's places are
    /// written whole. They are of the type that tensors keep.
    indices: Vec<i32>,
    values: Vec<R>,
    /// End of each row.
    ends: Vec<usize>,
}

impl<R: SimdReal> SparseRows<R> {
    /// Room for one dense row of this length without another allocation.
    pub fn with_room(numbers: usize) -> Self {
        Self {
            indices: vec![0; numbers + BLOCK],
            values: Vec::with_capacity(numbers),
            ends: Vec::with_capacity(1),
        }
    }

    /// Forgets all rows but the first so many.
    #[inline(always)]
    pub fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.values.truncate(self.start(self.ends.len()));
    }

    /// Adds a row. A NaN is not zero, a negative zero is.
    #[inline(always)]
    pub fn push<I: Isa>(&mut self, row: &[R]) {
        let start = self.values.len();
        let room = start + row.len() + BLOCK;
        if self.indices.len() < room {
            self.indices.resize(room.max(2 * self.indices.len()), 0);
        }
        let places = &mut self.indices[start..];
        let mut used = 0;
        let (blocks, rest) = row.as_chunks::<BLOCK>();
        for (i, block) in blocks.iter().enumerate() {
            if let Some(to) = places[used..].first_chunk_mut() {
                used += R::nonzero_indices::<I>(block, (i * BLOCK) as i32, to);
            }
        }
        for (i, value) in rest.iter().enumerate() {
            places[used] = (blocks.len() * BLOCK + i) as i32;
            used += usize::from(*value != R::default());
        }
        let found = places[..used].iter().map(|i| row[*i as usize]);
        self.values.extend(found);
        self.ends.push(self.values.len());
    }

    /// The numbers of a row that was added, in order.
    #[inline(always)]
    pub fn row(&self, row: usize) -> SparseRow<'_, R> {
        let range = self.start(row)..self.ends[row];
        SparseRow {
            indices: &self.indices[range.clone()],
            values: &self.values[range],
        }
    }

    /// Numbers of all rows before this one.
    #[inline(always)]
    pub fn start(&self, row: usize) -> usize {
        match row {
            0 => 0,
            _ => self.ends[row - 1],
        }
    }

    /// Rows that were added.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Indices and values of all rows, one after the other.
    pub fn into_parts(mut self) -> (Vec<i32>, Vec<R>) {
        self.indices.truncate(self.values.len());
        (self.indices, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::by_isa;
    use super::*;

    by_isa!(push_isa => push [R: SimdReal] [] (rows: &mut SparseRows<R>, row: &[R]));

    #[inline(always)]
    fn push<I: Isa, R: SimdReal>(rows: &mut SparseRows<R>, row: &[R]) {
        rows.push::<I>(row);
    }

    fn check<R: SimdReal>() {
        let mut rows = SparseRows::with_room(3);
        let lengths = [0, 1, 15, 16, 17, 31, 50, 64, 200];
        let row = |len: usize| -> Vec<R> {
            // negative zero is zero, and a NaN is not
            let value = |i: usize| match i % 5 {
                0 => R::of(-0.0),
                1 if i % 2 == 1 => R::of(i as f64),
                2 => R::of(-1.0 - i as f64),
                3 if i % 7 == 3 => R::of(f64::NAN),
                _ => R::default(),
            };
            (0..len).map(value).collect()
        };
        for len in lengths {
            push_isa(&mut rows, &row(len));
        }
        for (i, len) in lengths.into_iter().enumerate() {
            let row = row(len);
            let found: Vec<_> = rows.row(i).entries().map(|(i, _)| i).collect();
            let expected: Vec<_> = (0..len).filter(|i| row[*i] != R::default()).collect();
            assert_eq!(found, expected, "length {len}");
            let same = |(at, x): (usize, R)| x.to_f64().to_bits() == row[at].to_f64().to_bits();
            assert!(rows.row(i).entries().all(same), "length {len}");
        }
        let numbers = rows.start(4);
        rows.truncate(4);
        push_isa(&mut rows, &[R::of(1.0); 40]);
        assert_eq!((rows.rows(), rows.row(4).values.len()), (5, 40));
        let (indices, values) = rows.into_parts();
        assert_eq!((indices.len(), values.len()), (numbers + 40, numbers + 40));
        assert_eq!(indices[numbers..], (0..40).collect::<Vec<i32>>());
    }

    #[test]
    fn every_number_but_zero_is_found_once_in_order() {
        check::<f32>();
        check::<f64>();
    }
}
