//! The forward kernel.

use burn_cubecl::cubecl::{self, prelude::*};

use super::plan::KernelPlan;
use super::product::{Weights, held, load_resident, load_staged, product_sums, slot};
use crate::equations::SQUASH_GAIN;
use crate::kernels::cube::common::layout::Layout;
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
    let row0 = CUBE_POS * team.rows;
    let rows_here = rows_of_cube(batch as usize, row0, team.rows);
    let here = Cube {
        unit,
        row0,
        rows: rows_here,
        time: time as usize,
    };
    let first = first as usize;
    let last = last as usize;

    let mut state = Shared::<[f32]>::new_slice(comptime!(layout.state_len()));
    let mut scratch = Shared::<[f32]>::new_slice(comptime!(layout.scratch_len().max(1)));
    let mut staged = Shared::<[Weights]>::new_slice(comptime!(layout.staged_len().max(1)));
    clear(&mut state, unit, comptime!(layout.clone()));
    load_staged(packed, &mut staged, unit, comptime!(layout.clone()));
    let resident = load_resident(packed, unit, comptime!(layout.clone()));
    let biases = load_biases(constants, &here, comptime!(plan.clone()));
    let mut drives = Array::<f32>::new(comptime!(team.slots(layout.products[0])));
    read_drives(
        &*drive,
        &mut drives,
        &here,
        first,
        last,
        comptime!(plan.clone()),
    );
    let product = comptime!(layout.products[stages - 1]);
    let mut decayed = Array::<f32>::new(comptime!(team.slots(product)));
    let rates = load_rates(constants, &here, comptime!(plan.clone()));
    sync_cube();
    decay_start(
        start,
        &*memory,
        &mut decayed,
        &rates,
        &mut state,
        &here,
        first,
        comptime!(plan.clone()),
    );
    sync_cube();

    for t in first..last {
        let (now, next) = copies(t - first, comptime!(layout.clone()));
        #[unroll]
        for k in 0..stages {
            let product = comptime!(layout.products[k]);
            let count = comptime!(team.slots(product));
            let mut additive = Array::<f32>::new(count);
            #[unroll]
            for i in 0..count {
                if comptime!(k == 0) {
                    additive[i] = drives[i];
                } else {
                    additive[i] =
                        biases[comptime!(layout.slots_before(k) - layout.slots_before(1)) + i];
                }
            }
            if comptime!(k == 0) {
                // the next step's drive travels while this step is computed
                read_drives(
                    &*drive,
                    &mut drives,
                    &here,
                    t + 1,
                    last,
                    comptime!(plan.clone()),
                );
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
            if comptime!(k + 1 < stages) {
                finish_hidden(
                    &sums,
                    &additive,
                    drive,
                    hidden,
                    &mut state,
                    &here,
                    t,
                    k,
                    comptime!(plan.clone()),
                    place,
                );
            } else {
                finish_memory(
                    &sums,
                    &additive,
                    &rates,
                    &mut decayed,
                    memory,
                    &mut state,
                    &here,
                    t,
                    next,
                    comptime!(plan.clone()),
                );
            }
            sync_cube();
        }
    }
}

/// Where a unit works.
#[derive(CubeType)]
pub(super) struct Cube {
    pub unit: usize,
    /// First sample of the cube.
    pub row0: usize,
    /// Samples of the cube.
    pub rows: usize,
    /// Steps of the sequence.
    pub time: usize,
}

/// Sets the state to zero: padding and rows past the batch are read, so they must be finite.
#[cube]
pub(super) fn clear(state: &mut Shared<[f32]>, unit: usize, #[comptime] layout: Layout) {
    let mut i = unit;
    while i < comptime!(layout.state_len()) {
        state[i] = 0.0f32;
        i += layout.team.units;
    }
}

/// Where the state that is read and the state that is written lie in a step: where one product both reads and writes
/// the memory, its two copies take turns.
#[cube]
pub(super) fn copies(step: usize, #[comptime] layout: Layout) -> (usize, usize) {
    let mut now = 0usize;
    let mut next = 0usize;
    if comptime!(layout.alternates()) {
        let copy = comptime!(layout.state_len() / 2);
        now = step % 2 * copy;
        next = copy - now;
    }
    (now, next)
}

/// Biases of this unit's slots, those of the second and later products behind one another.
#[cube]
fn load_biases(constants: &[f32], here: &Cube, #[comptime] plan: KernelPlan) -> Sequence<f32> {
    let layout = comptime!(plan.layout.clone());
    let team = comptime!(layout.team);
    let mut biases = Sequence::<f32>::new();
    #[unroll]
    for k in 1..comptime!(layout.products.len()) {
        let product = comptime!(layout.products[k]);
        #[unroll]
        for i in 0..comptime!(team.slots(product)) {
            let s = slot(here.unit, here.rows, i, product, team);
            let at = comptime!(plan.bias_at(k)) + s.output;
            biases.push(held(constants, at, s.active));
        }
    }
    biases
}

