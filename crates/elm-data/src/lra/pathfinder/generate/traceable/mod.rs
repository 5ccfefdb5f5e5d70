//! Images whose answer always follows from tracing: two long dashed contours, distractors around them, and two markers.
//!
//! A gap within a contour is always narrower than the space between contours.

mod ink;

use std::f64::consts::{FRAC_PI_2, TAU};
use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use self::ink::{Dash, Heading, Ink, Point};
use super::Plan;
use super::family::Family;
use crate::{DataError, Result};

/// Tries for each dash before the contour goes back some dashes.
const DASH_TRIES: usize = 20;
/// Gaps vary by this (pixels), as they do in the published images, whose dashes start at whole pixels.
const ROUNDING: f64 = 0.5;
/// How often the long contours may get stuck before they start anew.
const PATIENCE: usize = 20;
/// At most so many dashes are taken back then.
const MOST_TAKEN_BACK: usize = 6;
/// Tries for each distractor.
const DISTRACTOR_TRIES: usize = 500;
/// Scenes that are begun for an image before the setting counts as impossible; tens are usual.
const SCENE_TRIES: usize = 1_000_000;
/// A dash must leave its contour a way within the image: so many dashes, itself included,
const LOOK_AHEAD: usize = 8;
/// each turned from the one before by this part of the sharpest turn.
const BEND: f64 = 0.7;

/// A dash, and the marker on it if there is one.
#[derive(Debug, Clone)]
struct Stroke {
    /// Contour: 0 and 1 are the long ones.
    contour: usize,
    /// Place in the contour.
    order: usize,
    ink: Ink,
}

/// A finished drawing.
#[derive(Debug)]
pub(super) struct Scene {
    /// Half the distance from dash to dash.
    pub(super) margin: u8,
    strokes: Vec<Stroke>,
}

impl Scene {
    /// Draws until everything has found its place.
    ///
    /// # Errors
    /// If it never does.
    pub(super) fn draw(plan: &Plan, rng: &mut ChaCha8Rng) -> Result<Self> {
        let margins = plan.family.margins;
        let margin = margins[rng.random_range(0..margins.len())];
        let mut pen = Pen {
            plan,
            bend: Heading::new(BEND * FRAC_PI_2 / plan.family.continuity),
            margin,
            rng,
            strokes: Vec::new(),
            scratch: Ink::default(),
        };
        for _ in 0..SCENE_TRIES {
            pen.strokes.clear();
            if pen.draw_long_contours() && pen.draw_distractors() > 0 {
                let strokes = pen.strokes;
                return Ok(Self { margin, strokes });
            }
        }
        Err(DataError::request(format!(
            "found no room for two contours of {} dashes in {SCENE_TRIES} tries",
            plan.dashes
        )))
    }

    /// The image, row by row.
    pub(super) fn image(&self, family: &Family) -> Vec<u8> {
        let mut image = vec![0; family.pixels * family.pixels];
        for pixel in self.strokes.iter().flat_map(|s| s.ink.pixels()) {
            let place = usize::from(pixel.y) * family.pixels + usize::from(pixel.x);
            image[place] = pixel.grey.max(image[place]);
        }
        image
    }
}

/// Where and how a contour goes on.
#[derive(Clone, Copy)]
struct Tip {
    /// One margin ahead of the last dash; the next begins one margin from here in its own direction.
    joint: Point,
    /// Direction of the last dash.
    heading: Heading,
}

/// A scene in the making.
struct Pen<'a> {
    plan: &'a Plan<'a>,
    /// The turn with which contours are taken to evade the image's edge.
    bend: Heading,
    margin: u8,
    rng: &'a mut ChaCha8Rng,
    strokes: Vec<Stroke>,
    /// Ink of the dash that is being tried.
    scratch: Ink,
}

