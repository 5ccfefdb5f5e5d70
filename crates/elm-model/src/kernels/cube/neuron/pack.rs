//! The weights in the order in which the units of a cube read them.

use burn_cubecl::cubecl::{self, prelude::*};

use super::plan::{Direction, KernelPlan};
use super::product::Weights;
use crate::kernels::cube::common::layout::LANES;

/// Writes `packed` and `constants` (see [`KernelPlan`]) from the packed weights of the MLP (see
/// [`ScanSpec`](crate::scan::memory::ScanSpec)), decay and gate.
///
/// Launched unchecked: every write is guarded by the length of its product or part, and every read is of an input and
/// output that the linear map has.
#[cube(launch_unchecked)]
pub(super) fn pack_weights<F: Float>(
    weights: &[F],
    decay: &[F],
    gate: &[F],
    packed: &mut [Weights],
    constants: &mut [f32],
    #[comptime] plan: KernelPlan,
    #[define(F)] _dtype: ElemType,
) {
    let position = ABSOLUTE_POS;
    let layout = comptime!(plan.layout.clone());
    #[unroll]
    for k in 0..comptime!(layout.products.len()) {
        let product = comptime!(layout.products[k]);
        let map = comptime!(plan.map(k));
        // strides of an input and an output of this product within the linear map `[in, out]`
        let forward = comptime!(plan.direction == Direction::Forward);
        let by_input = comptime!(if forward { map.outputs } else { 1 });
        let by_output = comptime!(if forward { 1 } else { map.outputs });
        if position < comptime!(product.chunks * layout.cube.units) {
            let unit = position % layout.cube.units;
            let chunk = position / layout.cube.units;
            let input = chunk * product.slices + unit % product.slices;
            let output = unit / product.slices * LANES;
            let mut lanes = Weights::new(0.0f32);
            #[unroll]
            for p in 0..LANES {
                if input < product.inputs && output + p < product.outputs {
                    let at = map.weight + input * by_input + (output + p) * by_output;
                    lanes.insert(p, f32::cast_from(weights[at]));
                }
            }
            packed[product.packed_at + position] = lanes;
        }
    }
    if position < plan.memory {
        constants[position] = f32::cast_from(decay[position]);
        constants[plan.memory + position] = f32::cast_from(gate[position]);
    }
    #[unroll]
    for k in 0..plan.hidden_layers {
        let map = comptime!(plan.biased()[k]);
        if position < map.outputs {
            constants[comptime!(plan.bias_at(k + 1)) + position] =
                f32::cast_from(weights[comptime!(map.bias.unwrap_or(0)) + position]);
        }
    }
}
