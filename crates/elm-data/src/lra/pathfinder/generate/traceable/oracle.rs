//! Answers from the image alone: finds the markers, follows the dashes from one of them, and looks where it ends.
//!
//! Knows nothing of how an image was drawn but how wide the gaps in a contour can be.

use std::collections::BTreeSet;

use crate::lra::pathfinder::generate::PathfinderSize;

/// Markers are whiter than dashes.
const MARKER: u8 = 250;

/// Pixels that touch, as columns and rows.
type Patch = Vec<(i32, i32)>;

/// What is seen in an image.
pub(super) struct Seen {
    /// Bright patches: a dash each, or a marker with the dash that it covers; more where gaps are not black enough.
    patches: Vec<Patch>,
    /// For each patch, the patches within the width of a gap.
    next: Vec<Vec<usize>>,
    /// For each marker, its patch.
    pub(super) markers: Vec<usize>,
}

/// Where a trace led.
pub(super) struct Trace {
    pub(super) dashes: usize,
    /// Markers on the way, the one that it began at included.
    pub(super) markers: usize,
    /// Sharpest turn between the lines through the centres of patches (radians).
    pub(super) sharpest: f64,
}

impl Seen {
    /// Looks at an image through a `threshold`: darker pixels count as black.
    pub(super) fn new(pixels: &[u8], size: PathfinderSize, threshold: u8) -> Self {
        let n = size.pixels() as i32;
        let grey = |x: i32, y: i32| pixels[(y * n + x) as usize];
        // Squared distance of pixels, between the widest gap that is one and the narrowest space that is none.
        let reach = match size {
            PathfinderSize::Px32 => 10,
            PathfinderSize::Px64 => 15,
            PathfinderSize::Px128 => 56,
        };
        let patches = patches(n, |x, y| grey(x, y) >= threshold);
        let mut owner = vec![None; pixels.len()];
        for (i, patch) in patches.iter().enumerate() {
            patch
                .iter()
                .for_each(|(x, y)| owner[(y * n + x) as usize] = Some(i));
        }
        let side = i32::isqrt(reach);
        let mut next = vec![BTreeSet::new(); patches.len()];
        for (i, &(x, y)) in patches
            .iter()
            .enumerate()
            .flat_map(|(i, p)| p.iter().map(move |p| (i, p)))
        {
            for (dx, dy) in (-side..=side).flat_map(|dy| (-side..=side).map(move |dx| (dx, dy))) {
                let (x, y) = (x + dx, y + dy);
                if dx * dx + dy * dy <= reach && (0..n).contains(&x) && (0..n).contains(&y) {
                    next[i].extend(owner[(y * n + x) as usize].filter(|other| *other != i));
                }
            }
        }
        let next = next
            .into_iter()
            .map(|near| near.into_iter().collect())
            .collect();
        let discs = self::patches(n, |x, y| grey(x, y) >= MARKER);
        let discs = discs.iter().filter(|disc| disc.len() >= 2);
        let markers = discs.filter_map(|disc| patches.iter().position(|p| p.contains(&disc[0])));
        let markers = markers.collect();
        Self {
            patches,
            next,
            markers,
        }
    }

    /// Follows the dashes from patch `start`, an end of a contour. `None` where the way forks: then the image would not
    /// tell how it goes on.
    pub(super) fn trace(&self, start: usize) -> Option<Trace> {
        let mut way = vec![start];
        loop {
            let here = way[way.len() - 1];
            let ahead = self.next[here].iter().filter(|p| !way.contains(p));
            let ahead: Vec<usize> = ahead.copied().collect();
            match ahead[..] {
                [] => break,
                [only] => way.push(only),
                _ => return None,
            }
        }
        let centres: Vec<(f64, f64)> = way.iter().map(|p| centre(&self.patches[*p])).collect();
        let headings = centres
            .windows(2)
            .map(|w| (w[1].1 - w[0].1).atan2(w[1].0 - w[0].0));
        let headings: Vec<f64> = headings.collect();
        let turns = headings.windows(2).map(|w| {
            let turn = (w[1] - w[0]).abs();
            turn.min(std::f64::consts::TAU - turn)
        });
        Some(Trace {
            dashes: way.len(),
            markers: self.markers.iter().filter(|m| way.contains(m)).count(),
            sharpest: turns.fold(0.0, f64::max),
        })
    }

    /// The answer, 0 or 1; `None` if there are not two markers, or if the way between them is not clear.
    pub(super) fn label(&self) -> Option<u8> {
        let [first, _] = self.markers[..] else {
            return None;
        };
        self.trace(first).map(|trace| u8::from(trace.markers == 2))
    }

    /// Number of dashes of each contour, sorted. `None` if one forks, or is closed.
    pub(super) fn contours(&self) -> Option<Vec<usize>> {
        // a dash without neighbours is both ends of its contour
        let ends = (0..self.patches.len())
            .flat_map(|p| std::iter::repeat_n(p, 2usize.saturating_sub(self.next[p].len())));
        let traces: Option<Vec<usize>> = ends.map(|p| self.trace(p).map(|t| t.dashes)).collect();
        let mut lengths = traces?;
        lengths.sort_unstable();
        if lengths.iter().sum::<usize>() != 2 * self.patches.len() {
            return None;
        }
        Some(lengths.into_iter().step_by(2).collect())
    }

    /// Is every marker on the end of a contour?
    pub(super) fn markers_are_ends(&self) -> bool {
        self.markers.iter().all(|p| self.next[*p].len() == 1)
    }
}

/// The patches of an image of `n` × `n` pixels.
fn patches(n: i32, is_lit: impl Fn(i32, i32) -> bool) -> Vec<Patch> {
    let all = (0..n).flat_map(|y| (0..n).map(move |x| (x, y)));
    let mut lit: BTreeSet<(i32, i32)> = all.filter(|&(x, y)| is_lit(x, y)).collect();
    let mut patches = Vec::new();
    while let Some(start) = lit.pop_first() {
        let mut patch = vec![start];
        let mut seen = 0;
        while seen < patch.len() {
            let (x, y) = patch[seen];
            let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (x + dx, y + dy)));
            patch.extend(around.filter(|p| lit.remove(p)));
            seen += 1;
        }
        patches.push(patch);
    }
    patches
}

fn centre(patch: &[(i32, i32)]) -> (f64, f64) {
    let n = patch.len() as f64;
    let sum = patch.iter().fold((0.0, 0.0), |s, p| {
        (s.0 + f64::from(p.0), s.1 + f64::from(p.1))
    });
    (sum.0 / n, sum.1 / n)
}
