//! Square grey images and how a fine one becomes a coarse one.

use std::f64::consts::PI;

/// Lobes of the filter.
const LOBES: f64 = 3.0;
/// Weights are whole multiples of 1 over 2 to this: what greys halfway between two become depends on it.
const BITS: u32 = 22;

/// A square image of grey values (0 to 255), row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) side: usize,
    pub(super) values: Vec<u8>,
}

impl Grid {
    /// A black image.
    pub(super) fn black(side: usize) -> Self {
        Self {
            side,
            values: vec![0; side * side],
        }
    }

    /// The image with `side` pixels in a row instead of more, by the Lanczos filter of three lobes: first along rows,
    /// then along columns, each time rounded to whole greys. Where the filter overshoots, it is cut.
    pub(super) fn shrunk(&self, side: usize) -> Self {
        let windows: Vec<Window> = (0..side).map(|i| Window::new(i, side, self.side)).collect();
        let narrow: Vec<u8> = self
            .values
            .chunks(self.side)
            .flat_map(|row| windows.iter().map(|window| window.apply(row, 1)))
            .collect();
        let values = windows
            .iter()
            .flat_map(|window| (0..side).map(|column| window.apply(&narrow[column..], side)))
            .collect();
        Self { side, values }
    }
}

/// What a coarse pixel takes from a row of fine ones.
struct Window {
    first: usize,
    /// Sum 1, in multiples of 1 over 2 to [`BITS`].
    weights: Vec<i64>,
}

impl Window {
    /// That of pixel `index` of `coarse`, among `fine` ones.
    fn new(index: usize, coarse: usize, fine: usize) -> Self {
        let scale = fine as f64 / coarse as f64;
        let centre = (index as f64 + 0.5) * scale;
        // Casts saturate: what lies outside ends at the edge.
        let first = (centre - LOBES * scale + 0.5) as usize;
        let last = ((centre + LOBES * scale + 0.5) as usize).min(fine);
        let weights: Vec<f64> = (first..last)
            .map(|i| lanczos((i as f64 - centre + 0.5) / scale))
            .collect();
        let one = f64::from(1 << BITS) / weights.iter().sum::<f64>();
        let weights = weights.iter().map(|weight| (weight * one).round() as i64);
        Self {
            first,
            weights: weights.collect(),
        }
    }

    /// The grey of the pixel; `values` lie `stride` apart.
    fn apply(&self, values: &[u8], stride: usize) -> u8 {
        let values = values.iter().step_by(stride).skip(self.first);
        let sum: i64 = values
            .zip(&self.weights)
            .map(|(value, weight)| i64::from(*value) * weight)
            .sum();
        ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
    }
}

/// `sinc(x) sinc(x / 3)` within the lobes.
fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        if x == 0.0 {
            1.0
        } else {
            (PI * x).sin() / (PI * x)
        }
    };
    if x.abs() < LOBES {
        sinc(x) * sinc(x / LOBES)
    } else {
        0.0
    }
}
