//! The forward kernel.

use burn_cubecl::cubecl::{self, prelude::*};

use super::plan::KernelPlan;
use super::product::{Weights, held, load_resident, load_staged, product_sums, slot};
use crate::equations::SQUASH_GAIN;
use crate::kernels::cube::common::math::{activate, squash};

/// Where the hidden pre-activations go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Hidden {
    /// Nowhere.
    Dropped,
    /// Into the place of the drive, which has as many numbers with one hidden layer.
    OverDrive,
    /// Into a tensor of their own.
    Apart,
}

/// Steps `first..last` of the recurrence for the rows of one cube; see the page at the top of the parent module.
///
/// `constants` are decay, gate and the biases (see [`KernelPlan`]). `hidden` is written where [`Hidden`] says so, the drive
/// likewise.
///
/// Launched unchecked. All tensors are contiguous and of the shapes of
/// [`elm_memory_scan_forward`](crate::scan::memory::ops::FusedOps::elm_memory_scan_forward), `packed` and `constants`
/// as long as the plan says. Reads and writes of slots that are not active are left out, and a step read ahead lies
/// before `last`, so every index stays within its tensor.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn scan_forward<F: Float>(
    packed: &[Weights],
    constants: &[f32],
    drive: &mut [F],
    start: &[F],
    memory: &mut [F],
    hidden: &mut [F],
    batch: u32,
    time: u32,
    first: u32,
    last: u32,
    #[comptime] plan: KernelPlan,
    #[comptime] place: Hidden,
    #[define(F)] _dtype: ElemType,
) {
    let layout = comptime!(plan.layout.clone());
    let stages = comptime!(layout.products.len());
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
        // padding and rows past the batch are read: they must be finite
        state[i] = 0.0f32;
        i += units;
    }
    load_staged(packed, &mut staged, unit, comptime!(layout.clone()));
    let resident = load_resident(packed, unit, comptime!(layout.clone()));

    // what stays in registers of the slots of this unit
    let mut biases = Sequence::<f32>::new();
    #[unroll]
    for k in 1..stages {
        let product = comptime!(layout.products[k]);
        #[unroll]
        for i in 0..comptime!(team.slots(product)) {
            let s = slot(unit, rows_here, i, product, team);
            let at = comptime!(plan.bias_at(k)) + s.output;
            biases.push(held(constants, at, s.active));
        }
    }
    let product = comptime!(layout.products[0]);
    let mut drives = Array::<f32>::new(comptime!(team.slots(product)));
    #[unroll]
    for i in 0..comptime!(team.slots(product)) {
        let s = slot(unit, rows_here, i, product, team);
        let at = ((row0 + s.row) * time + first) * product.outputs + s.output;
        drives[i] = held(&*drive, at, s.active);
    }
    let product = comptime!(layout.products[stages - 1]);
    let mut decays = Sequence::<f32>::new();
    let mut gates = Sequence::<f32>::new();
    let mut decayed = Array::<f32>::new(comptime!(team.slots(product)));
    sync_cube();
    #[unroll]
    for i in 0..comptime!(team.slots(product)) {
        let s = slot(unit, rows_here, i, product, team);
        decays.push(held(constants, s.output, s.active));
        let gate = held(constants, plan.memory + s.output, s.active);
        gates.push(gate * comptime!(SQUASH_GAIN as f32));
        if first == 0 {
            let at = (row0 + s.row) * plan.memory + s.output;
            decayed[i] = decays[i] * held(start, at, s.active);
        } else {
            let at = ((row0 + s.row) * time + first - 1) * plan.memory + s.output;
            decayed[i] = decays[i] * held(&*memory, at, s.active);
        }
        if s.active {
            state[s.output * rows + s.row] = decayed[i];
        }
    }
    sync_cube();

    let copy = comptime!(layout.state_len() / 2);
    for t in first..last {
        // where one product both reads and writes the memory, its two copies take turns
        let mut now = 0usize;
        let mut next = 0usize;
        if comptime!(layout.alternates()) {
            now = (t - first) % 2 * copy;
            next = copy - now;
        }
        #[unroll]
        for k in 0..stages {
            let product = comptime!(layout.products[k]);
            let count = comptime!(team.slots(product));
            let mut additive = Array::<f32>::new(count);
            if comptime!(k == 0) {
                #[unroll]
                for i in 0..count {
                    additive[i] = drives[i];
                    let s = slot(unit, rows_here, i, product, team);
                    // the next step's drive travels while this step is computed
                    let at = ((row0 + s.row) * time + t + 1) * product.outputs + s.output;
                    drives[i] = held(&*drive, at, s.active && t + 1 < last);
                }
            } else {
                #[unroll]
                for i in 0..count {
                    additive[i] =
                        biases[comptime!(layout.slots_before(k) - layout.slots_before(1)) + i];
                }
            }
            let sums = product_sums(
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
            for i in 0..count {
                let s = slot(unit, rows_here, i, product, team);
                if s.active {
                    let a = sums[i] + additive[i];
                    let row = (row0 + s.row) * time + t;
                    if comptime!(k + 1 < stages) {
                        if comptime!(place == Hidden::OverDrive) {
                            drive[row * plan.hidden + s.output] = F::cast_from(a);
                        }
                        if comptime!(place == Hidden::Apart) {
                            let at = row * comptime!(plan.hidden_total()) + k * plan.hidden;
                            hidden[at + s.output] = F::cast_from(a);
                        }
                        let at = comptime!(layout.products[k + 1].state_at);
                        state[at + s.output * rows + s.row] = activate(a, plan.activation);
                    } else {
                        let m = decayed[i] + gates[i] * squash(a);
                        memory[row * plan.memory + s.output] = F::cast_from(m);
                        decayed[i] = decays[i] * m;
                        state[next + s.output * rows + s.row] = decayed[i];
                    }
                }
            }
            sync_cube();
        }
    }
}

/// Rows of this cube that are samples of the batch.
#[cube]
pub(super) fn rows_of_cube(batch: usize, row0: usize, #[comptime] rows: usize) -> usize {
    let mut here = 0usize;
    if row0 < batch {
        here = min(batch - row0, rows);
    }
    here
}
