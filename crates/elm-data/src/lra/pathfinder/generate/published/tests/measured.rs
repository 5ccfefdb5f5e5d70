//! What can be measured in an image without knowing how it was drawn.

use std::collections::BTreeSet;
use std::f64::consts::PI;

/// Dashes are darker than this; markers are not.
const MARKER: u8 = 215;
/// A fifth of white.
const INK: u8 = 51;

type Patch = Vec<(i32, i32)>;

#[derive(Debug)]
pub(super) struct Measured {
    /// Row and column of the two markers, the upper one first.
    markers: [(f64, f64); 2],
    /// Of 1.
    mean: f64,
    /// Share of the pixels above a fifth of white.
    ink: f64,
    /// Patches of such pixels that touch: the more dashes touch, the fewer.
    pieces: usize,
    /// Pixels of the largest.
    largest: usize,
    /// Mean angle between a dash and the nearest other one (radians, up to a right angle).
    turn: f64,
}

impl Measured {
    pub(super) const NAMES: [&str; 13] = [
        "row of the upper marker",
        "column of the upper marker",
        "row of the lower marker",
        "column of the lower marker",
        "nearer marker to the middle",
        "farther marker to the middle",
        "distance of the markers, joined",
        "distance of the markers, apart",
        "mean grey",
        "share above a fifth of white",
        "pieces",
        "largest piece",
        "turn",
    ];

    pub(super) fn new(pixels: &[u8], side: i32) -> Self {
        let at_least = |least: u8| {
            let all = (0..side).flat_map(|y| (0..side).map(move |x| (y, x)));
            all.filter(|(y, x)| pixels[(y * side + x) as usize] >= least)
                .collect::<BTreeSet<_>>()
        };
        let ink = at_least(INK);
        let (share, count) = (ink.len() as f64, pixels.len() as f64);
        let pieces = patches(ink);
        Self {
            markers: markers(patches(at_least(MARKER))),
            mean: pixels.iter().map(|p| f64::from(*p)).sum::<f64>() / 255.0 / count,
            ink: share / count,
            pieces: pieces.len(),
            largest: pieces.iter().map(Vec::len).max().unwrap_or(0),
            turn: turn(&pieces),
        }
    }

    /// The values of one measure in the images and, where it is of one label only, in those.
    pub(super) fn values(images: &[(Self, u8)], name: &str) -> Vec<f64> {
        let label = match name {
            "distance of the markers, joined" => Some(1),
            "distance of the markers, apart" => Some(0),
            _ => None,
        };
        let images = images
            .iter()
            .filter(|(_, found)| label.is_none_or(|l| l == *found));
        images.map(|(image, _)| image.value(name)).collect()
    }

    fn value(&self, name: &str) -> f64 {
        let [upper, lower] = self.markers;
        let off = |(y, x): (f64, f64)| (y - 15.5).hypot(x - 15.5);
        match name {
            "row of the upper marker" => upper.0,
            "column of the upper marker" => upper.1,
            "row of the lower marker" => lower.0,
            "column of the lower marker" => lower.1,
            "nearer marker to the middle" => off(upper).min(off(lower)),
            "farther marker to the middle" => off(upper).max(off(lower)),
            "distance of the markers, joined" | "distance of the markers, apart" => {
                (upper.0 - lower.0).hypot(upper.1 - lower.1)
            }
            "mean grey" => self.mean,
            "share above a fifth of white" => self.ink,
            "pieces" => self.pieces as f64,
            "largest piece" => self.largest as f64,
            "turn" => self.turn,
            other => panic!("no such measure: {other}"),
        }
    }
}

/// Pixels that touch, corners included.
fn patches(mut lit: BTreeSet<(i32, i32)>) -> Vec<Patch> {
    let mut patches = Vec::new();
    while let Some(start) = lit.pop_first() {
        let mut patch = vec![start];
        let mut seen = 0;
        while seen < patch.len() {
            let (y, x) = patch[seen];
            let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (y + dy, x + dx)));
            patch.extend(around.filter(|p| lit.remove(p)));
            seen += 1;
        }
        patches.push(patch);
    }
    patches
}

/// The centres of the two largest patches; of one that is both, those of its halves.
fn markers(mut patches: Vec<Patch>) -> [(f64, f64); 2] {
    patches.sort_by_key(|patch| std::cmp::Reverse(patch.len()));
    let mut found = match &patches[..] {
        [first, second, ..] => [centre(first), centre(second)],
        [both] => {
            let (middle, axis) = (centre(both), axis(both));
            let (near, far): (Patch, Patch) = both.iter().partition(|(y, x)| {
                (f64::from(*y) - middle.0) * axis.sin() + (f64::from(*x) - middle.1) * axis.cos()
                    <= 0.0
            });
            [near, far].map(|half| {
                if half.is_empty() {
                    middle
                } else {
                    centre(&half)
                }
            })
        }
        [] => [(0.0, 0.0); 2],
    };
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    found
}

fn centre(patch: &[(i32, i32)]) -> (f64, f64) {
    let n = patch.len() as f64;
    let sum = patch.iter().fold((0.0, 0.0), |s, p| {
        (s.0 + f64::from(p.0), s.1 + f64::from(p.1))
    });
    (sum.0 / n, sum.1 / n)
}

/// Direction in which a patch is longest, from that of columns towards that of rows.
fn axis(patch: &[(i32, i32)]) -> f64 {
    let middle = centre(patch);
    let (mut yy, mut xx, mut xy) = (0.0, 0.0, 0.0);
    for (y, x) in patch {
        let (y, x) = (f64::from(*y) - middle.0, f64::from(*x) - middle.1);
        yy += y * y;
        xx += x * x;
        xy += x * y;
    }
    0.5 * (2.0 * xy).atan2(xx - yy)
}

/// Mean angle between the axes of a dash and of the nearest other one, of pieces that can be single dashes.
fn turn(pieces: &[Patch]) -> f64 {
    let dashes: Vec<((f64, f64), f64)> = pieces
        .iter()
        .filter(|piece| (2..=5).contains(&piece.len()))
        .map(|piece| (centre(piece), axis(piece)))
        .collect();
    let turns = dashes.iter().enumerate().filter_map(|(i, (at, axis))| {
        let others = dashes.iter().enumerate().filter(|(j, _)| *j != i);
        let apart = |other: &(f64, f64)| (other.0 - at.0).hypot(other.1 - at.1);
        let (_, (_, other)) = others.min_by(|a, b| apart(&a.1.0).total_cmp(&apart(&b.1.0)))?;
        let turn = (axis - other).abs();
        Some(turn.min(PI - turn))
    });
    let turns: Vec<f64> = turns.collect();
    turns.iter().sum::<f64>() / turns.len().max(1) as f64
}
