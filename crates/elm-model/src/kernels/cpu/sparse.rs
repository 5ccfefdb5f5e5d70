//! Rows that are mostly zero, as the numbers that are not.

use super::{
    isa::Isa,
    simd::{BLOCK, SimdReal},
};

/// Index and value of each number that is not zero, row after row.
#[derive(Debug)]
pub struct SparseRows<R> {
    entries: Vec<(u32, R)>,
    /// End of each row.
    ends: Vec<usize>,
    /// Indices of the row that is added; a block longer than the row, as a block's places are written whole.
    indices: Vec<u32>,
}

impl<R: SimdReal> SparseRows<R> {
    /// Room for one dense row of this length without another allocation.
    pub fn with_room(numbers: usize) -> Self {
        Self {
            entries: Vec::with_capacity(numbers),
            ends: Vec::with_capacity(1),
            indices: vec![0; numbers + BLOCK],
        }
    }

    /// Forgets all rows.
    #[inline(always)]
    pub fn clear(&mut self) {
        self.entries.clear();
        self.ends.clear();
    }

    /// Adds a row. A NaN is not zero, a negative zero is.
    #[inline(always)]
    pub fn push<I: Isa>(&mut self, row: &[R]) {
        if self.indices.len() < row.len() + BLOCK {
            self.indices.resize(row.len() + BLOCK, 0);
        }
        let mut used = 0;
        let (blocks, rest) = row.as_chunks::<BLOCK>();
        for (i, block) in blocks.iter().enumerate() {
            if let Some(to) = self.indices[used..].first_chunk_mut() {
                used += R::nonzero_indices::<I>(block, (i * BLOCK) as u32, to);
            }
        }
        for (i, value) in rest.iter().enumerate() {
            self.indices[used] = (blocks.len() * BLOCK + i) as u32;
            used += usize::from(*value != R::default());
        }
        for &i in &self.indices[..used] {
            self.entries.push((i, row[i as usize]));
        }
        self.ends.push(self.entries.len());
    }

    /// Adds a row whose numbers that are not zero are known.
    #[inline(always)]
    pub fn push_known(&mut self, indices: &[i32], values: &[R]) {
        let pairs = indices.iter().zip(values);
        self.entries.extend(pairs.map(|(i, x)| (*i as u32, *x)));
        self.ends.push(self.entries.len());
    }

    /// The numbers of a row that was added, in order.
    #[inline(always)]
    pub fn row(&self, row: usize) -> &[(u32, R)] {
        let start = match row {
            0 => 0,
            _ => self.ends[row - 1],
        };
        &self.entries[start..self.ends[row]]
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
            let found: Vec<_> = rows.row(i).iter().map(|(i, _)| *i as usize).collect();
            let expected: Vec<_> = (0..len).filter(|i| row[*i] != R::default()).collect();
            assert_eq!(found, expected, "length {len}");
            let same =
                |(at, x): &(u32, R)| x.to_f64().to_bits() == row[*at as usize].to_f64().to_bits();
            assert!(rows.row(i).iter().all(same), "length {len}");
        }
        rows.clear();
        push_isa(&mut rows, &[R::of(1.0); 40]);
        assert_eq!(rows.row(0).len(), 40);
        rows.push_known(&[3, 7], &[R::of(-1.0), R::of(2.0)]);
        assert_eq!(rows.row(1), [(3, R::of(-1.0)), (7, R::of(2.0))]);
    }

    #[test]
    fn every_number_but_zero_is_found_once_in_order() {
        check::<f32>();
        check::<f64>();
    }
}
