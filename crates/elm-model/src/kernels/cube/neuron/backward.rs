//! The backward kernel: the reverse loop with the transposed products.

use burn_cubecl::cubecl::{self, prelude::*};

use super::forward::{Rates, UnitPlace, clear, copies, load_rates, unit_place};
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
    let cube = comptime!(layout.cube);
    let place = unit_place(batch, time, cube.rows);
    let first = first as usize;
    let last = last as usize;

    let mut state = Shared::<[f32]>::new_slice(comptime!(layout.state_len()));
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(layout.scratch_len().max(1)));
    let mut staged = Shared::<[Weights]>::new_slice(comptime!(layout.staged_len().max(1)));
    clear(&mut state, unit, comptime!(layout.clone()));
    load_staged(packed, &mut staged, unit, comptime!(layout.clone()));
    let resident = load_resident(packed, unit, comptime!(layout.clone()));
    sync_cube();

    // the unit that finishes memory unit j of a row in the last product carries all that belongs to it
    let rates = load_rates(constants, &place, comptime!(plan.clone()));
    let mut carried = carried_before(&*sums, &place, comptime!(plan.clone()));
    let mut ahead = nothing_ahead(comptime!(plan.clone()));
    read_grads(
        grad,
        &*squashed,
        &mut ahead,
        &place,
        last - 1,
        true,
        comptime!(plan.clone()),
    );
    update_back(
        &ahead,
        &rates,
        &mut carried,
        squashed,
        &mut state,
        &place,
        last - 1,
        0usize,
        comptime!(plan.clone()),
    );
    sync_cube();

    for back in 0..last - first {
        let t = last - 1 - back;
        let (now, next) = copies(back, comptime!(layout.clone()));
        read_memory(
            memory,
            start,
            &mut ahead,
            &place,
            t,
            comptime!(plan.clone()),
        );
        read_grads(
            grad,
            &*squashed,
            &mut ahead,
            &place,
            t - 1,
            t > first,
            comptime!(plan.clone()),
        );
        #[unroll]
        for j in 0..products {
            let product = comptime!(layout.products[j]);
            let mut kept = Array::<f32>::new(comptime!(cube.slots(product)));
            if comptime!(j + 1 < products) {
                read_hidden(&*hidden, &mut kept, &place, t, j, comptime!(plan.clone()));
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
                cube,
            );
            if comptime!(j + 1 < products) {
                hidden_back(
                    &found,
                    &kept,
                    hidden,
                    sums,
                    &mut state,
                    &place,
                    t,
                    j,
                    comptime!(plan.clone()),
                );
            } else {
                decay_back(
                    &found,
                    &ahead,
                    &rates,
                    &mut carried,
                    &place,
                    comptime!(plan.clone()),
                );
                if t > first {
                    update_back(
                        &ahead,
                        &rates,
                        &mut carried,
                        squashed,
                        &mut state,
                        &place,
                        t - 1,
                        next,
                        comptime!(plan.clone()),
                    );
                }
            }
            sync_cube();
        }
    }
    add_sums(&carried, sums, &place, comptime!(plan.clone()));
}

/// What goes from step to step for the memory units of this unit's slots.
#[derive(CubeType)]
struct Carried {
    /// Gradient of the memory after the present step.
    total: Array<f32>,
    /// Sums for decay, gate and last bias.
    decay: Array<f32>,
    gate: Array<f32>,
    bias: Array<f32>,
}

/// What is read before it is needed.
#[derive(CubeType)]
struct Ahead {
    grad: Array<f32>,
    tanh: Array<f32>,
    /// Memory before the present step.
    memory: Array<f32>,
}

/// What the launch before, of the steps after, has left to carry.
#[cube]
fn carried_before(sums: &[f32], place: &UnitPlace, #[comptime] plan: KernelPlan) -> Carried {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    let count = comptime!(cube.slots(product));
    let mut carried = Carried {
        total: Array::<f32>::new(count),
        decay: Array::<f32>::new(count),
        gate: Array::<f32>::new(count),
        bias: Array::<f32>::new(count),
    };
    #[unroll]
    for i in 0..count {
        let s = slot(place.unit, place.rows, i, product, cube);
        let at = (place.row0 + s.row) * comptime!(plan.sums_len()) + s.output;
        carried.total[i] = held(sums, at, s.active);
        carried.decay[i] = 0.0f32;
        carried.gate[i] = 0.0f32;
        carried.bias[i] = 0.0f32;
    }
    carried
}

/// Room for what is read ahead.
#[cube]
fn nothing_ahead(#[comptime] plan: KernelPlan) -> Ahead {
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    let count = comptime!(plan.layout.cube.slots(product));
    Ahead {
        grad: Array::<f32>::new(count),
        tanh: Array::<f32>::new(count),
        memory: Array::<f32>::new(count),
    }
}

/// Reads the gradient of the memory after step t and the step's `tanh`, if there is such a step.
#[cube]
fn read_grads<F: Float>(
    grad: &[F],
    squashed: &[F],
    ahead: &mut Ahead,
    place: &UnitPlace,
    t: usize,
    there: bool,
    #[comptime] plan: KernelPlan,
) {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        let at = ((place.row0 + s.row) * place.time + t) * plan.memory + s.output;
        ahead.grad[i] = held(grad, at, s.active && there);
        ahead.tanh[i] = held(squashed, at, s.active && there);
    }
}

