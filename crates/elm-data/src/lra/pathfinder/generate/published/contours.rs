//! Where dashes go.

use std::f64::consts::{FRAC_PI_2, TAU};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::family::Family;
use super::brush::{Brush, Dash, Place, Seed, ahead, reversed};

/// Frame of the image in which no dash lies (pixels).
const FRAME: usize = 1;
/// Tries for each dash.
const DASH_TRIES: usize = 3;
/// Two dashes are too near if the greys of their rooms add up to this at some pixel: 1.8 times white.
const CROWDED: u16 = 459;
/// A pixel is free for a first dash up to this grey: 0.3 times white.
const FREE: u8 = 76;
/// Distractors are given up when fewer than one pixel in so many is free.
const FULL: usize = 100;
/// Weights of all ways to go on that count as none.
const NO_WAY: f64 = 1e-4;

/// A dash in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke<'a> {
    pub(super) at: Place,
    pub(super) dash: &'a Dash,
}

/// Both tips of a contour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) first: Place,
    pub(super) last: Place,
}

/// The growing end of a contour.
#[derive(Debug, Clone, Copy)]
struct Tip<'a> {
    /// A margin behind the last dash.
    pivot: Place,
    heading: f64,
    /// The last dash, which takes no room yet.
    last: Stroke<'a>,
}

/// An image in the making.
pub(super) struct Paper<'p, 'a> {
    family: &'p Family,
    margin: i32,
    brush: &'a Brush,
    rng: &'p mut ChaCha8Rng,
    /// How much of each pixel is taken, 0 to 255.
    taken: Vec<u8>,
    strokes: Vec<Stroke<'a>>,
    /// Ways to go on and the sums of their weights.
    ways: Vec<(usize, f64)>,
}

impl<'p, 'a> Paper<'p, 'a> {
    pub(super) fn new(
        family: &'p Family,
        margin: u8,
        brush: &'a Brush,
        rng: &'p mut ChaCha8Rng,
    ) -> Self {
        Self {
            family,
            margin: i32::from(margin),
            brush,
            rng,
            taken: Vec::new(),
            strokes: Vec::new(),
            ways: Vec::new(),
        }
    }