/// Reads the drive of step `t`, if it lies before `last`, into the registers of this unit's slots.
#[cube]
fn read_drives<F: Float>(
    drive: &[F],
    drives: &mut Array<f32>,
    here: &Cube,
    t: usize,
    last: usize,
    #[comptime] plan: KernelPlan,
) {
    let team = comptime!(plan.layout.team);
    let product = comptime!(plan.layout.products[0]);
    #[unroll]
    for i in 0..comptime!(team.slots(product)) {
        let s = slot(here.unit, here.rows, i, product, team);
        let at = ((here.row0 + s.row) * here.time + t) * product.outputs + s.output;
        drives[i] = held(drive, at, s.active && t < last);
    }
}

/// Decay and gate, with the squashing function's gain, of the memory units of this unit's slots.
#[derive(CubeType)]
struct Rates {
    decays: Sequence<f32>,
    gates: Sequence<f32>,
}

#[cube]
fn load_rates(constants: &[f32], here: &Cube, #[comptime] plan: KernelPlan) -> Rates {
    let team = comptime!(plan.layout.team);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    let mut decays = Sequence::<f32>::new();
    let mut gates = Sequence::<f32>::new();
    #[unroll]
    for i in 0..comptime!(team.slots(product)) {
        let s = slot(here.unit, here.rows, i, product, team);
        decays.push(held(constants, s.output, s.active));
        let gate = held(constants, plan.memory + s.output, s.active);
        gates.push(gate * comptime!(SQUASH_GAIN as f32));
    }
    Rates { decays, gates }
}

/// The decayed memory of the first step.
#[cube]
#[allow(clippy::too_many_arguments)]
fn decay_start<F: Float>(
    start: &[F],
    memory: &[F],
    decayed: &mut Array<f32>,
    rates: &Rates,
    state: &mut Shared<[f32]>,
    here: &Cube,
    first: usize,
    #[comptime] plan: KernelPlan,
) {
    let team = comptime!(plan.layout.team);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    #[unroll]
    for i in 0..comptime!(team.slots(product)) {
        let s = slot(here.unit, here.rows, i, product, team);
        let sample = here.row0 + s.row;
        if first == 0 {
            let at = sample * plan.memory + s.output;
            decayed[i] = rates.decays[i] * held(start, at, s.active);
        } else {
            let at = (sample * here.time + first - 1) * plan.memory + s.output;
            decayed[i] = rates.decays[i] * held(memory, at, s.active);
        }
        if s.active {
            state[s.output * team.rows + s.row] = decayed[i];
        }
    }
}

/// Activates hidden layer k, and keeps its pre-activations where that is asked for.
#[cube]
#[allow(clippy::too_many_arguments)]
fn finish_hidden<F: Float>(
    sums: &Array<f32>,
    additive: &Array<f32>,
    drive: &mut [F],
    hidden: &mut [F],
    state: &mut Shared<[f32]>,
    here: &Cube,
    t: usize,
    #[comptime] k: usize,
    #[comptime] plan: KernelPlan,
    #[comptime] place: Hidden,
) {
    let team = comptime!(plan.layout.team);
    let product = comptime!(plan.layout.products[k]);
    #[unroll]
    for i in 0..comptime!(team.slots(product)) {
        let s = slot(here.unit, here.rows, i, product, team);
        if s.active {
            let a = sums[i] + additive[i];
            let row = (here.row0 + s.row) * here.time + t;
            if comptime!(place == Hidden::OverDrive) {
                drive[row * plan.hidden + s.output] = F::cast_from(a);
            }
            if comptime!(place == Hidden::Apart) {
                let at = row * comptime!(plan.hidden_total()) + k * plan.hidden;
                hidden[at + s.output] = F::cast_from(a);
            }
            let at = comptime!(plan.layout.products[k + 1].state_at);
            state[at + s.output * team.rows + s.row] = activate(a, plan.activation);
        }
    }
}

/// Updates the memory, and decays it for the next step.
#[cube]
#[allow(clippy::too_many_arguments)]
fn finish_memory<F: Float>(
    sums: &Array<f32>,
    additive: &Array<f32>,
    rates: &Rates,
    decayed: &mut Array<f32>,
    memory: &mut [F],
    state: &mut Shared<[f32]>,
    here: &Cube,
    t: usize,
    next: usize,
    #[comptime] plan: KernelPlan,
) {
    let team = comptime!(plan.layout.team);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    #[unroll]
    for i in 0..comptime!(team.slots(product)) {
        let s = slot(here.unit, here.rows, i, product, team);
        if s.active {
            let a = sums[i] + additive[i];
            let m = decayed[i] + rates.gates[i] * squash(a);
            let row = (here.row0 + s.row) * here.time + t;
            memory[row * plan.memory + s.output] = F::cast_from(m);
            decayed[i] = rates.decays[i] * m;
            state[next + s.output * team.rows + s.row] = decayed[i];
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
