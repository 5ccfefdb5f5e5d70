//! Gradients of sources over some steps: of the input, and of the activity before a block.

use burn_cubecl::cubecl::{self, prelude::*};

use super::backward::arrivals;
use super::shape::NeuronShape;

/// What all synapses have for the sources from `source` on, `count` of them, in the block's first `columns` columns.
/// That of source `s` goes to `out` from `(s − source) · stride + offset` on.
///
/// Launched unchecked: units past the last column of the last source do nothing.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn source_gradients(
    sources: &[u32],
    weights: &[f32],
    frames: &[f32],
    out: &mut [f32],
    all_sources: u32,
    source: u32,
    count: u32,
    columns: u32,
    length: u32,
    stride: u32,
    offset: u32,
    #[comptime] shape: NeuronShape,
) {
    let columns = columns as usize;
    let at = ABSOLUTE_POS / columns;
    let column = ABSOLUTE_POS % columns;
    if at < count as usize {
        let s = source as usize + at;
        let list = all_sources as usize + 1;
        let from = sources[s] as usize;
        let to = sources[s + 1] as usize;
        let sum = arrivals(
            sources,
            weights,
            frames,
            list,
            from,
            to,
            column,
            length as usize,
            1usize,
            shape,
        );
        out[at * stride as usize + offset as usize + column] = sum;
    }
}