    /// The dashes that were drawn.
    pub(super) fn into_strokes(self) -> Vec<Stroke<'a>> {
        self.strokes
    }

    /// Draws both long contours on empty paper, unless one gets stuck.
    pub(super) fn draw_pair(&mut self, dashes: usize) -> Option<[Ends; 2]> {
        self.strokes.clear();
        let first = self.begin_first()?;
        let second = self.begin_second(first.last.at)?;
        self.empty();
        let mut tips = [first, second];
        for _ in 1..dashes {
            for tip in &mut tips {
                *tip = self.extend(tip)?;
            }
        }
        // As published: the last dash of the first contour takes no room, and distractors may cross it.
        self.take(tips[1].last);
        let ends = |from: Tip, to: Tip| Ends {
            first: from.last.at,
            last: to.last.at,
        };
        Some([ends(first, tips[0]), ends(second, tips[1])])
    }

    /// Nothing is taken but the frame.
    fn empty(&mut self) {
        let n = self.family.pixels;
        self.taken.clear();
        self.taken.resize(n * n, 0);
        for (row, pixels) in self.taken.chunks_mut(n).enumerate() {
            if row < FRAME || row + FRAME >= n {
                pixels.fill(u8::MAX);
            } else {
                pixels[..FRAME].fill(u8::MAX);
                pixels[n - FRAME..].fill(u8::MAX);
            }
        }
    }

    /// Draws a distractor of so many dashes, if it finds room.
    pub(super) fn draw_distractor(&mut self, dashes: usize) -> bool {
        let (taken, drawn) = (self.taken.clone(), self.strokes.len());
        let tip = self
            .begin_distractor()
            .and_then(|first| (1..dashes).try_fold(first, |tip, _| self.extend(&tip)));
        match tip {
            Some(tip) => self.take(tip.last),
            None => {
                self.taken = taken;
                self.strokes.truncate(drawn);
            }
        }
        tip.is_some()
    }

    /// The first dash of the first contour: it begins where its room keeps twice the seed distance to the edge.
    fn begin_first(&mut self) -> Option<Tip<'a>> {
        let (n, edge) = (
            self.family.pixels as i32,
            2 * self.family.seed_distance as i32,
        );
        let seed = self.seed();
        let free = [0, 1].map(|axis| {
            let needs = || seed.needs.iter().map(|offset| offset[axis]);
            let (least, most) = (needs().min().unwrap_or(0), needs().max().unwrap_or(0));
            edge - least..n - edge - most
        });
        if !seed.is_ever_free() || free.iter().any(std::ops::Range::is_empty) {
            return None;
        }
        let at = free.map(|range| self.rng.random_range(range));
        self.begin(seed, at)
    }

    /// The first dash of the second contour: it begins at the seed distance, over whatever is there.
    fn begin_second(&mut self, from: Place) -> Option<Tip<'a>> {
        (0..DASH_TRIES).find_map(|_| {
            let seed = self.seed();
            let angle = f64::from(self.rng.random_range(0..360)).to_radians();
            let offset = [angle.sin(), angle.cos()].map(|part| self.family.seed_distance * part);
            let [row, column] = [0, 1].map(|i| (f64::from(from[i]) + offset[i]).round_ties_even());
            self.begin(seed, [row as i32, column as i32])
        })
    }

    /// The first dash of a distractor: it begins at a random one of the places that are free for it.
    fn begin_distractor(&mut self) -> Option<Tip<'a>> {
        for _ in 0..DASH_TRIES {
            let seed = self.seed();
            let free = self.free_places(seed)?;
            let count = free.iter().map(|row| row.count_ones() as usize).sum();
            if count == 0 {
                return None;
            }
            let chosen = self.rng.random_range(0..count);
            let mut places = free.iter().enumerate().flat_map(|(row, bits)| {
                let columns = (0..self.family.pixels).filter(move |column| bits >> column & 1 == 1);
                columns.map(move |column| [row as i32, column as i32])
            });
            let at = places.nth(chosen)?;
            if let Some(tip) = self.begin(seed, at) {
                return Some(tip);
            }
        }
        None
    }

    /// Where a first dash finds what it needs: a bit for each column of each row. `None` if nearly all is taken.
    fn free_places(&self, seed: &Seed) -> Option<Vec<u128>> {
        if !seed.is_ever_free() {
            return None;
        }
        let n = self.family.pixels;
        let all = u128::MAX >> (u128::BITS as usize - n);
        let taken: Vec<u128> = self.taken.chunks(n).map(taken_bits).collect();
        let free: u32 = taken.iter().map(|row| (all & !row).count_ones()).sum();
        if (free as usize) * FULL < n * n {
            return None;
        }
        let row = |index: i32| usize::try_from(index).ok().and_then(|i| taken.get(i));
        let places = (0..n as i32).map(|at| {
            let hit = seed.needs.iter().filter_map(|[down, right]| {
                let row = row(at + down)?;
                Some(if *right < 0 {
                    row << -right
                } else {
                    row >> right
                })
            });
            all & !hit.fold(0, |hit, row| hit | row)
        });
        Some(places.collect())
    }

    /// Draws a first dash, if it and the place behind it lie within the image.
    fn begin(&mut self, seed: &'a Seed, at: Place) -> Option<Tip<'a>> {
        let length = self.family.dash as i32;
        let end = ahead(at, seed.heading, length);
        let pivot = ahead(end, reversed(seed.heading), length + self.margin);
        if !self.is_inside(end) || !self.is_inside(pivot) {
            return None;
        }
        let last = Stroke {
            at,
            dash: &seed.dash,
        };
        self.strokes.push(last);
        Some(Tip {
            pivot,
            heading: seed.heading,
            last,
        })
    }

    /// Draws the next dash of a contour, if it finds a place.
    fn extend(&mut self, tip: &Tip<'a>) -> Option<Tip<'a>> {
        let reach = self.family.dash as i32 + 2 * self.margin;
        let pivot = ahead(tip.pivot, tip.heading, reach);
        let total = self.weigh(pivot, tip.heading);
        if total < NO_WAY {
            return None;
        }
        for _ in 0..DASH_TRIES {
            let drawn = total * self.rng.random::<f64>();
            let way = self.ways.partition_point(|(_, sum)| *sum <= drawn);
            let (step, _) = self.ways[way.min(self.ways.len() - 1)];
            let step = &self.brush.steps[step];
            let last = Stroke {
                at: plus(pivot, step.offset),
                dash: &step.dash,
            };
            if self.has_room(last) {
                self.strokes.push(last);
                self.take(tip.last);
                return Some(Tip {
                    pivot,
                    heading: step.heading,
                    last,
                });
            }
        }
        None
    }

    /// Lists the ways to go on from a pivot; the sum of their weights, `cos²(continuity · turn)` times what is free of
    /// the pixel where the dash would end.
    fn weigh(&mut self, pivot: Place, heading: f64) -> f64 {
        self.ways.clear();
        let mut sum = 0.0;
        for (index, step) in self.brush.steps.iter().enumerate() {
            let end = plus(pivot, step.offset);
            if !self.is_inside(end) {
                continue;
            }
            let turn = (step.heading - heading).abs();
            let turn = turn.min(TAU - turn) * self.family.continuity;
            if turn < FRAC_PI_2 {
                let free = 1.0 - f64::from(self.taken_near(end)) / f64::from(u8::MAX);
                sum += free * turn.cos().powi(2);
                self.ways.push((index, sum));
            }
        }
        sum
    }

    /// How much is taken within the margin of a place.
    fn taken_near(&self, place: Place) -> u8 {
        let near = self.brush.disc.iter().map(|offset| plus(place, *offset));
        let taken = near
            .filter(|place| self.is_inside(*place))
            .map(|place| self.taken[self.index(place)]);
        taken.max().unwrap_or(0)
    }

    /// Does a dash keep away from what takes room?
    fn has_room(&self, stroke: Stroke) -> bool {
        let mut rows = stroke.dash.room.rows(stroke.at, self.family.pixels);
        rows.all(|(first, greys)| {
            let taken = &self.taken[first..first + greys.len()];
            let sums = taken.iter().zip(greys);
            // all of a row at once: quicker than to stop at the first
            let most = sums.map(|(a, b)| u16::from(*a) + u16::from(*b));
            most.fold(0, u16::max) < CROWDED
        })
    }

    /// From now on the dash takes room.
    fn take(&mut self, stroke: Stroke) {
        for (first, greys) in stroke.dash.room.rows(stroke.at, self.family.pixels) {
            let taken = &mut self.taken[first..first + greys.len()];
            for (taken, grey) in taken.iter_mut().zip(greys) {
                *taken = (*taken).max(*grey);
            }
        }
    }

    /// A random first dash.
    fn seed(&mut self) -> &'a Seed {
        let seeds = &self.brush.seeds;
        &seeds[self.rng.random_range(0..seeds.len())]
    }

    fn is_inside(&self, place: Place) -> bool {
        place
            .iter()
            .all(|i| (0..self.family.pixels as i32).contains(i))
    }

    fn index(&self, [row, column]: Place) -> usize {
        row as usize * self.family.pixels + column as usize
    }
}

fn plus(place: Place, offset: Place) -> Place {
    [place[0] + offset[0], place[1] + offset[1]]
}

/// A bit for each pixel of a row that is not free for a first dash.
fn taken_bits(row: &[u8]) -> u128 {
    let bits = row.iter().enumerate();
    bits.fold(0, |bits, (column, grey)| {
        bits | u128::from(*grey > FREE) << column
    })
}
