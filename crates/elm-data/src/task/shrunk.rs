//! Pictures with fewer pixels, for trainings that begin small.

use std::sync::Arc;

use super::TaskData;
use crate::made::Provenance;
use crate::{DataError, Result, Sample, Sequence};

/// The same pictures, each pixel the mean of a block of them.
pub(super) struct Shrunk {
    data: Arc<dyn TaskData>,
    /// Pixels along an edge of a picture, before.
    side: usize,
    /// Pixels along an edge of a block.
    block: usize,
}

impl Shrunk {
    /// `data`, whose pictures are of `side` pixels, with blocks of `block` pixels along an edge.
    pub(super) fn new(data: Arc<dyn TaskData>, side: usize, block: usize) -> Self {
        Self { data, side, block }
    }
}

impl TaskData for Shrunk {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn label(&self, index: usize) -> usize {
        self.data.label(index)
    }

    fn read(&self, epoch: u64, index: usize) -> Result<Sample> {
        let mut sample = self.data.read(epoch, index)?;
        for input in &mut sample.inputs {
            if let Sequence::Pixels(pixels) = input {
                *pixels = means(pixels, self.side, self.block);
            }
        }
        Ok(sample)
    }

    fn warnings(&self) -> &[String] {
        self.data.warnings()
    }

    fn in_files(&self) -> usize {
        self.data.in_files()
    }

    fn file_hash(&self) -> Option<u64> {
        self.data.file_hash()
    }

    fn provenance(&self) -> Option<&Provenance> {
        self.data.provenance()
    }
}

/// Pixels along an edge of a picture of `side` pixels whose blocks of `block` pixels become one each.
///
/// # Errors
/// If such blocks do not fill it.
pub(super) fn shrunk_side(side: usize, block: usize) -> Result<usize> {
    match side.is_multiple_of(block) && block > 0 {
        true => Ok(side / block),
        false => Err(DataError::request(format!(
            "expected a divisor of {side}, the pixels along an edge of a picture, found {block}"
        ))),
    }
}

/// The rounded means of the blocks of a picture, row by row.
fn means(pixels: &[u8], side: usize, block: usize) -> Vec<u8> {
    let area = (block * block) as u32;
    let of_rows = pixels.chunks_exact(side * block).flat_map(|rows| {
        (0..side / block).map(move |column| {
            let across = column * block..(column + 1) * block;
            let rows = rows.chunks_exact(side);
            let inside = rows.flat_map(|row| &row[across.clone()]);
            (inside.map(|grey| u32::from(*grey)).sum::<u32>() + area / 2) / area
        })
    });
    // a mean of bytes is one
    of_rows.map(|mean| mean as u8).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pixels_are_the_rounded_means_of_their_blocks() {
        let picture = [0, 1, 255, 255, 2, 3, 255, 254, 9, 9, 0, 0, 9, 9, 0, 1];
        assert_eq!(means(&picture, 4, 1), picture);
        assert_eq!(means(&picture, 4, 2), [2, 255, 9, 0]);
        assert_eq!(means(&picture, 4, 4), [66]);
    }

    #[test]
    fn blocks_fill_the_picture() {
        assert_eq!(shrunk_side(128, 4).unwrap(), 32);
        for block in [0, 3, 256] {
            let told = shrunk_side(128, block).unwrap_err().to_string();
            assert!(told.contains("expected a divisor of 128"), "{told}");
        }
    }
}
