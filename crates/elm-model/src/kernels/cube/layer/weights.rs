//! Weight gradients of a block of steps, from its frames. Every number is summed by one cube, so no two ever add to the
//! same place.

use burn_cubecl::cubecl::{self, prelude::*};

use super::branches::{InputKind, input};
use super::places::{activities, activity_at, call_sizes};
use super::shape::{Map, NeuronShape};

/// Units of a cube of [`map_gradients()`].
pub(super) const MAP_UNITS: usize = 128;
/// Outputs of a map that one unit sums gradients for, of one input.
pub(super) const OUTPUTS: usize = 4;
/// Units that share the columns of one synapse.
const LANES: usize = 8;
/// Synapses of a cube of [`synapse_gradients()`].
pub(super) const SYNAPSES: usize = 16;
/// Units of a cube of [`synapse_gradients()`].
pub(super) const SYNAPSE_UNITS: usize = LANES * SYNAPSES;

/// Inputs, and one more that is always 1 for the bias, times groups of outputs: the pieces of a map's gradient.
pub(super) fn pieces(map: Map) -> usize {
    (map.inputs + 1) * map.outputs.div_ceil(OUTPUTS)
}

/// Adds to `out` `[neuron, parameter]` the gradients of the weight and bias of linear map `k`: inputs times gradients
/// of the results, summed over the block's columns, `width` of which go through shared memory at a time.
///
/// Launched unchecked: units past the last piece add nothing, columns past the last are 0.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn map_gradients(
    frames: &[f32],
    out: &mut [f32],
    neurons: u32,
    columns: u32,
    length: u32,
    #[comptime] shape: NeuronShape,
    #[comptime] k: usize,
    #[comptime] width: usize,
) {
    let map = comptime!(shape.map(k));
    let rows = comptime!(map.inputs + map.outputs);
    let groups = comptime!(map.outputs.div_ceil(OUTPUTS));
    let unit = UNIT_POS as usize;
    let columns = columns as usize;
    let length = length as usize;
    let cubes = comptime!(pieces(map).div_ceil(MAP_UNITS));
    let mut n = CUBE_POS / cubes;
    let mut piece = CUBE_POS % cubes * MAP_UNITS + unit;
    if n >= neurons as usize {
        n = 0;
        piece = comptime!(pieces(map));
    }
    let frame_row = n * comptime!(shape.frame_rows());
    let i = piece / groups;
    let o = piece % groups * OUTPUTS;

    // inputs, then results, of one column behind those of another
    let mut values = Shared::<[f32]>::new_slice(comptime!((map.inputs + map.outputs) * width));
    let mut sums = Array::<f32>::new(OUTPUTS);
    #[unroll]
    for p in 0..OUTPUTS {
        sums[p] = 0.0f32;
    }
    let mut first = 0usize;
    while first < columns {
        load_columns(
            frames,
            &mut values,
            frame_row,
            first,
            columns,
            length,
            shape,
            k,
            width,
        );
        sync_cube();
        if i <= map.inputs {
            for c in 0..width {
                let mut a = 1.0f32;
                if i < map.inputs {
                    a = values[c * rows + i];
                }
                #[unroll]
                for p in 0..OUTPUTS {
                    if o + p < map.outputs {
                        sums[p] += a * values[c * rows + map.inputs + o + p];
                    }
                }
            }
        }
        sync_cube();
        first += width;
    }
    if i <= map.inputs {
        let at = n * comptime!(shape.parameters()) + map.at + i * map.outputs + o;
        #[unroll]
        for p in 0..OUTPUTS {
            if o + p < map.outputs {
                out[at + p] += sums[p];
            }
        }
    }
}

/// Inputs and gradients of the results of linear map `k` in the columns from `first` on, `width` of them; zeros past the
/// last column.
#[cube]
#[allow(clippy::too_many_arguments)]
fn load_columns(
    frames: &[f32],
    values: &mut Shared<[f32]>,
    frame_row: usize,
    first: usize,
    columns: usize,
    length: usize,
    #[comptime] shape: NeuronShape,
    #[comptime] k: usize,
    #[comptime] width: usize,
) {
    let map = comptime!(shape.map(k));
    let rows = comptime!(map.inputs + map.outputs);
    let mut e = UNIT_POS as usize;
    while e < comptime!((map.inputs + map.outputs) * width) {
        let row = e / width;
        let column = first + e % width;
        let mut at = comptime!(shape.input_row(k)) + row;
        if row >= map.inputs {
            at = comptime!(shape.result_row(k)) + row - map.inputs;
        }
        let mut value = 0.0f32;
        if column < columns {
            value = frames[(frame_row + at) * length + column];
        }
        values[e % width * rows + row] = value;
        e += MAP_UNITS;
    }
}

/// Adds to `out` `[neuron, synapse]` the gradients of the synapse weights: what a synapse reads times the gradient of
/// its branch's sum, summed over the block's columns.
///
/// Launched unchecked: synapses past the last add nothing; a plan's sources are below I + N, `tokens` below I.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn synapse_gradients(
    x: &[f32],
    tokens: &[u32],
    connectome: &[u32],
    order: &[u32],
    kept: &[f32],
    frames: &[f32],
    out: &mut [f32],
    neurons: u32,
    inputs: u32,
    batch: u32,
    time: u32,
    first: u32,
    steps: u32,
    block: u32,
    gain: f32,
    #[comptime] shape: NeuronShape,
    #[comptime] kind: InputKind,
) {
    let sizes = call_sizes(neurons, batch, time);
    let inputs = inputs as usize;
    let unit = UNIT_POS as usize;
    let lane = unit % LANES;
    let synapse = CUBE_POS * SYNAPSES + unit / LANES;
    let columns = steps as usize * sizes.batch;
    let mut sums = Shared::<[f32]>::new_slice(SYNAPSE_UNITS);
    let mut sum = 0.0f32;
    if synapse < out.len() {
        let source = connectome[synapse] as usize;
        let branch = synapse / shape.per_branch;
        let row = branch / shape.branches * comptime!(shape.frame_rows())
            + comptime!(shape.branch_row())
            + branch % shape.branches;
        let from = row * block as usize * sizes.batch;
        if source < inputs {
            let offset = first as usize * sizes.batch;
            let mut column = lane;
            while column < columns {
                let value = input(x, tokens, source, offset + column, &sizes, gain, kind);
                sum += frames[from + column] * value;
                column += LANES;
            }
        } else {
            let mut offset = activity_at(&sizes, source - inputs, first as usize, 0);
            if comptime!(shape.recurrent_mask) {
                offset += activities(&sizes);
            }
            let mut column = lane;
            while column < columns {
                sum += frames[from + column] * kept[offset + column];
                column += LANES;
            }
        }
    }
    sums[unit] = sum;
    sync_cube();
    if lane == 0 && synapse < out.len() {
        let mut total = 0.0f32;
        for l in 0..LANES {
            total += sums[unit + l];
        }
        out[order[synapse] as usize] += total;
    }
}
