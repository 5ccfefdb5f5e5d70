//! One product of a step: the sums of a unit's slice, and what the units of a group make of them.

use burn_cubecl::cubecl::{self, prelude::*};

use crate::kernels::cube::common::layout::{Combining, CubeShape, LANES, Layout, Product};

/// Weights of one input and four outputs.
pub(super) type Weights = Vector<f32, Const<4>>;

/// What one unit finishes of a product: an output of a row.
#[derive(CubeType, Clone)]
pub(super) struct Slot {
    /// Output of the product.
    pub output: usize,
    /// Row within the cube.
    pub row: usize,
    /// Does the slot exist in this product and batch?
    pub active: bool,
}

/// The `index`-th slot of a unit.
#[cube]
pub(super) fn slot(
    unit: usize,
    rows_here: usize,
    #[comptime] index: usize,
    #[comptime] product: Product,
    #[comptime] cube: CubeShape,
) -> Slot {
    let spread = comptime!(cube.spread(product));
    let slice = unit % product.slices;
    let group = unit / product.slices;
    let element = index * spread + slice % spread;
    let output = group * LANES + element % LANES;
    let row = element / LANES;
    // `group` may lie past the last one; the comparison of outputs covers that
    let active = slice < spread && output < product.outputs && row < rows_here;
    Slot {
        output,
        row,
        active,
    }
}

/// A number of global memory that stays in a register; zero where there is none to read.
#[cube]
pub(super) fn held<F: Float>(from: &[F], at: usize, active: bool) -> f32 {
    let mut value = 0.0f32;
    if active {
        value = f32::cast_from(from[at]);
    }
    value
}

/// Loads the weights that stay in registers, those of all products behind one another.
#[cube]
pub(super) fn load_resident(
    packed: &[Weights],
    unit: usize,
    #[comptime] layout: Layout,
) -> Sequence<Weights> {
    let mut weights = Sequence::new();
    let units = comptime!(layout.cube.units);
    #[unroll]
    for k in 0..comptime!(layout.products.len()) {
        let product = comptime!(layout.products[k]);
        #[unroll]
        for q in 0..product.resident {
            let w = packed[product.packed_at + q * units + unit];
            weights.push(w);
        }
    }
    weights
}

/// Copies the weights that stay in shared memory; the caller's next barrier publishes them.
#[cube]
pub(super) fn load_staged(
    packed: &[Weights],
    staged: &mut Shared<[Weights]>,
    unit: usize,
    #[comptime] layout: Layout,
) {
    let units = comptime!(layout.cube.units);
    #[unroll]
    for k in 0..comptime!(layout.products.len()) {
        let product = comptime!(layout.products[k]);
        for q in 0..product.staged {
            staged[product.staged_at + q * units + unit] =
                packed[product.packed_at + (product.resident + q) * units + unit];
        }
    }
}

/// Adds `weights` times the inputs of one chunk to the sums of every row.
#[cube]
fn accumulate(
    sums: &mut Array<Weights>,
    state: &Shared<[f32]>,
    at: usize,
    weights: Weights,
    #[comptime] rows: usize,
) {
    #[unroll]
    for r in 0..rows {
        sums[r] += weights * Vector::new(state[at + r]);
    }
}

