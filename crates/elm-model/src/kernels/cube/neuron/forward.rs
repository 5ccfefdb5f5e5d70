//! The forward kernel.

use burn_cubecl::cubecl::{self, prelude::*};

use super::plan::KernelPlan;
use super::product::{Weights, held, load_resident, load_staged, product_sums, slot};
use crate::equations::SQUASH_GAIN;
use crate::kernels::cube::common::layout::Layout;
use crate::kernels::cube::common::math::{activate, squash};

/// Where the hidden pre-activations go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum HiddenPlace {
    /// Nowhere.
    Dropped,
    /// Into the place of the drive, which has as many numbers with one hidden layer.
    OverDrive,
    /// Into a tensor of their own.
    Apart,
}

/// Steps `first..last` of the recurrence for the rows of one cube; see the page at the top of the parent module.
///
/// `constants` are decay, gate and the biases (see [`KernelPlan`]). `hidden` is written where [`HiddenPlace`] says so, the drive
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
    #[comptime] hidden_place: HiddenPlace,
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
    let biases = load_biases(constants, &place, comptime!(plan.clone()));
    let mut drives = Array::<f32>::new(comptime!(cube.slots(layout.products[0])));
    read_drives(
        &*drive,
        &mut drives,
        &place,
        first,
        last,
        comptime!(plan.clone()),
    );
    let product = comptime!(layout.products[products - 1]);
    let mut decayed = Array::<f32>::new(comptime!(cube.slots(product)));
    let rates = load_rates(constants, &place, comptime!(plan.clone()));
    sync_cube();
    decay_start(
        start,
        &*memory,
        &mut decayed,
        &rates,
        &mut state,
        &place,
        first,
        comptime!(plan.clone()),
    );
    sync_cube();

    for t in first..last {
        let (now, next) = copies(t - first, comptime!(layout.clone()));
        #[unroll]
        for k in 0..products {
            let product = comptime!(layout.products[k]);
            let additive = additive_terms(&drives, &biases, k, comptime!(plan.clone()));
            if comptime!(k == 0) {
                // the next step's drive travels while this step is computed
                read_drives(
                    &*drive,
                    &mut drives,
                    &place,
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
                cube,
            );
            if comptime!(k + 1 < products) {
                finish_hidden(
                    &sums,
                    &additive,
                    drive,
                    hidden,
                    &mut state,
                    &place,
                    t,
                    k,
                    comptime!(plan.clone()),
                    hidden_place,
                );
            } else {
                finish_memory(
                    &sums,
                    &additive,
                    &rates,
                    &mut decayed,
                    memory,
                    &mut state,
                    &place,
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
pub(super) struct UnitPlace {
    pub unit: usize,
    /// First sample of the cube.
    pub row0: usize,
    /// Samples of the cube.
    pub rows: usize,
    /// Steps of the sequence.
    pub time: usize,
}

/// The place of this unit.
#[cube]
pub(super) fn unit_place(batch: u32, time: u32, #[comptime] rows: usize) -> UnitPlace {
    let batch = batch as usize;
    let row0 = CUBE_POS * rows;
    let mut samples = 0usize;
    if row0 < batch {
        samples = min(batch - row0, rows);
    }
    UnitPlace {
        unit: UNIT_POS as usize,
        row0,
        rows: samples,
        time: time as usize,
    }
}

/// Sets the state to zero: padding and rows past the batch are read, so they must be finite.
#[cube]
pub(super) fn clear(state: &mut Shared<[f32]>, unit: usize, #[comptime] layout: Layout) {
    let mut i = unit;
    while i < comptime!(layout.state_len()) {
        state[i] = 0.0f32;
        i += layout.cube.units;
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
fn load_biases(
    constants: &[f32],
    place: &UnitPlace,
    #[comptime] plan: KernelPlan,
) -> Sequence<f32> {
    let layout = comptime!(plan.layout.clone());
    let cube = comptime!(layout.cube);
    let mut biases = Sequence::<f32>::new();
    #[unroll]
    for k in 1..comptime!(layout.products.len()) {
        let product = comptime!(layout.products[k]);
        #[unroll]
        for i in 0..comptime!(cube.slots(product)) {
            let s = slot(place.unit, place.rows, i, product, cube);
            let at = comptime!(plan.bias_at(k)) + s.output;
            biases.push(held(constants, at, s.active));
        }
    }
    biases
}

/// What product k adds its sums to, for each slot of this unit: the drive in the first product, in later ones the bias.
#[cube]
fn additive_terms(
    drives: &Array<f32>,
    biases: &Sequence<f32>,
    #[comptime] k: usize,
    #[comptime] plan: KernelPlan,
) -> Array<f32> {
    let layout = comptime!(plan.layout.clone());
    let count = comptime!(layout.cube.slots(layout.products[k]));
    let mut additive = Array::<f32>::new(count);
    #[unroll]
    for i in 0..count {
        if comptime!(k == 0) {
            additive[i] = drives[i];
        } else {
            additive[i] = biases[comptime!(layout.slots_before(k) - layout.slots_before(1)) + i];
        }
    }
    additive
}

/// Reads the drive of step `t`, if it lies before `last`, into the registers of this unit's slots.
#[cube]
fn read_drives<F: Float>(
    drive: &[F],
    drives: &mut Array<f32>,
    place: &UnitPlace,
    t: usize,
    last: usize,
    #[comptime] plan: KernelPlan,
) {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[0]);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        let at = ((place.row0 + s.row) * place.time + t) * product.outputs + s.output;
        drives[i] = held(drive, at, s.active && t < last);
    }
}

/// Decay and gate of the memory units of this unit's slots.
#[derive(CubeType)]
pub(super) struct Rates {
    pub decays: Sequence<f32>,
    pub gates: Sequence<f32>,
}

#[cube]
pub(super) fn load_rates(
    constants: &[f32],
    place: &UnitPlace,
    #[comptime] plan: KernelPlan,
) -> Rates {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    let mut decays = Sequence::<f32>::new();
    let mut gates = Sequence::<f32>::new();
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        decays.push(held(constants, s.output, s.active));
        gates.push(held(constants, plan.memory + s.output, s.active));
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
    place: &UnitPlace,
    first: usize,
    #[comptime] plan: KernelPlan,
) {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[plan.layout.products.len() - 1]);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        let sample = place.row0 + s.row;
        if first == 0 {
            let at = sample * plan.memory + s.output;
            decayed[i] = rates.decays[i] * held(start, at, s.active);
        } else {
            let at = (sample * place.time + first - 1) * plan.memory + s.output;
            decayed[i] = rates.decays[i] * held(memory, at, s.active);
        }
        if s.active {
            state[s.output * cube.rows + s.row] = decayed[i];
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
    place: &UnitPlace,
    t: usize,
    #[comptime] k: usize,
    #[comptime] plan: KernelPlan,
    #[comptime] hidden_place: HiddenPlace,
) {
    let cube = comptime!(plan.layout.cube);
    let product = comptime!(plan.layout.products[k]);
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let s = slot(place.unit, place.rows, i, product, cube);
        if s.active {
            let a = sums[i] + additive[i];
            let row = (place.row0 + s.row) * place.time + t;
            if comptime!(hidden_place == HiddenPlace::OverDrive) {
                drive[row * plan.hidden + s.output] = F::cast_from(a);
            }
            if comptime!(hidden_place == HiddenPlace::Apart) {
                let at = row * comptime!(plan.hidden_total()) + k * plan.hidden;
                hidden[at + s.output] = F::cast_from(a);
            }
            let at = comptime!(plan.layout.products[k + 1].state_at);
            state[at + s.output * cube.rows + s.row] = activate(a, plan.activation);
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
            let a = sums[i] + additive[i];
            let gate = rates.gates[i] * comptime!(SQUASH_GAIN as f32);
            let m = decayed[i] + gate * squash(a);
            let row = (place.row0 + s.row) * place.time + t;
            memory[row * plan.memory + s.output] = F::cast_from(m);
            decayed[i] = rates.decays[i] * m;
            state[next + s.output * cube.rows + s.row] = decayed[i];
        }
    }
}