/// Reads the memory before step t.
#[cube]
fn read_memory<F: Float>(
    memory: &[F],
    start: &[F],
    ahead: &mut Ahead,
    place: &UnitPlace,
    t: usize,
    #[comptime] plan: KernelPlan,
) {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        let sample = place.row0 + s.row;
        if t > 0 {
            let at = (sample * place.time + t - 1) * plan.memory + s.output;
            ahead.memory[i] = held(memory, at, s.active);
        } else {
            ahead.memory[i] = held(start, sample * plan.memory + s.output, s.active);
        }
    }
}

/// Adds the gradient of the memory after step t to what is carried, and goes through the memory update to the last
/// map's result.
#[cube]
#[allow(clippy::too_many_arguments)]
fn update_back<F: Float>(
    ahead: &Ahead,
    rates: &Rates,
    carried: &mut Carried,
    squashed: &mut [F],
    state: &mut Shared<[f32]>,
    place: &UnitPlace,
    t: usize,
    next: usize,
    #[comptime] plan: KernelPlan,
) {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        if s.active {
            let tanh = ahead.tanh[i];
            let total = carried.total[i] + ahead.grad[i];
            carried.total[i] = total;
            let dz = total * rates.gates[i] * squash_slope(tanh);
            carried.gate[i] += total * comptime!(SQUASH_GAIN as f32) * tanh;
            carried.bias[i] += dz;
            let at = ((place.row0 + s.row) * place.time + t) * plan.memory + s.output;
            squashed[at] = F::cast_from(dz);
            state[next + s.output * cube.rows + s.row] = dz;
        }
    }
}

/// Reads the pre-activations of the hidden layer that product j goes back to.
#[cube]
fn read_hidden<F: Float>(
    hidden: &[F],
    kept: &mut Array<f32>,
    place: &UnitPlace,
    t: usize,
    #[comptime] j: usize,
    #[comptime] plan: KernelPlan,
) {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[j]);
    let layer = comptime!((plan.layout.products.len() - 2 - j) * plan.hidden);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        let row = (place.row0 + s.row) * place.time + t;
        let at = row * comptime!(plan.hidden_total()) + layer + s.output;
        kept[i] = held(hidden, at, s.active);
    }
}

/// Through the activation of that layer to its pre-activations.
#[cube]
#[allow(clippy::too_many_arguments)]
fn hidden_back<F: Float>(
    found: &Array<f32>,
    kept: &Array<f32>,
    hidden: &mut [F],
    sums: &mut [f32],
    state: &mut Shared<[f32]>,
    place: &UnitPlace,
    t: usize,
    #[comptime] j: usize,
    #[comptime] plan: KernelPlan,
) {
    let cube = comptime!(plan.layout.cube);
    let products = comptime!(plan.layout.products.len());
    let product = comptime!(plan.layout.products[j]);
    let layer = comptime!((plan.layout.products.len() - 2 - j) * plan.hidden);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        if s.active {
            let sample = place.row0 + s.row;
            let da = activation_back(found[i], kept[i], plan.activation);
            let row = sample * place.time + t;
            hidden[row * comptime!(plan.hidden_total()) + layer + s.output] = F::cast_from(da);
            let at = comptime!(plan.layout.products[j + 1].state_at);
            state[at + s.output * cube.rows + s.row] = da;
            if comptime!(j + 2 < products) {
                // the bias of a map between two hidden layers
                let at = sample * comptime!(plan.sums_len())
                    + comptime!(plan.memory + plan.bias_at(products - 2 - j))
                    + s.output;
                sums[at] += da;
            }
        }
    }
}

/// Through the decay to the memory before the step.
#[cube]
fn decay_back(
    found: &Array<f32>,
    ahead: &Ahead,
    rates: &Rates,
    carried: &mut Carried,
    place: &UnitPlace,
    #[comptime] plan: KernelPlan,
) {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        if s.active {
            let du = carried.total[i] + found[i];
            carried.decay[i] += du * ahead.memory[i];
            carried.total[i] = du * rates.decays[i];
        }
    }
}

/// Hands on the gradient of the memory before the first step, and adds up those of the constants.
#[cube]
fn add_sums(carried: &Carried, sums: &mut [f32], place: &UnitPlace, #[comptime] plan: KernelPlan) {
    let cube = comptime!(plan.layout.cube);
    let products = comptime!(plan.layout.products.len());
    let product = comptime!(plan.layout.products[products - 1]);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        if s.active {
            let at = (place.row0 + s.row) * comptime!(plan.sums_len()) + s.output;
            sums[at] = carried.total[i];
            sums[at + plan.memory] += carried.decay[i];
            sums[at + 2 * plan.memory] += carried.gate[i];
            if comptime!(products > 1) {
                let last_bias = comptime!(plan.bias_at(products - 1));
                sums[at + plan.memory + last_bias] += carried.bias[i];
            }
        }
    }
}