/// The sums of one product that this unit finishes, one per slot.
///
/// `state_at` is where the product's input lies in the state now (it alternates where a step has one product only).
#[cube]
#[allow(clippy::too_many_arguments)]
pub(super) fn product_sums(
    state: &Shared<[f32]>,
    state_at: usize,
    resident: &Sequence<Weights>,
    staged: &Shared<[Weights]>,
    packed: &[Weights],
    scratch: &mut Shared<[f32]>,
    unit: usize,
    #[comptime] product: Product,
    #[comptime] cube: CubeShape,
) -> Array<f32> {
    let rows = cube.rows;
    let units = cube.units;
    let slice = unit % product.slices;
    let mut sums = Array::<Weights>::new(rows);
    #[unroll]
    for r in 0..rows {
        sums[r] = Vector::new(0.0f32);
    }
    // input k of row r lies at k · rows + r, and this unit reads the inputs slice, slice + slices, …
    let first = state_at + slice * rows;
    let stride = product.slices * rows;
    #[unroll]
    for q in 0..product.resident {
        let w = resident[product.resident_at + q];
        accumulate(&mut sums, state, first + q * stride, w, rows);
    }
    if comptime!(product.staged > 0) {
        for q in 0..product.staged {
            let w = staged[product.staged_at + q * units + unit];
            let at = first + (product.resident + q) * stride;
            accumulate(&mut sums, state, at, w, rows);
        }
    }
    if comptime!(product.resident + product.staged < product.chunks) {
        for q in product.resident + product.staged..product.chunks {
            let w = packed[product.packed_at + q * units + unit];
            accumulate(&mut sums, state, first + q * stride, w, rows);
        }
    }
    combine(&sums, scratch, unit, product, cube)
}

/// Adds the partial sums of a group of units up and spreads the results over its slots.
#[cube]
fn combine(
    sums: &Array<Weights>,
    scratch: &mut Shared<[f32]>,
    unit: usize,
    #[comptime] product: Product,
    #[comptime] cube: CubeShape,
) -> Array<f32> {
    let elements = comptime!(cube.elements());
    let mut values = Array::<f32>::new(elements);
    #[unroll]
    for r in 0..cube.rows {
        #[unroll]
        for p in 0..LANES {
            values[r * LANES + p] = sums[r].extract(p);
        }
    }
    if comptime!(product.slices > 1) {
        if comptime!(cube.combining == Combining::Plane) {
            combine_in_plane(&mut values, unit, product.slices, elements);
        } else {
            combine_in_shared(&mut values, scratch, unit, product, cube);
        }
    }
    values
}

/// Halving combining: in each round a unit gives the half of its sums that its partner keeps, until one is left;
/// further rounds only add. Unit `s` of a group ends with the elements `e` for which `e mod spread = s mod spread`.
///
/// The units of a group are neighbours and their number divides that of the smallest plane, so that they lie in one.
#[cube]
fn combine_in_plane(
    values: &mut Array<f32>,
    unit: usize,
    #[comptime] slices: usize,
    #[comptime] elements: usize,
) {
    #[unroll]
    for round in 0..comptime!(slices.ilog2() as usize) {
        let mask = comptime!(1u32 << round);
        let left = comptime!((elements >> round).max(1));
        if comptime!(left > 1) {
            let upper = (unit >> round) % 2 == 1;
            #[unroll]
            for i in 0..comptime!(left / 2) {
                let even = values[2 * i];
                let odd = values[2 * i + 1];
                let keep = select(upper, odd, even);
                let give = select(upper, even, odd);
                values[i] = keep + plane_shuffle_xor(give, mask);
            }
        } else {
            let mine = values[0];
            values[0] = mine + plane_shuffle_xor(mine, mask);
        }
    }
}

/// The same through shared memory, for devices without shuffles: one more barrier.
#[cube]
fn combine_in_shared(
    values: &mut Array<f32>,
    scratch: &mut Shared<[f32]>,
    unit: usize,
    #[comptime] product: Product,
    #[comptime] cube: CubeShape,
) {
    let units = cube.units;
    let spread = comptime!(cube.spread(product));
    #[unroll]
    for e in 0..comptime!(cube.elements()) {
        scratch[e * units + unit] = values[e];
    }
    sync_cube();
    let slice = unit % product.slices;
    let group = unit - slice;
    #[unroll]
    for i in 0..comptime!(cube.slots(product)) {
        let at = (i * spread + slice % spread) * units + group;
        let mut sum = 0.0f32;
        for s in 0..product.slices {
            sum += scratch[at + s];
        }
        values[i] = sum;
    }
}
