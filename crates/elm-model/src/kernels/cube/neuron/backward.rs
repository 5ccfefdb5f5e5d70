//! The backward kernel: the reverse loop with the transposed products.

use burn_cubecl::cubecl::{self, prelude::*};

use super::forward::rows_of_cube;
use super::plan::KernelPlan;
use super::product::{Weights, held, load_resident, load_staged, product_sums, slot};
use crate::equations::SQUASH_GAIN;
use crate::kernels::cube::common::math::{activation_back, squash_slope};

/// Steps `last − 1` down to `first` of the reverse loop for the rows of one cube.
///
/// `hidden` holds the hidden pre-activations and `squashed` the `tanh` of each step; both are overwritten by the
/// gradients of the hidden pre-activations and of the last map's result. `sums` is `[batch, sums_len]` (see [`KernelPlan`]):
/// its carried gradient is that of the memory after step `last − 1` besides `grad`, and afterwards that of the memory
/// before step `first`; the gradients of the constants are added to.
///
/// Launched unchecked, on the same grounds as the forward kernel; a step read ahead lies at or after `first`.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn scan_backward<F: Float>(
    packed: &[Weights],
    constants: &[f32],
    grad: &[F],
    memory: &[F],
    start: &[F],
    hidden: &mut [F],
    squashed: &mut [F],
    sums: &mut [f32],
    batch: u32,
    time: u32,
    first: u32,
    last: u32,
    #[comptime] plan: KernelPlan,
    #[define(F)] _dtype: ElemType,
) {
    let layout = comptime!(plan.layout.clone());
    let products = comptime!(layout.products.len());
    let unit = UNIT_POS as usize;
    let team = comptime!(layout.team);
    let units = team.units;
    let rows = team.rows;
    let time = time as usize;
    let first = first as usize;
    let last = last as usize;
    let row0 = CUBE_POS * rows;
    let rows_here = rows_of_cube(batch as usize, row0, rows);

    let mut state = Shared::<[f32]>::new_slice(comptime!(layout.state_len()));
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(layout.scratch_len().max(1)));
    let mut staged = Shared::<[Weights]>::new_slice(comptime!(layout.staged_len().max(1)));
    let mut i = unit;
    while i < comptime!(layout.state_len()) {
        state[i] = 0.0f32;
        i += units;
    }
    load_staged(packed, &mut staged, unit, comptime!(layout.clone()));
    let resident = load_resident(packed, unit, comptime!(layout.clone()));
    sync_cube();

    // The unit that finishes memory unit j of a row in the last product carries all that belongs to it.
    let product = comptime!(layout.products[products - 1]);
    let count = comptime!(team.slots(product));
    let last_bias = comptime!(if products > 1 {
        plan.bias_at(products - 1)
    } else {
        0
    });
    let mut decays = Sequence::<f32>::new();
    let mut gates = Sequence::<f32>::new();
    let mut total = Array::<f32>::new(count); // gradient of the memory after the present step
    let mut decay_sum = Array::<f32>::new(count);
    let mut gate_sum = Array::<f32>::new(count);
    let mut bias_sum = Array::<f32>::new(count);
    // read ahead, for the step before
    let mut next_grad = Array::<f32>::new(count);
    let mut next_squashed = Array::<f32>::new(count);
    let mut previous = Array::<f32>::new(count);
    #[unroll]
    for i in 0..count {
        let s = slot(unit, rows_here, i, product, team);
        decays.push(held(constants, s.output, s.active));
        gates.push(held(constants, plan.memory + s.output, s.active));
        let sample = row0 + s.row;
        let at = (sample * time + last - 1) * plan.memory + s.output;
        let carried = held(
            &*sums,
            sample * comptime!(plan.sums_len()) + s.output,
            s.active,
        );
        total[i] = carried + held(grad, at, s.active);
        let value = held(&*squashed, at, s.active);
        let dz = total[i] * gates[i] * squash_slope(value);
        decay_sum[i] = 0.0f32;
        gate_sum[i] = total[i] * comptime!(SQUASH_GAIN as f32) * value;
        bias_sum[i] = dz;
        if s.active {
            squashed[at] = F::cast_from(dz);
            state[s.output * rows + s.row] = dz;
        }
    }
    sync_cube();

    let copy = comptime!(layout.state_len() / 2);
    for back in 0..last - first {
        let t = last - 1 - back;
        let mut now = 0usize;
        let mut next = 0usize;
        if comptime!(layout.alternates()) {
            now = back % 2 * copy;
            next = copy - now;
        }
        #[unroll]
        for i in 0..count {
            let s = slot(unit, rows_here, i, product, team);
            let sample = row0 + s.row;
            let at = (sample * time + t) * plan.memory + s.output;
            if t > 0 {
                previous[i] = held(memory, at - plan.memory, s.active);
            } else {
                previous[i] = held(start, sample * plan.memory + s.output, s.active);
            }
            next_grad[i] = held(grad, at - plan.memory, s.active && t > first);
            next_squashed[i] = held(&*squashed, at - plan.memory, s.active && t > first);
        }
        #[unroll]
        for j in 0..products {
            let product = comptime!(layout.products[j]);
            let n = comptime!(team.slots(product));
            let mut kept = Array::<f32>::new(n);
            let hidden_at = comptime!(products.saturating_sub(2 + j) * plan.hidden);
            if comptime!(j + 1 < products) {
                #[unroll]
                for i in 0..n {
                    let s = slot(unit, rows_here, i, product, team);
                    let row = (row0 + s.row) * time + t;
                    let at = row * comptime!(plan.hidden_total()) + hidden_at + s.output;
                    kept[i] = held(&*hidden, at, s.active);
                }
            }
            let found = product_sums(
                &state,
                product.state_at + now,
                &resident,
                &staged,
                packed,
                &mut scratch,
                unit,
                product,
                team,
            );
            #[unroll]
            for i in 0..n {
                let s = slot(unit, rows_here, i, product, team);
                if s.active {
                    let sample = row0 + s.row;
                    let row = sample * time + t;
                    if comptime!(j + 1 < products) {
                        let da = activation_back(found[i], kept[i], plan.activation);
                        let at = row * comptime!(plan.hidden_total()) + hidden_at + s.output;
                        hidden[at] = F::cast_from(da);
                        let at = comptime!(layout.products[j + 1].state_at);
                        state[at + s.output * rows + s.row] = da;
                        if comptime!(j + 2 < products) {
                            // the bias of a map between two hidden layers
                            let at = sample * comptime!(plan.sums_len())
                                + comptime!(plan.memory + plan.bias_at(products - 2 - j))
                                + s.output;
                            sums[at] += da;
                        }
                    } else {
                        let du = total[i] + found[i];
                        decay_sum[i] += du * previous[i];
                        total[i] = du * decays[i];
                        if t > first {
                            let value = next_squashed[i];
                            total[i] += next_grad[i];
                            let dz = total[i] * gates[i] * squash_slope(value);
                            gate_sum[i] += total[i] * comptime!(SQUASH_GAIN as f32) * value;
                            bias_sum[i] += dz;
                            squashed[(row - 1) * plan.memory + s.output] = F::cast_from(dz);
                            state[next + s.output * rows + s.row] = dz;
                        }
                    }
                }
            }
            sync_cube();
        }
    }
    #[unroll]
    for i in 0..count {
        let s = slot(unit, rows_here, i, product, team);
        if s.active {
            let at = (row0 + s.row) * comptime!(plan.sums_len()) + s.output;
            sums[at] = total[i];
            sums[at + plan.memory] += decay_sum[i];
            sums[at + 2 * plan.memory] += gate_sum[i];
            if comptime!(products > 1) {
                sums[at + plan.memory + last_bias] += bias_sum[i];
            }
        }
    }
}
