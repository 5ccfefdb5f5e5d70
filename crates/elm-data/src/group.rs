//! Batches of samples of about the same length.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Batches that are drawn together and sorted by length: more of them waste less and mix less.
const SORTED_TOGETHER: usize = 64;

/// Cuts a shuffled `order` into batches of samples of about the same length, so that little is padded, in a random order
/// of their own; the last batch of the longest samples of the last draw may be smaller. Where all are of the same length,
/// the batches are those of the order as it is.
pub(crate) fn by_length<T: Clone>(
    order: &mut [T],
    batch: usize,
    steps: impl Fn(&T) -> usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<T>> {
    let ragged = order.windows(2).any(|two| steps(&two[0]) != steps(&two[1]));
    if !ragged {
        return order.chunks(batch).map(<[_]>::to_vec).collect();
    }
    let mut batches = Vec::with_capacity(order.len().div_ceil(batch));
    for together in order.chunks_mut(batch.saturating_mul(SORTED_TOGETHER)) {
        // of the same length, in the order of the draw
        together.sort_by_key(&steps);
        batches.extend(together.chunks(batch).map(<[_]>::to_vec));
    }
    batches.shuffle(rng);
    batches
}
