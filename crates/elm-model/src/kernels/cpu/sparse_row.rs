//! One row that is mostly zero.

/// What of a row is not zero.
#[derive(Debug, Clone, Copy)]
pub struct SparseRow<'a, R> {
    /// Where, in rising order.
    pub indices: &'a [i32],
    /// The numbers.
    pub values: &'a [R],
}

impl<R: Copy> SparseRow<'_, R> {
    /// Place and value of each number.
    #[inline(always)]
    pub fn entries(&self) -> impl Iterator<Item = (usize, R)> {
        let indices = self.indices.iter().map(|i| *i as usize);
        indices.zip(self.values.iter().copied())
    }
}
