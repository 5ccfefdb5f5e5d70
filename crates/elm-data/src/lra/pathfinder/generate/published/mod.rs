//! Images by the published process (Linsley et al., NeurIPS 2018), cues and all.
//!
//! Two contours grow by turns, a dash each, in whole pixels. A dash must not overlap what is there, but the last dash of
//! each contour counts only once the next has found its place: contours may touch and cross. If one finds no way on, both
//! are thrown away, which favours straight contours near the middle. Distractors are added where they find room.

mod brush;
mod contours;
mod grid;

use std::sync::OnceLock;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use self::brush::{Brush, Place, Stamp};
use self::contours::{Paper, Stroke};
use super::family::Family;
use super::{PathfinderSize, Plan};
use crate::{DataError, Result};

/// Pairs of contours that are begun for an image before the setting counts as impossible; tens are usual.
const PAIR_TRIES: usize = 1_000_000;
/// Further tries for a distractor.
const DISTRACTOR_RETRIES: usize = 4;

/// A finished drawing.
pub(super) struct Scene {
    /// Half the distance from dash to dash.
    pub(super) margin: u8,
    brush: &'static Brush,
    strokes: Vec<Stroke<'static>>,
    markers: [Place; 2],
}

impl Scene {
    /// Draws until two long contours have found their place.
    ///
    /// # Errors
    /// If they never do.
    pub(super) fn draw(size: PathfinderSize, plan: &Plan, rng: &mut ChaCha8Rng) -> Result<Self> {
        let family = plan.family;
        let choice = rng.random_range(0..family.margins.len());
        let margin = family.margins[choice];
        let brush = brush(size, family, choice);
        let mut paper = Paper::new(family, margin, brush, rng);
        let pair = (0..PAIR_TRIES).find_map(|_| paper.draw_pair(plan.dashes));
        let pair = pair.ok_or_else(|| {
            DataError::request(format!(
                "found no room for two contours of {} dashes in {PAIR_TRIES} tries",
                plan.dashes
            ))
        })?;
        let length = plan.dashes / 3;
        for _ in 0..family.distractor_dashes / length {
            let _may_fail = (0..=DISTRACTOR_RETRIES).any(|_| paper.draw_distractor(length));
        }
        let strokes = paper.into_strokes();
        let first = usize::from(rng.random::<bool>());
        let second = if plan.joined { first } else { 1 - first };
        let markers = [pair[first].first, pair[second].last];
        Ok(Self {
            margin,
            brush,
            strokes,
            markers,
        })
    }

    /// The image, row by row: the brighter of what lies on a pixel, with the brightest pixel of all white.
    pub(super) fn image(&self, family: &Family) -> Vec<u8> {
        let mut image: Vec<f64> = vec![0.0; family.pixels * family.pixels];
        let mut stamp = |stamp: &Stamp, at: Place, contrast: f64| {
            for (first, greys) in stamp.rows(at, family.pixels) {
                for (pixel, grey) in image[first..first + greys.len()].iter_mut().zip(greys) {
                    *pixel = (contrast * f64::from(*grey)).max(*pixel);
                }
            }
        };
        for Stroke { at, dash } in &self.strokes {
            stamp(&dash.ink, *at, family.contrast);
        }
        for at in self.markers {
            stamp(&self.brush.marker, at, 1.0);
        }
        let brightest = image.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let scale = f64::from(u8::MAX) / brightest;
        image
            .into_iter()
            .map(|grey| (grey * scale + 0.5) as u8)
            .collect()
    }
}

/// The stamps of a size with one of its margins, cut once.
fn brush(size: PathfinderSize, family: &Family, choice: usize) -> &'static Brush {
    static CUT: [[OnceLock<Brush>; Family::MOST_MARGINS]; PathfinderSize::ALL.len()] =
        [const { [const { OnceLock::new() }; Family::MOST_MARGINS] }; PathfinderSize::ALL.len()];
    let row = match size {
        PathfinderSize::Px32 => &CUT[0],
        PathfinderSize::Px64 => &CUT[1],
        PathfinderSize::Px128 => &CUT[2],
    };
    row[choice].get_or_init(|| Brush::new(family, family.margins[choice]))
}

#[cfg(test)]
mod tests;
