//! The inner values of a block of steps, computed anew for the way back. Memory and activity of every step are known,
//! so that steps need not wait for each other: a cube works on columns, steps of samples, side by side.

use burn_cubecl::cubecl::{self, prelude::*};

use super::shape::NeuronShape;
use super::spot::{Sizes, affine, memory_at, parameter, stage};
use crate::kernels::cube::common::math::{activate, squash};

/// Fills the tape of a block, whose branches are there already, with decayed memory, activations, pre-activations and
/// `tanh` values. Each cube works on `chunk` times `form.rows` columns of one neuron.
///
/// Launched unchecked: rows past the last column do nothing, cubes past the last neuron have no columns.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn inner_values(
    params: &[f32],
    masks: &[f32],
    kept: &[f32],
    tape: &mut [f32],
    neurons: u32,
    batch: u32,
    time: u32,
    first: u32,
    steps: u32,
    block: u32,
    chunk: u32,
    #[comptime] form: NeuronShape,
) {
    let sizes = Sizes {
        neurons: neurons as usize,
        batch: batch as usize,
        time: time as usize,
    };
    let unit = UNIT_POS as usize;
    let rows = form.rows;
    let units = form.units;
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
    let row = n * comptime!(form.tape_rows());
    let length = block as usize * sizes.batch;

    let mut staged = Shared::<[f32]>::new_slice(comptime!(form.staged_len()));
    let mut values = Shared::<[f32]>::new_slice(comptime!(form.values_len()));
    stage(params, &mut staged, n, unit, form);
    if comptime!(form.staged) {
        sync_cube();
    }
    for c in 0..chunk {
        let base = first_column + c * rows;
        // branches from the tape, memory before each step from what was kept
        let mut e = unit;
        while e < comptime!(form.joined() * form.rows) {
            let i = e / rows;
            let column = base + e % rows;
            if column < columns {
                let at = (row + i) * length + column;
                if i < form.branches {
                    values[e] = tape[at];
                } else {
                    let j = i - form.branches;
                    let before = kept[memory_at(&sizes, n, j, first as usize, 0, form) + column];
                    let decay = parameter(params, &staged, n, comptime!(form.decay_at()) + j, form);
                    values[e] = decay * before;
                    tape[at] = decay * before;
                }
            }
            e += units;
        }
        sync_cube();
        #[unroll]
        for k in 0..form.hidden_layers {
            let map = comptime!(form.map(k));
            let mut e = unit;
            while e < comptime!(map.outputs * form.rows) {
                let o = e / rows;
                let r = e % rows;
                let column = base + r;
                if column < columns {
                    let from = comptime!(form.value_at(k));
                    let a = affine(params, &staged, &values, n, o, r, from, map, form);
                    let active = activate(a, form.activation);
                    values[comptime!(form.value_at(k + 1)) + e] = active;
                    tape[(row + comptime!(form.result_row(k)) + o) * length + column] = a;
                    tape[(row + comptime!(form.input_row(k + 1)) + o) * length + column] = active;
                }
                e += units;
            }
            sync_cube();
        }
        let map = comptime!(form.map(form.hidden_layers));
        let from = comptime!(form.value_at(form.hidden_layers));
        let mut e = unit;
        while e < comptime!(form.memory * form.rows) {
            let j = e / rows;
            let r = e % rows;
            let column = base + r;
            if column < columns {
                let mut z = affine(params, &staged, &values, n, j, r, from, map, form);
                if comptime!(form.memory_mask) {
                    z *= masks[(n * form.memory + j) * sizes.batch + column % sizes.batch];
                }
                let at = row + comptime!(form.result_row(form.hidden_layers)) + j;
                tape[at * length + column] = squash(z);
            }
            e += units;
        }
        // what the next columns overwrite is read no more
        sync_cube();
    }
}
