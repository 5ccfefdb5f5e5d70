//! The inner values of a block of steps, computed anew for the way back. Memory and activity of every step are known,
//! so that steps need not wait for each other: a cube works on columns, steps of samples, side by side.

use burn_cubecl::cubecl::{self, prelude::*};

use super::places::{affine, call_sizes, load_staged, memory_at, parameter};
use super::shape::NeuronShape;
use crate::kernels::cube::common::math::{activate, squash};

/// Fills the frames of a block, whose branches are there already, with decayed memory, activations, pre-activations and
/// `tanh` values. Each cube works on `chunk` times `shape.rows` columns of one neuron.
///
/// Launched unchecked: rows past the last column do nothing, cubes past the last neuron have no columns.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn inner_values(
    params: &[f32],
    masks: &[f32],
    kept: &[f32],
    frames: &mut [f32],
    neurons: u32,
    batch: u32,
    time: u32,
    first: u32,
    steps: u32,
    block: u32,
    chunk: u32,
    #[comptime] shape: NeuronShape,
) {
    let sizes = call_sizes(neurons, batch, time);
    let unit = UNIT_POS as usize;
    let rows = shape.rows;
    let chunk = chunk as usize;
    let width = chunk * rows;
    let mut columns = steps as usize * sizes.batch;
    let tiles = columns.div_ceil(width);
    let mut n = CUBE_POS / tiles;
    let first_column = CUBE_POS % tiles * width;
    if n >= sizes.neurons {
        n = 0;
        columns = 0;
    }

    let mut staged = Shared::<[f32]>::new_slice(comptime!(shape.staged_len()));
    let mut values = Shared::<[f32]>::new_slice(comptime!(shape.values_len()));
    load_staged(params, &mut staged, n, unit, shape);
    if comptime!(shape.staged) {
        sync_cube();
    }
    for c in 0..chunk {
        let place = ColumnPlace {
            neuron: n,
            unit,
            base: first_column + c * rows,
            columns,
            length: block as usize * sizes.batch,
        };
        let before = memory_at(&sizes, n, 0, first as usize, 0, shape);
        let between = (sizes.time + 1) * sizes.batch;
        known_values(
            params,
            &staged,
            kept,
            before,
            between,
            frames,
            &mut values,
            &place,
            shape,
        );
        sync_cube();
        #[unroll]
        for k in 0..shape.hidden_layers {
            hidden_values(params, &staged, frames, &mut values, &place, k, shape);
            sync_cube();
        }
        tanh_values(
            params,
            &staged,
            &values,
            masks,
            frames,
            &place,
            sizes.batch,
            shape,
        );
        // what the next columns overwrite is read no more
        sync_cube();
    }
}

/// Where a unit works.
#[derive(CubeType)]
struct ColumnPlace {
    neuron: usize,
    unit: usize,
    /// First of the columns that its cube works on now.
    base: usize,
    /// Columns that there are.
    columns: usize,
    /// Columns of a row of the frames.
    length: usize,
}

/// Place in the frames of a row of the neuron.
#[cube]
fn frame_at(
    place: &ColumnPlace,
    row: usize,
    column: usize,
    #[comptime] shape: NeuronShape,
) -> usize {
    (place.neuron * comptime!(shape.frame_rows()) + row) * place.length + column
}

/// Branches from the frames, and decayed memory from what was kept: memory unit j before the column's step lies
/// `between · j` behind unit 0, which begins at `before`.
#[allow(clippy::too_many_arguments)]
#[cube]
fn known_values(
    params: &[f32],
    staged: &Shared<[f32]>,
    kept: &[f32],
    before: usize,
    between: usize,
    frames: &mut [f32],
    values: &mut Shared<[f32]>,
    place: &ColumnPlace,
    #[comptime] shape: NeuronShape,
) {
    let mut e = place.unit;
    while e < comptime!(shape.joined() * shape.rows) {
        let i = e / shape.rows;
        let column = place.base + e % shape.rows;
        if column < place.columns {
            let at = frame_at(place, i, column, shape);
            if i < shape.branches {
                values[e] = frames[at];
            } else {
                let j = i - shape.branches;
                let decay_at = comptime!(shape.decay_at()) + j;
                let decay = parameter(params, staged, place.neuron, decay_at, shape);
                let decayed = decay * kept[before + j * between + column];
                values[e] = decayed;
                frames[at] = decayed;
            }
        }
        e += shape.units;
    }
}

/// Pre-activations and activations of hidden layer k.
#[allow(clippy::too_many_arguments)]
#[cube]
fn hidden_values(
    params: &[f32],
    staged: &Shared<[f32]>,
    frames: &mut [f32],
    values: &mut Shared<[f32]>,
    place: &ColumnPlace,
    #[comptime] k: usize,
    #[comptime] shape: NeuronShape,
) {
    let map = comptime!(shape.map(k));
    let from = comptime!(shape.value_at(k));
    let mut e = place.unit;
    while e < comptime!(map.outputs * shape.rows) {
        let o = e / shape.rows;
        let r = e % shape.rows;
        let column = place.base + r;
        if column < place.columns {
            let a = affine(
                params,
                staged,
                &*values,
                place.neuron,
                o,
                r,
                from,
                map,
                shape,
            );
            let active = activate(a, shape.activation);
            values[comptime!(shape.value_at(k + 1)) + e] = active;
            frames[frame_at(place, comptime!(shape.result_row(k)) + o, column, shape)] = a;
            frames[frame_at(place, comptime!(shape.input_row(k + 1)) + o, column, shape)] = active;
        }
        e += shape.units;
    }
}

/// `tanh` values of the MLP's output.
#[allow(clippy::too_many_arguments)]
#[cube]
fn tanh_values(
    params: &[f32],
    staged: &Shared<[f32]>,
    values: &Shared<[f32]>,
    masks: &[f32],
    frames: &mut [f32],
    place: &ColumnPlace,
    batch: usize,
    #[comptime] shape: NeuronShape,
) {
    let n = place.neuron;
    let map = comptime!(shape.map(shape.hidden_layers));
    let from = comptime!(shape.value_at(shape.hidden_layers));
    let mut e = place.unit;
    while e < comptime!(shape.memory * shape.rows) {
        let j = e / shape.rows;
        let r = e % shape.rows;
        let column = place.base + r;
        if column < place.columns {
            let mut z = affine(params, staged, values, n, j, r, from, map, shape);
            if comptime!(shape.memory_mask) {
                z *= masks[(n * shape.memory + j) * batch + column % batch];
            }
            let row = comptime!(shape.result_row(shape.hidden_layers)) + j;
            frames[frame_at(place, row, column, shape)] = squash(z);
        }
        e += shape.units;
    }
}
