//! Dropout of whole sequences: one mask per sample, the same at every step.

use std::cell::Cell;

use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};

use super::config::ElmLayerConfig;
use crate::scan::layer::DropoutMasks;

/// Where the masks of a training pass come from, if not from the device's generator: each sample has masks that follow from
/// the seed and its place in the whole batch. A batch that several devices share, of whatever kind, is so given the masks
/// that one device would give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaskSeed {
    /// The seed; another one for each pass.
    pub seed: u64,
    /// Place in the whole batch of the first sample that is trained here.
    pub first_sample: usize,
}

/// A seed, and how many masks were drawn with it.
#[derive(Clone, Copy)]
struct Drawn {
    from: MaskSeed,
    masks: u64,
}

thread_local! {
    static DRAWN: Cell<Option<Drawn>> = const { Cell::new(None) };
}

impl MaskSeed {
    /// Does some work whose masks, drawn on this thread, follow from this seed.
    pub fn scope<R>(self, work: impl FnOnce() -> R) -> R {
        /// Puts back what was before, also after a panic.
        struct Before(Option<Drawn>);
        impl Drop for Before {
            fn drop(&mut self) {
                DRAWN.set(self.0);
            }
        }
        let now = Drawn {
            from: self,
            masks: 0,
        };
        let _before = Before(DRAWN.replace(Some(now)));
        work()
    }
}

/// Draws the masks of one training pass; what is not dropped is scaled so that channels and activities keep their
/// mean, and the MLP's outputs their variance. They are never read back.
pub(super) fn draw(
    config: &ElmLayerConfig,
    batch: usize,
    options: (&Device, DType),
) -> DropoutMasks {
    let (n, m) = (config.num_neurons, config.neuron.num_memory);
    let mean = |p: f64| 1.0 / (1.0 - p);
    let variance = |p: f64| 1.0 / (1.0 - p).sqrt();
    let (input, recurrent) = (config.input_dropout, config.recurrent_dropout);
    let memory = config.memory_dropout;
    DropoutMasks {
        input: mask(input, mean, [batch, config.num_inputs], options),
        recurrent: mask(recurrent, mean, [batch, n], options),
        memory: mask(memory, variance, [batch, n, m], options),
    }
}

/// `[batch, ..]`
fn mask<const D: usize>(
    p: f64,
    scale: impl Fn(f64) -> f64,
    shape: [usize; D],
    options: (&Device, DType),
) -> Option<Tensor<D>> {
    if p <= 0.0 {
        return None;
    }
    let Some(drawn) = DRAWN.get() else {
        let kept = Distribution::Bernoulli(1.0 - p);
        return Some(Tensor::random(shape, kept, options) * scale(p));
    };
    DRAWN.set(Some(Drawn {
        masks: drawn.masks + 1,
        ..drawn
    }));
    let width = shape[1..].iter().product();
    let values = seeded(drawn, [shape[0], width], 1.0 - p, scale(p) as f32);
    Some(Tensor::from_data(TensorData::new(values, shape), options))
}

/// `value` with this probability, else 0: `[sample, width]`, row by row.
fn seeded(drawn: Drawn, [samples, width]: [usize; 2], probability: f64, value: f32) -> Vec<f32> {
    let MaskSeed { seed, first_sample } = drawn.from;
    let mask = mix(seed.wrapping_add(mix(drawn.masks.wrapping_add(1))));
    let below = (probability * 2f64.powi(32)) as u64;
    let mut values = Vec::with_capacity(samples * width);
    for sample in first_sample..first_sample + samples {
        let row = mix(mask.wrapping_add((sample as u64).wrapping_mul(STEP)));
        values.extend((1..=width as u64).map(|place| {
            let number = mix(row.wrapping_add(place.wrapping_mul(STEP))) >> 32;
            if number < below { value } else { 0.0 }
        }));
    }
    values
}

/// The odd number next to 2⁶⁴ over the golden ratio: SplitMix64's step from number to number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(seed: u64, first_sample: usize, masks: u64) -> Drawn {
        let from = MaskSeed { seed, first_sample };
        Drawn { from, masks }
    }

    #[test]
    fn a_sample_has_its_masks_whatever_the_part_that_it_is_in() {
        let whole = seeded(drawn(5, 0, 0), [6, 50], 0.7, 2.0);
        let parts = [
            seeded(drawn(5, 0, 0), [4, 50], 0.7, 2.0),
            seeded(drawn(5, 4, 0), [2, 50], 0.7, 2.0),
        ];
        assert_eq!(parts.concat(), whole);
        // other samples, masks and seeds have masks of their own
        assert_ne!(whole[..50], whole[50..100]);
        assert_ne!(seeded(drawn(5, 0, 1), [6, 50], 0.7, 2.0), whole);
        assert_ne!(seeded(drawn(6, 0, 0), [6, 50], 0.7, 2.0), whole);
    }

    #[test]
    fn as_many_are_kept_as_asked_for_and_neighbours_are_independent() {
        let (rows, width) = (400, 500);
        let values = seeded(drawn(1, 0, 0), [rows, width], 0.9, 1.0);
        let share = |kept: usize, all: usize| kept as f64 / all as f64;
        let kept = values.iter().filter(|v| **v > 0.0).count();
        assert!((share(kept, values.len()) - 0.9).abs() < 0.003, "{kept}");
        // both of two neighbours are dropped with probability 0.01, along a row and from row to row
        for apart in [1, width] {
            let pairs = values.iter().zip(&values[apart..]);
            let both = pairs.filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
            assert!((share(both, values.len()) - 0.01).abs() < 0.001, "{both}");
        }
    }

    #[test]
    fn a_scope_ends_also_after_a_panic() {
        let seed = MaskSeed {
            seed: 1,
            first_sample: 0,
        };
        let work = || seed.scope(|| panic!("on purpose"));
        assert!(std::panic::catch_unwind(work).is_err());
        assert!(DRAWN.get().is_none());
    }
}