impl Pen<'_> {
    /// Draws two contours of the full length whose first ends are the published distance apart, near the middle.
    fn draw_long_contours(&mut self) -> bool {
        let Family {
            pixels,
            seed_distance,
            ..
        } = *self.plan.family;
        let near_middle = 2.0 * seed_distance..pixels as f64 - 2.0 * seed_distance;
        let first = self.point(near_middle);
        let second = first.ahead(self.direction(), seed_distance);
        self.grow(0, &[first, second], self.plan.dashes, PATIENCE)
    }

    /// Draws distractors of a third of the length wherever there is room; their number.
    fn draw_distractors(&mut self) -> usize {
        let Family {
            pixels,
            distractor_dashes,
            ..
        } = *self.plan.family;
        let dashes = self.plan.dashes / 3;
        let wanted = distractor_dashes / dashes;
        let drawn = (0..wanted).filter(|i| {
            (0..DISTRACTOR_TRIES).any(|_| {
                let start = self.point(0.0..pixels as f64);
                self.grow(2 + i, &[start], dashes, 0)
            })
        });
        drawn.count()
    }

    /// A random point with both coordinates in `range`.
    fn point(&mut self, range: Range<f64>) -> Point {
        Point {
            x: self.rng.random_range(range.clone()),
            y: self.rng.random_range(range),
        }
    }

    /// A random direction.
    fn direction(&mut self) -> Heading {
        Heading::new(self.rng.random_range(0.0..TAU))
    }

    /// The turn from a dash to the next: with the published density, `cos²(continuity · turn)` up to where it is 0.
    fn turn(&mut self) -> Heading {
        let continuity = self.plan.family.continuity;
        let sharpest = FRAC_PI_2 / continuity;
        loop {
            let turn = self.rng.random_range(-sharpest..sharpest);
            if self.rng.random_bool((continuity * turn).cos().powi(2)) {
                return Heading::new(turn);
            }
        }
    }

    /// Draws contours `first`, `first + 1`, … from `starts`, dash by dash in turn. Where one gets stuck, some dashes
    /// are taken back, up to `patience` times; then nothing is drawn and the answer is false.
    fn grow(&mut self, first: usize, starts: &[Point], dashes: usize, patience: usize) -> bool {
        let (before, together) = (self.strokes.len(), starts.len());
        let mut tips: Vec<Tip> = Vec::with_capacity(together * dashes);
        let mut stuck = 0;
        while tips.len() < together * dashes {
            let (order, contour) = (tips.len() / together, tips.len() % together);
            let tip = match order {
                0 => self.begin(first + contour, starts[contour]),
                _ => {
                    let last = tips[tips.len() - together];
                    self.extend(first + contour, order, last, dashes)
                }
            };
            match tip {
                Some(tip) => tips.push(tip),
                None if stuck == patience || order == 0 => {
                    self.strokes.truncate(before);
                    return false;
                }
                None => {
                    stuck += 1;
                    let back = self.rng.random_range(1..=MOST_TAKEN_BACK);
                    tips.truncate(tips.len().saturating_sub(back).max(together));
                    self.strokes.truncate(before + tips.len());
                }
            }
        }
        true
    }

    /// Draws the first dash of a contour from `start` in a random direction.
    fn begin(&mut self, contour: usize, start: Point) -> Option<Tip> {
        let heading = self.direction();
        self.place(contour, 0, start, heading)
    }

    /// Draws dash `order` of a contour of `dashes` dashes, if a place is found for it.
    fn extend(&mut self, contour: usize, order: usize, last: Tip, dashes: usize) -> Option<Tip> {
        (0..DASH_TRIES).find_map(|_| {
            let heading = last.heading.turned(self.turn());
            let gap = f64::from(self.margin) + self.rng.random_range(-ROUNDING..ROUNDING);
            let start = last.joint.ahead(heading, gap);
            if !self.has_a_way(start, heading, dashes - order) {
                return None;
            }
            self.place(contour, order, start, heading)
        })
    }

    /// Do `dashes` dashes, the first from `start` in the direction `heading`, stay in the image when they turn the same
    /// way all the time? Without this test contours run into the edge.
    fn has_a_way(&self, start: Point, heading: Heading, dashes: usize) -> bool {
        let Family {
            pixels,
            dash,
            thickness,
            ..
        } = *self.plan.family;
        let frame = 1.0 + thickness / 2.0;
        let inside = frame..pixels as f64 - frame;
        let margin = f64::from(self.margin);
        [self.bend, self.bend.mirrored()].into_iter().any(|bend| {
            let (mut heading, mut end) = (heading, start.ahead(heading, dash));
            (1..dashes.min(LOOK_AHEAD)).all(|_| {
                let joint = end.ahead(heading, margin);
                heading = heading.turned(bend);
                end = joint.ahead(heading, margin + dash);
                inside.contains(&end.x) && inside.contains(&end.y)
            })
        })
    }

    /// Draws dash `order` of a contour, with its marker, unless it leaves the image or comes too near to another.
    fn place(
        &mut self,
        contour: usize,
        order: usize,
        start: Point,
        heading: Heading,
    ) -> Option<Tip> {
        let family = self.plan.family;
        let dash = Dash {
            start,
            heading,
            length: family.dash,
            thickness: family.thickness,
            contrast: family.contrast,
            gain: family.gain,
        };
        self.scratch.clear();
        let fits = self.scratch.add_dash(family.pixels, &dash)
            && self.marker(contour, order, &dash).is_none_or(|centre| {
                self.scratch
                    .add_disc(family.pixels, centre, family.marker_radius)
            });
        if !fits
            || !self
                .strokes
                .iter()
                .all(|s| self.leaves_room(s, contour, order))
        {
            return None;
        }
        self.strokes.push(Stroke {
            contour,
            order,
            ink: self.scratch.clone(),
        });
        let joint = dash.end().ahead(heading, f64::from(self.margin));
        Some(Tip { joint, heading })
    }

    /// The centre of the marker on a dash, if there is one: on the first end of contour 0, and on the last end of that
    /// contour or of the other.
    fn marker(&self, contour: usize, order: usize, dash: &Dash) -> Option<Point> {
        let other = usize::from(!self.plan.joined);
        match (contour, order) {
            (0, 0) => Some(dash.start),
            (c, o) if c == other && o + 1 == self.plan.dashes => Some(dash.end()),
            _ => None,
        }
    }

    /// Is the dash that is being tried apart from another: by a gap that the eye bridges if it is the one before, and
    /// by more than that otherwise?
    fn leaves_room(&self, other: &Stroke, contour: usize, order: usize) -> bool {
        let Family { link, clear, .. } = *self.plan.family;
        if (other.contour, other.order + 1) == (contour, order) {
            let distance = other.ink.visible_distance(&self.scratch);
            distance.is_some_and(|d| (TOUCHING + 1..=link).contains(&d))
        } else {
            other.ink.is_clear_of(&self.scratch, clear)
        }
    }
}

/// Squared distance of pixels that share a corner.
const TOUCHING: u32 = 2;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
